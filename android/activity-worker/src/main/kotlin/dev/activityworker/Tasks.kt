package dev.activityworker

import dev.activityworker.ffi.NativeAnswer
import dev.activityworker.ffi.NativePushedTask
import dev.activityworker.ffi.NativeTask
import dev.activityworker.ffi.TaskState
import kotlin.time.Instant
import kotlin.time.toJavaInstant
import kotlin.time.toKotlinInstant

/**
 * A request: a task that waits for an answer, or whose answer waits to be delivered.
 *
 * @property id names the task; it says nothing about the token
 * @property activityArn its activity; none for a pushed one
 * @property scope the user it belongs to
 * @property acceptedAt when it came, by the service's time
 * @property expiresAt when its workflow gives it up, if that was said
 * @property state how far it has come
 * @property hasInput whether its input was said. A pushed token may come alone, and be completed by a later push; until then its
 * input is `{}`
 */
data class ActivityTask(
    val id: String,
    val activityArn: String?,
    val scope: String,
    val acceptedAt: Instant,
    val expiresAt: Instant?,
    val state: TaskState,
    val hasInput: Boolean = true,
)

/** What an app answered to a request. Its text form shows none of it. */
sealed interface Answer {
    /** @property output JSON */
    class Success(val output: String) : Answer

    /**
     * @property error what the workflow's `Catch` matches
     * @property cause for people
     */
    class Failure(val error: String, val cause: String) : Answer
}

/**
 * A task token that came by push message, or from the app's backend. Its text form shows neither token nor input.
 *
 * @property token the token of the `.waitForTaskToken` task
 * @property input what the person is to see: JSON, at most 1,048,576 bytes. A later push may say it
 * @property origin `partition/region/account`, if it may be another one than the worker's
 * @property scope the user it is for: without it, the one who happens to be logged in when it is taken
 * @property expiresAt when its workflow gives it up
 */
class PushedTask(
    val token: String,
    val input: String? = null,
    val origin: String? = null,
    val scope: String? = null,
    val expiresAt: Instant? = null,
)

internal fun PushedTask.toNative() =
    NativePushedTask(token, input, origin, scope, expiresAt?.toJavaInstant())

internal fun NativeTask.toKotlin() =
    ActivityTask(id, activityArn, scope, acceptedAt.toKotlinInstant(), expiresAt?.toKotlinInstant(), state, hasInput)

internal fun NativeAnswer.toKotlin(): Answer =
    when (this) {
        is NativeAnswer.Success -> Answer.Success(output)
        is NativeAnswer.Failure -> Answer.Failure(error, cause)
    }

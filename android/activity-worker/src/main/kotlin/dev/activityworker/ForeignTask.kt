package dev.activityworker

import dev.activityworker.ffi.ForeignWhy
import dev.activityworker.ffi.NativeForeignTask
import kotlin.time.Instant
import kotlin.time.toKotlinInstant

/**
 * A task that is kept, and not this worker's to go on with: it neither beats nor is it shown or delivered. It waits until
 * [ActivityWorker.adoptForeign] or [ActivityWorker.discard] decides, or a worker of its own is started.
 *
 * @property id names the task; it says nothing about the token
 * @property origin whose it is, `partition/region/account`, with an endpoint of one's own behind that. It is delivered to nobody else
 * @property scope the user it belongs to
 * @property activityArn its activity; none for a pushed one
 * @property acceptedAt when it came, by the service's time
 * @property hasAnswer it is answered, and the answer is kept. Else it is open
 * @property why why it is not this worker's
 */
data class ForeignTask(
    val id: String,
    val origin: String,
    val scope: String,
    val activityArn: String?,
    val acceptedAt: Instant,
    val hasAnswer: Boolean,
    val why: ForeignWhy,
)

internal fun NativeForeignTask.toKotlin() =
    ForeignTask(id, origin, scope, activityArn, acceptedAt.toKotlinInstant(), hasAnswer, why)

package dev.activityworker

import dev.activityworker.ffi.CallbackException
import dev.activityworker.ffi.NativeCredentials
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.time.Duration.Companion.seconds
import kotlin.time.Instant
import kotlin.time.toJavaInstant
import dev.activityworker.ffi.AwsCredentialsProvider as NativeCredentialsProvider

/**
 * An access key, with the session token and the end of temporary ones. Its text form shows none of it.
 *
 * @property accessKeyId the access key id
 * @property secretAccessKey the secret access key
 * @property sessionToken the session token of temporary credentials
 * @property expiresAt when they end. Without it they are used until the service refuses them
 */
class AwsCredentials(
    val accessKeyId: String,
    val secretAccessKey: String,
    val sessionToken: String? = null,
    val expiresAt: Instant? = null,
)

/**
 * Where credentials come from: the app's login, for instance.
 *
 * Asked on a thread of the worker's own, never twice at once: when the first call is due, shortly before the old ones end, and after
 * the service refused them. It may block for 20 s. It may throw: the worker goes on, and asks again later. The reason of a
 * [CallbackException.Failed] reaches the log and the events; what else is thrown shows nothing of its text.
 *
 * The worker holds on to it until it has stopped, so it must not hold on to the worker, an Activity or a Fragment.
 */
fun interface CredentialsProvider {
    /** Credentials that are good now. */
    fun credentials(): AwsCredentials
}

/** A [CredentialsProvider] that suspends, on [dispatcher]. It is cancelled after 20 s. */
fun suspendingCredentials(
    dispatcher: CoroutineDispatcher = Dispatchers.IO,
    credentials: suspend () -> AwsCredentials,
) = CredentialsProvider { runBlocking(dispatcher) { withTimeout(LONGEST_WAIT) { credentials() } } }

/** The library waits no longer. */
private val LONGEST_WAIT = 20.seconds

internal fun CredentialsProvider.toNative() =
    object : NativeCredentialsProvider {
        override fun credentials(): NativeCredentials = callback {
            val given = this@toNative.credentials()
            NativeCredentials(
                given.accessKeyId,
                given.secretAccessKey,
                given.sessionToken,
                given.expiresAt?.toJavaInstant(),
            )
        }
    }

/** Nothing else gets into native code: JNA would write an Error to stderr, with its text, which nobody knows. */
internal inline fun <T> callback(call: () -> T): T =
    try {
        call()
    } catch (e: CallbackException) {
        throw e
    } catch (
        @Suppress("TooGenericExceptionCaught") _: Throwable,
    ) {
        throw CallbackException.Unexpected()
    }

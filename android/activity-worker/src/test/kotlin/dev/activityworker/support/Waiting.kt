package dev.activityworker.support

import dev.activityworker.ActivityWorker
import dev.activityworker.ffi.Settlement
import dev.activityworker.ffi.WorkerEvent
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

val SOON = 20.seconds

/** Runs a test with a phone, in real time and with an end. */
fun onPhone(phone: Phone = Phone(), test: suspend CoroutineScope.(Phone) -> Unit) = phone.use {
    runBlocking(Dispatchers.Default) { withTimeout(2.minutes) { test(it) } }
}

/** Waits until [done], which is asked again and again. */
suspend fun eventually(what: String, done: suspend () -> Boolean) {
    val begun = TimeSource.Monotonic.markNow()
    while (!done()) {
        check(begun.elapsedNow() < SOON) { "$what: not within $SOON" }
        delay(20.milliseconds)
    }
}

/** Stops nothing, listens to a worker during [body]. */
suspend fun <T> listening(worker: ActivityWorker, body: suspend (Ear) -> T): T = coroutineScope {
    val ear = Ear()
    val job: Job = launch(start = CoroutineStart.UNDISPATCHED) { worker.events.collect { ear.heard.send(it) } }
    try {
        body(ear)
    } finally {
        job.cancelAndJoin()
    }
}

/** Remembers what it hears. */
class Ear {
    val heard = Channel<WorkerEvent>(Channel.UNLIMITED)

    /** Waits for an event of which [wanted] makes something. */
    suspend fun <T : Any> hear(wanted: (WorkerEvent) -> T?): T {
        val passed = mutableListOf<WorkerEvent>()
        return withTimeoutOrNull(SOON) {
            var found: T? = null
            while (found == null) {
                val event = heard.receive()
                passed += event
                found = wanted(event)
            }
            found
        } ?: error("not told within $SOON; told: $passed")
    }

    suspend fun accepted(): String = hear { (it as? WorkerEvent.Accepted)?.id }

    suspend fun settled(): Pair<String, Settlement> = hear { event ->
        (event as? WorkerEvent.Settled)?.let { it.id to it.settlement }
    }
}

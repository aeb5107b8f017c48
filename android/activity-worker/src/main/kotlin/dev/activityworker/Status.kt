package dev.activityworker

import dev.activityworker.ffi.NativeLeftFor
import dev.activityworker.ffi.NativeStatus
import dev.activityworker.ffi.NativeTrouble
import dev.activityworker.ffi.Refusal
import dev.activityworker.ffi.RefusedPolls
import dev.activityworker.ffi.WorkerEvent
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlin.time.Instant
import kotlin.time.toKotlinInstant
import dev.activityworker.ffi.ActivityWorker as NativeWorker

/**
 * What a worker is up against now: a state, for a screen to show whenever it comes up.
 *
 * @property offline the service does not answer
 * @property credentials credentials can't be had, or do not work, or the service refuses what is signed with them: the user must log
 * in again, perhaps. Then call
 * [ActivityWorker.credentialsChanged]
 * @property polls polls of these activities are refused
 * @property held the service rejects these answers: each is kept, and tried every few hours
 * @property denied these answers, or heartbeats, are not allowed: they are kept, and tried slowly
 * @property reportsPaused delivery pauses, after three rejections in a row
 * @property throttled the service throttles; calls are slow
 * @property full there is no room for one more request
 * @property open requests that wait for an answer
 * @property answered answers that wait to be delivered, held ones not counted
 * @property notOnDisk answers that the disk has refused so far; they are in memory only
 * @property foreign tasks of other users or accounts, waiting for them
 */
data class WorkerStatus(
    val offline: Trouble? = null,
    val credentials: Trouble? = null,
    val polls: List<RefusedPolls> = emptyList(),
    val held: List<Refusal> = emptyList(),
    val denied: List<Refusal> = emptyList(),
    val reportsPaused: Boolean = false,
    val throttled: Boolean = false,
    val full: Boolean = false,
    val open: Int = 0,
    val answered: Int = 0,
    val notOnDisk: Int = 0,
    val foreign: Int = 0,
)

/**
 * Something does not work.
 *
 * @property since since when, by the service's time
 * @property reason what was tried, and what came of it: one line, without secrets
 */
data class Trouble(val since: Instant, val reason: String)

/**
 * Why answers are left, each counted once, under the first reason that holds. Their sum is what is left; [foreign] is not part of it.
 *
 * @property held the service rejects them
 * @property notOnDisk they are not on disk yet
 * @property denied the service does not allow them
 * @property paused delivery pauses
 * @property credentials credentials do not work
 * @property offline the service does not answer
 * @property underWay they are being sent
 * @property backingOff they wait for their next try, after one that failed
 * @property foreign besides: answers of other users or accounts, which wait for a worker of theirs
 */
data class LeftFor(
    val held: Int = 0,
    val notOnDisk: Int = 0,
    val denied: Int = 0,
    val paused: Int = 0,
    val credentials: Int = 0,
    val offline: Int = 0,
    val underWay: Int = 0,
    val backingOff: Int = 0,
    val foreign: Int = 0,
)

/** The status, kept current by what native code tells. Like [TaskList] it must not hold on to the worker. */
internal class CurrentStatus {
    private val current = MutableStateFlow(WorkerStatus())

    val status: StateFlow<WorkerStatus> = current.asStateFlow()

    fun heard(event: WorkerEvent.Status) {
        current.value = event.status.toKotlin()
    }

    /** The first one, unless a change was told before. */
    fun begin(worker: NativeWorker) {
        current.compareAndSet(WorkerStatus(), worker.status().toKotlin())
    }
}

internal fun NativeStatus.toKotlin() =
    WorkerStatus(
        offline = offline?.toKotlin(),
        credentials = credentials?.toKotlin(),
        polls = polls,
        held = held,
        denied = denied,
        reportsPaused = reportsPaused,
        throttled = throttled,
        full = full,
        open = open.toInt(),
        answered = answered.toInt(),
        notOnDisk = notOnDisk.toInt(),
        foreign = foreign.toInt(),
    )

private fun NativeTrouble.toKotlin() = Trouble(since.toKotlinInstant(), reason)

internal fun NativeLeftFor.toKotlin() =
    LeftFor(
        held = held.toInt(),
        notOnDisk = notOnDisk.toInt(),
        denied = denied.toInt(),
        paused = paused.toInt(),
        credentials = credentials.toInt(),
        offline = offline.toInt(),
        underWay = underWay.toInt(),
        backingOff = backingOff.toInt(),
        foreign = foreign.toInt(),
    )

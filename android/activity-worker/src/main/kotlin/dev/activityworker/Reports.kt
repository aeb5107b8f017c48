package dev.activityworker

import dev.activityworker.ffi.NativeDrainReport
import dev.activityworker.ffi.NativeSnapshot
import dev.activityworker.ffi.NativeStopReport
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toKotlinDuration

/**
 * How a stop ended.
 *
 * @property kept answers that are kept and not delivered yet: the next start goes on with them
 * @property held those of them that the service rejected
 * @property droppedPolls polls that were dropped, each of which can have swallowed a task
 * @property lost answers that the disk refused to the end. Zero but on a failing disk
 */
data class StopReport(val kept: Int, val held: List<String>, val droppedPolls: Int, val lost: Int)

/**
 * What a drain did.
 *
 * @property delivered answers that the service took, or that are over, in that time
 * @property left answers still waiting, held ones included
 * @property nextTry the time to the next try, if one is due by itself
 */
data class DrainReport(val delivered: Int, val left: Int, val nextTry: Duration?)

/**
 * What a worker is and does at one moment.
 *
 * @property open requests that wait for an answer
 * @property answered answers that wait to be delivered, held ones not counted
 * @property held answers that the service rejected and that are kept
 * @property foreign tasks of other users or accounts, waiting for them
 * @property notOnDisk answers that the disk has refused so far; they are in memory only
 * @property polls polls under way
 * @property offlineFor for how long the service has not answered, if it does not
 * @property clockSkew how far the device's date is behind the service's; negative if ahead; none before the first answer
 * @property stuck threads that hang, by name
 */
data class WorkerSnapshot(
    val open: Int,
    val answered: Int,
    val held: List<String>,
    val foreign: Int,
    val notOnDisk: Int,
    val polls: Int,
    val offlineFor: Duration?,
    val clockSkew: Duration?,
    val stuck: List<String>,
)

internal fun NativeStopReport.toKotlin() = StopReport(kept.toInt(), held, droppedPolls.toInt(), lost.toInt())

internal fun NativeDrainReport.toKotlin() =
    DrainReport(delivered.toInt(), left.toInt(), nextTry?.toKotlinDuration())

internal fun NativeSnapshot.toKotlin() =
    WorkerSnapshot(
        open = open.toInt(),
        answered = answered.toInt(),
        held = held,
        foreign = foreign.toInt(),
        notOnDisk = notOnDisk.toInt(),
        polls = polls.toInt(),
        offlineFor = offlineFor?.toKotlinDuration(),
        clockSkew = clockSkewSeconds?.seconds,
        stuck = stuck,
    )

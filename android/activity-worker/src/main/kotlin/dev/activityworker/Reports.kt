package dev.activityworker

import dev.activityworker.ffi.NativeDrainReport
import dev.activityworker.ffi.NativeSnapshot
import dev.activityworker.ffi.NativeStopReport
import java.io.File
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
 * @property open requests that are left open: the next start goes on with them
 * @property foreign tasks that are kept, and not this worker's to go on with: nor will they be the next one's of this configuration
 * @property unreadable files of the state folder that could not be read: they stay, and are read again at the next start
 * @property quarantined files that this worker set aside since nothing in them can be understood, where they lie now
 * @property letters letters in the inbox that were not taken in: the next start tries again
 */
data class StopReport(
    val kept: Int,
    val held: List<String>,
    val droppedPolls: Int,
    val lost: Int,
    val open: Int = 0,
    val foreign: List<ForeignTask> = emptyList(),
    val unreadable: List<File> = emptyList(),
    val quarantined: List<File> = emptyList(),
    val letters: Int = 0,
)

/**
 * What a drain did.
 *
 * @property delivered answers that the service took, or that are over, in that time
 * @property left answers still waiting, held ones included
 * @property nextTry the time to the next try, if one is due by itself
 * @property leftFor why they are left
 */
data class DrainReport(val delivered: Int, val left: Int, val nextTry: Duration?, val leftFor: LeftFor = LeftFor())

/**
 * What a worker is and does at one moment.
 *
 * @property open requests that wait for an answer
 * @property answered answers that wait to be delivered, held ones not counted
 * @property held answers that the service rejected and that are kept
 * @property foreign tasks of another user, account, region, endpoint or installation: they are kept, and not this worker's to go on
 * with
 * @property notOnDisk answers that the disk has refused so far; they are in memory only
 * @property polls polls under way
 * @property offlineFor for how long the service has not answered, if it does not
 * @property clockSkew how far the device's date is behind the service's; negative if ahead; none before the first answer
 * @property stuck threads that hang, by name
 * @property status what it is up against, with reasons
 * @property denied answers, among those that wait, that may not be delivered (IAM, KMS): kept, and tried slowly
 * @property silent requests and answers that beat no more: the app has not asked for them within their lease, the service takes no
 * heartbeats for them, or their activity is no longer configured
 * @property unreadable files of the state folder that can't be read now: they stay, and are read again
 * @property quarantined files that this worker set aside since nothing in them can be understood, where they lie now
 * @property letters letters in the inbox that are not taken in yet: their token has no place, their task is another user's or not
 * here, or they can't be read now
 * @property reportsPaused delivery pauses, after three rejections in a row
 * @property unsafeStorage the file system's name, if it can't promise to keep what was written
 * @property reclaiming tasks of which an earlier run has to be ended before anything else: of a folder that a worker with handlers had
 * @property startsFail activities whose handlers can't be started, by name: of a worker with handlers
 */
data class WorkerSnapshot(
    val open: Int,
    val answered: Int,
    val held: List<String>,
    val foreign: List<ForeignTask>,
    val notOnDisk: Int,
    val polls: Int,
    val offlineFor: Duration?,
    val clockSkew: Duration?,
    val stuck: List<String>,
    val status: WorkerStatus = WorkerStatus(),
    val denied: List<String> = emptyList(),
    val silent: Int = 0,
    val unreadable: List<File> = emptyList(),
    val quarantined: List<File> = emptyList(),
    val letters: Int = 0,
    val reportsPaused: Boolean = false,
    val unsafeStorage: String? = null,
    val reclaiming: Int = 0,
    val startsFail: List<String> = emptyList(),
)

internal fun NativeStopReport.toKotlin() =
    StopReport(
        kept = kept.toInt(),
        held = held,
        droppedPolls = droppedPolls.toInt(),
        lost = lost.toInt(),
        open = open.toInt(),
        foreign = foreign.map { it.toKotlin() },
        unreadable = unreadable.map(::File),
        quarantined = quarantined.map(::File),
        letters = letters.toInt(),
    )

internal fun NativeDrainReport.toKotlin() =
    DrainReport(delivered.toInt(), left.toInt(), nextTry?.toKotlinDuration(), leftFor.toKotlin())

internal fun NativeSnapshot.toKotlin() =
    WorkerSnapshot(
        open = open.toInt(),
        answered = answered.toInt(),
        held = held,
        foreign = foreign.map { it.toKotlin() },
        notOnDisk = notOnDisk.toInt(),
        polls = polls.toInt(),
        offlineFor = offlineFor?.toKotlinDuration(),
        clockSkew = clockSkewSeconds?.seconds,
        stuck = stuck,
        status = status.toKotlin(),
        denied = denied,
        silent = silent.toInt(),
        unreadable = unreadable.map(::File),
        quarantined = quarantined.map(::File),
        letters = letters.toInt(),
        reportsPaused = reportsPaused,
        unsafeStorage = unsafeStorage,
        reclaiming = reclaiming.toInt(),
        startsFail = startsFail,
    )

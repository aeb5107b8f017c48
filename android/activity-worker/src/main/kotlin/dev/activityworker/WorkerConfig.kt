package dev.activityworker

import dev.activityworker.ffi.NativeActivityConfig
import dev.activityworker.ffi.NativeConfig
import java.io.File
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.toJavaDuration

/**
 * What a worker is told before it starts. What is left out has a default that fits a phone.
 *
 * @property stateDir a folder of the app's own that no backup carries to another device: on Android below `noBackupFilesDir`
 * @property region the AWS region, for instance `eu-west-1`
 * @property account the AWS account, 12 digits: whose tokens are adopted. Needed where there is no activity
 * @property activities activities to take tasks from; none where all requests are pushed
 * @property scope the user who is logged in. Requests of other users wait until a worker for them is started
 * @property installationId what tells this installation from a copy of its state folder: an id that the app makes up at its first
 * start and keeps outside all backups
 * @property workerName the name shown in the execution history
 * @property endpointUrl another endpoint than the region's, for tests and private networks
 * @property caFile a PEM file of certificate authorities to trust besides the public ones
 * @property caOnly trust the authorities of [caFile] alone, and no public ones: a pin. Without a file the worker does not start
 * @property maxTasks the most requests held at once, answered ones included: 1,000 if nothing is said, 100,000 at most
 * @property maxBytes the most bytes in the state folder: 67,108,864 if nothing is said. An open request takes its input twice,
 * [adoptedMaxOutput] and some 12 KB; nothing is taken before there is one
 * @property adoptedMaxOutput the most bytes of an adopted task's output: so many are set aside on disk for each. 16,384 if nothing
 * is said, 262,144 at most
 * @property adoptedHeartbeat the time between heartbeats of adopted tasks; none where the workflow has no HeartbeatSeconds
 * @property lease how long a request's heartbeats go on after somebody last looked at [ActivityWorker.tasks]; a day by default
 * @property comebackWindow the first call after the network came back lies at a random point of this window: 30 s if nothing is
 * said, zero for an app in the foreground
 * @property maxBackoff the longest pause between two tries: 120 s if nothing is said
 * @property inboxDir a folder apart from the state folder in which other processes of the app leave letters ([TaskInbox.apart])
 */
data class WorkerConfig(
    val stateDir: File,
    val region: String,
    val account: String? = null,
    val activities: List<ActivityConfig> = emptyList(),
    val scope: String = "",
    val installationId: String? = null,
    val workerName: String? = null,
    val endpointUrl: String? = null,
    val caFile: File? = null,
    val caOnly: Boolean = false,
    val maxTasks: Int? = null,
    val maxBytes: Long? = null,
    val adoptedMaxOutput: Int? = null,
    val adoptedHeartbeat: Duration? = null,
    val lease: Duration? = null,
    val comebackWindow: Duration? = null,
    val maxBackoff: Duration? = null,
    val inboxDir: File? = null,
)

/**
 * An activity to take tasks from.
 *
 * @property arn its ARN
 * @property onRequest polled by [ActivityWorker.pollOnce] alone, rather than all the time. An app that may be suspended leaves it so
 * @property concurrency the most tasks of it that wait for an answer at once: 32 if nothing is said
 * @property heartbeatInterval the time between heartbeats: at most a third of the state's HeartbeatSeconds. 30 s if nothing is said
 * @property maxOutput the most bytes of an output: so many are set aside on disk for each task. 16,384 if nothing is said, 262,144
 * at most
 */
data class ActivityConfig(
    val arn: String,
    val onRequest: Boolean = true,
    val concurrency: Int? = null,
    val heartbeatInterval: Duration? = null,
    val maxOutput: Int? = null,
)

internal fun WorkerConfig.toNative() =
    NativeConfig(
        stateDir = stateDir.path,
        inboxDir = inboxDir?.path,
        region = region,
        account = account,
        activities = activities.map { it.toNative() },
        scope = scope,
        installationId = installationId,
        workerName = workerName,
        endpointUrl = endpointUrl,
        caFile = caFile?.path,
        caOnly = caOnly,
        maxTasks = maxTasks?.count("maxTasks"),
        maxBytes = maxBytes?.also { require(it >= 0) { "maxBytes is negative" } }?.toULong(),
        adoptedMaxOutput = adoptedMaxOutput?.count("adoptedMaxOutput"),
        adoptedHeartbeat = adoptedHeartbeat?.toNative(),
        lease = lease?.toNative(),
        comebackWindow = comebackWindow?.toNative(),
        maxBackoff = maxBackoff?.toNative(),
    )

private fun ActivityConfig.toNative() =
    NativeActivityConfig(
        arn = arn,
        onRequest = onRequest,
        concurrency = concurrency?.count("concurrency"),
        heartbeatInterval = heartbeatInterval?.toNative(),
        maxOutput = maxOutput?.count("maxOutput"),
    )

private fun Int.count(name: String): UInt {
    require(this >= 0) { "$name is negative" }
    return toUInt()
}

/** The library knows neither negative nor endless times. */
internal fun Duration.toNative(): java.time.Duration = coerceIn(Duration.ZERO, LONGEST).toJavaDuration()

private val LONGEST = 36_500.days

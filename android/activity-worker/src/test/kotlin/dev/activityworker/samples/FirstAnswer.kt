package dev.activityworker.samples

import dev.activityworker.ActivityWorker
import dev.activityworker.AwsCredentials
import dev.activityworker.PushedTask
import dev.activityworker.WorkerConfig
import dev.activityworker.ffi.StopMode
import dev.activityworker.suspendingCredentials
import kotlinx.coroutines.flow.first
import java.io.File
import kotlin.time.Duration.Companion.seconds

/** From nothing to a first delivered answer. */
suspend fun firstAnswer(noBackupFilesDir: File, login: suspend () -> AwsCredentials, token: String, endpoint: String?) {
    // Where the process begins: one worker for a state folder.
    val config =
        WorkerConfig(
            stateDir = File(noBackupFilesDir, "activity-worker"),
            region = "eu-west-1",
            account = "123456789012",
            scope = "ann", // who is logged in
            endpointUrl = endpoint, // null: the region's own
        )
    val worker = ActivityWorker.start(config, suspendingCredentials { login() })

    // A push message came, which says whom it is for: once this returns, the request survives the app.
    worker.adopt(PushedTask(token, input = """{"order": 7}""", scope = "ann"))

    // A screen shows what waits.
    val request = worker.tasks.first { it.isNotEmpty() }.first()
    println("Approve ${worker.input(request.id)}?")

    // The person says yes: once this returns, the answer survives the app, and will be delivered.
    worker.succeed(request.id, """{"approved": true}""")
    println(worker.drainWithin(10.seconds)) // only for those who can't wait

    // Where the process ends, or somebody else logs in.
    worker.stop(StopMode.NOW)
}

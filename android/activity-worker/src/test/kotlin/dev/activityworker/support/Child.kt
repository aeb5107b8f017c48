package dev.activityworker.support

import dev.activityworker.ActivityWorker
import dev.activityworker.PushedTask
import dev.activityworker.TaskInbox
import dev.activityworker.WorkerConfig
import dev.activityworker.ffi.InboxException
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.test.assertFailsWith
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Another process of the app, that can be killed. */
class Child(private val role: String, phone: Phone, token: String, answer: String? = null) : AutoCloseable {
    private val process: Process

    init {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val library = "-Djna.library.path=" + System.getProperty("jna.library.path")
        val classes = System.getProperty("java.class.path")
        val main = "dev.activityworker.support.ChildKt"
        val builder = ProcessBuilder(java, "-Xshare:auto", library, "-cp", classes, main, role)
        builder.environment() += mapOf("STATE_DIR" to phone.stateDir.path, "ENDPOINT" to phone.emulator.url, "TOKEN" to token)
        answer?.let { builder.environment()["ANSWER"] = it }
        process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start()
    }

    /** Waits for the line that says that the child has done its part. */
    fun isDone() = apply { check(process.inputReader().readLine() == DONE) { "the child $role failed" } }

    /** SIGKILL. */
    override fun close() {
        process.destroyForcibly()
        check(process.waitFor(SOON.inWholeSeconds, TimeUnit.SECONDS))
    }
}

private const val DONE = "done"

/** The child. */
fun main(args: Array<String>): Unit = runBlocking {
    val environment = System.getenv()
    val (stateDir, token) = File(environment.getValue("STATE_DIR")) to environment.getValue("TOKEN")
    when (args.single()) {
        "answers" -> {
            childWorker(stateDir).let { it.succeed(it.adoptNew(PushedTask(token)), environment.getValue("ANSWER")) }
        }

        "adopts" -> {
            childWorker(stateDir).adoptNew(PushedTask(token, "\"from the child\""))
        }

        "leaves" -> {
            val inbox = TaskInbox(stateDir)
            val id = inbox.leaveTask(PushedTask(token, "\"from the child\""))
            environment["ANSWER"]?.let { answer ->
                inbox.leaveSuccess(id, answer)
                assertFailsWith<InboxException.AlreadyAnswered> { inbox.leaveFailure(id, "No", "") }
            }
        }
    }
    println(DONE)
    awaitCancellation()
}

private suspend fun childWorker(stateDir: File): ActivityWorker =
    ActivityWorker.start(
        WorkerConfig(
            stateDir = stateDir,
            region = "eu-west-1",
            account = "123456789012",
            endpointUrl = System.getenv("ENDPOINT"),
            adoptedHeartbeat = 1.seconds,
            comebackWindow = Duration.ZERO,
            maxBackoff = 500.milliseconds,
        ),
        login,
    )

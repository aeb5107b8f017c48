package dev.activityworker.support

import dev.activityworker.ActivityConfig
import dev.activityworker.ActivityWorker
import dev.activityworker.AwsCredentials
import dev.activityworker.CredentialsProvider
import dev.activityworker.PushedTask
import dev.activityworker.WorkerConfig
import dev.activityworker.ffi.Adopted
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import java.io.File
import java.nio.file.Files
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/**
 * A phone: an emulator with a state machine that asks by an activity and one that asks by push messages, and an app's state folder.
 *
 * @param state more fields of the task state
 */
class Phone(vararg state: Pair<String, JsonElement>) : AutoCloseable {
    val emulator = Emulator()
    private val dir = Files.createTempDirectory("activity-worker-").toFile()
    val stateDir = File(dir, "state")
    val arn = emulator.call("CreateActivity", "name" to "approve").text("activityArn")
    private val asking = createMachine("approvals", obj("Resource" to JsonPrimitive(arn)), *state)
    private val pushing = createMachine("pushed-approvals", Json.parseToJsonElement(PUSHING).jsonObject, *state)
    private var pushes = 0

    private fun createMachine(name: String, task: JsonObject, vararg state: Pair<String, JsonElement>): String {
        val ask = mapOf("Type" to JsonPrimitive("Task"), "Next" to JsonPrimitive("Done")) + task + state
        val states = obj("Ask" to JsonObject(ask), "Done" to obj("Type" to JsonPrimitive("Succeed")))
        val definition = obj("StartAt" to JsonPrimitive("Ask"), "States" to states).toString()
        val role = "arn:aws:iam::123456789012:role/none"
        val created = emulator.call("CreateStateMachine", "name" to name, "definition" to definition, "roleArn" to role)
        return created.text("stateMachineArn")
    }

    /** An app that lives by pushes. */
    fun app(scope: String = "", heartbeat: Duration? = null) =
        WorkerConfig(
            stateDir = stateDir,
            region = "eu-west-1",
            account = "123456789012",
            scope = scope,
            workerName = "phone",
            endpointUrl = emulator.url,
            adoptedHeartbeat = heartbeat,
            comebackWindow = Duration.ZERO,
            maxBackoff = 500.milliseconds,
        )

    /** An app that polls, all the time or on request. */
    fun polling(onRequest: Boolean = false, scope: String = "") =
        app(scope).copy(
            activities =
                listOf(ActivityConfig(arn, onRequest, concurrency = 8, heartbeatInterval = 1.seconds, maxOutput = 1000)),
        )

    suspend fun start(config: WorkerConfig = app()): ActivityWorker = ActivityWorker.start(config, login)

    /** Starts an execution that asks by the activity. */
    fun ask(input: String = "{}"): String = startExecution(asking, input)

    /** Starts an execution that asks by push message, and takes the message. */
    fun push(input: String = "{}"): Push {
        val execution = startExecution(pushing, input)
        val message = emulator.push(pushes++).getValue("Message")
        return Push(execution, PushedTask(message.text("token"), message.jsonObject.getValue("input").toString()))
    }

    private fun startExecution(machine: String, input: String) =
        emulator.call("StartExecution", "stateMachineArn" to machine, "input" to input).text("executionArn")

    /** The execution once it is over. */
    suspend fun end(execution: String): JsonObject {
        var shown = JsonObject(emptyMap())
        eventually("the end of the execution") {
            shown = emulator.call("DescribeExecution", "executionArn" to execution)
            shown.text("status") != "RUNNING"
        }
        return shown
    }

    fun isRunning(execution: String) =
        emulator.call("DescribeExecution", "executionArn" to execution).text("status") == "RUNNING"

    /** The output of an execution that succeeds. */
    suspend fun output(execution: String): String {
        val end = end(execution)
        assertEquals("SUCCEEDED", end.text("status"), end.toString())
        return end.text("output")
    }

    override fun close() {
        emulator.close()
        dir.deleteRecursively()
    }
}

private const val PUSHING =
    """{"Resource": "arn:aws:states:::sns:publish.waitForTaskToken",
        "Parameters": {"Message": {"token.$": "$$.Task.Token", "input.$": "$"}}}"""

/** What a push message brings, and the execution that sent it. */
class Push(val execution: String, val task: PushedTask)

/** The emulator's usual credentials. */
val login = CredentialsProvider { AwsCredentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY) }

/** Adopts a task that is new, and gives its id. */
suspend fun ActivityWorker.adoptNew(task: PushedTask): String = assertIs<Adopted.New>(adopt(task)).id

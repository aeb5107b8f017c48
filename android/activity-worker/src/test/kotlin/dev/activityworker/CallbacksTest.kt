package dev.activityworker

import com.sun.jna.Native
import dev.activityworker.ffi.CallbackException
import dev.activityworker.ffi.LogLevel
import dev.activityworker.ffi.StartException
import dev.activityworker.ffi.WorkerEvent
import dev.activityworker.support.ACCESS_KEY_ID
import dev.activityworker.support.SECRET_ACCESS_KEY
import dev.activityworker.support.adoptNew
import dev.activityworker.support.eventually
import dev.activityworker.support.listening
import dev.activityworker.support.login
import dev.activityworker.support.onPhone
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.supervisorScope
import java.io.File
import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue
import kotlin.time.Clock
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

/** An app's call-backs that misbehave, and a set-up that is wrong. */
class CallbacksTest {
    private val good = AwsCredentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)

    @Volatile private var isMended = false

    private val misbehaving =
        mapOf<String, () -> AwsCredentials>(
            "throws" to { throw CallbackException.Failed("nobody is logged in") },
            "throws something of the app's" to { error("sEcReT") },
            "throws an Error" to { TODO("sEcReT") },
            "hangs" to {
                while (!isMended) Thread.sleep(20)
                good
            },
            "gives expired ones" to { AwsCredentials(ACCESS_KEY_ID, "old", "token", Clock.System.now() - 1.hours) },
        )

    private val says =
        mapOf(
            "throws" to "nobody is logged in",
            "throws something of the app's" to "an exception that is not a CallbackError",
            "throws an Error" to "an exception that is not a CallbackError",
        )

    @Test
    fun c13_a_credentials_provider_that_misbehaves_loses_nothing() {
        val escaped = ConcurrentLinkedQueue<Throwable>()
        Native.setCallbackExceptionHandler { _, thrown -> escaped += thrown }
        for ((how, bad) in misbehaving) {
            onPhone { phone ->
                isMended = false
                val provider = CredentialsProvider { if (isMended) good else bad() }
                ActivityWorker.start(phone.app(), provider).use { worker ->
                    val push = phone.push()
                    listening(worker) { ear ->
                        worker.succeed(worker.adoptNew(push.task), "1")
                        if (how != "hangs") {
                            val refused = ear.hear { it as? WorkerEvent.CredentialsRefused }
                            assertFalse("sEcReT" in refused.reason, "what it threw stays with the app: ${refused.reason}")
                            says[how]?.let { assertContains(refused.reason, it) }
                        }
                        val took = measureTime { assertEquals(1, worker.pendingTasks().size) }
                        assertTrue(took < 2.seconds, "$how: other calls are answered, $took")
                        isMended = true
                        worker.credentialsChanged()
                        assertEquals("1", phone.output(push.execution), how)
                    }
                }
            }
        }
        assertEquals(emptyList(), escaped.toList(), "what is thrown goes no way but the call-back's answer")
    }

    @Test
    fun c13_a_provider_may_suspend() = onPhone { phone ->
        ActivityWorker.start(phone.app(), suspendingCredentials { login.credentials() }).use { worker ->
            val push = phone.push()
            worker.succeed(worker.adoptNew(push.task), "1")
            assertEquals("1", phone.output(push.execution))
        }
    }

    @Test
    fun c14_a_collector_that_throws_or_hangs_holds_up_nothing() = onPhone { phone ->
        phone.start().use { worker ->
            supervisorScope {
                val hangs = launch(start = CoroutineStart.UNDISPATCHED) { worker.events.collect { awaitCancellation() } }
                val blocks = launch(Dispatchers.IO) { worker.tasks.collect { Thread.sleep(500) } }
                val throws = launch(start = CoroutineStart.UNDISPATCHED) {
                    assertFailsWith<IllegalStateException> { worker.events.collect { error("rude") } }
                }
                listening(worker) { ear ->
                    repeat(Events.CAPACITY / 2) { worker.retract(worker.adoptNew(phone.push().task)) }
                    val push = phone.push()
                    val id = worker.adoptNew(push.task)
                    worker.succeed(id, "1")
                    assertEquals("1", phone.output(push.execution))
                    ear.hear { event -> (event as? WorkerEvent.Settled)?.takeIf { it.id == id } }
                }
                throws.join()
                assertTrue(hangs.isActive)
                hangs.cancelAndJoin()
                blocks.cancelAndJoin()
            }
            val took = measureTime { worker.close() }
            assertTrue(took < 5.seconds, "$took")
        }
    }

    @Test
    fun c14_a_collector_that_falls_behind_is_told_how_many_it_missed() = onPhone { phone ->
        phone.start().use { worker ->
            val events = Events()
            val heard = ConcurrentLinkedQueue<WorkerEvent>()
            val slow = launch(start = CoroutineStart.UNDISPATCHED) { events.flow.collect { heard += it } }
            val own = (0 until Events.CAPACITY + 10).map { WorkerEvent.Kept("$it") }
            // The collector runs on this test's dispatcher, so it may take some already: what counts is that none is lost unsaid.
            own.forEach(events::pass)
            eventually("the backlog is read") { heard.isNotEmpty() && heard.size >= Events.CAPACITY }
            events.pass(WorkerEvent.Online)
            eventually("the end") { heard.lastOrNull() == WorkerEvent.Online }
            val missed = heard.filterIsInstance<WorkerEvent.Missed>().sumOf { it.count }
            assertEquals(own.size + 1, missed.toInt() + heard.count { it !is WorkerEvent.Missed })
            slow.cancelAndJoin()
            assertTrue(worker.tasks.value.isEmpty())
        }
    }

    @Test
    fun c19_a_wrong_setup_is_an_error_with_a_code_and_one_line() = onPhone { phone ->
        phone.start(phone.polling()).use {
            val second = assertFailsWith<StartException.InUse> { phone.start(phone.polling()) }
            assertTrue(second.reason.isNotBlank() && '\n' !in second.reason, second.reason)
        }
        val config = phone.polling()
        val wrong =
            listOf(
                config.copy(region = "nowhere at all"),
                config.copy(endpointUrl = "not a url"),
                config.copy(workerName = "a b"),
                config.copy(activities = emptyList(), account = null),
                config.copy(account = "999999999999"),
                config.copy(maxBytes = 1),
                config.copy(caFile = File("/does/not/exist.pem")),
                config.copy(caOnly = true),
                config.copy(activities = listOf(ActivityConfig("arn:aws:s3:::bucket"))),
            )
        for (config in wrong) {
            val refused = assertFailsWith<StartException.Config>("$config") { phone.start(config) }
            assertTrue(refused.reason.isNotBlank() && '\n' !in refused.reason, refused.reason)
        }
        assertFailsWith<IllegalArgumentException> { phone.start(config.copy(maxTasks = -1)) }
        phone.stateDir.parentFile.resolve("a file").let { file ->
            file.writeText("")
            assertFailsWith<StartException.StateDir> { phone.start(config.copy(stateDir = file)) }
        }
        phone.start(config).close()
    }

    @Test
    fun c20_the_log_comes_and_holds_no_secrets() = onPhone { phone ->
        val lines = ConcurrentLinkedQueue<String>()
        setLogSink({ _, line ->
            lines += line
            error("rude")
        }, LogLevel.DEBUG)
        val push = phone.push("\"sEcReT-input\"")
        val id = phone.start().use { worker ->
            val id = worker.adoptNew(push.task)
            phone.emulator.goOffline()
            worker.succeed(id, "\"sEcReT-output\"")
            worker.drainWithin(1.seconds)
            phone.emulator.goOnline()
            phone.output(push.execution)
            id
        }
        eventually("the log") { lines.any { id in it } }
        setLogSink(null)
        val texts = lines + listOf("$good", "${push.task}", "${PushedTask("t", "sEcReT")}")
        for (secret in listOf("sEcReT", push.task.token, SECRET_ACCESS_KEY)) {
            assertEquals(emptyList(), texts.filter { secret in it })
        }
    }
}

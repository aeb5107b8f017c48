package dev.activityworker

import dev.activityworker.ffi.AdoptException
import dev.activityworker.ffi.Adopted
import dev.activityworker.ffi.AnswerException
import dev.activityworker.ffi.CallbackException
import dev.activityworker.ffi.InboxException
import dev.activityworker.ffi.PollException
import dev.activityworker.ffi.StartException
import dev.activityworker.ffi.StopMode
import dev.activityworker.ffi.TaskState
import dev.activityworker.ffi.WorkerEvent
import dev.activityworker.ffi.WorkerException
import dev.activityworker.ffi.taskId
import dev.activityworker.support.adoptNew
import dev.activityworker.support.eventually
import dev.activityworker.support.listening
import dev.activityworker.support.login
import dev.activityworker.support.onPhone
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime

/** What apps ran into. */
class FieldTest {
    private fun token(n: Int) = "AAAAKgAAAAIAAAAA-$n"

    @Test
    fun c22_field_22_an_answered_request_shows_what_was_asked_and_answered() = onPhone { phone ->
        val push = phone.push("""{"order":7}""")
        val id = phone.start().use { worker ->
            val id = worker.adoptNew(push.task)
            assertNull(worker.answer(id))
            phone.emulator.goOffline()
            worker.fail(id, "Refused", "too dear")
            id
        }
        phone.start().use { worker ->
            assertEquals("""{"order":7}""", worker.input(id))
            val answer = assertIs<Answer.Failure>(worker.answer(id))
            assertEquals("Refused" to "too dear", answer.error to answer.cause)
            assertFalse("dear" in "$answer")
            phone.emulator.goOnline()
            worker.drainWithin(20.seconds)
            eventually("the end") { worker.pendingTasks().isEmpty() }
            assertFailsWith<AnswerException.NotOpen> { worker.input(id) }
            assertFailsWith<AnswerException.NotOpen> { worker.answer(id) }
        }
    }

    @Test
    fun c23_field_23_a_later_push_completes_a_request() = onPhone { phone ->
        phone.start().use { worker ->
            listening(worker) { ear ->
                val id = worker.adoptNew(PushedTask(token(1)))
                assertFalse(worker.tasks.first { it.isNotEmpty() }.single().hasInput)
                assertEquals(Adopted.Completed(id), worker.adopt(PushedTask(token(1), "[1]")))
                ear.hear { (it as? WorkerEvent.Completed)?.takeIf { told -> told.id == id } }
                worker.tasks.first { it.single().hasInput }
                for (late in listOf(null, "[2]")) {
                    assertEquals(Adopted.Known(id), worker.adopt(PushedTask(token(1), late)))
                }
                assertEquals("[1]", worker.input(id))
            }
            val inbox = TaskInbox(phone.stateDir)
            val id = inbox.leaveTask(PushedTask(token(2)))
            inbox.leaveTask(PushedTask(token(2), "[2]"))
            worker.wake()
            eventually("the letters") { worker.pendingTasks().any { it.id == id && it.hasInput } }
            assertEquals("[2]", worker.input(id))
        }
    }

    @Test
    fun c24_field_24_a_screen_that_comes_up_later_learns_the_state() = onPhone { phone ->
        var isLoggedIn = true
        val provider = CredentialsProvider {
            if (isLoggedIn) login.credentials() else throw CallbackException.Failed("log in again")
        }
        ActivityWorker.start(phone.app(), provider).use { worker ->
            assertEquals(WorkerStatus(), worker.status.value)
            val push = phone.push()
            val id = worker.adoptNew(push.task)
            worker.status.first { it.open == 1 }
            phone.emulator.goOffline()
            worker.succeed(id, "1")
            val offline = worker.status.first { it.offline != null && it.answered == 1 }
            assertTrue(offline.offline!!.reason.isNotBlank())
            assertNotNull(worker.status.value.offline, "and whoever asks later")
            val report = worker.drainWithin(100.milliseconds)
            assertEquals(1 to 1, report.left to report.leftFor.offline)

            isLoggedIn = false
            worker.credentialsChanged()
            phone.emulator.goOnline()
            val refused = worker.status.first { it.credentials != null }
            assertTrue("log in again" in refused.credentials!!.reason, "$refused")
            assertEquals(1, worker.drainWithin(100.milliseconds).leftFor.credentials)
            assertNotNull(worker.snapshot().status.credentials)
            isLoggedIn = true
            worker.credentialsChanged()
            worker.status.first { it == WorkerStatus() }
            assertEquals("1", phone.output(push.execution))
        }
    }

    @Test
    fun c25_field_25_half_an_emoji_is_replaced_and_nothing_undeclared_is_thrown() = onPhone { phone ->
        val half = "\uD83D"
        phone.start().use { worker ->
            val push = phone.push()
            val id = worker.adoptNew(push.task)
            assertFailsWith<AnswerException.NotOpen> { worker.input("$id$half") }
            assertFailsWith<AnswerException.NotOpen> { worker.succeed(half, "1") }
            assertNull(worker.settlement(half))
            assertFailsWith<AnswerException.BadOutput> { worker.succeed(id, half) }
            assertFailsWith<AnswerException.BadOutput> { worker.succeed(id, "\"\u0000\"") }
            assertFailsWith<AdoptException.Invalid> { worker.adopt(PushedTask("${token(1)}$half")) }
            assertFailsWith<AdoptException.Invalid> { worker.adopt(PushedTask("${token(1)}\u0000")) }
            assertFailsWith<AdoptException.BadInput> { worker.adopt(PushedTask(token(1), half)) }
            assertFailsWith<AdoptException.Invalid> { worker.adopt(PushedTask(token(1), origin = half)) }
            assertFailsWith<WorkerException.Invalid> { taskId(half) }
            assertFailsWith<PollException.NoSuchActivity> { worker.pollOnce(half, 90.seconds) }
            assertFailsWith<InboxException.Invalid> { TaskInbox(phone.stateDir).leaveSuccess(id, half) }
            worker.fail(id, "Refused$half", "no $half\u0000")
            val end = phone.end(push.execution)
            assertTrue("\"Refused\uFFFD\"" in "$end" && "no \uFFFD" in "$end", "$end")
            val next = phone.push()
            worker.succeed(worker.adoptNew(next.task), "\"cut $half\"")
            assertEquals("\"cut \uFFFD\"", phone.output(next.execution))
        }
        assertFailsWith<StartException.Config> { phone.start(phone.app().copy(region = half)) }
        val provider = CredentialsProvider { throw CallbackException.Failed("not logged in $half") }
        ActivityWorker.start(phone.app(), provider).use { worker ->
            worker.succeed(worker.adoptNew(PushedTask(token(1))), "1")
            val reason = worker.status.first { it.credentials != null }.credentials!!.reason
            assertTrue("not logged in \uFFFD" in reason, reason)
        }
    }

    @Test
    fun c25_field_25_every_exception_says_what_to_do() = onPhone { phone ->
        val worker = phone.start()
        val id = worker.adoptNew(PushedTask(token(1)))
        phone.emulator.goOffline()
        worker.succeed(id, "1")
        val inbox = TaskInbox(phone.stateDir)
        inbox.leaveSuccess(taskId(token(2)), "1")
        val thrown =
            listOf(
                assertFailsWith<AnswerException.AlreadyAnswered> { worker.succeed(id, "2") },
                assertFailsWith<AnswerException.NotOpen> { worker.succeed("none", "2") },
                assertFailsWith<AdoptException.Invalid> { worker.adopt(PushedTask(" ")) },
                assertFailsWith<AdoptException.BadInput> { worker.adopt(PushedTask(token(3), "no JSON")) },
                assertFailsWith<PollException.WindowTooShort> { worker.pollOnce(phone.arn, 1.seconds) },
                assertFailsWith<PollException.NoSuchActivity> { worker.pollOnce(phone.arn, 90.seconds) },
                assertFailsWith<InboxException.AlreadyAnswered> { inbox.leaveSuccess(taskId(token(2)), "2") },
                assertFailsWith<InboxException.Invalid> { inbox.leaveSuccess("none", "2") },
                assertFailsWith<StartException.InUse> { phone.start() },
                assertFailsWith<StartException.Config> { phone.start(phone.app().copy(account = "1234-5678-9012")) },
                assertFailsWith<IllegalArgumentException> { phone.start(phone.app().copy(maxTasks = -1)) },
                worker.stop(StopMode.NOW).let { assertFailsWith<WorkerException.Stopped> { worker.snapshot() } },
                assertFailsWith<AnswerException.Stopped> { worker.succeed(id, "2") },
                assertFailsWith<AdoptException.Stopped> { worker.adopt(PushedTask(token(3))) },
                CallbackException.Failed("nobody is logged in"),
                CallbackException.Unexpected(),
            )
        for (exception in thrown) {
            val text = exception.message.orEmpty()
            assertTrue(text.length > 15 && '\n' !in text && "reason=" !in text && "id=" !in text, "$exception: $text")
        }
        assertEquals("nobody is logged in", thrown[thrown.size - 2].message)
    }

    @OptIn(ExperimentalCoroutinesApi::class)
    @Test
    fun c25_field_25_a_wait_that_is_given_up_ends_and_gives_its_thread_back() = onPhone { phone ->
        val config = phone.polling(onRequest = true)
        ActivityWorker.start(config, login, Dispatchers.IO.limitedParallelism(1)).use { worker ->
            val took = measureTime {
                assertFailsWith<TimeoutCancellationException> {
                    withTimeout(0.5.seconds) { worker.pollOnce(phone.arn, 10.minutes) }
                }
                // The only thread there is.
                worker.snapshot()
                phone.emulator.goOffline()
                worker.succeed(worker.adoptNew(PushedTask(token(1))), "1")
                assertFailsWith<TimeoutCancellationException> {
                    withTimeout(0.5.seconds) { worker.drainWithin(10.minutes) }
                }
                assertEquals(TaskState.ANSWERED, worker.pendingTasks().single().state)
            }
            assertTrue(took < 10.seconds, "$took")
        }
    }

    @Test
    fun c26_field_26_what_can_be_no_request_is_refused() = onPhone { phone ->
        for (account in listOf("1234-5678-9012", "", "123456789012 ")) {
            val refused = assertFailsWith<StartException.Config> { phone.start(phone.app().copy(account = account)) }
            assertTrue("12 digits" in refused.message, refused.message)
        }
        phone.start(phone.app(scope = "ann")).use { worker ->
            for (token in listOf("", " ", "AAAA\n", "\"AAAA\"", "Ü", "A".repeat(2049))) {
                assertFailsWith<AdoptException.Invalid>(token) { worker.adopt(PushedTask(token)) }
            }
            val inbox = TaskInbox(phone.stateDir)
            for (input in listOf("", "no JSON", "{")) {
                assertFailsWith<AdoptException.BadInput>(input) { worker.adopt(PushedTask(token(1), input)) }
                assertFailsWith<InboxException.Invalid>(input) { inbox.leaveTask(PushedTask(token(1), input)) }
            }
            assertIs<Adopted.Foreign>(worker.adopt(PushedTask(token(1), scope = "bob")))
            assertEquals(emptyList(), worker.pendingTasks())
        }
    }

    @Test
    fun c27_field_27_five_hundred_requests_fit_by_default() = onPhone { phone ->
        fun onDisk(folder: File): Long = folder.walk().filter { it.isFile }.sumOf { it.length() }
        phone.emulator.goOffline()
        phone.start().use { worker ->
            assertTrue(onDisk(phone.stateDir) < 4 shl 20)
            val input = "\"${"x".repeat(2048)}\""
            val ids = (0 until 500).map { worker.adoptNew(PushedTask(token(it), input)) }
            assertTrue(onDisk(phone.stateDir) <= 32 shl 20, "${onDisk(phone.stateDir)}")
            assertEquals(500, worker.snapshot().open)
            val long = assertFailsWith<AnswerException.BadOutput> { worker.succeed(ids[0], "\"${"y".repeat(20_000)}\"") }
            assertTrue("16384" in long.message, long.message)
        }
    }
}

package dev.activityworker

import dev.activityworker.ffi.BeatsStopped
import dev.activityworker.ffi.InboxException
import dev.activityworker.ffi.PollException
import dev.activityworker.ffi.PollRisk
import dev.activityworker.ffi.StopMode
import dev.activityworker.ffi.WorkerEvent
import dev.activityworker.ffi.taskId
import dev.activityworker.support.Child
import dev.activityworker.support.Phone
import dev.activityworker.support.Push
import dev.activityworker.support.SOON
import dev.activityworker.support.adoptNew
import dev.activityworker.support.eventually
import dev.activityworker.support.listening
import dev.activityworker.support.onPhone
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.JsonPrimitive
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlin.time.measureTimedValue

/** Processes that die, workers that stop, and coroutines that are cancelled. */
class LifeTest {
    @Test
    fun c04_an_answer_of_a_killed_process_is_delivered_by_the_next_one() = onPhone { phone ->
        val push = phone.push()
        phone.emulator.goOffline()
        Child("answers", phone, push.task.token, "\"answered by the dead\"").use { it.isDone() }
        phone.emulator.goOnline()
        phone.start().use { assertEquals("\"answered by the dead\"", phone.output(push.execution)) }
    }

    @Test
    fun c05_an_open_request_survives_a_kill_and_a_stop_and_its_heartbeats_go_on() =
        onPhone(Phone("HeartbeatSeconds" to JsonPrimitive(6))) { phone ->
            val push = phone.push()
            val id = taskId(push.task.token)
            Child("adopts", phone, push.task.token).use { it.isDone() }
            for (how in listOf(StopMode.NOW, StopMode.DRAIN)) {
                phone.start(phone.app(heartbeat = 1.seconds)).use { worker ->
                    assertEquals(id, worker.tasks.value.single().id)
                    assertEquals("\"from the child\"", worker.input(id))
                    val before = phone.emulator.count("SendTaskHeartbeat")
                    eventually("heartbeats") { phone.emulator.count("SendTaskHeartbeat") >= before + 4 }
                    worker.stop(how)
                    assertEquals(emptyList(), worker.pendingTasks())
                    assertEquals(id, worker.tasks.value.single().id, "what is shown stays as it was")
                }
            }
            phone.start(phone.app(heartbeat = 1.seconds)).use { worker ->
                worker.succeed(id, "1")
                assertEquals("1", phone.output(push.execution), "without heartbeats it had timed out")
            }
        }

    @Test
    fun c11_letters_of_another_process_are_taken_in_at_the_start_and_when_woken() = onPhone { phone ->
        val answered = phone.push()
        Child("leaves", phone, answered.task.token, "\"from the notification\"").use { it.isDone() }
        phone.start().use { worker ->
            assertEquals("\"from the notification\"", phone.output(answered.execution))
            val open = phone.push()
            listening(worker) { ear ->
                Child("leaves", phone, open.task.token).use { it.isDone() }
                worker.wake()
                assertEquals(taskId(open.task.token), ear.accepted())
            }
            val task = worker.tasks.first { tasks -> tasks.any { it.id == taskId(open.task.token) } }.single()
            assertEquals("\"from the child\"", worker.input(task.id))
            worker.succeed(task.id, "\"from the app\"")
            assertEquals("\"from the app\"", phone.output(open.execution))
            assertFailsWith<InboxException.Invalid> { TaskInbox(phone.stateDir).leaveSuccess("no id", "1") }
        }
    }

    @Test
    fun c21_letters_of_an_inbox_apart_and_of_the_state_folder_are_taken_in() = onPhone { phone ->
        val apart = File(phone.stateDir.parentFile, "group")

        suspend fun leave(inbox: TaskInbox, push: Push, answer: String) =
            inbox.leaveSuccess(inbox.leaveTask(push.task), answer)
        val old = phone.push()
        leave(TaskInbox(phone.stateDir), old, "\"of an old version\"")
        phone.start(phone.app().copy(inboxDir = apart)).use { worker ->
            assertEquals("\"of an old version\"", phone.output(old.execution))
            val new = phone.push()
            leave(TaskInbox.apart(apart), new, "\"from the group\"")
            worker.wake()
            assertEquals("\"from the group\"", phone.output(new.execution))
            assertEquals(0, worker.drainWithin(10.seconds).left)
            eventually("all letters are removed") { apart.list()?.isEmpty() == true }
        }
    }

    @Test
    fun c15_a_stop_during_a_poll_says_what_it_dropped_or_lets_it_end() = onPhone { phone ->
        val worker = phone.start(phone.polling())
        eventually("a poll") { phone.emulator.polls() == 1 }
        val (report, took) = measureTimedValue { worker.stop(StopMode.NOW) }
        assertTrue(took < 5.seconds, "$took")
        assertEquals(1, report.droppedPolls)
        assertEquals(report, worker.stop(StopMode.DRAIN), "a second stop is told the same")
        assertFailsWith<PollException.Stopped> { worker.pollOnce(phone.arn, 90.seconds, PollRisk.REFUSE) }
        worker.close()

        val next = phone.start(phone.polling())
        eventually("a poll") { phone.emulator.polls() >= 1 }
        assertEquals(0, next.stop(StopMode.DRAIN).droppedPolls)
    }

    @Test
    fun p3_a_list_that_nobody_collects_renews_no_lease_and_a_collector_does() = onPhone { phone ->
        phone.start(phone.app(heartbeat = 1.seconds).copy(lease = 3.seconds)).use { worker ->
            listening(worker) { ear ->
                val id = worker.adoptNew(phone.push().task)
                // Other requests come and go meanwhile, and the list follows them.
                val others = launch {
                    while (true) {
                        worker.retract(worker.adoptNew(phone.push().task))
                        delay(0.5.seconds)
                    }
                }
                val stopped = ear.hear { event -> (event as? WorkerEvent.HeartbeatsStopped)?.takeIf { it.id == id } }
                others.cancelAndJoin()
                assertEquals(id to BeatsStopped.LEASE, stopped.id to stopped.reason)
            }
            eventually("the list followed") { worker.tasks.value.size == 1 }
            val before = phone.emulator.count("SendTaskHeartbeat")
            val screen = launch { worker.tasks.collect {} }
            // Longer than a lease: who looks on is asked for nothing.
            eventually("heartbeats") { phone.emulator.count("SendTaskHeartbeat") >= before + 6 }
            screen.cancel()
        }
    }

    @Test
    fun a_lease_that_is_no_time_at_all_holds_up_no_thread_and_no_stop() = onPhone { phone ->
        for (lease in listOf(Duration.ZERO, (-1).seconds)) {
            phone.start(phone.app().copy(lease = lease)).use { worker ->
                val screen = launch { worker.tasks.collect {} }
                worker.adoptNew(phone.push().task)
                worker.tasks.first { it.isNotEmpty() }
                withTimeout(SOON) { worker.stop(StopMode.NOW) }
                screen.cancel()
            }
        }
    }

    @Test
    fun a_cancelled_call_returns_at_once_and_goes_on() = onPhone { phone ->
        phone.start(phone.polling(onRequest = true)).use { worker ->
            phone.emulator.goOffline()
            val id = worker.adoptNew(phone.push().task)
            worker.succeed(id, "1")
            val drain = async { worker.drainWithin(Duration.INFINITE) }
            delay(0.2.seconds)
            val took = measureTime { drain.cancelAndJoin() }
            assertTrue(took < 2.seconds, "$took")
            // The longest of times stopped nothing.
            phone.emulator.goOnline()
            assertEquals(0, worker.drainWithin(1.minutes).left)
        }
    }

    @Test
    fun a_start_that_is_cancelled_leaves_the_state_folder_free() = onPhone { phone ->
        repeat(10) { n ->
            val begun = CompletableDeferred<Unit>()
            val start = launch(Dispatchers.Default, CoroutineStart.UNDISPATCHED) {
                begun.complete(Unit)
                phone.start().use { awaitCancellation() }
            }
            begun.await()
            delay((n * 2).toLong())
            start.cancelAndJoin()
        }
        phone.start().close()
    }
}

package dev.activityworker

import dev.activityworker.ffi.Adopted
import dev.activityworker.ffi.ForeignException
import dev.activityworker.ffi.ForeignWhy
import dev.activityworker.ffi.Settlement
import dev.activityworker.ffi.StopMode
import dev.activityworker.ffi.TaskState
import dev.activityworker.ffi.WorkerEvent
import dev.activityworker.ffi.WorkerException
import dev.activityworker.support.Phone
import dev.activityworker.support.Push
import dev.activityworker.support.adoptNew
import dev.activityworker.support.eventually
import dev.activityworker.support.listening
import dev.activityworker.support.onPhone
import kotlinx.coroutines.flow.first
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue

/** Requests that are not a worker's to go on with. */
class ForeignTest {
    /** What a worker leaves behind: an answer that never got out, and an open request. */
    private class Left(val answered: Push, val answeredId: String, val open: Push, val openId: String)

    private suspend fun left(phone: Phone, config: WorkerConfig): Left {
        val (answered, open) = phone.push("1") to phone.push("2")
        return phone.start(config).use { worker ->
            val left = Left(answered, worker.adoptNew(answered.task), open, worker.adoptNew(open.task))
            phone.emulator.goOffline()
            worker.succeed(left.answeredId, "\"first\"")
            left
        }.also { phone.emulator.goOnline() }
    }

    @Test
    fun c28_field_01_another_users_requests_are_listed_adopted_by_a_call_and_delivered() = onPhone { phone ->
        val left = left(phone, phone.app(scope = "ann"))
        val bob = phone.start(phone.app(scope = "bob"))
        val listed = bob.foreignTasks()
        assertEquals(setOf(left.answeredId to true, left.openId to false), listed.map { it.id to it.hasAnswer }.toSet())
        for (task in listed) {
            assertEquals(listOf(ForeignWhy.USER, "ann", null), listOf(task.why, task.scope, task.activityArn))
            assertTrue(task.origin.startsWith("aws/eu-west-1/123456789012/${phone.emulator.url}"), task.origin)
        }
        assertEquals(listed, bob.snapshot().foreign)
        assertEquals(2, bob.status.value.foreign)
        assertTrue(phone.isRunning(left.answered.execution), "nothing is delivered")

        listening(bob) { ear ->
            bob.adoptForeign(left.openId)
            assertEquals(left.openId, ear.accepted(), "who shows a list hears of one more")
        }
        assertEquals(TaskState.OPEN, bob.tasks.first { it.isNotEmpty() }.single().state)
        assertEquals("2", bob.input(left.openId))
        bob.succeed(left.openId, "\"bob\"")
        assertEquals("\"bob\"", phone.output(left.open.execution))
        bob.adoptForeign(left.answeredId)
        assertEquals("\"first\"", phone.output(left.answered.execution), "as ann had answered")
        eventually("the end") { bob.settlement(left.answeredId) == Settlement.DELIVERED }
        for (id in listOf(left.openId, "none", "half an emoji \uD83D")) {
            val refused = assertFailsWith<ForeignException.NoSuchTask> { bob.adoptForeign(id) }
            assertTrue("list the foreign tasks" in refused.message, refused.message)
        }
        val end = bob.stop(StopMode.NOW)
        assertEquals(listOf(0, 0, 0), listOf(end.foreign.size, end.kept, end.open))
    }

    @Test
    fun c28_field_01_an_endpoint_that_got_another_name_strands_nothing_in_silence() = onPhone { phone ->
        val left = left(phone, phone.app())
        val renamed = phone.app().copy(endpointUrl = phone.emulator.url.replace("127.0.0.1", "localhost"))
        phone.start(renamed).use { worker ->
            assertEquals(listOf(ForeignWhy.ORIGIN, ForeignWhy.ORIGIN), worker.foreignTasks().map { it.why })
            listening(worker) { ear ->
                // Told at the start, before anybody listened: told anew by what is adopted for another endpoint.
                val other = PushedTask("AAAAKgAAAAIAAAAA-1", origin = "aws/eu-west-1/123456789012/http://127.0.0.1:1")
                val id = assertIs<Adopted.Foreign>(worker.adopt(other)).id
                val told = ear.hear { event -> (event as? WorkerEvent.Foreign)?.takeIf { it.id == id } }
                assertTrue("127.0.0.1" in told.origin && "localhost" in told.here, "$told")
                assertEquals(ForeignWhy.ORIGIN to false, told.why to told.hasAnswer)
            }
            worker.adoptForeign(left.answeredId)
            assertEquals("\"first\"", phone.output(left.answered.execution))
        }
    }

    @Test
    fun c28_field_01_a_folder_that_came_from_another_phone_waits_for_a_decision() = onPhone { phone ->
        val left = left(phone, phone.app().copy(installationId = "old phone"))
        phone.start(phone.app().copy(installationId = "new phone")).use { worker ->
            assertEquals("\"first\"", phone.output(left.answered.execution), "what was answered is sent")
            val open = worker.foreignTasks().single()
            assertEquals(left.openId to ForeignWhy.COPIED, open.id to open.why)
            worker.adoptForeign(open.id)
            worker.succeed(open.id, "2")
            assertEquals("2", phone.output(left.open.execution))
        }
    }

    @Test
    fun c28_field_01_what_is_discarded_ends_for_good_and_is_told_as_discarded() = onPhone { phone ->
        val left = left(phone, phone.app(scope = "ann"))
        val bob = phone.start(phone.app(scope = "bob"))
        listening(bob) { ear ->
            for (id in listOf(left.answeredId, left.openId)) {
                bob.discard(id)
                assertEquals(id to Settlement.DISCARDED, ear.settled())
            }
        }
        assertEquals(emptyList(), bob.foreignTasks())
        val own = bob.adoptNew(phone.push().task)
        assertFailsWith<ForeignException.NoSuchTask>("a request of one's own") { bob.discard(own) }
        assertEquals(1, bob.stop(StopMode.NOW).open)
        assertFailsWith<WorkerException.Stopped> { bob.foreignTasks() }
        val refused =
            listOf(
                assertFailsWith<ForeignException.Stopped> { bob.adoptForeign(left.openId) },
                assertFailsWith<ForeignException.Stopped> { bob.discard(left.openId) },
            )
        for (exception in refused) assertTrue("start another one" in exception.message, exception.message)

        phone.start(phone.app(scope = "ann")).use { ann ->
            assertEquals(listOf(own), ann.foreignTasks().map { it.id }, "bob's now")
            assertEquals(Settlement.DISCARDED, ann.settlement(left.openId))
            assertEquals(Adopted.Over(left.answeredId, Settlement.DISCARDED), ann.adopt(left.answered.task), "a late push")
        }
        assertTrue(phone.isRunning(left.answered.execution), "nothing is reported")
    }

    @Test
    fun c28_field_01_others_requests_that_take_all_places_are_named_as_the_reason() = onPhone { phone ->
        left(phone, phone.app(scope = "ann"))
        val polling = phone.polling(scope = "bob")
        val config = polling.copy(maxTasks = 3, activities = polling.activities.map { it.copy(concurrency = 1) })
        phone.start(config).use { bob ->
            listening(bob) { ear ->
                // A poll under way may have the last place for two seconds.
                val last = PushedTask("AAAAKgAAAAIAAAAA-1")
                eventually("a place") { runCatching { bob.adopt(last) }.isSuccess }
                assertEquals(WorkerEvent.Full(2uL, 0uL), ear.hear { it as? WorkerEvent.Full })
                bob.status.first { it.full }
                bob.retract(bob.pendingTasks().single().id)
                ear.hear { it as? WorkerEvent.RoomAgain }
                bob.status.first { !it.full }
            }
        }
    }

    @Test
    fun c28_field_01_damaged_files_and_letters_are_counted() = onPhone { phone ->
        val log = File(phone.stateDir, "log").also { it.mkdirs() }
        File(log, "050").writeText("nothing")
        TaskInbox(phone.stateDir).leaveSuccess("1".repeat(32), "1")
        val worker = phone.start()
        eventually("the letter") { worker.snapshot().letters == 1 }
        val quarantined = worker.snapshot().quarantined
        assertEquals(1, quarantined.size)
        val end = worker.stop(StopMode.NOW)
        assertEquals(quarantined to 1, end.quarantined to end.letters)
    }
}

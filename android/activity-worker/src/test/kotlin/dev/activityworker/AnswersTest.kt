package dev.activityworker

import dev.activityworker.ffi.AdoptException
import dev.activityworker.ffi.Adopted
import dev.activityworker.ffi.AnswerException
import dev.activityworker.ffi.LinkState
import dev.activityworker.ffi.PollException
import dev.activityworker.ffi.PollResult
import dev.activityworker.ffi.PollRisk
import dev.activityworker.ffi.Settlement
import dev.activityworker.ffi.StopMode
import dev.activityworker.ffi.TaskState
import dev.activityworker.ffi.WorkerException
import dev.activityworker.ffi.taskId
import dev.activityworker.support.Phone
import dev.activityworker.support.SOON
import dev.activityworker.support.adoptNew
import dev.activityworker.support.eventually
import dev.activityworker.support.listening
import dev.activityworker.support.onPhone
import dev.activityworker.support.text
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlin.time.measureTimedValue

/** Requests, and what becomes of their answers. */
class AnswersTest {
    @Test
    fun c01_a_yes_lets_the_workflow_go_on_with_the_apps_output() = onPhone { phone ->
        phone.start(phone.polling()).use { worker ->
            val execution = phone.ask("""{"order":7}""")
            val task = worker.tasks.first { it.isNotEmpty() }.single()
            assertEquals(phone.arn, task.activityArn)
            assertEquals(TaskState.OPEN, task.state)
            assertEquals("""{"order":7}""", worker.input(task.id))
            worker.succeed(task.id, """{"approved":true}""")
            assertEquals("""{"approved":true}""", phone.output(execution))
            worker.tasks.first { it.isEmpty() }
        }
    }

    @Test
    fun c02_a_no_fails_the_workflow_and_catch_sees_why() {
        val catch = """[{"ErrorEquals": ["Refused"], "ResultPath": "$.problem", "Next": "Done"}]"""
        onPhone(Phone("Catch" to Json.parseToJsonElement(catch))) { phone ->
            phone.start(phone.polling()).use { worker ->
                val execution = phone.ask()
                val task = worker.tasks.first { it.isNotEmpty() }.single()
                worker.fail(task.id, "Refused", "too dear")
                val problem = Json.parseToJsonElement(phone.output(execution)).jsonObject.getValue("problem")
                assertEquals("Refused" to "too dear", problem.text("Error") to problem.text("Cause"))
            }
        }
    }

    @Test
    fun c03_an_answer_without_a_network_is_kept_shown_and_delivered_later() = onPhone { phone ->
        phone.start().use { worker ->
            val push = phone.push()
            val id = worker.adoptNew(push.task)
            phone.emulator.goOffline()
            worker.setLink(LinkState.DOWN)
            worker.succeed(id, "1")
            assertEquals(TaskState.ANSWERED, worker.pendingTasks().single().state)
            worker.tasks.first { it.singleOrNull()?.state == TaskState.ANSWERED }
            assertEquals(1, worker.snapshot().answered)
            assertTrue(phone.isRunning(push.execution))
            phone.emulator.goOnline()
            worker.setLink(LinkState.UP)
            assertEquals("1", phone.output(push.execution))
        }
    }

    @Test
    fun c06_an_answer_after_the_end_is_too_late_and_that_is_remembered() {
        onPhone(Phone("TimeoutSeconds" to JsonPrimitive(2))) { phone ->
            val id =
                phone.start(phone.polling()).use { worker ->
                    listening(worker) { ear ->
                        phone.ask()
                        val id = ear.accepted()
                        assertEquals(id to Settlement.TOO_LATE, ear.settled(), "a heartbeat learns it")
                        assertFailsWith<AnswerException.NotOpen> { worker.succeed(id, "1") }
                        id
                    }
                }
            phone.start().use { assertEquals(Settlement.TOO_LATE, it.settlement(id)) }
        }
        // Without heartbeats the answer itself learns it.
        onPhone(Phone("TimeoutSeconds" to JsonPrimitive(1))) { phone ->
            phone.start().use { worker ->
                val push = phone.push()
                val id = worker.adoptNew(push.task)
                phone.end(push.execution)
                listening(worker) { ear ->
                    worker.succeed(id, "1")
                    assertEquals(id to Settlement.TOO_LATE, ear.settled())
                }
            }
        }
    }

    @Test
    fun c07_of_two_answers_the_first_one_counts() = onPhone { phone ->
        phone.start().use { worker ->
            val push = phone.push()
            val id = worker.adoptNew(push.task)
            phone.emulator.goOffline()
            worker.succeed(id, "\"first\"")
            assertFailsWith<AnswerException.AlreadyAnswered> { worker.fail(id, "Second", "") }
            listening(worker) { ear ->
                phone.emulator.goOnline()
                assertEquals("\"first\"", phone.output(push.execution))
                ear.settled()
            }
            val late = assertFailsWith<AnswerException.NotOpen> { worker.succeed(id, "\"third\"") }
            assertEquals(id, late.id)
            assertFailsWith<AnswerException.NotOpen> { worker.succeed("no id", "1") }
        }
    }

    @Test
    fun c08_a_pushed_token_is_one_task_however_often_it_comes() = onPhone { phone ->
        phone.start().use { worker ->
            val push = phone.push("""{"from":"push"}""")
            val id = taskId(push.task.token)
            assertEquals(Adopted.New(id), worker.adopt(push.task))
            assertEquals(Adopted.Known(id), worker.adopt(push.task))
            assertEquals("""{"from":"push"}""", worker.input(id))
            worker.succeed(id, "1")
            assertEquals("1", phone.output(push.execution))
            eventually("its end is known") { worker.adopt(push.task) == Adopted.Over(id, Settlement.DELIVERED) }
            assertEquals(Settlement.DELIVERED, worker.settlement(id))
            assertFailsWith<AdoptException.Invalid> { worker.adopt(PushedTask("")) }
            assertFailsWith<AdoptException.Invalid> { worker.adopt(PushedTask(push.task.token, origin = "eu-west-1")) }
        }
    }

    @Test
    fun c09_a_drain_ends_in_its_time_and_at_once_when_all_is_delivered() = onPhone { phone ->
        val execution = phone.start().use { worker ->
            val push = phone.push()
            val id = worker.adoptNew(push.task)
            phone.emulator.fault("half-open")
            worker.succeed(id, "1")
            val (report, took) = measureTimedValue { worker.drainWithin(1.seconds) }
            assertTrue(took < 5.seconds, "$took")
            assertEquals(0 to 1, report.delivered to report.left)
            phone.emulator.goOnline()
            push.execution
        }
        phone.start().use { worker ->
            val took = measureTime { assertEquals(0, worker.drainWithin(10.minutes).left) }
            assertTrue(took < SOON, "$took")
            assertEquals("1", phone.output(execution))
            val again = measureTime { assertEquals(DrainReport(0, 0, null), worker.drainWithin(10.minutes)) }
            assertTrue(again < 1.seconds, "$again")
        }
    }

    @Test
    fun c09_an_ended_worker_does_not_claim_that_all_is_delivered() = onPhone { phone ->
        phone.start().use { worker ->
            val id = worker.adoptNew(phone.push().task)
            phone.emulator.goOffline()
            worker.succeed(id, "1")
            assertEquals(1, worker.stop(StopMode.NOW).kept)
            assertFailsWith<WorkerException.Stopped> { worker.drainWithin(1.seconds) }
            assertFailsWith<WorkerException.Stopped> { worker.snapshot() }
            assertFailsWith<WorkerException.Stopped> { worker.settlement(id) }
        }
    }

    @Test
    fun c10_one_poll_is_refused_where_it_can_lose_a_task_unless_the_risk_is_named() = onPhone { phone ->
        phone.start(phone.polling(onRequest = true)).use { worker ->
            assertFailsWith<PollException.WindowTooShort> { worker.pollOnce(phone.arn, 69.seconds) }
            assertEquals(PollResult.Nothing, worker.pollOnce(phone.arn, 70.seconds))
            assertEquals(1, phone.emulator.count("GetActivityTask"), "and no other poll")
            val execution = phone.ask()
            val task = assertIs<PollResult.Task>(worker.pollOnce(phone.arn, 20.seconds, PollRisk.MAY_LOSE_TASK))
            worker.stop(StopMode.NOW)
            phone.start(phone.polling(onRequest = true)).use { next ->
                assertEquals(task.id, next.tasks.value.single().id, "it was on stable storage")
                next.succeed(task.id, "1")
                assertEquals("1", phone.output(execution))
                assertFailsWith<PollException.NoSuchActivity> { next.pollOnce("${phone.arn}-other", 90.seconds) }
            }
        }
    }

    @Test
    fun c12_of_two_users_on_one_phone_neither_sees_or_delivers_what_is_the_others() = onPhone { phone ->
        val (answered, open) = phone.push() to phone.push()
        val second =
            phone.start(phone.app(scope = "ann", heartbeat = 1.seconds)).use { ann ->
                phone.emulator.goOffline()
                ann.succeed(ann.adoptNew(answered.task), "\"ann\"")
                ann.adoptNew(open.task)
            }
        phone.emulator.goOnline()
        phone.start(phone.app(scope = "bob", heartbeat = 1.seconds)).use { bob ->
            assertEquals(emptyList(), bob.pendingTasks())
            assertEquals(2, bob.snapshot().foreign.size)
            assertFailsWith<AnswerException.NotOpen> { bob.succeed(second, "1") }
            delay(2.seconds)
            assertEquals(0, phone.emulator.count("SendTaskHeartbeat"), "ann's request does not beat")
            val own = phone.push()
            bob.succeed(bob.adoptNew(own.task), "\"bob\"")
            assertEquals("\"bob\"", phone.output(own.execution))
            assertEquals(1, phone.emulator.count("SendTaskSuccess"), "bob's own, and nobody else's")
        }
        phone.start(phone.app(scope = "ann")).use { ann ->
            ann.succeed(second, "\"ann too\"")
            assertEquals("\"ann\"", phone.output(answered.execution))
            assertEquals("\"ann too\"", phone.output(open.execution))
        }
    }

    @Test
    fun c18_a_request_that_is_taken_back_is_gone() = onPhone { phone ->
        phone.start().use { worker ->
            val push = phone.push()
            val id = worker.adoptNew(push.task)
            worker.tasks.first { it.size == 1 }
            listening(worker) { ear ->
                worker.retract(id)
                assertEquals(id to Settlement.RETRACTED, ear.settled())
            }
            worker.tasks.first { it.isEmpty() }
            eventually("a late push") { worker.adopt(push.task) == Adopted.Over(id, Settlement.RETRACTED) }
            assertFailsWith<AnswerException.NotOpen> { worker.retract(id) }
            worker.drainWithin(1.seconds)
            assertEquals(0, phone.emulator.count("SendTaskSuccess") + phone.emulator.count("SendTaskFailure"))
        }
    }
}

package dev.activityworker

import dev.activityworker.ffi.TaskState
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.time.Duration.Companion.days
import kotlin.time.Instant

/** The list that an app shows. */
class TaskListTest {
    private fun request(id: String) =
        ActivityTask(id, null, "", Instant.fromEpochSeconds(0), null, TaskState.OPEN)

    @Test
    fun an_older_list_never_takes_the_place_of_a_newer_one() {
        val list = TaskList(1.days)
        val (asked, answered) = CountDownLatch(1) to CountDownLatch(1)
        val slow =
            thread {
                list.show {
                    asked.countDown()
                    // Were nobody kept out, the newer list would be shown meanwhile.
                    answered.await(300, TimeUnit.MILLISECONDS)
                    listOf(request("older"))
                }
            }
        asked.await()
        list.show { listOf(request("newer")) }
        answered.countDown()
        slow.join()
        assertEquals("newer", list.tasks.value.single().id)
    }

    @Test
    fun what_is_shown_stays_from_the_end_on() {
        val list = TaskList(1.days)
        list.show { listOf(request("open")) }
        list.end()
        assertEquals(emptyList(), list.show { emptyList() })
        assertEquals("open", list.tasks.value.single().id)
    }
}

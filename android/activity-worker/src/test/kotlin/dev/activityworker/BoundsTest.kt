package dev.activityworker

import dev.activityworker.ffi.StartException
import dev.activityworker.support.adoptNew
import dev.activityworker.support.eventually
import dev.activityworker.support.login
import dev.activityworker.support.onPhone
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.first
import java.io.File
import java.lang.ref.WeakReference
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.minutes

/** Many requests, many starts. */
class BoundsTest {
    @Test
    fun c16_five_hundred_requests_are_listed_answered_and_delivered() = onPhone { phone ->
        val config = phone.app().copy(maxTasks = 600, maxBytes = 4L shl 30, adoptedMaxOutput = 1000)
        phone.start(config).use { worker ->
            val pushes = (0 until 500).map { phone.push("$it") }
            pushes.map { async { worker.adoptNew(it.task) } }.awaitAll()
            assertEquals(500, worker.pendingTasks().size)
            val shown = worker.tasks.first { it.size == 500 }
            shown.map { async { worker.succeed(it.id, worker.input(it.id)) } }.awaitAll()
            assertEquals(0, worker.drainWithin(1.minutes).left)
            pushes.forEachIndexed { n, push -> assertEquals("$n", phone.output(push.execution)) }
        }
    }

    /** The threads of the library that are alive. */
    private fun threads(): List<String> {
        val names = File("/proc/self/task").listFiles().orEmpty().mapNotNull { task ->
            runCatching { task.resolve("comm").readText().trim() }.getOrNull()
        }
        return names.filter { it.startsWith("aw-") }
    }

    /** How many files are open. */
    private fun files() = File("/proc/self/fd").list().orEmpty().size

    /** Bytes of anonymous memory of this process, the heap included. */
    private fun memory(): Long {
        val line = File("/proc/self/status").readLines().first { it.startsWith("RssAnon:") }
        return line.filter { it.isDigit() }.toLong() shl 10
    }

    @Test
    fun c17_a_worker_that_was_closed_leaves_nothing_behind() = onPhone { phone ->
        suspend fun once(): WeakReference<CredentialsProvider> {
            // An object, since a lambda that captures nothing is one for all.
            val provider =
                object : CredentialsProvider {
                    override fun credentials() = login.credentials()
                }
            ActivityWorker.start(phone.app(), provider).use { it.wake() }
            return WeakReference(provider)
        }
        repeat(20) { once() }
        eventually("threads end") { threads().isEmpty() }
        System.gc()
        val (files, bytes) = files() to memory()
        val providers = List(100) { once() }
        eventually("threads and files as before") { threads().isEmpty() && files() <= files }
        eventually("call-backs are let go") {
            System.gc()
            providers.all { it.get() == null }
        }
        val grown = memory() - bytes
        assertTrue(grown < 32 shl 20, "$grown bytes more after 100 workers, of which the heap takes some")
    }

    @Test
    fun c17_a_worker_that_is_merely_let_go_ends_too() = onPhone { phone ->
        phone.start()
        eventually("the state folder is free") {
            System.gc()
            try {
                phone.start().close()
                true
            } catch (_: StartException.InUse) {
                false
            }
        }
        eventually("threads end") { threads().isEmpty() }
    }
}

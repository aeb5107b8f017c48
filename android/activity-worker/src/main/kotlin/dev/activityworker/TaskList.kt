package dev.activityworker

import dev.activityworker.ffi.WorkerEvent
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import java.lang.ref.WeakReference
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import dev.activityworker.ffi.ActivityWorker as NativeWorker

/**
 * The requests, listed anew when something happened to them.
 *
 * Native code holds on to it, so it must not hold on to the worker: a worker that is merely let go could never be collected.
 */
internal class TaskList(private val lease: Duration) {
    private val current = MutableStateFlow(emptyList<ActivityTask>())
    private val changes = MutableStateFlow(0L)

    val tasks: StateFlow<List<ActivityTask>> = current.asStateFlow()

    /** Something happened. */
    fun heard(event: WorkerEvent) {
        when (event) {
            is WorkerEvent.Accepted,
            is WorkerEvent.Completed,
            is WorkerEvent.Kept,
            is WorkerEvent.Settled,
            is WorkerEvent.Held,
            is WorkerEvent.Foreign,
            is WorkerEvent.Missed,
            is WorkerEvent.Warning,
            is WorkerEvent.Notice,
            -> {
                changes.update { it + 1 }
            }

            else -> {}
        }
    }

    private var isOver = false

    /** The list for somebody who looks: the requests' heartbeats go on for another lease. */
    fun look(worker: NativeWorker): List<ActivityTask> = show { worker.pendingTasks().map { it.toKotlin() } }

    /** The list for nobody: listing for the sake of an event must not keep a forgotten request alive. */
    fun peek(worker: NativeWorker) {
        show { worker.peekTasks().map { it.toKotlin() } }
    }

    /** Asks and shows as one step: of two lists the newer one stays. */
    @Synchronized
    fun show(ask: () -> List<ActivityTask>): List<ActivityTask> = ask().also { if (!isOver) current.value = it }

    /** What is shown stays as it is: a worker that has ended has no list. */
    @Synchronized
    fun end() {
        isOver = true
    }

    /** Keeps the list current until cancelled, or until the worker is gone. */
    fun keepCurrent(worker: NativeWorker, scope: CoroutineScope): Job {
        val weak = WeakReference(worker)
        return scope.launch { keepCurrent(weak) }
    }

    @OptIn(ExperimentalCoroutinesApi::class)
    private suspend fun keepCurrent(worker: WeakReference<NativeWorker>) {
        val looks = current.subscriptionCount.map { it > 0 }.distinctUntilChanged()
        combine(looks, changes) { somebodyLooks, _ -> somebodyLooks }.collectLatest { somebodyLooks ->
            do {
                val native = worker.get() ?: return@collectLatest
                if (somebodyLooks) look(native) else peek(native)
                // A lease may be as short as the app likes.
                if (somebodyLooks) delay((lease / 3).coerceAtLeast(1.seconds))
            } while (somebodyLooks)
        }
    }
}

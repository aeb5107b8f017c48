package dev.activityworker

import dev.activityworker.ffi.WorkerEvent
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import java.util.concurrent.CopyOnWriteArrayList

/** Hands events to collectors. One that is slow, or hangs, holds up nobody: it is told how many it missed. */
internal class Events {
    private val backlogs = CopyOnWriteArrayList<Backlog>()

    /** What happens from the moment of collecting on. */
    val flow: Flow<WorkerEvent> = flow {
        val backlog = Backlog()
        backlogs += backlog
        try {
            for (event in backlog.channel) emit(event)
        } finally {
            backlogs -= backlog
        }
    }

    /** Called by one thread at a time. */
    fun pass(event: WorkerEvent) = backlogs.forEach { it.add(event) }

    private class Backlog {
        val channel = Channel<WorkerEvent>(CAPACITY)
        private var missed = 0uL

        fun add(event: WorkerEvent) {
            if (missed > 0uL && channel.trySend(WorkerEvent.Missed(missed)).isSuccess) missed = 0uL
            if (missed > 0uL || channel.trySend(event).isFailure) missed++
        }
    }

    companion object {
        /** So many events a collector may be behind. */
        const val CAPACITY = 256
    }
}

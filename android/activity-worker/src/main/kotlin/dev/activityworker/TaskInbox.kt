package dev.activityworker

import dev.activityworker.ffi.InboxPlace
import dev.activityworker.ffi.NativeInbox
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import java.io.File

/**
 * Leaves tokens and answers for the worker of a state folder: for another process of the app, which has no worker of its own. The
 * worker takes them in when it starts, and when it is [woken][ActivityWorker.wake]. What is left is on stable storage.
 *
 * Its functions throw [dev.activityworker.ffi.InboxException] if a letter was not left; the process still has what it wanted to leave.
 */
class TaskInbox private constructor(private val native: NativeInbox, private val dispatcher: CoroutineDispatcher) {
    /** @param stateDir that worker's [WorkerConfig.stateDir] */
    constructor(stateDir: File, dispatcher: CoroutineDispatcher = Dispatchers.IO) :
        this(NativeInbox(InboxPlace.StateDir(stateDir.path)), dispatcher)

    /** Leaves a pushed task, and gives its id. State the scope where the device has several users. */
    suspend fun leaveTask(task: PushedTask): String = withContext(dispatcher) { native.leaveTask(task.toNative()) }

    /** Leaves an output, JSON, as the answer to a task. */
    suspend fun leaveSuccess(id: String, output: String) = withContext(dispatcher) { native.leaveSuccess(id, output) }

    /** Leaves a failure as the answer to a task. */
    suspend fun leaveFailure(id: String, error: String, cause: String) =
        withContext(dispatcher) { native.leaveFailure(id, error, cause) }

    companion object {
        /** The inbox apart from the state folder: that worker's [WorkerConfig.inboxDir]. */
        fun apart(inboxDir: File, dispatcher: CoroutineDispatcher = Dispatchers.IO): TaskInbox =
            TaskInbox(NativeInbox(InboxPlace.Apart(inboxDir.path)), dispatcher)
    }
}

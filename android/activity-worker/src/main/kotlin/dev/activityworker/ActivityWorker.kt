package dev.activityworker

import dev.activityworker.ffi.Adopted
import dev.activityworker.ffi.LinkState
import dev.activityworker.ffi.PollResult
import dev.activityworker.ffi.PollRisk
import dev.activityworker.ffi.Settlement
import dev.activityworker.ffi.StopMode
import dev.activityworker.ffi.WaitCancel
import dev.activityworker.ffi.WorkerEvent
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.withContext
import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import dev.activityworker.ffi.ActivityWorker as NativeWorker
import dev.activityworker.ffi.EventListener as NativeEventListener

/**
 * A running worker: it holds the requests of one state folder, sends their heartbeats, and delivers their answers.
 *
 * One process has one for a state folder; [start] it where the process begins, and [stop] it where the process ends or another user
 * logs in. What is kept is on stable storage: a process that is killed loses nothing, the next start goes on with it.
 *
 * Functions that suspend may be called on any thread. A coroutine that is cancelled returns at once. A [drainWithin] ends then; other
 * calls go on: an answer that was begun is kept all the same, and what a poll brings comes as an event. After the end an answer, a drain, a snapshot and a
 * settlement are refused as `Stopped`, and the lists are empty.
 *
 * Events, states and exceptions are those of the bridge, package `dev.activityworker.ffi`; an exception's `message` is one line that
 * says what is wrong and what to do. Half of a surrogate pair, as is left of an emoji by whoever cuts a text at so many characters, is
 * no text: wherever it is handed over, U+FFFD takes its place.
 *
 * A worker that is merely let go is stopped some time after the garbage collector found it.
 */
class ActivityWorker private constructor(
    private val native: NativeWorker,
    private val list: TaskList,
    heard: Events,
    current: CurrentStatus,
    dispatcher: CoroutineDispatcher,
) : AutoCloseable {
    // Calls outlive the coroutines that wait for them; they end by themselves, at the latest with the worker.
    private val calls = CoroutineScope(SupervisorJob() + dispatcher)
    private val refresher = list.keepCurrent(native, calls)

    /**
     * The requests: open ones, and those whose answer waits to be delivered. Always current; from [stop] on as it was then.
     *
     * Collecting it means that somebody looks: the requests' heartbeats go on while it is collected and for a lease after that.
     */
    val tasks: StateFlow<List<ActivityTask>>
        get() = list.tasks

    /**
     * What the worker is up against: no network, a login that is needed, answers that are held, and why. Always current, so that a
     * screen that comes up later learns it too; from [stop] on as it was then.
     */
    val status: StateFlow<WorkerStatus> = current.status

    /**
     * What happens, from the moment of collecting on. It never ends, and no collector holds up the worker or another collector: one
     * that falls behind by more than 256 events gets [WorkerEvent.Missed] in place of the rest.
     */
    val events: Flow<WorkerEvent> = heard.flow

    /** Lists the requests now, and renews their lease as collecting [tasks] does. */
    suspend fun pendingTasks(): List<ActivityTask> = call { list.look(it) }

    /**
     * What a person is to see: the input of a request, JSON, read from disk; of an answered one too, until it is settled.
     *
     * @throws dev.activityworker.ffi.AnswerException if it is over, or can't be read
     */
    suspend fun input(id: String): String = call { it.input(id) }

    /**
     * What the app answered to a request, until it is settled; null while it is open. Of one that the worker had to fail itself,
     * that failure.
     *
     * @throws dev.activityworker.ffi.AnswerException if it is over, or can't be read
     */
    suspend fun answer(id: String): Answer? = call { it.answer(id)?.toKotlin() }

    /**
     * Answers a request with [output], JSON. It is on stable storage when this returns, and will be delivered.
     *
     * @throws dev.activityworker.ffi.AnswerException if it is not open or answered already, the output is none, or the disk refused
     */
    suspend fun succeed(id: String, output: String) = call { it.succeed(id, output) }

    /**
     * Answers a request with a failure, for the workflow's `Catch`. It is on stable storage when this returns, and will be delivered.
     *
     * @throws dev.activityworker.ffi.AnswerException if it is not open or answered already, or the disk refused
     */
    suspend fun fail(id: String, error: String, cause: String) = call { it.fail(id, error, cause) }

    /**
     * Takes a pushed task. It is on stable storage when this returns. The same token twice is one task, also after its end: what the
     * first push left out, a later one says while the request is open ([Adopted.Completed]); of two that differ the first one counts.
     * One for another user or account is kept for them ([Adopted.Foreign]): see [foreignTasks].
     *
     * @throws dev.activityworker.ffi.AdoptException if it was not taken; the app still has the token
     */
    suspend fun adopt(task: PushedTask): Adopted = call { it.adopt(task.toNative()) }

    /**
     * Takes back an open request: its workflow withdrew it. Nothing is reported. That it is over is on stable storage
     * when this returns.
     *
     * @throws dev.activityworker.ffi.AnswerException if it is not open or answered already
     */
    suspend fun retract(id: String) = call { it.retract(id) }

    /**
     * The tasks that are not this worker's to go on with, the oldest first: another user's, another account's or endpoint's, or open
     * ones of a copied state folder. They are kept, and wait for their own worker, or for [adoptForeign] or [discard].
     *
     * @throws dev.activityworker.ffi.WorkerException after the worker's end
     */
    suspend fun foreignTasks(): List<ForeignTask> = call { worker -> worker.foreignTasks().map { it.toKotlin() } }

    /**
     * Makes a foreign task this worker's own, for good: an open one becomes a request of its user, an answer is delivered. That it is
     * so is on stable storage when this returns.
     *
     * For an endpoint or a user who got another name, or a folder that was moved to a new phone. Where that is not what happened it
     * can't be taken back: a user gets to see what was another's, the service rejects a token of another account, and a request of a
     * copied folder may be answered twice.
     *
     * @throws dev.activityworker.ffi.ForeignException if it is as it was: it is not foreign, it is being decided, the disk refused, or
     * the worker has ended
     */
    suspend fun adoptForeign(id: String) = call { it.adoptForeign(id) }

    /**
     * Gives up a task that is foreign, or whose answer is held: nothing more is reported, and an answer is gone. It ends as
     * [Settlement.DISCARDED], which is on stable storage when this returns; for its workflow it ends by a timeout. What is on its way
     * can't be discarded; an open request of this worker's own is taken back by [retract].
     *
     * @throws dev.activityworker.ffi.ForeignException if it is neither foreign nor held, it is being decided or sent, the disk refused,
     * or the worker has ended
     */
    suspend fun discard(id: String) = call { it.discard(id) }

    /**
     * How a task ended that is over; null if it is not, or is not remembered any more.
     *
     * @throws dev.activityworker.ffi.WorkerException after the worker's end
     */
    suspend fun settlement(id: String): Settlement? = call { it.settlement(id) }

    /**
     * Delivers what it can in [time], and says what is left. Returns at once when nothing is left, and when the worker ends meanwhile.
     * The worker goes on. It ends with the coroutine that waits for it.
     *
     * @throws dev.activityworker.ffi.WorkerException after the worker's end: what is left, [stop] has said
     */
    suspend fun drainWithin(time: Duration): DrainReport = wait { worker, cancel ->
        worker.drainUntil(time.toNative(), cancel).toKotlin()
    }

    /**
     * Polls an activity once, and waits up to [within] for the end. Under 70 s it refuses, unless the risk is taken. Where the
     * coroutine that waits is cancelled, a poll that was begun goes on.
     *
     * @throws dev.activityworker.ffi.PollException if there was no poll, or none that was answered
     */
    suspend fun pollOnce(activityArn: String, within: Duration, risk: PollRisk = PollRisk.REFUSE): PollResult =
        wait { worker, cancel -> worker.pollOnceUntil(activityArn, within.toNative(), risk, cancel) }

    /** Passes on what the platform knows of the network. A hint: calls are still tried, sooner or later. Never blocks. */
    fun setLink(link: LinkState) = native.setLink(link)

    /** The app came to the front, or there is a letter in the [TaskInbox]: what waits for time is tried now. Never blocks. */
    fun wake() = native.wake()

    /** The user logged in anew: what was refused for the old credentials' sake is tried again. Never blocks. */
    fun credentialsChanged() = native.credentialsChanged()

    /**
     * What the worker is and does now.
     *
     * @throws dev.activityworker.ffi.WorkerException after its end
     */
    suspend fun snapshot(): WorkerSnapshot = call { it.snapshot().toKotlin() }

    /**
     * Stops, and waits for the end: with [StopMode.DRAIN] up to a minute and more, with [StopMode.NOW] a few seconds. A second call
     * with [StopMode.NOW] hurries a drain.
     */
    suspend fun stop(how: StopMode): StopReport = call {
        refresher.cancel()
        list.end()
        it.stop(how).toKotlin()
    }

    /** Stops as [stop] does with [StopMode.NOW], and blocks for these seconds: not for Android's main thread. */
    override fun close() {
        refresher.cancel()
        list.end()
        native.stop(StopMode.NOW)
    }

    /** A call that waits for the network: who waits no longer ends it, and its thread is free. */
    private suspend fun <T> wait(body: (NativeWorker, WaitCancel) -> T): T {
        val cancel = WaitCancel()
        try {
            return call { body(it, cancel) }
        } catch (e: CancellationException) {
            native.cancel(cancel)
            throw e
        }
    }

    private suspend fun <T> call(body: suspend (NativeWorker) -> T): T = calls.async { body(native) }.await()

    companion object {
        private val DEFAULT_LEASE = 1.days

        /**
         * Opens the state folder and starts a worker. Blocking work is done on [dispatcher].
         *
         * @throws dev.activityworker.ffi.StartException with what is wrong, and what to do
         * @throws IllegalArgumentException if a count is negative
         */
        suspend fun start(
            config: WorkerConfig,
            credentials: CredentialsProvider,
            dispatcher: CoroutineDispatcher = Dispatchers.IO,
        ): ActivityWorker {
            var started: ActivityWorker? = null
            try {
                return withContext(dispatcher) { open(config, credentials, dispatcher).also { started = it } }
            } catch (e: CancellationException) {
                // Nobody would ever stop it, and it would keep the state folder from the next one.
                withContext(NonCancellable + dispatcher) { started?.close() }
                throw e
            }
        }

        private fun open(
            config: WorkerConfig,
            credentials: CredentialsProvider,
            dispatcher: CoroutineDispatcher,
        ): ActivityWorker {
            val list = TaskList(config.lease ?: DEFAULT_LEASE)
            val events = Events()
            val status = CurrentStatus()
            val listener =
                object : NativeEventListener {
                    override fun onEvent(event: WorkerEvent) = callback {
                        if (event is WorkerEvent.Status) {
                            status.heard(event)
                        } else {
                            list.heard(event)
                            events.pass(event)
                        }
                    }
                }
            val native = NativeWorker.start(config.toNative(), credentials.toNative(), listener)
            list.peek(native)
            status.begin(native)
            return ActivityWorker(native, list, events, status, dispatcher)
        }
    }
}

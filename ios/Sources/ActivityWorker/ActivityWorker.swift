import Foundation

/// A running worker: it takes requests, keeps them and their answers on stable storage, and delivers the answers whatever network
/// and process do.
///
/// One worker at a time has a state folder. Stop it when it is done; one that is merely let go ends soon after, and keeps the
/// folder until then. Cancelling a task ends its ``drain(within:)`` or ``pollOnce(_:within:risk:)`` with a `CancellationError`; other
/// calls are short, and are not undone.
public final class ActivityWorker: Sendable {
    let worker: FFI.Worker
    private let announcer: Announcer
    /// Lists the tasks for those who read them before their lease is over.
    private let renewal: Task<Void, Never>
    /// In the order in which they are given.
    private let signals = DispatchQueue(label: "activity-worker signals")

    /// Opens the state folder and starts the worker. Throws a ``StartError``.
    public static func start(
        _ config: WorkerConfig,
        credentials: some AWSCredentialsProvider
    ) async throws -> ActivityWorker {
        try await BlockingCalls.short {
            let announcer = Announcer()
            let worker = try FFI.Worker.start(
                config: config.ffi,
                credentials: BlockingProvider(credentials),
                listener: Listener(announcer)
            )
            announcer.watch(worker)
            announcer.begin(WorkerStatus(try worker.status()))
            return ActivityWorker(worker, announcer, lease: config.lease ?? .seconds(86_400))
        }
    }

    /// The same with a closure that gives credentials; see ``AWSCredentialsProvider/credentials()``.
    public static func start(
        _ config: WorkerConfig,
        credentials: @escaping @Sendable () async throws -> AWSCredentials
    ) async throws -> ActivityWorker {
        try await start(config, credentials: ClosureProvider(closure: credentials))
    }

    private init(_ worker: FFI.Worker, _ announcer: Announcer, lease: Duration) {
        self.worker = worker
        self.announcer = announcer
        renewal = Task { [weak announcer] in
            while (try? await Task.sleep(for: max(lease / 3, .seconds(1)))) != nil {
                announcer?.list()
            }
        }
    }

    deinit {
        renewal.cancel()
    }

    /// Stops, and waits for the end: with `.drain` up to a minute and more. A second call with `.now` hurries it.
    @discardableResult
    public func stop(_ mode: StopMode) async throws -> StopReport {
        announcer.stopping()
        return StopReport(try await BlockingCalls.long { [worker] in try worker.stop(how: mode.ffi) })
    }
}

// What happens.
extension ActivityWorker {
    /// What happens from now on, to the worker's end. The first stream of a worker begins with its start. Each reader has a stream
    /// of its own; one that is more than 256 events behind is told how many it missed.
    public var events: AsyncStream<WorkerEvent> {
        announcer.events()
    }

    /// The tasks now, and again whenever they changed, until the worker is stopped. A slow reader gets the newest list alone. As long as
    /// there is a reader the tasks' lease is renewed.
    public var tasks: AsyncStream<[ActivityTask]> {
        announcer.tasks()
    }

    /// What the worker is up against: no network, a login that is needed, answers that are held, and why. The state now, and again
    /// whenever it changed, until the worker has ended. A slow reader gets the newest one alone.
    public var status: AsyncStream<WorkerStatus> {
        announcer.statusStream()
    }

    /// The newest ``status``; after the worker's end the last one.
    public var currentStatus: WorkerStatus {
        announcer.status
    }

    /// The requests: open ones, and those whose answer waits to be delivered. Asking renews their lease. None after the end.
    public func pendingTasks() async throws -> [ActivityTask] {
        try await BlockingCalls.short { [worker] in try worker.pendingTasks().map(ActivityTask.init) }
    }

    /// How a task ended that is over; none if it is not, or is not remembered any more. Throws a ``WorkerError`` after the worker's
    /// end.
    public func settlement(of id: String) async throws -> Settlement? {
        try await BlockingCalls.short { [worker] in try worker.settlement(id: id).map(Settlement.init) }
    }

    /// What the worker is and does now. Throws a ``WorkerError`` after its end.
    public func snapshot() async throws -> WorkerSnapshot {
        WorkerSnapshot(try await BlockingCalls.short { [worker] in try worker.snapshot() })
    }
}

// What a person answers. All of it throws an AnswerError.
extension ActivityWorker {
    /// What a person is to see: the input of a request, JSON, read from disk; of an answered one too, until it is settled. Throws an
    /// ``AnswerError``.
    public func input(of id: String) async throws -> String {
        try await BlockingCalls.short { [worker] in try worker.input(id: id) }
    }

    /// What the app answered to a request, until it is settled; none while it is open. Of one that the worker had to fail itself,
    /// that failure. Throws an ``AnswerError``.
    public func answer(to id: String) async throws -> TaskAnswer? {
        try await BlockingCalls.short { [worker] in try worker.answer(id: id).map(TaskAnswer.init) }
    }

    /// Answers a request with an output: JSON. It is on stable storage when this returns, and will be delivered. Throws an
    /// ``AnswerError``.
    public func succeed(_ id: String, output: String) async throws {
        try await BlockingCalls.short { [worker] in try worker.succeed(id: id, output: output) }
    }

    /// Answers a request with a failure. It is on stable storage when this returns, and will be delivered. Throws an
    /// ``AnswerError``.
    public func fail(_ id: String, error: String, cause: String = "") async throws {
        try await BlockingCalls.short { [worker] in try worker.fail(id: id, error: error, cause: cause) }
    }

    /// Takes a pushed task. It is on stable storage when this returns. The same token twice is one task, also after its end: what the
    /// first push left out, a later one says while the request is open; of two that differ the first one counts. One for another user
    /// or account is kept for them (``foreignTasks()``). Throws an ``AdoptError``.
    @discardableResult
    public func adopt(_ task: PushedTask) async throws -> Adopted {
        Adopted(try await BlockingCalls.short { [worker] in try worker.adopt(task: task.ffi) })
    }

    /// Takes back an open request: its workflow withdrew it. Nothing is reported. That it is over is on stable storage
    /// when this returns. Throws an ``AnswerError``.
    public func retract(_ id: String) async throws {
        try await BlockingCalls.short { [worker] in try worker.retract(id: id) }
    }
}

// What the platform knows, and the time it gives.
extension ActivityWorker {
    /// Delivers what it can within a time, and says what is left. Returns at once when nothing is left, and when the worker ends
    /// meanwhile. Throws a ``WorkerError`` after the worker's end: what is left, ``stop(_:)`` has said; and a `CancellationError` as
    /// soon as its task is cancelled.
    public func drain(within time: Duration) async throws -> DrainReport {
        DrainReport(try await wait { try $0.drainUntil(time: time.interval, cancel: $1) })
    }

    /// Polls an activity once, and waits within a time for the end. Under 70 s it refuses, unless the risk is taken. Throws a
    /// ``PollError``; and a `CancellationError` as soon as its task is cancelled: a poll that was begun goes on then, and what it
    /// brings comes as an event.
    public func pollOnce(
        _ activityARN: String,
        within time: Duration,
        risk: PollRisk = .refuse
    ) async throws -> PollResult {
        PollResult(
            try await wait {
                try $0.pollOnceUntil(activityArn: activityARN, within: time.interval, risk: risk.ffi, cancel: $1)
            }
        )
    }

    /// A call that waits for the network, for minutes perhaps: it ends with its task.
    private func wait<T: Sendable>(
        _ call: @escaping @Sendable (FFI.Worker, FFI.WaitCancel) throws -> T
    ) async throws -> T {
        let cancel = FFI.WaitCancel()
        do {
            let answer = try await withTaskCancellationHandler {
                try await BlockingCalls.long { [worker] in try call(worker, cancel) }
            } onCancel: { [worker] in
                try? worker.cancel(wait: cancel)
            }
            try Task.checkCancellation()
            return answer
        } catch {
            try Task.checkCancellation()
            throw error
        }
    }

    /// Passes on what the platform knows of the network.
    public func setLink(_ link: LinkState) {
        signal { try $0.setLink(link: link.ffi) }
    }

    /// The app came to the front, a person asks, there is a letter in the inbox: what waits for time is tried now.
    public func wake() {
        signal { try $0.wake() }
    }

    /// The user logged in anew: what was refused for the old credentials' sake is tried again.
    public func credentialsChanged() {
        signal { try $0.credentialsChanged() }
    }

    /// Returns at once. After the worker's end there is nobody to be told.
    private func signal(_ call: @escaping @Sendable (FFI.Worker) throws -> Void) {
        signals.async { [worker] in try? call(worker) }
    }
}

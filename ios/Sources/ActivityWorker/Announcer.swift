import Foundation

/// Passes on what a worker tells to every stream that an app reads.
final class Announcer: Sendable {
    private struct State {
        /// Holds what happened since the start, for the first reader.
        var first: EventQueue? = EventQueue()
        var readers: [Weak<EventQueue>] = []
        var lists: [UUID: AsyncStream<[ActivityTask]>.Continuation] = [:]
        var isListing = false
        /// None before the first one.
        var status: WorkerStatus?
        var statuses: [UUID: AsyncStream<WorkerStatus>.Continuation] = [:]
        /// Asks the worker for its tasks.
        var ask: (@Sendable () -> [ActivityTask]?)?
        /// The app stops the worker: the list stays as it is, since a worker that has ended has none.
        var isStopping = false
        var isOver = false
    }

    private struct Weak<Object: AnyObject> {
        weak var object: Object?
    }

    private let state = Locked(State())
    /// One list after the other: the newest is the last.
    private let listing = DispatchQueue(label: "activity-worker lists", qos: .userInitiated)

    /// The worker is not held: the library, which holds the listener, ends it when the app lets it go.
    func watch(_ worker: FFI.Worker) {
        watch { [weak worker] in try? worker?.pendingTasks().map(ActivityTask.init) }
    }

    func watch(_ ask: @escaping @Sendable () -> [ActivityTask]?) {
        state.withLock { $0.ask = ask }
    }

    func announce(_ event: WorkerEvent) {
        let queues = state.withLock { state in
            state.readers.removeAll { $0.object == nil }
            return state.readers.compactMap(\.object) + [state.first].compactMap(\.self)
        }
        queues.forEach { $0.put(event) }
        if event.changesTasks {
            list()
        }
    }

    func events() -> AsyncStream<WorkerEvent> {
        let queue = state.withLock { state in
            let queue = state.first ?? EventQueue()
            state.first = nil
            state.readers.append(Weak(object: queue))
            if state.isOver {
                queue.finish()
            }
            return queue
        }
        return queue.stream
    }

    func tasks() -> AsyncStream<[ActivityTask]> {
        let (stream, continuation) = AsyncStream.makeStream(of: [ActivityTask].self, bufferingPolicy: .bufferingNewest(1))
        let id = UUID()
        let isOver = state.withLock { state in
            state.lists[id] = continuation
            return state.isOver
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.lists.removeValue(forKey: id) }
        }
        if isOver {
            continuation.finish()
        } else {
            list()
        }
        return stream
    }

    /// The status as it is now.
    var status: WorkerStatus {
        state.withLock { $0.status ?? WorkerStatus() }
    }

    /// The first status, unless a change was told before.
    func begin(_ status: WorkerStatus) {
        state.withLock { $0.status = $0.status ?? status }
    }

    func announce(_ status: WorkerStatus) {
        state.withLock { state in
            state.status = status
            // Under the lock: of two statuses the newer one is the last. A reader that goes away meanwhile does so elsewhere.
            state.statuses.values.forEach { $0.yield(status) }
        }
    }

    func statusStream() -> AsyncStream<WorkerStatus> {
        let (stream, continuation) = AsyncStream.makeStream(of: WorkerStatus.self, bufferingPolicy: .bufferingNewest(1))
        let id = UUID()
        let isOver = state.withLock { state in
            state.statuses[id] = continuation
            continuation.yield(state.status ?? WorkerStatus())
            return state.isOver
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.statuses.removeValue(forKey: id) }
        }
        if isOver {
            continuation.finish()
        }
        return stream
    }

    /// The app is about to stop the worker.
    func stopping() {
        state.withLock { $0.isStopping = true }
    }

    /// The worker has ended: so do all streams.
    func finish() {
        let (queues, lists, statuses) = state.withLock { state in
            state.isOver = true
            let queues = state.readers.compactMap(\.object) + [state.first].compactMap(\.self)
            return (queues, state.lists, state.statuses)
        }
        queues.forEach { $0.finish() }
        lists.values.forEach { $0.finish() }
        statuses.values.forEach { $0.finish() }
    }

    /// Lists the tasks for those who read them, if there are any, and so renews their lease. Changes that come at once are one list.
    func list() {
        let begin = state.withLock { state in
            guard !state.lists.isEmpty, !state.isListing else { return false }
            state.isListing = true
            return true
        }
        guard begin else { return }
        listing.async { [weak self] in
            guard let self else { return }
            let ask = self.state.withLock { state in
                // What changes from here on may not be in this list.
                state.isListing = false
                return state.ask
            }
            guard let tasks = ask?() else { return }
            let lists = self.state.withLock { $0.isStopping ? [:] : $0.lists }
            lists.values.forEach { $0.yield(tasks) }
        }
    }
}

/// What the library holds: it lets go of it when it has nothing more to tell.
final class Listener: FFI.EventListener, Sendable {
    private let announcer: Announcer

    init(_ announcer: Announcer) {
        self.announcer = announcer
    }

    deinit {
        announcer.finish()
    }

    func onEvent(event: FFI.WorkerEvent) {
        if case .status(let status) = event {
            announcer.announce(WorkerStatus(status))
        } else if let event = WorkerEvent(event) {
            announcer.announce(event)
        }
    }
}

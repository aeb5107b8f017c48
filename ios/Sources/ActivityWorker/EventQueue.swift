/// Events on their way to one reader: 256 at most. A reader that does not keep up is told how many are gone.
final class EventQueue: Sendable {
    private static let limit = 256

    private struct State {
        var events: [WorkerEvent] = []
        var missed: UInt64 = 0
        var readers: [CheckedContinuation<WorkerEvent?, Never>] = []
        var isOver = false

        /// What is to be read next: what is gone was newer than all that is here.
        mutating func next() -> WorkerEvent? {
            if !events.isEmpty {
                return events.removeFirst()
            }
            defer { missed = 0 }
            return missed > 0 ? .missed(count: missed) : nil
        }
    }

    private let state = Locked(State())

    /// The events, in the order in which they came, to the worker's end.
    var stream: AsyncStream<WorkerEvent> {
        AsyncStream(unfolding: { await self.next() }, onCancel: { self.finish() })
    }

    func put(_ event: WorkerEvent) {
        let reader: CheckedContinuation<WorkerEvent?, Never>? = state.withLock { state in
            if !state.readers.isEmpty {
                return state.readers.removeFirst()
            }
            // After the first one that is gone all are, until the reader was told: what comes stays in order.
            if state.missed > 0 || state.events.count == Self.limit {
                state.missed += 1
            } else {
                state.events.append(event)
            }
            return nil
        }
        reader?.resume(returning: event)
    }

    /// What is here can still be read; then the stream ends.
    func finish() {
        let readers = state.withLock { state in
            state.isOver = true
            defer { state.readers = [] }
            return state.readers
        }
        readers.forEach { $0.resume(returning: nil) }
    }

    private func next() async -> WorkerEvent? {
        await withCheckedContinuation { reader in
            let answer: WorkerEvent?? = state.withLock { state in
                if let event = state.next() {
                    return .some(event)
                }
                if state.isOver {
                    return .some(nil)
                }
                state.readers.append(reader)
                return .none
            }
            if let answer {
                reader.resume(returning: answer)
            }
        }
    }
}

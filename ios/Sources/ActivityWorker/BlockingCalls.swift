import Foundation

/// Calls into the library block: they run on threads of their own, never on one of Swift's cooperative pool.
enum BlockingCalls {
    /// What waits for the disk. A few threads do: the library writes answers that come at once in one go.
    private static let queue = {
        let queue = OperationQueue()
        queue.name = "activity-worker"
        queue.maxConcurrentOperationCount = 8
        queue.qualityOfService = .userInitiated
        return queue
    }()

    /// A call that takes as long as the disk does.
    static func short<T: Sendable>(_ call: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.addOperation { continuation.resume(with: result(of: call)) }
        }
    }

    /// A call that waits for the network, for minutes perhaps: it has a thread to itself.
    static func long<T: Sendable>(_ call: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: result(of: call)) }
            thread.name = "activity-worker"
            thread.qualityOfService = .userInitiated
            thread.start()
        }
    }

    private static func result<T>(of call: () throws -> T) -> Result<T, any Error> {
        Result(catching: call).mapError(translated)
    }
}

import Foundation

/// A task that is kept, and not this worker's to go on with: it neither beats nor is it shown or delivered. It waits until
/// ``ActivityWorker/adoptForeign(_:)`` or ``ActivityWorker/discard(_:)`` decides, or a worker of its own is started.
public struct ForeignTask: Sendable, Hashable, Identifiable {
    /// Names the task; it says nothing about the token.
    public let id: String
    /// Whose it is, `partition/region/account`, with an endpoint of one's own behind that. It is delivered to nobody else.
    public let origin: String
    /// The user it belongs to.
    public let scope: String
    /// Its activity; none for a pushed one.
    public let activityARN: String?
    /// When it came, by the service's time.
    public let acceptedAt: Date
    /// It is answered, and the answer is kept. Else it is open.
    public let hasAnswer: Bool
    /// Why it is not this worker's.
    public let why: ForeignWhy

    init(_ task: FFI.ForeignTask) {
        id = task.id
        origin = task.origin
        scope = task.scope
        activityARN = task.activityArn
        acceptedAt = task.acceptedAt
        hasAnswer = task.hasAnswer
        why = ForeignWhy(task.why)
    }
}

/// Why a task is not a worker's to go on with.
public enum ForeignWhy: Sendable, Hashable {
    /// It came from another account, region or endpoint: the configuration was changed, perhaps.
    case origin
    /// It belongs to another user.
    case user
    /// It is open, and came with a copy of another installation's state folder: that one may still be at it.
    case copied

    init(_ why: FFI.ForeignWhy) {
        switch why {
        case .origin: self = .origin
        case .user: self = .user
        case .copied: self = .copied
        }
    }
}

// What an app decides about them.
extension ActivityWorker {
    /// The tasks that are not this worker's to go on with, the oldest first: another user's, another account's or endpoint's, or open
    /// ones of a copied state folder. They are kept, and wait for their own worker, or for ``adoptForeign(_:)`` or ``discard(_:)``.
    /// Throws a ``WorkerError`` after the worker's end.
    public func foreignTasks() async throws -> [ForeignTask] {
        try await BlockingCalls.short { [worker] in try worker.foreignTasks().map(ForeignTask.init) }
    }

    /// Makes a foreign task this worker's own, for good: an open one becomes a request of its user, an answer is delivered. That it is
    /// so is on stable storage when this returns. Throws a ``ForeignError``.
    ///
    /// For an endpoint or a user who got another name, or a folder that was moved to a new phone. Where that is not what happened it
    /// can't be taken back: a user gets to see what was another's, the service rejects a token of another account, and a request of a
    /// copied folder may be answered twice.
    public func adoptForeign(_ id: String) async throws {
        try await BlockingCalls.short { [worker] in try worker.adoptForeign(id: id) }
    }

    /// Gives up a task that is foreign, or whose answer is held: nothing more is reported, and an answer is gone. It ends as
    /// ``Settlement/discarded``, which is on stable storage when this returns; for its workflow it ends by a timeout. What is on its
    /// way can't be discarded; an open request of this worker's own is taken back by ``retract(_:)``. Throws a ``ForeignError``.
    public func discard(_ id: String) async throws {
        try await BlockingCalls.short { [worker] in try worker.discard(id: id) }
    }
}

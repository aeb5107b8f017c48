import Foundation

/// A task that waits for an answer of the app, or whose answer waits to be delivered.
public struct ActivityTask: Sendable, Hashable, Identifiable {
    /// Names the task; it says nothing about the token.
    public let id: String
    /// Its activity; none for a pushed one.
    public let activityARN: String?
    /// The user it belongs to.
    public let scope: String
    /// When it came, by the service's time.
    public let acceptedAt: Date
    /// When its workflow gives it up, if that was said.
    public let expiresAt: Date?
    /// How far it has come.
    public let state: TaskState
    /// Whether its input was said. A pushed token may come alone, and be completed by a later push; until then its input is `{}`.
    public internal(set) var hasInput = true
}

extension ActivityTask {
    init(_ task: FFI.ActivityTask) {
        id = task.id
        activityARN = task.activityArn
        scope = task.scope
        acceptedAt = task.acceptedAt
        hasInput = task.hasInput
        expiresAt = task.expiresAt
        state = TaskState(task.state)
    }
}

/// How far a task has come.
public enum TaskState: Sendable, Hashable {
    /// It waits for an answer.
    case open
    /// It is answered; the answer waits to be delivered.
    case answered
    /// The service rejected the answer: it is kept, and tried again slowly.
    case held

    init(_ state: FFI.TaskState) {
        switch state {
        case .open: self = .open
        case .answered: self = .answered
        case .held: self = .held
        }
    }
}

/// What an app answered to a task. Printing shows none of it.
public enum TaskAnswer: Sendable, Hashable {
    /// An output: JSON.
    case success(output: String)
    /// A failure: what the workflow's `Catch` matches, and a text for people.
    case failure(error: String, cause: String)

    init(_ answer: FFI.TaskAnswer) {
        switch answer {
        case .success(let output): self = .success(output: output)
        case .failure(let error, let cause): self = .failure(error: error, cause: cause)
        }
    }
}

extension TaskAnswer: CustomStringConvertible, CustomReflectable {
    public var description: String {
        switch self {
        case .success: "TaskAnswer(success)"
        case .failure: "TaskAnswer(failure)"
        }
    }

    /// Shows nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A task token that came by push message, or from the app's backend. The token is a secret: printing shows the id alone.
public struct PushedTask: Sendable, Hashable {
    /// The token of the `.waitForTaskToken` task.
    public var token: String
    /// What the person is to see: JSON, at most 1,048,576 bytes. A later push may say it.
    public var input: String?
    /// `partition/region/account`, if it may be another one than the worker's.
    public var origin: String?
    /// The user it is for: without it, the one who happens to be logged in when it is taken.
    public var scope: String?
    /// When its workflow gives it up.
    public var expiresAt: Date?

    /// A token, and what the app knows about its task.
    public init(
        token: String,
        input: String? = nil,
        origin: String? = nil,
        scope: String? = nil,
        expiresAt: Date? = nil
    ) {
        self.token = token
        self.input = input
        self.origin = origin
        self.scope = scope
        self.expiresAt = expiresAt
    }

    /// The id of the task that the token stands for; none if it is no token.
    public var id: String? {
        try? FFI.taskID(token: token)
    }

    var ffi: FFI.PushedTask {
        FFI.PushedTask(token: token, input: input, origin: origin, scope: scope, expiresAt: expiresAt?.bounded)
    }
}

extension PushedTask: CustomStringConvertible, CustomReflectable {
    public var description: String {
        "PushedTask(\(id ?? "no token"))"
    }

    /// Shows the id alone.
    public var customMirror: Mirror {
        Mirror(self, children: ["id": id ?? "no token"])
    }
}

/// What became of a pushed task.
public enum Adopted: Sendable, Hashable {
    /// A new request, now on stable storage.
    case new(id: String)
    /// It was held already; nothing that was said now is new.
    case known(id: String)
    /// It was held already, and has the input, end, origin or user now that it came without.
    case completed(id: String)
    /// It is held for another user or account: a worker of theirs shows it.
    case foreign(id: String)
    /// It was here before, and is over.
    case over(id: String, settlement: Settlement)

    /// The task, whatever became of it.
    public var id: String {
        switch self {
        case .new(let id), .known(let id), .completed(let id), .foreign(let id), .over(let id, _): id
        }
    }

    init(_ adopted: FFI.Adopted) {
        switch adopted {
        case .new(let id): self = .new(id: id)
        case .known(let id): self = .known(id: id)
        case .completed(let id): self = .completed(id: id)
        case .foreign(let id): self = .foreign(id: id)
        case .over(let id, let settlement): self = .over(id: id, settlement: Settlement(settlement))
        }
    }
}

/// How a task ended.
public enum Settlement: Sendable, Hashable {
    /// The service took the answer.
    case delivered
    /// The workflow had given the task up before any answer reached it.
    case tooLate
    /// It is over; whether the service took the answer is unknown, since its word on that was lost.
    case unknown
    /// The app took the request back.
    case retracted
    /// It was given up while it was foreign, or its answer held: nothing more is reported, and an answer is gone.
    case discarded

    init(_ settlement: FFI.Settlement) {
        switch settlement {
        case .delivered: self = .delivered
        case .tooLate: self = .tooLate
        case .unknown: self = .unknown
        case .retracted: self = .retracted
        case .discarded: self = .discarded
        }
    }
}

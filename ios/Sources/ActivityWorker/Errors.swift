import Foundation

// Each error is a code to switch on, and one line for a person. The lines hold no secrets.

/// Why no worker was started.
public enum StartError: Error, Sendable, Hashable {
    /// The configuration contradicts itself, or something in it is misspelt.
    case config(reason: String)
    /// Another worker has the state folder: one of this app that was not stopped, or another process.
    case inUse(reason: String)
    /// The state folder can't be used.
    case stateDirectory(reason: String)
    /// The system gave no thread.
    case system(reason: String)
}

/// Why a question was not answered.
public enum WorkerError: Error, Sendable, Hashable {
    /// The worker has ended.
    case stopped
    /// What was given makes no sense, or the system gave no thread.
    case invalid(reason: String)
}

/// Why a request was not answered, shown or taken back.
public enum AnswerError: Error, Sendable, Hashable {
    /// No request with this id is open: the workflow gave it up, it is over, another user's, or never was here.
    case notOpen(id: String)
    /// It was answered before; the first answer counts.
    case alreadyAnswered(id: String)
    /// The output is no JSON, or too long.
    case badOutput(reason: String)
    /// The disk refused: nothing is kept, the request is as open as before.
    case notKept(reason: String)
    /// It is written, but perhaps not for good: the worker goes on with this answer and takes no other. Of a request that
    /// was taken back: after a power cut it may be open again.
    case unknown(reason: String)
    /// The input, or the answer, can't be read.
    case unreadable(reason: String)
    /// The worker has ended.
    case stopped
}

/// Why a pushed task was not adopted. The app still has the token.
public enum AdoptError: Error, Sendable, Hashable {
    /// The input is no JSON, or too long.
    case badInput(reason: String)
    /// It is no task token, or the origin or the scope is none.
    case invalid(reason: String)
    /// There is no place, or no room on disk, for one more request; the reason says which limit is reached. Try again: polls leave
    /// the next place to it for five minutes.
    case full(reason: String)
    /// The disk refused.
    case notKept(reason: String)
    /// The worker has ended.
    case stopped
}

/// Why a task was neither adopted nor discarded: it is as it was.
public enum ForeignError: Error, Sendable, Hashable {
    /// No task with this id is foreign (or, to be discarded, held).
    case noSuchTask(id: String)
    /// It is being adopted or discarded already, or its answer is being sent.
    case underWay(id: String)
    /// The disk refused, or its file can't be read now.
    case notKept(reason: String)
    /// It is over, but that is perhaps not on disk.
    case unknown(reason: String)
    /// The worker has ended.
    case stopped
}

/// Why a poll brought nothing.
public enum PollError: Error, Sendable, Hashable {
    /// The time given is under 70 s, and the risk was not taken.
    case windowTooShort
    /// The activity is none of this worker's.
    case noSuchActivity(reason: String)
    /// Within the time given no poll could be begun.
    case notPolled(reason: String)
    /// The poll failed.
    case failed(reason: String)
    /// The worker has ended.
    case stopped
}

/// Why a letter was not left in the inbox. The process still has what it wanted to leave.
public enum InboxError: Error, Sendable, Hashable {
    /// There is an answer to this request in the inbox already; the first one counts.
    case alreadyAnswered(id: String)
    /// The token, id, input, origin or output is none, or too long.
    case invalid(reason: String)
    /// A thousand letters wait, and no worker has taken any in.
    case full
    /// The disk refused.
    case notKept(reason: String)
}

/// The library failed in a way that no one foresaw: a bug in it. What is on stable storage stays there.
public struct UnexpectedError: Error, Sendable, Hashable {
    /// What the library said.
    public let reason: String
}

extension StartError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .config(let reason), .inUse(let reason), .stateDirectory(let reason), .system(let reason): reason
        }
    }

    public var errorDescription: String? { description }
}

extension WorkerError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .stopped: "the worker has ended: start another one"
        case .invalid(let reason): reason
        }
    }

    public var errorDescription: String? { description }
}

extension AnswerError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .notOpen(let id):
            "no request \(id) is open: it is over, another user's, or never was here; its settlement says which"
        case .alreadyAnswered(let id): "request \(id) has been answered already: the first answer counts"
        case .badOutput(let reason), .unreadable(let reason): reason
        case .notKept(let reason): "not kept, try again: \(reason)"
        case .unknown(let reason): "perhaps not kept, the worker goes on with it: \(reason)"
        case .stopped: "the worker has ended: start another one"
        }
    }

    public var errorDescription: String? { description }
}

extension AdoptError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .badInput(let reason), .invalid(let reason), .full(let reason): reason
        case .notKept(let reason): "not kept, try again: \(reason)"
        case .stopped: "the worker has ended: start another one"
        }
    }

    public var errorDescription: String? { description }
}

extension ForeignError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .noSuchTask(let id): "no task \(id) waits for a decision: list the foreign tasks, and the held answers, anew"
        case .underWay(let id): "task \(id) is being looked after right now: try again"
        case .notKept(let reason): "not kept, try again: \(reason)"
        case .unknown(let reason):
            "the task is over, but perhaps not for good, after a power cut discard it again: \(reason)"
        case .stopped: "the worker has ended: start another one"
        }
    }

    public var errorDescription: String? { description }
}

extension PollError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .windowTooShort: "a poll needs 70 s, or it can lose a task: give it the time, or name the risk"
        case .noSuchActivity(let reason), .failed(let reason): reason
        case .notPolled(let reason): "not polled: \(reason)"
        case .stopped: "the worker has ended: start another one"
        }
    }

    public var errorDescription: String? { description }
}

extension InboxError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .alreadyAnswered(let id): "request \(id) has an answer in the inbox already: the first answer counts"
        case .invalid(let reason), .notKept(let reason): reason
        case .full: "the inbox is full: start the worker of this state folder"
        }
    }

    public var errorDescription: String? { description }
}

extension UnexpectedError: LocalizedError, CustomStringConvertible {
    public var description: String { "a bug in activity-worker: \(reason)" }

    public var errorDescription: String? { description }
}

/// A generated error as one of this module's own.
func translated(_ error: any Error) -> any Error {
    switch error {
    case let error as FFI.StartError: StartError(error)
    case let error as FFI.WorkerError: WorkerError(error)
    case let error as FFI.AnswerError: AnswerError(error)
    case let error as FFI.AdoptError: AdoptError(error)
    case let error as FFI.ForeignError: ForeignError(error)
    case let error as FFI.PollError: PollError(error)
    case let error as FFI.InboxError: InboxError(error)
    default: UnexpectedError(reason: String(describing: error))
    }
}

extension StartError {
    fileprivate init(_ error: FFI.StartError) {
        switch error {
        case .Config(let reason): self = .config(reason: reason)
        case .InUse(let reason): self = .inUse(reason: reason)
        case .StateDir(let reason): self = .stateDirectory(reason: reason)
        case .System(let reason): self = .system(reason: reason)
        }
    }
}

extension WorkerError {
    fileprivate init(_ error: FFI.WorkerError) {
        switch error {
        case .Stopped: self = .stopped
        case .Invalid(let reason): self = .invalid(reason: reason)
        }
    }
}

extension AnswerError {
    fileprivate init(_ error: FFI.AnswerError) {
        switch error {
        case .NotOpen(let id): self = .notOpen(id: id)
        case .AlreadyAnswered(let id): self = .alreadyAnswered(id: id)
        case .BadOutput(let reason): self = .badOutput(reason: reason)
        case .NotKept(let reason): self = .notKept(reason: reason)
        case .Unknown(let reason): self = .unknown(reason: reason)
        case .Unreadable(let reason): self = .unreadable(reason: reason)
        case .Stopped: self = .stopped
        }
    }
}

extension AdoptError {
    fileprivate init(_ error: FFI.AdoptError) {
        switch error {
        case .BadInput(let reason): self = .badInput(reason: reason)
        case .Invalid(let reason): self = .invalid(reason: reason)
        case .Full(let reason): self = .full(reason: reason)
        case .NotKept(let reason): self = .notKept(reason: reason)
        case .Stopped: self = .stopped
        }
    }
}

extension ForeignError {
    fileprivate init(_ error: FFI.ForeignError) {
        switch error {
        case .NoSuchTask(let id): self = .noSuchTask(id: id)
        case .UnderWay(let id): self = .underWay(id: id)
        case .NotKept(let reason): self = .notKept(reason: reason)
        case .Unknown(let reason): self = .unknown(reason: reason)
        case .Stopped: self = .stopped
        }
    }
}

extension PollError {
    fileprivate init(_ error: FFI.PollError) {
        switch error {
        case .WindowTooShort: self = .windowTooShort
        case .NoSuchActivity(let reason): self = .noSuchActivity(reason: reason)
        case .NotPolled(let reason): self = .notPolled(reason: reason)
        case .Failed(let reason): self = .failed(reason: reason)
        case .Stopped: self = .stopped
        }
    }
}

extension InboxError {
    fileprivate init(_ error: FFI.InboxError) {
        switch error {
        case .AlreadyAnswered(let id): self = .alreadyAnswered(id: id)
        case .Invalid(let reason): self = .invalid(reason: reason)
        case .Full: self = .full
        case .NotKept(let reason): self = .notKept(reason: reason)
        }
    }
}

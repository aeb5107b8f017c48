import Foundation

/// What a worker is up against now: a state, for a screen to show whenever it comes up.
public struct WorkerStatus: Sendable, Hashable {
    /// The service does not answer.
    public var offline: Trouble?
    /// Credentials can't be had, or do not work, or the service refuses what is signed with them: the user must log in again, perhaps.
    /// Then call ``ActivityWorker/credentialsChanged()``.
    public var credentials: Trouble?
    /// Polls of these activities are refused.
    public var polls: [RefusedPolls] = []
    /// The service rejects these answers: each is kept, and tried every few hours.
    public var held: [Refusal] = []
    /// These answers, or heartbeats, are not allowed: they are kept, and tried slowly.
    public var denied: [Refusal] = []
    /// Delivery pauses, after three rejections in a row.
    public var reportsPaused = false
    /// The service throttles; calls are slow.
    public var throttled = false
    /// There is no room for one more request.
    public var full = false
    /// Requests that wait for an answer.
    public var open: UInt64 = 0
    /// Answers that wait to be delivered, held ones not counted.
    public var answered: UInt64 = 0
    /// Answers that the disk has refused so far; they are in memory only.
    public var notOnDisk: UInt64 = 0
    /// Tasks of other users or accounts, waiting for them.
    public var foreign: UInt64 = 0

    /// All is well, and nothing waits.
    public init() {}
}

/// Something does not work.
public struct Trouble: Sendable, Hashable {
    /// Since when, by the service's time.
    public let since: Date
    /// What was tried, and what came of it: one line, without secrets.
    public let reason: String
}

/// The service does not take what is said of a task.
public struct Refusal: Sendable, Hashable {
    /// The task.
    public let id: String
    /// What the service said.
    public let reason: String
}

/// The service does not take the polls of an activity.
public struct RefusedPolls: Sendable, Hashable {
    /// The activity's name.
    public let activity: String
    /// What the service said.
    public let reason: String
}

/// Why answers are left, each counted once, under the first reason that holds. Their sum is what is left; `foreign` is not part of it.
public struct LeftFor: Sendable, Hashable {
    /// The service rejects them.
    public let held: UInt64
    /// They are not on disk yet.
    public let notOnDisk: UInt64
    /// The service does not allow them.
    public let denied: UInt64
    /// Delivery pauses.
    public let paused: UInt64
    /// Credentials do not work.
    public let credentials: UInt64
    /// The service does not answer.
    public let offline: UInt64
    /// They are being sent.
    public let underWay: UInt64
    /// They wait for their next try, after one that failed.
    public let backingOff: UInt64
    /// Besides: answers of other users or accounts, which wait for a worker of theirs.
    public let foreign: UInt64
}

extension WorkerStatus {
    init(_ status: FFI.WorkerStatus) {
        offline = status.offline.map(Trouble.init)
        credentials = status.credentials.map(Trouble.init)
        polls = status.polls.map { RefusedPolls(activity: $0.activity, reason: $0.reason) }
        held = status.held.map { Refusal(id: $0.id, reason: $0.reason) }
        denied = status.denied.map { Refusal(id: $0.id, reason: $0.reason) }
        reportsPaused = status.reportsPaused
        throttled = status.throttled
        full = status.full
        open = status.open
        answered = status.answered
        notOnDisk = status.notOnDisk
        foreign = status.foreign
    }
}

extension Trouble {
    init(_ trouble: FFI.Trouble) {
        since = trouble.since
        reason = trouble.reason
    }
}

extension LeftFor {
    init(_ left: FFI.LeftFor) {
        held = left.held
        notOnDisk = left.notOnDisk
        denied = left.denied
        paused = left.paused
        credentials = left.credentials
        offline = left.offline
        underWay = left.underWay
        backingOff = left.backingOff
        foreign = left.foreign
    }
}

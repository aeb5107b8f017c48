import Foundation

/// How to stop.
public enum StopMode: Sendable, Hashable {
    /// Let polls end by themselves (up to a minute), try to deliver what is answered.
    case drain
    /// Drop polls, each of which can swallow a task; keep everything.
    case now

    var ffi: FFI.StopMode {
        switch self {
        case .drain: .drain
        case .now: .now
        }
    }
}

/// How a stop ended.
public struct StopReport: Sendable, Hashable {
    /// Answers that are kept and not delivered yet: the next start goes on with them.
    public let kept: UInt64
    /// Those of them that the service rejected.
    public let held: [String]
    /// Polls that were dropped.
    public let droppedPolls: UInt64
    /// Answers that the disk refused to the end: they are lost. Zero but on a failing disk.
    public let lost: UInt64

    init(_ report: FFI.StopReport) {
        kept = report.kept
        held = report.held
        droppedPolls = report.droppedPolls
        lost = report.lost
    }
}

/// What a drain did.
public struct DrainReport: Sendable, Hashable {
    /// Answers that the service took, or that are over, in that time.
    public let delivered: UInt64
    /// Answers still waiting, held ones included.
    public let left: UInt64
    /// The time to the next try, if one is due by itself.
    public let nextTry: Duration?

    init(_ report: FFI.DrainReport) {
        delivered = report.delivered
        left = report.left
        nextTry = report.nextTry?.duration
    }
}

/// Whether a poll may be begun that the process may not live to see answered.
public enum PollRisk: Sendable, Hashable {
    /// No: less than 70 s are too few.
    case refuse
    /// Yes. A task handed out to a poll that is cut off is lost to everyone until its HeartbeatSeconds or TimeoutSeconds are over.
    case mayLoseTask

    var ffi: FFI.PollRisk {
        switch self {
        case .refuse: .refuse
        case .mayLoseTask: .mayLoseTask
        }
    }
}

/// What one poll brought.
public enum PollResult: Sendable, Hashable {
    /// A task, now on stable storage.
    case task(id: String)
    /// No task waits.
    case nothing
    /// The time is over, the poll goes on. What it brings comes as an event.
    case underWay

    init(_ result: FFI.PollResult) {
        switch result {
        case .task(let id): self = .task(id: id)
        case .nothing: self = .nothing
        case .underWay: self = .underWay
        }
    }
}

/// What the platform knows of the network.
public enum LinkState: Sendable, Hashable {
    /// There is a network.
    case up
    /// There is none.
    case down
    /// It can't say.
    case unknown

    var ffi: FFI.LinkState {
        switch self {
        case .up: .up
        case .down: .down
        case .unknown: .unknown
        }
    }
}

/// What a worker is and does at one moment.
public struct WorkerSnapshot: Sendable, Hashable {
    /// Requests that wait for an answer.
    public let open: UInt64
    /// Answers that wait to be delivered, held ones not counted.
    public let answered: UInt64
    /// Answers that the service rejected and that are kept.
    public let held: [String]
    /// Tasks of other users or accounts, waiting for them.
    public let foreign: UInt64
    /// Answers that the disk has refused so far; they are in memory only.
    public let notOnDisk: UInt64
    /// Polls under way.
    public let polls: UInt64
    /// For how long the service has not answered, if it does not.
    public let offlineFor: Duration?
    /// How far the device's date is behind the service's; negative if ahead; none before the first answer.
    public let clockSkew: Duration?
    /// Threads that hang, by name.
    public let stuck: [String]

    init(_ snapshot: FFI.WorkerSnapshot) {
        open = snapshot.open
        answered = snapshot.answered
        held = snapshot.held
        foreign = snapshot.foreign
        notOnDisk = snapshot.notOnDisk
        polls = snapshot.polls
        offlineFor = snapshot.offlineFor?.duration
        clockSkew = snapshot.clockSkewSeconds.map { .seconds($0) }
        stuck = snapshot.stuck
    }
}

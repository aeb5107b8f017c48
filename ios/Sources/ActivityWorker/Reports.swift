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
    /// Requests that are left open: the next start goes on with them.
    public let open: UInt64
    /// Tasks that are kept, and not this worker's to go on with: nor will they be the next one's of this configuration.
    public let foreign: [ForeignTask]
    /// Files of the state folder that could not be read, by path: they stay, and are read again at the next start.
    public let unreadable: [String]
    /// Files that this worker set aside since nothing in them can be understood, where they lie now.
    public let quarantined: [String]
    /// Letters in the inbox that were not taken in: the next start tries again.
    public let letters: UInt64
    /// Polls that were dropped.
    public let droppedPolls: UInt64
    /// Answers that the disk refused to the end: they are lost. Zero but on a failing disk.
    public let lost: UInt64

    init(_ report: FFI.StopReport) {
        kept = report.kept
        held = report.held
        open = report.open
        foreign = report.foreign.map(ForeignTask.init)
        unreadable = report.unreadable
        quarantined = report.quarantined
        letters = report.letters
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
    /// Why they are.
    public let leftFor: LeftFor
    /// The time to the next try, if one is due by itself.
    public let nextTry: Duration?

    init(_ report: FFI.DrainReport) {
        delivered = report.delivered
        left = report.left
        leftFor = LeftFor(report.leftFor)
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
    /// Answers, among those that wait, that may not be delivered (IAM, KMS): kept, and tried slowly.
    public let denied: [String]
    /// Tasks of another user, account, region, endpoint or installation: they are kept, and not this worker's to go on with.
    public let foreign: [ForeignTask]
    /// Tasks of which an earlier run has to be ended before anything else: of a folder that a worker with handlers had.
    public let reclaiming: UInt64
    /// Requests and answers that beat no more: the app has not asked for them within their lease, the service takes no heartbeats for
    /// them, or their activity is no longer configured.
    public let silent: UInt64
    /// Answers that the disk has refused so far; they are in memory only.
    public let notOnDisk: UInt64
    /// Files of the state folder that can't be read now, by path: they stay, and are read again.
    public let unreadable: [String]
    /// Files that this worker set aside since nothing in them can be understood, where they lie now.
    public let quarantined: [String]
    /// Letters in the inbox that are not taken in yet: their token has no place, their task is another user's or not here, or they
    /// can't be read now.
    public let letters: UInt64
    /// Activities whose handlers can't be started, by name: of a worker with handlers.
    public let startsFail: [String]
    /// Polls under way.
    public let polls: UInt64
    /// For how long the service has not answered, if it does not.
    public let offlineFor: Duration?
    /// Delivery pauses, after three rejections in a row.
    public let reportsPaused: Bool
    /// How far the device's date is behind the service's; negative if ahead; none before the first answer.
    public let clockSkew: Duration?
    /// The file system's name, if it can't promise to keep what was written.
    public let unsafeStorage: String?
    /// Threads that hang, by name.
    public let stuck: [String]
    /// What it is up against, with reasons.
    public let status: WorkerStatus

    init(_ snapshot: FFI.WorkerSnapshot) {
        open = snapshot.open
        answered = snapshot.answered
        held = snapshot.held
        denied = snapshot.denied
        foreign = snapshot.foreign.map(ForeignTask.init)
        reclaiming = snapshot.reclaiming
        silent = snapshot.silent
        notOnDisk = snapshot.notOnDisk
        unreadable = snapshot.unreadable
        quarantined = snapshot.quarantined
        letters = snapshot.letters
        startsFail = snapshot.startsFail
        polls = snapshot.polls
        offlineFor = snapshot.offlineFor?.duration
        reportsPaused = snapshot.reportsPaused
        unsafeStorage = snapshot.unsafeStorage
        clockSkew = snapshot.clockSkewSeconds.map { .seconds($0) }
        stuck = snapshot.stuck
        status = WorkerStatus(snapshot.status)
    }
}

/// What happens in a worker. The library tells more; what an app does not act on comes as `notice`.
public enum WorkerEvent: Sendable, Hashable {
    /// A request is here, on stable storage.
    case accepted(id: String)
    /// What a token came without was said later: show its input anew.
    case completed(id: String)
    /// Its answer is on stable storage.
    case kept(id: String)
    /// It is over. The request id is what to quote to AWS support.
    case settled(id: String, settlement: Settlement, requestID: String?)
    /// The service rejects the answer: it is kept, and tried again slowly.
    case held(id: String, reason: String)
    /// An answer, or a heartbeat, is not allowed: it is kept, and tried again slowly.
    case denied(id: String, reason: String)
    /// A task's heartbeats end, so that its workflow can time out.
    case heartbeatsStopped(id: String, reason: BeatsStopped)
    /// A task belongs to another user, account, region or endpoint, or came with a copied folder: it waits for them, or until it is
    /// adopted or discarded. `origin` is whose it is, `here` whose this worker's tasks are; both are `partition/region/account`, with an
    /// endpoint of one's own behind that.
    case foreign(id: String, origin: String, here: String, hasAnswer: Bool, why: ForeignWhy)
    /// There is no room for one more request: nothing is polled. So many of the tasks are not this worker's to go on with, which go
    /// away by no work of its own; so many answers are held, since the service rejects them.
    case full(foreign: UInt64, held: UInt64)
    /// There is room again.
    case roomAgain
    /// A handler of an activity could not be started: of a worker with handlers.
    case startsFail(activity: String, reason: String)
    /// Its handlers can be started again.
    case startsAgain(activity: String)
    /// The network does not answer. The reason says what was tried, and what came of it.
    case offline(reason: String)
    /// The service answers again.
    case online
    /// Credentials can't be had, or do not work.
    case credentialsRefused(reason: String)
    /// Credentials work again.
    case credentialsAccepted
    /// The reader did not keep up: so many events are gone. List the tasks anew.
    case missed(count: UInt64)
    /// Something that someone should read, and no other event tells: what it is, the task that it is about, if it is about one, and a
    /// line for a person.
    case warning(kind: WarningKind, id: String?, text: String)
    /// Something else, in one line for a log. Someone should look after a warning.
    case notice(warning: Bool, text: String)

    /// The status is no event here: see ``ActivityWorker/status``.
    init?(_ event: FFI.WorkerEvent) {
        switch event {
        case .status: return nil
        case .accepted(let id): self = .accepted(id: id)
        case .completed(let id): self = .completed(id: id)
        case .kept(let id): self = .kept(id: id)
        case .settled(let id, let settlement, let requestID):
            self = .settled(id: id, settlement: Settlement(settlement), requestID: requestID)
        case .held(let id, let reason): self = .held(id: id, reason: reason)
        case .denied(let id, let reason): self = .denied(id: id, reason: reason)
        case .heartbeatsStopped(let id, let reason): self = .heartbeatsStopped(id: id, reason: BeatsStopped(reason))
        case .foreign(let id, let origin, let here, let hasAnswer, let why):
            self = .foreign(id: id, origin: origin, here: here, hasAnswer: hasAnswer, why: ForeignWhy(why))
        case .full(let foreign, let held): self = .full(foreign: foreign, held: held)
        case .roomAgain: self = .roomAgain
        case .startsFail(let activity, let reason): self = .startsFail(activity: activity, reason: reason)
        case .startsAgain(let activity): self = .startsAgain(activity: activity)
        case .offline(let reason): self = .offline(reason: reason)
        case .online: self = .online
        case .credentialsRefused(let reason): self = .credentialsRefused(reason: reason)
        case .credentialsAccepted: self = .credentialsAccepted
        case .missed(let count): self = .missed(count: count)
        case .warning(let kind, let id, let text): self = .warning(kind: WarningKind(kind), id: id, text: text)
        case .notice(let warning, let text): self = .notice(warning: warning, text: text)
        }
    }

    /// Whether the list of tasks may look different now.
    var changesTasks: Bool {
        switch self {
        case .accepted, .completed, .kept, .settled, .held, .foreign, .missed, .warning, .notice: true
        default: false
        }
    }
}

/// What happens in a worker. The library tells more; what an app does not act on comes as `notice`.
public enum WorkerEvent: Sendable, Hashable {
    /// A request is here, on stable storage.
    case accepted(id: String)
    /// Its answer is on stable storage.
    case kept(id: String)
    /// It is over. The request id is what to quote to AWS support.
    case settled(id: String, settlement: Settlement, requestID: String?)
    /// The service rejects the answer: it is kept, and tried again slowly.
    case held(id: String, reason: String)
    /// An answer, or a heartbeat, is not allowed: it is kept, and tried again slowly.
    case denied(id: String, reason: String)
    /// A task's heartbeats end, so that its workflow can time out.
    case heartbeatsStopped(id: String, reason: String)
    /// A task belongs to another user or account: it waits for them.
    case foreign(id: String)
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
    /// Something else, in one line for a log. Someone should look after a warning.
    case notice(warning: Bool, text: String)

    init(_ event: FFI.WorkerEvent) {
        switch event {
        case .accepted(let id): self = .accepted(id: id)
        case .kept(let id): self = .kept(id: id)
        case .settled(let id, let settlement, let requestID):
            self = .settled(id: id, settlement: Settlement(settlement), requestID: requestID)
        case .held(let id, let reason): self = .held(id: id, reason: reason)
        case .denied(let id, let reason): self = .denied(id: id, reason: reason)
        case .heartbeatsStopped(let id, let reason): self = .heartbeatsStopped(id: id, reason: reason)
        case .foreign(let id): self = .foreign(id: id)
        case .offline(let reason): self = .offline(reason: reason)
        case .online: self = .online
        case .credentialsRefused(let reason): self = .credentialsRefused(reason: reason)
        case .credentialsAccepted: self = .credentialsAccepted
        case .missed(let count): self = .missed(count: count)
        case .notice(let warning, let text): self = .notice(warning: warning, text: text)
        }
    }

    /// Whether the list of tasks may look different now.
    var changesTasks: Bool {
        switch self {
        case .accepted, .kept, .settled, .held, .foreign, .missed, .notice: true
        default: false
        }
    }
}

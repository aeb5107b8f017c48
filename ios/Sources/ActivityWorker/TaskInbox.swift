import Foundation

/// Leaves tokens and answers for the worker of a state folder: for a notification extension or a widget, which have no worker of
/// their own. The worker takes them in when it starts, and when it is woken.
///
/// What a function leaves is on stable storage when it returns; what it throws is an ``InboxError``.
public struct TaskInbox: Sendable {
    private let inbox: FFI.Inbox

    /// The inbox of the worker with this state folder.
    public init(stateDirectory: URL) throws {
        try self.init(.stateDir(path: stateDirectory.path))
    }

    /// The inbox apart from the state folder: that worker's ``WorkerConfig/inboxDirectory``.
    public init(inboxDirectory: URL) throws {
        try self.init(.apart(path: inboxDirectory.path))
    }

    private init(_ place: FFI.InboxPlace) throws {
        do {
            inbox = try FFI.Inbox(place: place)
        } catch {
            throw translated(error)
        }
    }

    /// Leaves a pushed task, and gives its id. State the scope where the device has several users.
    @discardableResult
    public func leave(_ task: PushedTask) async throws -> String {
        try await BlockingCalls.short { [inbox] in try inbox.leaveTask(task: task.ffi) }
    }

    /// Leaves an output, JSON, as the answer to a task.
    public func leaveSuccess(_ id: String, output: String) async throws {
        try await BlockingCalls.short { [inbox] in try inbox.leaveSuccess(id: id, output: output) }
    }

    /// Leaves a failure as the answer to a task.
    public func leaveFailure(_ id: String, error: String, cause: String = "") async throws {
        try await BlockingCalls.short { [inbox] in try inbox.leaveFailure(id: id, error: error, cause: cause) }
    }
}

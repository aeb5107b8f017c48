internal import ActivityWorkerBindings

/// The generated types, by short names: apps see this module's own ones alone.
enum FFI {
    typealias Worker = ActivityWorkerBindings.ActivityWorker
    typealias InboxPlace = ActivityWorkerBindings.InboxPlace
    typealias Inbox = ActivityWorkerBindings.TaskInbox
    typealias WorkerConfig = ActivityWorkerBindings.WorkerConfig
    typealias ActivityConfig = ActivityWorkerBindings.ActivityConfig
    typealias ActivityTask = ActivityWorkerBindings.ActivityTask
    typealias TaskState = ActivityWorkerBindings.TaskState
    typealias PushedTask = ActivityWorkerBindings.PushedTask
    typealias Adopted = ActivityWorkerBindings.Adopted
    typealias Settlement = ActivityWorkerBindings.Settlement
    typealias StopMode = ActivityWorkerBindings.StopMode
    typealias StopReport = ActivityWorkerBindings.StopReport
    typealias DrainReport = ActivityWorkerBindings.DrainReport
    typealias PollRisk = ActivityWorkerBindings.PollRisk
    typealias PollResult = ActivityWorkerBindings.PollResult
    typealias LinkState = ActivityWorkerBindings.LinkState
    typealias WorkerSnapshot = ActivityWorkerBindings.WorkerSnapshot
    typealias WorkerEvent = ActivityWorkerBindings.WorkerEvent
    typealias EventListener = ActivityWorkerBindings.EventListener
    typealias Credentials = ActivityWorkerBindings.AwsCredentials
    typealias CredentialsProvider = ActivityWorkerBindings.AwsCredentialsProvider
    typealias LogLevel = ActivityWorkerBindings.LogLevel
    typealias LogSink = ActivityWorkerBindings.LogSink
    typealias StartError = ActivityWorkerBindings.StartError
    typealias AnswerError = ActivityWorkerBindings.AnswerError
    typealias AdoptError = ActivityWorkerBindings.AdoptError
    typealias PollError = ActivityWorkerBindings.PollError
    typealias InboxError = ActivityWorkerBindings.InboxError
    typealias WorkerError = ActivityWorkerBindings.WorkerError
    typealias CallbackError = ActivityWorkerBindings.CallbackError

    static func taskID(token: String) throws -> String {
        try taskId(token: token)
    }

    static func setLogSink(_ sink: LogSink?, level: LogLevel) throws {
        try ActivityWorkerBindings.setLogSink(sink: sink, level: level)
    }
}

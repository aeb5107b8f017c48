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
    typealias TaskAnswer = ActivityWorkerBindings.TaskAnswer
    typealias Adopted = ActivityWorkerBindings.Adopted
    typealias Settlement = ActivityWorkerBindings.Settlement
    typealias ForeignTask = ActivityWorkerBindings.ForeignTask
    typealias ForeignWhy = ActivityWorkerBindings.ForeignWhy
    typealias StopMode = ActivityWorkerBindings.StopMode
    typealias StopReport = ActivityWorkerBindings.StopReport
    typealias DrainReport = ActivityWorkerBindings.DrainReport
    typealias PollRisk = ActivityWorkerBindings.PollRisk
    typealias PollResult = ActivityWorkerBindings.PollResult
    typealias LinkState = ActivityWorkerBindings.LinkState
    typealias WaitCancel = ActivityWorkerBindings.WaitCancel
    typealias WorkerStatus = ActivityWorkerBindings.WorkerStatus
    typealias Trouble = ActivityWorkerBindings.Trouble
    typealias Refusal = ActivityWorkerBindings.Refusal
    typealias RefusedPolls = ActivityWorkerBindings.RefusedPolls
    typealias LeftFor = ActivityWorkerBindings.LeftFor
    typealias WorkerSnapshot = ActivityWorkerBindings.WorkerSnapshot
    typealias WorkerEvent = ActivityWorkerBindings.WorkerEvent
    typealias BeatsStopped = ActivityWorkerBindings.BeatsStopped
    typealias WarningKind = ActivityWorkerBindings.WarningKind
    typealias EventListener = ActivityWorkerBindings.EventListener
    typealias Credentials = ActivityWorkerBindings.AwsCredentials
    typealias CredentialsProvider = ActivityWorkerBindings.AwsCredentialsProvider
    typealias LogLevel = ActivityWorkerBindings.LogLevel
    typealias LogSink = ActivityWorkerBindings.LogSink
    typealias StartError = ActivityWorkerBindings.StartError
    typealias AnswerError = ActivityWorkerBindings.AnswerError
    typealias AdoptError = ActivityWorkerBindings.AdoptError
    typealias ForeignError = ActivityWorkerBindings.ForeignError
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

import Foundation

/// A worker's configuration. What is left out has a default that fits a phone.
public struct WorkerConfig: Sendable, Hashable {
    /// A folder of the app's own, on the device's own storage. Give it the file protection *until first user authentication* and
    /// exclude it from backups.
    ///
    /// Not in an app group's container: the worker locks a file in the folder, and iOS ends a process that is suspended with a lock
    /// in a shared container. Extensions leave letters in the ``inboxDirectory``.
    public var stateDirectory: URL
    /// A folder apart from the state folder in which extensions leave letters (``TaskInbox``): in the container of an app group, with
    /// the same file protection. Nothing in it is ever locked.
    public var inboxDirectory: URL?
    /// The AWS region, for instance `eu-west-1`.
    public var region: String
    /// The AWS account, 12 digits: whose tokens are adopted. Needed where there is no activity.
    public var account: String?
    /// Activities to take tasks from; none where all requests are pushed.
    public var activities: [ActivityConfig]
    /// The user who is logged in. Requests of other users wait until a worker for them is started.
    public var scope: String
    /// What tells this installation from a copy of its state folder: an id that the app makes up at its first start and keeps
    /// outside all backups.
    public var installationID: String?
    /// The name shown in the execution history.
    public var workerName: String?
    /// Another endpoint than the region's, for tests and private networks.
    public var endpointURL: URL?
    /// A PEM file of certificate authorities to trust besides the public ones.
    public var caFile: URL?
    /// Trusts the authorities of ``caFile`` alone, and no public ones: a pin. Without a file the worker does not start.
    public var caOnly = false
    /// The most requests held at once, answered ones included: 1,000 if nothing is said, 100,000 at most.
    public var maxTasks: UInt32?
    /// The most bytes in the state folder: 67,108,864 if nothing is said. An open request takes its input twice, ``adoptedMaxOutput``
    /// and some 12 KB; nothing is taken before there is one.
    public var maxBytes: UInt64?
    /// The most bytes of an adopted task's output: so many are set aside on disk for each. 16,384 if nothing is said, 262,144 at most.
    public var adoptedMaxOutput: UInt32?
    /// The time between heartbeats of adopted tasks; none where the workflow has no HeartbeatSeconds.
    public var adoptedHeartbeat: Duration?
    /// How long a request's heartbeats go on after the app last listed its requests; a day by default.
    public var lease: Duration?
    /// The first call after the network came back lies at a random point of this window: 30 s if nothing is said, zero for an app in
    /// the foreground.
    public var comebackWindow: Duration?
    /// The longest pause between two tries: 120 s if nothing is said.
    public var maxBackoff: Duration?

    /// What every worker needs: a folder, a region, and an account or an activity.
    public init(
        stateDirectory: URL,
        region: String,
        account: String? = nil,
        activities: [ActivityConfig] = [],
        scope: String = ""
    ) {
        self.stateDirectory = stateDirectory
        self.region = region
        self.account = account
        self.activities = activities
        self.scope = scope
    }

    var ffi: FFI.WorkerConfig {
        FFI.WorkerConfig(
            stateDir: stateDirectory.path,
            inboxDir: inboxDirectory?.path,
            region: region,
            account: account,
            activities: activities.map(\.ffi),
            scope: scope,
            installationId: installationID,
            workerName: workerName,
            endpointUrl: endpointURL?.absoluteString,
            caFile: caFile?.path,
            caOnly: caOnly,
            maxTasks: maxTasks,
            maxBytes: maxBytes,
            adoptedMaxOutput: adoptedMaxOutput,
            adoptedHeartbeat: adoptedHeartbeat?.interval,
            lease: lease?.interval,
            comebackWindow: comebackWindow?.interval,
            maxBackoff: maxBackoff?.interval
        )
    }
}

/// An activity to take tasks from.
public struct ActivityConfig: Sendable, Hashable {
    /// Its ARN.
    public var arn: String
    /// Polled by `pollOnce` alone, rather than all the time. An app that may be suspended says true.
    public var onRequest: Bool
    /// The most tasks of it that wait for an answer at once: 32 if nothing is said.
    public var concurrency: UInt32?
    /// The time between heartbeats: at most a third of the state's HeartbeatSeconds. 30 s if nothing is said.
    public var heartbeatInterval: Duration?
    /// The most bytes of an output: so many are set aside on disk for each task. 16,384 if nothing is said, 262,144 at most.
    public var maxOutput: UInt32?

    /// An activity that is polled on request, with the library's defaults.
    public init(
        arn: String,
        onRequest: Bool = true,
        concurrency: UInt32? = nil,
        heartbeatInterval: Duration? = nil,
        maxOutput: UInt32? = nil
    ) {
        self.arn = arn
        self.onRequest = onRequest
        self.concurrency = concurrency
        self.heartbeatInterval = heartbeatInterval
        self.maxOutput = maxOutput
    }

    var ffi: FFI.ActivityConfig {
        FFI.ActivityConfig(
            arn: arn,
            onRequest: onRequest,
            concurrency: concurrency,
            heartbeatInterval: heartbeatInterval?.interval,
            maxOutput: maxOutput
        )
    }
}

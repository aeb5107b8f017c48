import ActivityWorker
import Foundation
import Testing

/// How long a test waits for what must come.
let soon = Duration.seconds(30)

/// An emulator with a state machine that asks by an activity and one that asks by push messages, and an app's state folder.
final class Phone: Sendable {
    let emulator: Emulator
    let folder: URL
    let arn: String
    private let machine: String
    private let pushing: String

    /// `extra` are more fields of the task state, as JSON.
    init(_ extra: String = "") async throws {
        emulator = try Emulator()
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("phone-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        arn = try #require(try await emulator.call("CreateActivity", ["name": "approve"]).activityArn)
        let polled = #""Resource":"\#(arn)""#
        let message = #"{"Message":{"token.$":"$$.Task.Token","input.$":"$"}}"#
        let pushed = #""Resource":"arn:aws:states:::sns:publish.waitForTaskToken","Parameters":\#(message)"#
        machine = try await Self.machine("approvals", polled + extra, emulator)
        pushing = try await Self.machine("pushed-approvals", pushed + extra, emulator)
    }

    private static func machine(_ name: String, _ task: String, _ emulator: Emulator) async throws -> String {
        let state = #"{"Type":"Task","Next":"Done",\#(task)}"#
        let states = #"{"Ask":\#(state),"Done":{"Type":"Succeed"}}"#
        let parameters = [
            "name": name,
            "roleArn": "arn:aws:iam::123456789012:role/approvals",
            "definition": #"{"StartAt":"Ask","States":\#(states)}"#,
        ]
        return try #require(try await emulator.call("CreateStateMachine", parameters).stateMachineArn)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    var stateDirectory: URL { folder.appendingPathComponent("state") }

    /// The configuration of an app that lives by pushes.
    var app: WorkerConfig {
        var config = WorkerConfig(stateDirectory: stateDirectory, region: "eu-west-1", account: "123456789012")
        config.endpointURL = emulator.url
        config.workerName = "phone"
        config.comebackWindow = .zero
        config.maxBackoff = .milliseconds(500)
        return config
    }

    /// An app that polls all the time.
    var poller: WorkerConfig {
        var config = app
        config.activities = [activity(onRequest: false)]
        return config
    }

    func activity(onRequest: Bool) -> ActivityConfig {
        ActivityConfig(arn: arn, onRequest: onRequest, concurrency: 8, heartbeatInterval: .seconds(1))
    }

    func start(_ config: WorkerConfig) async throws -> (ActivityWorker, Ear) {
        let worker = try await ActivityWorker.start(config, credentials: Login())
        return (worker, Ear(worker))
    }

    /// Starts an execution that asks by the activity.
    func request(_ input: String = "{}") async throws -> String {
        try await execution(of: machine, input)
    }

    /// Starts an execution that sends its token by push message, and takes the message.
    func push(_ input: String = "{}") async throws -> (execution: String, task: PushedTask) {
        let execution = try await execution(of: pushing, input)
        let token = try await first("the push message") {
            try await self.emulator.pushes().first { $0.executionArn == execution }?.token
        }
        return (execution, PushedTask(token: token, input: input))
    }

    private func execution(of machine: String, _ input: String) async throws -> String {
        let answer = try await emulator.call("StartExecution", ["stateMachineArn": machine, "input": input])
        return try #require(answer.executionArn)
    }

    /// Waits for an execution's end.
    func end(of execution: String) async throws -> Emulator.Answer {
        try await first("the execution's end") {
            let answer = try await self.emulator.call("DescribeExecution", ["executionArn": execution])
            return answer.status == "RUNNING" ? nil : answer
        }
    }

    /// Waits for an execution's output.
    func output(of execution: String) async throws -> String? {
        let end = try await end(of: execution)
        #expect(end.status == "SUCCEEDED")
        return end.output
    }

    /// Waits until so many polls of workers are under way.
    func polled() async throws {
        try await eventually("a poll") { try await self.emulator.state().activities.first?.polls == 1 }
    }
}

/// The emulator's usual credentials.
struct Login: AWSCredentialsProvider {
    static let good = AWSCredentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "emulator-test-secret-access-key")

    func credentials() async throws -> AWSCredentials {
        Self.good
    }
}

/// Reads a worker's events from its start on, and remembers those that no test has asked for.
actor Ear {
    private var heard: [WorkerEvent] = []
    /// The events that came, also those that were asked for.
    private var log: [WorkerEvent] = []
    /// Whether the stream has ended.
    private(set) var isOver = false

    init(_ worker: ActivityWorker) {
        let events = worker.events
        Task { [weak self] in
            for await event in events {
                await self?.hear(event)
            }
            await self?.end()
        }
    }

    private func hear(_ event: WorkerEvent) {
        heard.append(event)
        log.append(event)
    }

    private func end() {
        isOver = true
    }

    /// Waits for an event that `wanted` makes something of, and takes it.
    func event<T: Sendable>(_ wanted: @Sendable (WorkerEvent) -> T?) async throws -> T {
        let deadline = ContinuousClock.now + soon
        while ContinuousClock.now < deadline {
            for (index, event) in heard.enumerated() {
                if let found = wanted(event) {
                    heard.remove(at: index)
                    return found
                }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Problem("not told within \(soon); told: \(log)")
    }

    /// Waits for the next request.
    func accepted() async throws -> String {
        try await event { if case .accepted(let id) = $0 { id } else { nil } }
    }

    /// Waits for the next task that is over.
    func settled() async throws -> Settled {
        try await event { if case .settled(let id, let how, _) = $0 { Settled(id: id, how: how) } else { nil } }
    }
}

struct Settled: Equatable, Sendable {
    let id: String
    let how: Settlement
}

/// Waits until something is there.
func first<T>(_ what: String, _ find: () async throws -> T?) async throws -> T {
    let deadline = ContinuousClock.now + soon
    while ContinuousClock.now < deadline {
        if let found = try await find() {
            return found
        }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw Problem("not within \(soon): \(what)")
}

/// Waits until something is so.
func eventually(_ what: String, _ isSo: () async throws -> Bool) async throws {
    _ = try await first(what) { try await isSo() ? true : nil }
}

/// How long something took.
func time<T>(_ body: () async throws -> T) async throws -> (T, Duration) {
    let begin = ContinuousClock.now
    let value = try await body()
    return (value, ContinuousClock.now - begin)
}

/// The error of this type that a call throws.
func thrown<E: Error, T>(_ type: E.Type, _ body: () async throws -> T) async throws -> E {
    do {
        let value = try await body()
        throw Problem("no error, but \(value)")
    } catch let error as E {
        return error
    }
}

import ActivityWorker
import Foundation
import Testing

/// An app's call-backs that misbehave, and a set-up that is wrong.
@Suite(.timeLimit(.minutes(3)))
struct FaultTests {
    @Test(arguments: Moody.Mood.allCases)
    func c13_a_credentials_provider_that_misbehaves_loses_nothing(mood: Moody.Mood) async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push()
        let provider = Moody(mood)
        if mood == .expired {
            // They are used until the service refuses them: this device's clock may be the one that is wrong.
            try await phone.emulator.setAccessKey("ANOTHER", secret: "another")
        }
        let worker = try await ActivityWorker.start(phone.app, credentials: provider)
        let ear = Ear(worker)
        let id = try await worker.adopt(task).id
        try await worker.succeed(id, output: "1")
        if mood != .hangs {
            let reason = try await ear.event { if case .credentialsRefused(let reason) = $0 { reason } else { nil } }
            #expect(mood != .throwsAReason || reason.contains("nobody is logged in"), "\(reason)")
            #expect(mood != .throwsAnything || reason.contains("Secretive"), "\(reason)")
            #expect(!reason.contains("sEcReT"), "what it threw stays with the app: \(reason)")
        }
        let (tasks, took) = try await time { try await worker.pendingTasks() }
        #expect(tasks.count == 1 && took < .seconds(5), "other calls are answered")
        try await phone.emulator.setAccessKey(Login.good.accessKeyID, secret: Login.good.secretAccessKey)
        provider.mend()
        worker.credentialsChanged()
        #expect(try await phone.output(of: execution) == "1")
        try await worker.stop(.now)
    }

    @Test func c13_a_provider_may_need_every_thread_that_swift_has() async throws {
        // Twenty workers at once, each waiting for its provider: were one of Swift's own threads held up, none would go on.
        let phone = try await Phone()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for n in 0..<20 {
                let (_, task) = try await phone.push()
                var config = phone.app
                config.stateDirectory = phone.folder.appendingPathComponent("\(n)")
                group.addTask { [config] in
                    let worker = try await ActivityWorker.start(config) {
                        try await Task.sleep(for: .milliseconds(300))
                        return await Task.detached { Login.good }.value
                    }
                    let id = try await worker.adopt(task).id
                    try await worker.succeed(id, output: "1")
                    #expect(try await worker.drain(within: soon).left == 0)
                    try await worker.stop(.now)
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func c14_a_reader_that_hangs_or_breaks_off_holds_up_nothing() async throws {
        let phone = try await Phone()
        let (worker, ear) = try await phone.start(phone.poller)
        let hangs = Task { [events = worker.events, tasks = worker.tasks] in
            for await _ in events { try await Task.sleep(for: .seconds(600)) }
            for await _ in tasks {}
        }
        let breaksOff = Task { [tasks = worker.tasks] in
            for await _ in tasks { throw Problem("no") }
        }
        let neverReads = (worker.events, worker.tasks)
        let execution = try await phone.request()
        let id = try await ear.accepted()
        try await worker.succeed(id, output: "1")
        #expect(try await phone.output(of: execution) == "1")
        let (_, took) = try await time { try await worker.stop(.now) }
        #expect(took < .seconds(10))
        await #expect(throws: Problem.self) { try await breaksOff.value }
        hangs.cancel()
        withExtendedLifetime(neverReads) {}
    }

    @Test func c14_each_reader_gets_all_and_a_list_of_the_tasks_whenever_they_changed() async throws {
        let phone = try await Phone()
        let worker = try await ActivityWorker.start(phone.poller, credentials: Login())
        let (one, other) = (Ear(worker), Ear(worker))
        var lists = worker.tasks.makeAsyncIterator()
        #expect(await lists.next() == [])
        let execution = try await phone.request()
        let id = try await one.accepted()
        #expect(try await other.accepted() == id)
        while let tasks = await lists.next(), tasks.first?.state != .open {}
        try await worker.succeed(id, output: "1")
        while let tasks = await lists.next(), !tasks.isEmpty {}
        #expect(try await phone.output(of: execution) == "1")
        #expect(try await one.settled() == Settled(id: id, how: .delivered))
        #expect(try await other.settled() == Settled(id: id, how: .delivered))
        try await worker.stop(.now)
        while await lists.next() != nil {}
        try await eventually("the end of the events") { await other.isOver }
    }

    @Test func c15_a_stop_during_a_poll_says_what_it_dropped_or_lets_it_end() async throws {
        let phone = try await Phone()
        var (worker, _) = try await phone.start(phone.poller)
        try await phone.polled()
        let (report, took) = try await time { [worker] in try await worker.stop(.now) }
        #expect(report.droppedPolls == 1 && took < .seconds(5))
        #expect(try await worker.pendingTasks() == [], "after the end calls are answered too")
        let late = try await thrown(PollError.self) { [worker] in
            try await worker.pollOnce(phone.arn, within: .seconds(90))
        }
        #expect(late == .stopped)

        (worker, _) = try await phone.start(phone.poller)
        try await eventually("a second poll") { try await phone.emulator.state().activities.first?.polls == 1 }
        #expect(try await worker.stop(.drain).droppedPolls == 0)
    }

    @Test func c19_a_wrong_setup_is_an_error_with_a_code_and_one_line() async throws {
        let phone = try await Phone()
        let (worker, _) = try await phone.start(phone.poller)
        func refused(_ change: (inout WorkerConfig) -> Void) async throws -> StartError {
            var config = phone.poller
            change(&config)
            let error = try await thrown(StartError.self) { [config] in
                try await ActivityWorker.start(config, credentials: Login())
            }
            #expect(!error.description.isEmpty && !error.description.contains("\n"), "\(error)")
            #expect(error.localizedDescription == error.description)
            return error
        }
        let second = try await refused { _ in }
        guard case .inUse = second else { throw Problem("\(second)") }
        try await worker.stop(.now)
        let wrong: [(inout WorkerConfig) -> Void] = [
            { $0.region = "nowhere at all" },
            { $0.endpointURL = URL(string: "file:///not/a/service") },
            { $0.workerName = "a b" },
            { ($0.activities, $0.account) = ([], nil) },
            { $0.account = "999999999999" },
            { $0.maxBytes = 1 },
            { $0.caFile = URL(fileURLWithPath: "/does/not/exist.pem") },
            { $0.caOnly = true },
            { $0.activities = [ActivityConfig(arn: "arn:aws:s3:::bucket")] },
        ]
        for change in wrong {
            let error = try await refused(change)
            guard case .config = error else { throw Problem("\(error)") }
        }
        let file = phone.folder.appendingPathComponent("a file")
        try Data().write(to: file)
        let error = try await refused { $0.stateDirectory = file }
        guard case .stateDirectory = error else { throw Problem("\(error)") }
    }

    @Test func c20_the_log_comes_and_holds_no_secrets() async throws {
        let lines = Lines()
        try WorkerLog.send(from: .debug) { _, line in lines.add(line) }
        defer { try? WorkerLog.stop() }
        let phone = try await Phone()
        let (execution, task) = try await phone.push(#""sEcReT-input""#)
        let (worker, _) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        try await phone.emulator.goDown()
        try await worker.succeed(id, output: #""sEcReT-output""#)
        _ = try await worker.drain(within: .seconds(1))
        try await phone.emulator.comeBack()
        _ = try await phone.output(of: execution)
        try await worker.stop(.now)
        try await eventually("the log") { lines.all.contains { $0.contains(id) } }
        for line in lines.all {
            for secret in ["sEcReT", task.token, Login.good.secretAccessKey] {
                #expect(!line.contains(secret), "\(line)")
            }
        }
    }

    @Test func c20_printing_shows_no_secrets() throws {
        let credentials = AWSCredentials(accessKeyID: "AKID", secretAccessKey: "sEcReT", sessionToken: "sEcReT")
        let task = PushedTask(token: "sEcReT", input: "sEcReT")
        for value in [credentials, task] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            let texts = [dumped, String(describing: value), String(reflecting: value), "\([value])"]
            for text in texts {
                #expect(!text.isEmpty && !text.contains("sEcReT"), "\(text)")
            }
        }
    }
}

/// A provider that misbehaves until it is mended.
final class Moody: AWSCredentialsProvider, @unchecked Sendable {
    enum Mood: CaseIterable, Sendable {
        case throwsAReason, throwsAnything, hangs, expired
    }

    private let lock = NSLock()
    private var mood: Mood?

    init(_ mood: Mood) {
        self.mood = mood
    }

    func mend() {
        lock.withLock { mood = nil }
    }

    private var now: Mood? { lock.withLock { mood } }

    struct Secretive: Error {
        let secret = "sEcReT"
    }

    func credentials() async throws -> AWSCredentials {
        switch now {
        case .throwsAReason: throw CredentialsUnavailable(reason: "nobody is logged in")
        case .throwsAnything: throw Secretive()
        case .hangs:
            while now == .hangs { try? await Task.sleep(for: .milliseconds(20)) }
            throw CredentialsUnavailable(reason: "it took too long")
        case .expired:
            var old = Login.good
            old.expiresAt = Date(timeIntervalSinceNow: -3600)
            return old
        case nil: return Login.good
        }
    }
}

/// A log that a test can read.
final class Lines: @unchecked Sendable {
    private let lock = NSLock()
    private var lines: [String] = []

    func add(_ line: String) {
        lock.withLock { lines.append(line) }
    }

    var all: [String] { lock.withLock { lines } }
}

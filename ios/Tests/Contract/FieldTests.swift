import ActivityWorker
import Foundation
import Testing

/// What apps ran into.
@Suite(.timeLimit(.minutes(3)))
struct FieldTests {
    private func task(_ number: Int, input: String? = nil, scope: String? = nil) -> PushedTask {
        PushedTask(token: "AAAAKgAAAAIAAAAA-\(number)", input: input, scope: scope)
    }

    @Test func c22_field_22_an_answered_request_shows_what_was_asked_and_answered() async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push(#"{"order":7}"#)
        var (worker, ear) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        #expect(try await worker.answer(to: id) == nil)
        try await phone.emulator.goDown()
        try await worker.fail(id, error: "Refused", cause: "too dear")
        try await worker.stop(.now)
        (worker, ear) = try await phone.start(phone.app)
        #expect(try await worker.input(of: id) == #"{"order":7}"#)
        let answer = try #require(try await worker.answer(to: id))
        #expect(answer == .failure(error: "Refused", cause: "too dear"))
        #expect(!"\(answer) \([answer])".contains("dear"))
        try await phone.emulator.comeBack()
        worker.wake()
        #expect(try await phone.end(of: execution).error == "Refused")
        _ = try await ear.settled()
        await #expect(throws: AnswerError.notOpen(id: id)) { [worker] in try await worker.input(of: id) }
        await #expect(throws: AnswerError.notOpen(id: id)) { [worker] in try await worker.answer(to: id) }
        try await worker.stop(.now)
    }

    @Test func c23_field_23_a_later_push_completes_a_request() async throws {
        let phone = try await Phone()
        let (worker, ear) = try await phone.start(phone.app)
        var lists = worker.tasks.makeAsyncIterator()
        let id = try await worker.adopt(task(1)).id
        while let list = await lists.next(), list.isEmpty {}
        #expect(try await worker.pendingTasks().map(\.hasInput) == [false])
        #expect(try await worker.adopt(task(1, input: "[1]")) == .completed(id: id))
        let told: String = try await ear.event { if case .completed(let id) = $0 { id } else { nil } }
        #expect(told == id)
        while let list = await lists.next(), list.map(\.hasInput) != [true] {}
        for late in [nil, "[2]"] {
            #expect(try await worker.adopt(task(1, input: late)) == .known(id: id))
        }
        #expect(try await worker.input(of: id) == "[1]")
        let inbox = try TaskInbox(stateDirectory: phone.stateDirectory)
        let other = try await inbox.leave(task(2))
        try await inbox.leave(task(2, input: "[2]"))
        worker.wake()
        try await eventually("the letters") {
            try await worker.pendingTasks().contains { $0.id == other && $0.hasInput }
        }
        #expect(try await worker.input(of: other) == "[2]")
        try await worker.stop(.now)
    }

    /// The next status of which something is so.
    private func status(_ worker: ActivityWorker, _ wanted: (WorkerStatus) -> Bool) async throws -> WorkerStatus {
        for await status in worker.status where wanted(status) {
            return status
        }
        throw Problem("the worker has ended")
    }

    @Test func c24_field_24_a_screen_that_comes_up_later_learns_the_state() async throws {
        let phone = try await Phone()
        let (worker, _) = try await phone.start(phone.app)
        #expect(worker.currentStatus == WorkerStatus())
        let (execution, task) = try await phone.push()
        let id = try await worker.adopt(task).id
        _ = try await status(worker) { $0.open == 1 }
        try await phone.emulator.goDown()
        try await worker.succeed(id, output: "1")
        let offline = try await status(worker) { $0.offline != nil && $0.answered == 1 }
        #expect(offline.offline?.reason.isEmpty == false)
        #expect(worker.currentStatus.offline != nil, "and whoever asks later")
        let report = try await worker.drain(within: .milliseconds(100))
        #expect(report.left == 1 && report.leftFor.offline == 1)

        try await phone.emulator.setAccessKey("AKIDOTHER", secret: "another key")
        try await phone.emulator.comeBack()
        let login = try await status(worker) { $0.credentials != nil }
        #expect(login.credentials?.reason.isEmpty == false)
        #expect(try await worker.drain(within: .milliseconds(100)).leftFor.credentials == 1)
        #expect(try await worker.snapshot().status.credentials != nil)
        try await phone.emulator.setAccessKey("AKIDEXAMPLE", secret: "emulator-test-secret-access-key")
        worker.credentialsChanged()
        _ = try await status(worker) { $0 == WorkerStatus() }
        #expect(try await phone.output(of: execution) == "1")
        let reader = Task { [status = worker.status] in for await _ in status {} }
        try await worker.stop(.now)
        await reader.value
    }

    @Test func c25_field_25_a_cancelled_task_ends_its_wait() async throws {
        let phone = try await Phone()
        var config = phone.app
        config.activities = [phone.activity(onRequest: true)]
        let (worker, _) = try await phone.start(config)
        func cancelled(after pause: Duration, _ wait: @escaping @Sendable () async throws -> Void) async throws {
            let (_, took) = try await time {
                let waiting = Task { try await wait() }
                try await Task.sleep(for: pause)
                waiting.cancel()
                await #expect(throws: CancellationError.self) { try await waiting.value }
            }
            #expect(took < .seconds(5))
        }
        for pause in [Duration.zero, .milliseconds(300)] {
            try await cancelled(after: pause) { _ = try await worker.pollOnce(phone.arn, within: .seconds(600)) }
        }
        try await phone.emulator.goDown()
        let id = try await worker.adopt(task(1)).id
        try await worker.succeed(id, output: "1")
        for pause in [Duration.zero, .milliseconds(300)] {
            try await cancelled(after: pause) { _ = try await worker.drain(within: .seconds(600)) }
        }
        #expect(try await worker.drain(within: .milliseconds(10)).left == 1)
        try await worker.stop(.now)
    }

    @Test func c25_field_25_every_error_says_what_to_do() async throws {
        let phone = try await Phone()
        let (worker, _) = try await phone.start(phone.app)
        let inbox = try TaskInbox(stateDirectory: phone.stateDirectory)
        let id = try await worker.adopt(task(1)).id
        try await phone.emulator.goDown()
        try await worker.succeed(id, output: "1")
        var errors: [any Error] = [
            try await thrown(AnswerError.self) { try await worker.succeed(id, output: "2") },
            try await thrown(AnswerError.self) { try await worker.succeed("none", output: "2") },
            try await thrown(AnswerError.self) { try await worker.succeed("no\0ne", output: "2") },
            try await thrown(AdoptError.self) { try await worker.adopt(PushedTask(token: " ")) },
            try await thrown(AdoptError.self) { try await worker.adopt(task(2, input: "no JSON")) },
            try await thrown(PollError.self) { _ = try await worker.pollOnce(phone.arn, within: .seconds(1)) },
            try await thrown(PollError.self) { _ = try await worker.pollOnce(phone.arn, within: .seconds(90)) },
            try await thrown(InboxError.self) { try await inbox.leaveSuccess("none", output: "2") },
            try await thrown(StartError.self) { try await phone.start(phone.app) },
        ]
        try await worker.stop(.now)
        errors.append(try await thrown(WorkerError.self) { try await worker.snapshot() })
        errors.append(try await thrown(AnswerError.self) { try await worker.succeed(id, output: "2") })
        for error in errors {
            for text in ["\(error)", error.localizedDescription] {
                #expect(text.count > 15 && !text.contains("\n"), "\(text)")
            }
        }
    }

    @Test func c26_field_26_what_can_be_no_request_is_refused() async throws {
        let phone = try await Phone()
        for account in ["1234-5678-9012", "", "123456789012 "] {
            var config = phone.app
            config.account = account
            let error = try await thrown(StartError.self) { [config] in try await phone.start(config) }
            #expect("\(error)".contains("12 digits"))
        }
        var config = phone.app
        config.scope = "ann"
        let (worker, _) = try await phone.start(config)
        for token in ["", " ", "AAAA\n", "\"AAAA\"", "Ü", "AA\0AA", String(repeating: "A", count: 2049)] {
            let error = try await thrown(AdoptError.self) { try await worker.adopt(PushedTask(token: token)) }
            guard case .invalid = error else { throw Problem("\(token): \(error)") }
            #expect(PushedTask(token: token).id == nil)
        }
        let inbox = try TaskInbox(stateDirectory: phone.stateDirectory)
        for input in ["", "no JSON", "{"] {
            let error = try await thrown(AdoptError.self) { try await worker.adopt(task(1, input: input)) }
            guard case .badInput = error else { throw Problem("\(input): \(error)") }
            let left = try await thrown(InboxError.self) { try await inbox.leave(task(1, input: input)) }
            guard case .invalid = left else { throw Problem("\(input): \(left)") }
        }
        let bobs = task(1, scope: "bob")
        #expect(try await worker.adopt(bobs) == .foreign(id: try #require(bobs.id)))
        #expect(try await worker.pendingTasks().isEmpty)
        try await worker.stop(.now)
    }

    @Test func c27_field_27_five_hundred_requests_fit_by_default() async throws {
        let phone = try await Phone()
        try await phone.emulator.goDown()
        let (worker, _) = try await phone.start(phone.app)
        func onDisk() throws -> Int {
            let files = FileManager.default.enumerator(at: phone.stateDirectory, includingPropertiesForKeys: [.fileSizeKey])
            let sizes = try files?.map { try ($0 as? URL)?.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0 }
            return sizes?.reduce(0, +) ?? 0
        }
        #expect(try onDisk() < 4 << 20)
        let input = "\"\(String(repeating: "x", count: 2048))\""
        for number in 0..<500 {
            try await worker.adopt(task(number, input: input))
        }
        #expect(try onDisk() <= 32 << 20)
        let tasks = try await worker.pendingTasks()
        #expect(tasks.count == 500)
        let long = "\"\(String(repeating: "y", count: 20_000))\""
        let error = try await thrown(AnswerError.self) { try await worker.succeed(tasks[0].id, output: long) }
        #expect("\(error)".contains("16384"))
        try await worker.stop(.now)
    }
}

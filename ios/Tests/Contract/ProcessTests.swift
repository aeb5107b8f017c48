import ActivityWorker
import Foundation
import Testing

/// Processes that die, processes that have no worker, many requests, many starts.
@Suite(.timeLimit(.minutes(3)))
struct ProcessTests {
    @Test func c04_an_answer_of_a_killed_process_is_delivered_by_the_next_one() async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push()
        try await phone.emulator.goDown()
        let child = try Child("answer", phone, ["ENDPOINT": phone.emulator.url.absoluteString, "TOKEN": task.token])
        #expect(await child.word() == "answered\n")
        child.kill()
        #expect(try await child.ending() == .uncaughtSignal)
        try await phone.emulator.comeBack()
        let (worker, _) = try await phone.start(phone.app)
        #expect(try await phone.output(of: execution) == #""answered by the dead""#)
        try await worker.stop(.now)
    }

    @Test func c05_an_open_request_of_a_killed_process_is_there_again_and_its_workflow_lives() async throws {
        let phone = try await Phone(#","HeartbeatSeconds":6"#)
        let (execution, task) = try await phone.push()
        let child = try Child("adopt", phone, ["ENDPOINT": phone.emulator.url.absoluteString, "TOKEN": task.token])
        #expect(await child.word() == "adopted\n")
        child.kill()
        #expect(try await child.ending() == .uncaughtSignal)
        var config = phone.app
        config.adoptedHeartbeat = .seconds(1)
        let (worker, _) = try await phone.start(config)
        let id = try #require(try await worker.pendingTasks().first?.id)
        #expect(id == task.id)
        #expect(try await worker.input(of: id) == #""still here""#)
        try await eventually("heartbeats, one a second, for longer than HeartbeatSeconds") {
            try await phone.emulator.count("SendTaskHeartbeat") >= 8
        }
        try await worker.succeed(id, output: "1")
        #expect(try await phone.output(of: execution) == "1")
        try await worker.stop(.now)
    }

    @Test func c11_letters_of_another_process_are_taken_in() async throws {
        let phone = try await Phone()
        // A token and its answer, before there is any worker.
        let (answered, first) = try await phone.push()
        var child = try Child("leave", phone, ["TOKEN": first.token, "ANSWER": #""from the notification""#])
        #expect(try await child.ending() == .exit)
        let (worker, ear) = try await phone.start(phone.app)
        #expect(try await phone.output(of: answered) == #""from the notification""#)
        _ = try await ear.settled()
        #expect(try await ear.accepted() == first.id)
        // A token, while there is one.
        let (open, second) = try await phone.push()
        child = try Child("leave", phone, ["TOKEN": second.token])
        #expect(try await child.ending() == .exit)
        worker.wake()
        let id = try await ear.accepted()
        #expect(id == second.id)
        try await worker.succeed(id, output: #""from the app""#)
        #expect(try await phone.output(of: open) == #""from the app""#)
        let inbox = try TaskInbox(stateDirectory: phone.stateDirectory)
        let nonsense = try await thrown(InboxError.self) { try await inbox.leaveSuccess("no id", output: "1") }
        guard case .invalid = nonsense else { throw Problem("\(nonsense)") }
        try await worker.stop(.now)
    }

    @Test func c21_letters_of_an_inbox_apart_and_of_the_state_folder_are_taken_in() async throws {
        let phone = try await Phone()
        let apart = phone.folder.appendingPathComponent("group")
        func leave(_ inbox: TaskInbox, _ task: PushedTask, _ answer: String) async throws {
            try await inbox.leaveSuccess(try await inbox.leave(task), output: answer)
        }
        let (old, first) = try await phone.push()
        try await leave(TaskInbox(stateDirectory: phone.stateDirectory), first, #""of an old version""#)
        var config = phone.app
        config.inboxDirectory = apart
        let (worker, _) = try await phone.start(config)
        #expect(try await phone.output(of: old) == #""of an old version""#)
        let (new, second) = try await phone.push()
        try await leave(TaskInbox(inboxDirectory: apart), second, #""from the group""#)
        worker.wake()
        #expect(try await phone.output(of: new) == #""from the group""#)
        #expect(try await worker.drain(within: .seconds(10)).left == 0)
        try await eventually("all letters are removed") {
            try FileManager.default.contentsOfDirectory(atPath: apart.path).isEmpty
        }
        try await worker.stop(.now)
    }

    @Test func c16_five_hundred_requests_are_listed_answered_and_delivered() async throws {
        let phone = try await Phone()
        var config = phone.poller
        config.maxTasks = 600
        config.maxBytes = 4 << 30
        config.activities[0].concurrency = 500
        config.activities[0].maxOutput = 1000
        config.activities[0].heartbeatInterval = nil
        let (worker, _) = try await phone.start(config)
        var executions: [String] = []
        for n in 0..<500 { executions.append(try await phone.request("\(n)")) }
        try await eventually("500 requests") { try await worker.snapshot().open == 500 }
        let tasks = try await worker.pendingTasks()
        #expect(tasks.count == 500)
        // All at once: the calls queue up, and hold up none of Swift's threads.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in tasks {
                group.addTask { try await worker.succeed(task.id, output: try await worker.input(of: task.id)) }
            }
            try await group.waitForAll()
        }
        #expect(try await worker.drain(within: .seconds(90)).left == 0)
        for (n, execution) in executions.enumerated() {
            #expect(try await phone.output(of: execution) == "\(n)")
        }
        try await worker.stop(.now)
    }

    #if os(Linux)
        @Test func c17_a_worker_that_was_closed_leaves_nothing_behind() async throws {
            // A process of its own: other tests have threads too.
            let phone = try await Phone()
            let child = try Child("cycle", phone, [:])
            let lines = await child.words().split(separator: "\n")
            #expect(try await child.ending() == .exit)
            let numbers = lines.map { $0.split(separator: " ").compactMap { Int($0) } }
            try #require(numbers.map(\.count) == [3, 3, 3], "\(lines)")
            let (threads, files, kilobytes) = (numbers[0], numbers[1], numbers[2])
            // After 100 workers and one that was let go. The system's own pools have some threads more right after that, on a busy
            // machine, and one more or one less in the end.
            #expect(threads[1] <= threads[0] + 16 && threads[2] <= threads[0] + 4, "\(lines)")
            #expect(files[1] <= files[0] + 2 && files[2] <= files[0] + 2, "\(lines)")
            #expect(kilobytes[1] <= kilobytes[0] + 2048, "\(lines)")
        }
    #endif
}

/// Another process of the app: the program of Tests/Child, next to this one.
final class Child: Sendable {
    private let process = Process()
    private let output = Pipe()

    init(_ role: String, _ phone: Phone, _ variables: [String: String]) throws {
        let here = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        process.executableURL = here.deletingLastPathComponent().appendingPathComponent("contract-child")
        process.arguments = [role]
        process.environment = ProcessInfo.processInfo.environment
            .merging(["STATE_DIR": phone.stateDirectory.path]) { $1 }
            .merging(variables) { $1 }
        process.standardOutput = output
        try process.run()
    }

    /// Waits for the first thing that it writes.
    func word() async -> String {
        await read { $0.availableData }
    }

    /// Waits for all that it has not been asked for yet.
    func words() async -> String {
        await read { $0.readDataToEndOfFile() }
    }

    private func read(_ some: @escaping @Sendable (FileHandle) -> Data) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                continuation.resume(returning: String(decoding: some(output.fileHandleForReading), as: UTF8.self))
            }
        }
    }

    /// SIGKILL: it can do nothing about it.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
    }

    /// Waits for its end; an exit with an error is a problem.
    func ending() async throws -> Process.TerminationReason {
        try await eventually("the child's end") { !process.isRunning }
        if process.terminationReason == .exit, process.terminationStatus != 0 {
            throw Problem("the child ended with \(process.terminationStatus)")
        }
        return process.terminationReason
    }
}

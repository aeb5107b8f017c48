import ActivityWorker
import Foundation
import Testing

/// Requests that are not a worker's to go on with.
@Suite(.timeLimit(.minutes(3)))
struct ForeignTests {
    private struct Left {
        let execution: String
        let task: PushedTask
        let id: String
    }

    /// What a worker leaves behind: an answer that never got out, and an open request.
    private func left(on phone: Phone, by config: WorkerConfig) async throws -> (answered: Left, open: Left) {
        let (worker, _) = try await phone.start(config)
        func adopted(_ input: String) async throws -> Left {
            let (execution, task) = try await phone.push(input)
            return Left(execution: execution, task: task, id: try await worker.adopt(task).id)
        }
        let (answered, open) = (try await adopted("1"), try await adopted("2"))
        try await phone.emulator.goDown()
        try await worker.succeed(answered.id, output: #""first""#)
        try await worker.stop(.now)
        try await phone.emulator.comeBack()
        return (answered, open)
    }

    private func user(_ name: String, on phone: Phone) -> WorkerConfig {
        var config = phone.app
        config.scope = name
        return config
    }

    private struct Told: Equatable {
        let origin, here: String
        let hasAnswer: Bool
        let why: ForeignWhy
    }

    private func told(_ ear: Ear, of wanted: String) async throws -> Told {
        try await ear.event { event in
            guard case .foreign(wanted, let origin, let here, let hasAnswer, let why) = event else { return nil }
            return Told(origin: origin, here: here, hasAnswer: hasAnswer, why: why)
        }
    }

    @Test func c28_field_01_another_users_requests_are_listed_adopted_by_a_call_and_delivered() async throws {
        let phone = try await Phone()
        let (answered, open) = try await left(on: phone, by: user("ann", on: phone))
        let (bob, ear) = try await phone.start(user("bob", on: phone))
        var lists = bob.tasks.makeAsyncIterator()
        let own = try await told(ear, of: answered.id)
        #expect(own == Told(origin: own.here, here: own.here, hasAnswer: true, why: .user))
        let listed = try await bob.foreignTasks()
        #expect(Set(listed.map(\.id)) == [answered.id, open.id])
        for task in listed {
            #expect(task.hasAnswer == (task.id == answered.id))
            #expect(task.why == .user && task.scope == "ann" && task.activityARN == nil)
            #expect(task.origin == own.origin && task.origin.hasPrefix("aws/eu-west-1/123456789012/"))
        }
        #expect(try await bob.snapshot().foreign == listed)
        #expect(bob.currentStatus.foreign == 2)

        try await bob.adoptForeign(open.id)
        while let list = await lists.next(), list.map(\.id) != [open.id] {}
        #expect(try await bob.input(of: open.id) == "2")
        try await bob.succeed(open.id, output: #""bob""#)
        #expect(try await phone.output(of: open.execution) == #""bob""#)
        try await bob.adoptForeign(answered.id)
        #expect(try await phone.output(of: answered.execution) == #""first""#, "as ann had answered")
        try await eventually("the end") { try await bob.settlement(of: answered.id) == .delivered }
        for id in [open.id, "none"] {
            await #expect(throws: ForeignError.noSuchTask(id: id)) { try await bob.adoptForeign(id) }
        }
        let end = try await bob.stop(.now)
        #expect(end.foreign.isEmpty && end.kept == 0 && end.open == 0)
    }

    @Test func c28_field_01_an_endpoint_that_got_another_name_strands_nothing_in_silence() async throws {
        let phone = try await Phone()
        var before = phone.app
        let name = phone.emulator.url.absoluteString.replacingOccurrences(of: "127.0.0.1", with: "localhost")
        before.endpointURL = URL(string: name)
        let (answered, _) = try await left(on: phone, by: before)
        let (worker, ear) = try await phone.start(phone.app)
        let waiting = try await told(ear, of: answered.id)
        #expect(waiting.origin.contains("localhost") && waiting.here.contains("127.0.0.1"))
        #expect(waiting.hasAnswer && waiting.why == .origin)
        #expect(try await worker.drain(within: .seconds(5)).leftFor.foreign == 1)
        try await worker.adoptForeign(answered.id)
        #expect(try await phone.output(of: answered.execution) == #""first""#)
        #expect(try await worker.stop(.now).foreign.map(\.why) == [.origin], "the open one")
    }

    @Test func c28_field_01_a_folder_that_came_from_another_phone_waits_for_a_decision() async throws {
        let phone = try await Phone()
        var config = phone.app
        config.installationID = "old phone"
        let (answered, open) = try await left(on: phone, by: config)
        config.installationID = "new phone"
        let (worker, ear) = try await phone.start(config)
        #expect(try await told(ear, of: open.id).why == .copied)
        #expect(try await phone.output(of: answered.execution) == #""first""#, "what was answered is sent")
        try await worker.adoptForeign(open.id)
        try await worker.succeed(open.id, output: "2")
        #expect(try await phone.output(of: open.execution) == "2")
        try await worker.stop(.now)
    }

    @Test func c28_field_01_what_is_discarded_ends_for_good_and_is_told_as_discarded() async throws {
        let phone = try await Phone()
        let (answered, open) = try await left(on: phone, by: user("ann", on: phone))
        let (bob, ear) = try await phone.start(user("bob", on: phone))
        for id in [answered.id, open.id] {
            try await bob.discard(id)
            #expect(try await ear.settled() == Settled(id: id, how: .discarded))
        }
        #expect(try await bob.foreignTasks() == [])
        let own = try await bob.adopt(try await phone.push().task).id
        let refused = ForeignError.noSuchTask(id: own)
        await #expect(throws: refused, "a request of one's own") { try await bob.discard(own) }
        #expect(try await bob.stop(.now).open == 1)
        await #expect(throws: WorkerError.stopped) { try await bob.foreignTasks() }
        await #expect(throws: ForeignError.stopped) { try await bob.adoptForeign(open.id) }
        await #expect(throws: ForeignError.stopped) { try await bob.discard(open.id) }

        let (ann, _) = try await phone.start(user("ann", on: phone))
        #expect(try await ann.foreignTasks().map(\.id) == [own], "bob's now")
        #expect(try await ann.settlement(of: open.id) == .discarded)
        let late = Adopted.over(id: answered.id, settlement: .discarded)
        #expect(try await ann.adopt(answered.task) == late, "a late push")
        try await ann.stop(.now)
    }

    @Test func c28_field_01_others_requests_that_take_all_places_are_named_as_the_reason() async throws {
        let phone = try await Phone()
        _ = try await left(on: phone, by: user("ann", on: phone))
        var config = user("bob", on: phone)
        var activity = phone.activity(onRequest: false)
        activity.concurrency = 1
        (config.activities, config.maxTasks) = ([activity], 2)
        let (bob, ear) = try await phone.start(config)
        let full: [UInt64] = try await ear.event { event in
            if case .full(let foreign, let held) = event { [foreign, held] } else { nil }
        }
        #expect(full == [2, 0])
        #expect(bob.currentStatus.full)
        for task in try await bob.foreignTasks() {
            try await bob.discard(task.id)
        }
        _ = try await ear.event { $0 == .roomAgain ? true : nil }
        try await phone.polled()
        try await bob.stop(.now)
    }

    @Test func c28_field_01_damaged_files_and_letters_are_counted() async throws {
        let phone = try await Phone()
        let log = phone.stateDirectory.appendingPathComponent("log")
        try FileManager.default.createDirectory(at: log, withIntermediateDirectories: true)
        try Data("nothing".utf8).write(to: log.appendingPathComponent("050"))
        let inbox = try TaskInbox(stateDirectory: phone.stateDirectory)
        try await inbox.leaveSuccess(String(repeating: "1", count: 32), output: "1")
        let (worker, _) = try await phone.start(phone.app)
        try await eventually("the letter") { try await worker.snapshot().letters == 1 }
        let quarantined = try await worker.snapshot().quarantined
        #expect(quarantined.count == 1)
        let end = try await worker.stop(.now)
        #expect(end.quarantined == quarantined && end.letters == 1)
    }

    @Test func c28_field_01_every_refusal_says_what_to_do() {
        let errors: [ForeignError] = [
            .noSuchTask(id: "id"), .underWay(id: "id"), .notKept(reason: "the disk is full"),
            .unknown(reason: "the disk is full"), .stopped,
        ]
        for error in errors {
            for text in ["\(error)", error.localizedDescription] {
                #expect(text.contains("again") || text.contains("anew") || text.contains("start another one"))
                #expect(!text.contains("\n"))
            }
        }
    }
}

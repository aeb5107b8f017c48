import ActivityWorker
import Foundation
import Testing

/// Requests and answers, on a good day and on others.
@Suite(.timeLimit(.minutes(3)))
struct AnswerTests {
    @Test func c01_a_request_is_answered_and_the_workflow_goes_on() async throws {
        let phone = try await Phone()
        let (worker, ear) = try await phone.start(phone.poller)
        let execution = try await phone.request(#"{"order":7}"#)
        let id = try await ear.accepted()
        let task = try #require(try await worker.pendingTasks().first)
        #expect(task.id == id && task.state == .open && task.activityARN == phone.arn)
        #expect(try await worker.input(of: id) == #"{"order":7}"#)
        try await worker.succeed(id, output: #"{"approved":true}"#)
        #expect(try await phone.output(of: execution) == #"{"approved":true}"#)
        #expect(try await ear.settled() == Settled(id: id, how: .delivered))
        try await worker.stop(.now)
        try await eventually("the end of the events") { await ear.isOver }
    }

    @Test func c02_a_request_is_refused_with_error_and_cause() async throws {
        let phone = try await Phone()
        let (worker, ear) = try await phone.start(phone.poller)
        let execution = try await phone.request()
        try await worker.fail(try await ear.accepted(), error: "Refused", cause: "too dear")
        let end = try await phone.end(of: execution)
        #expect(end.status == "FAILED" && end.error == "Refused" && end.cause == "too dear")
        try await worker.stop(.now)
    }

    @Test func c02_catch_sees_error_and_cause() async throws {
        let phone = try await Phone(#","Catch":[{"ErrorEquals":["Refused"],"ResultPath":"$.problem","Next":"Done"}]"#)
        let (worker, ear) = try await phone.start(phone.poller)
        let execution = try await phone.request()
        try await worker.fail(try await ear.accepted(), error: "Refused", cause: "too dear")
        let output = try #require(try await phone.output(of: execution))
        let problem = try JSONDecoder().decode([String: [String: String]].self, from: Data(output.utf8))
        #expect(problem == ["problem": ["Error": "Refused", "Cause": "too dear"]])
        try await worker.stop(.now)
    }

    @Test func c03_an_answer_given_offline_is_kept_shown_and_delivered_later() async throws {
        let phone = try await Phone()
        let (worker, ear) = try await phone.start(phone.poller)
        let execution = try await phone.request()
        let id = try await ear.accepted()
        try await phone.emulator.goDown()
        worker.setLink(.down)
        try await worker.succeed(id, output: #""yes""#)
        let task = try #require(try await worker.pendingTasks().first)
        #expect(task.id == id && task.state == .answered)
        #expect(try await worker.snapshot().answered == 1)
        try await phone.emulator.comeBack()
        worker.setLink(.up)
        #expect(try await phone.output(of: execution) == #""yes""#)
        #expect(try await ear.settled() == Settled(id: id, how: .delivered))
        try await worker.stop(.now)
    }

    @Test func c05_an_open_request_is_there_after_a_restart_and_its_workflow_lives() async throws {
        let phone = try await Phone(#","HeartbeatSeconds":4"#)
        var (worker, ear) = try await phone.start(phone.poller)
        let execution = try await phone.request(#""still here""#)
        let id = try await ear.accepted()
        var lists = worker.tasks.makeAsyncIterator()
        #expect(await lists.next()?.map(\.id) == [id])
        try await worker.stop(.now)
        while let tasks = await lists.next() { #expect(tasks.map(\.id) == [id], "what is shown stays as it was") }
        (worker, ear) = try await phone.start(phone.poller)
        #expect(try await worker.pendingTasks().map(\.id) == [id])
        #expect(try await worker.input(of: id) == #""still here""#)
        let soFar = try await phone.emulator.count("SendTaskHeartbeat")
        try await eventually("heartbeats, one a second, for longer than HeartbeatSeconds") {
            try await phone.emulator.count("SendTaskHeartbeat") >= soFar + 6
        }
        try await worker.succeed(id, output: "1")
        #expect(try await phone.output(of: execution) == "1")
        try await worker.stop(.now)
    }

    @Test func c05_heartbeats_go_on_as_long_as_somebody_reads_the_tasks() async throws {
        let phone = try await Phone()
        var config = phone.app
        config.lease = .seconds(3)
        config.adoptedHeartbeat = .seconds(1)
        let (worker, ear) = try await phone.start(config)
        let reader = Task { [tasks = worker.tasks] in for await _ in tasks {} }
        try await worker.adopt(try await phone.push().task)
        try await eventually("heartbeats for longer than the lease") {
            try await phone.emulator.count("SendTaskHeartbeat") >= 7
        }
        reader.cancel()
        let stopped: BeatsStopped = try await ear.event { if case .heartbeatsStopped(_, let why) = $0 { why } else { nil } }
        #expect(stopped == .lease)
        try await worker.stop(.now)
    }

    @Test func c06_an_answer_to_a_task_that_timed_out_is_told_as_too_late() async throws {
        let phone = try await Phone(#","TimeoutSeconds":2"#)
        var (worker, ear) = try await phone.start(phone.poller)
        _ = try await phone.request()
        let id = try await ear.accepted()
        #expect(try await ear.settled() == Settled(id: id, how: .tooLate), "a heartbeat learns it")
        await #expect(throws: AnswerError.notOpen(id: id)) { [worker] in try await worker.succeed(id, output: "1") }
        try await worker.stop(.now)
        (worker, ear) = try await phone.start(phone.poller)
        #expect(try await worker.settlement(of: id) == .tooLate)
        try await worker.stop(.now)
    }

    @Test func c06_without_heartbeats_the_answer_itself_learns_it() async throws {
        let phone = try await Phone(#","TimeoutSeconds":1"#)
        let (execution, task) = try await phone.push()
        let (worker, ear) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        _ = try await phone.end(of: execution)
        try await worker.succeed(id, output: "1")
        #expect(try await ear.settled() == Settled(id: id, how: .tooLate))
        try await worker.stop(.now)
    }

    @Test func c07_of_two_answers_the_first_one_counts() async throws {
        let phone = try await Phone()
        let (worker, ear) = try await phone.start(phone.poller)
        let execution = try await phone.request()
        let id = try await ear.accepted()
        try await phone.emulator.goDown()
        try await worker.succeed(id, output: #""first""#)
        await #expect(throws: AnswerError.alreadyAnswered(id: id)) { try await worker.fail(id, error: "Second") }
        try await phone.emulator.comeBack()
        #expect(try await phone.output(of: execution) == #""first""#)
        _ = try await ear.settled()
        await #expect(throws: AnswerError.notOpen(id: id)) { try await worker.succeed(id, output: "3") }
        await #expect(throws: AnswerError.notOpen(id: "no id")) { try await worker.succeed("no id", output: "1") }
        try await worker.stop(.now)
    }

    @Test func c08_a_pushed_token_is_one_task_however_often_it_comes() async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push(#"{"from":"push"}"#)
        let (worker, ear) = try await phone.start(phone.app)
        let id = try #require(task.id)
        #expect(try await worker.adopt(task) == .new(id: id))
        #expect(try await worker.adopt(task) == .known(id: id))
        #expect(try await worker.input(of: id) == #"{"from":"push"}"#)
        try await worker.succeed(id, output: "1")
        #expect(try await phone.output(of: execution) == "1")
        _ = try await ear.settled()
        try await eventually("the task is over") { try await worker.adopt(task) == .over(id: id, settlement: .delivered) }
        #expect(try await worker.settlement(of: id) == .delivered)
        #expect(PushedTask(token: "").id == nil)
        for nonsense in [PushedTask(token: ""), PushedTask(token: task.token, origin: "eu-west-1")] {
            let error = try await thrown(AdoptError.self) { try await worker.adopt(nonsense) }
            guard case .invalid = error else { throw Problem("\(error)") }
        }
        try await worker.stop(.now)
    }

    @Test func c09_a_drain_ends_in_its_time_and_at_once_when_all_is_delivered() async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push()
        let (worker, _) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        try await phone.emulator.goDown()
        try await worker.succeed(id, output: "1")
        var (report, took) = try await time { try await worker.drain(within: .seconds(1)) }
        #expect(took < .seconds(6))
        #expect(report.delivered == 0 && report.left == 1)
        try await phone.emulator.comeBack()
        (report, took) = try await time { try await worker.drain(within: .seconds(600)) }
        #expect(took < soon)
        #expect(report.delivered == 1 && report.left == 0 && report.nextTry == nil)
        #expect(try await phone.output(of: execution) == "1")
        (report, took) = try await time { try await worker.drain(within: .seconds(600)) }
        #expect(took < .seconds(6) && report.delivered == 0)
        try await worker.stop(.now)
    }

    @Test func c09_a_drain_ends_in_its_time_where_nobody_answers() async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push()
        var (worker, _) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        try await phone.emulator.goSilent()
        try await worker.succeed(id, output: "1")
        let (report, took) = try await time { [worker] in try await worker.drain(within: .seconds(1)) }
        #expect(took < .seconds(6))
        #expect(report.delivered == 0 && report.left == 1)
        try await worker.stop(.now)
        try await phone.emulator.comeBack()
        (worker, _) = try await phone.start(phone.app)
        #expect(try await worker.drain(within: .seconds(600)).left == 0)
        #expect(try await phone.output(of: execution) == "1")
        try await worker.stop(.now)
    }

    @Test func c09_an_ended_worker_does_not_claim_that_all_is_delivered() async throws {
        let phone = try await Phone()
        let (_, task) = try await phone.push()
        let (worker, _) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        try await phone.emulator.goDown()
        try await worker.succeed(id, output: "1")
        #expect(try await worker.stop(.now).kept == 1)
        await #expect(throws: WorkerError.stopped) { try await worker.drain(within: .seconds(1)) }
        await #expect(throws: WorkerError.stopped) { try await worker.snapshot() }
        await #expect(throws: WorkerError.stopped) { try await worker.settlement(of: id) }
    }

    @Test func c10_one_poll_is_refused_where_it_can_lose_a_task_unless_the_risk_is_named() async throws {
        let phone = try await Phone()
        var config = phone.app
        config.activities = [phone.activity(onRequest: true)]
        var (worker, _) = try await phone.start(config)
        await #expect(throws: PollError.windowTooShort) { [worker] in
            try await worker.pollOnce(phone.arn, within: .seconds(69))
        }
        #expect(try await worker.pollOnce(phone.arn, within: .seconds(70)) == .nothing)
        #expect(try await phone.emulator.count("GetActivityTask") == 1, "and no other poll")
        let execution = try await phone.request()
        let result = try await worker.pollOnce(phone.arn, within: .seconds(20), risk: .mayLoseTask)
        guard case .task(let id) = result else { throw Problem("\(result)") }
        try await worker.stop(.now)
        (worker, _) = try await phone.start(config)
        #expect(try await worker.pendingTasks().map(\.id) == [id], "it was on stable storage")
        try await worker.succeed(id, output: "1")
        #expect(try await phone.output(of: execution) == "1")
        let error = try await thrown(PollError.self) { [worker] in
            try await worker.pollOnce(phone.arn + "-other", within: .seconds(90))
        }
        guard case .noSuchActivity = error else { throw Problem("\(error)") }
        try await worker.stop(.now)
    }

    @Test func c12_of_two_users_on_one_phone_neither_sees_or_delivers_what_is_the_others() async throws {
        let phone = try await Phone()
        func user(_ name: String) async throws -> (ActivityWorker, Ear) {
            var config = phone.poller
            config.scope = name
            return try await phone.start(config)
        }
        var (ann, ear) = try await user("ann")
        let executions = [try await phone.request("1"), try await phone.request("2")]
        let (first, second) = (try await ear.accepted(), try await ear.accepted())
        try await phone.emulator.goDown()
        try await ann.succeed(first, output: #""ann""#)
        try await ann.stop(.now)
        try await phone.emulator.comeBack()
        let tried = try await phone.emulator.count("SendTaskSuccess")

        let (bob, _) = try await user("bob")
        #expect(try await bob.pendingTasks() == [])
        #expect(try await bob.snapshot().foreign.count == 2)
        await #expect(throws: AnswerError.notOpen(id: second)) { try await bob.succeed(second, output: "1") }
        try await phone.polled()
        let beats = try await phone.emulator.count("SendTaskHeartbeat")
        try await Task.sleep(for: .seconds(2))
        #expect(try await phone.emulator.count("SendTaskHeartbeat") == beats, "ann's request does not beat")
        #expect(try await phone.emulator.count("SendTaskSuccess") == tried, "nor is it delivered")
        try await bob.stop(.now)

        (ann, ear) = try await user("ann")
        try await ann.succeed(second, output: #""ann too""#)
        var outputs: Set<String?> = []
        for execution in executions { outputs.insert(try await phone.output(of: execution)) }
        #expect(outputs == [#""ann""#, #""ann too""#])
        try await ann.stop(.now)
    }

    @Test func c18_a_request_that_is_taken_back_is_gone() async throws {
        let phone = try await Phone()
        let (_, task) = try await phone.push()
        let (worker, ear) = try await phone.start(phone.app)
        let id = try await worker.adopt(task).id
        try await worker.retract(id)
        #expect(try await ear.settled() == Settled(id: id, how: .retracted))
        #expect(try await worker.pendingTasks() == [])
        try await eventually("a late push") { try await worker.adopt(task) == .over(id: id, settlement: .retracted) }
        await #expect(throws: AnswerError.notOpen(id: id)) { try await worker.retract(id) }
        try await worker.stop(.now)
        let calls = try await phone.emulator.state().calls
        #expect(calls["SendTaskSuccess"] == nil && calls["SendTaskFailure"] == nil)
    }
}

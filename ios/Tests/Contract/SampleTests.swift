import Foundation
import Samples
import Testing

@testable import ActivityWorker

/// The code that the documentation shows, and what is simpler to show without a service.
@Suite(.timeLimit(.minutes(1)))
struct SampleTests {
    @Test func the_first_answer_is_delivered() async throws {
        let phone = try await Phone()
        let (execution, task) = try await phone.push()
        let settlement = try await answerFirstRequest(
            token: task.token,
            stateDirectory: phone.stateDirectory,
            endpoint: phone.emulator.url,
            login: { Login.good }
        )
        #expect(settlement == .delivered)
        #expect(try await phone.output(of: execution) == #"{"approved":true}"#)
    }

    @Test func c14_a_reader_that_did_not_keep_up_is_told_how_many_events_are_gone() async {
        let queue = EventQueue()
        for n in 0..<300 { queue.put(.accepted(id: "\(n)")) }
        var events = queue.stream.makeAsyncIterator()
        for n in 0..<256 { #expect(await events.next() == .accepted(id: "\(n)")) }
        #expect(await events.next() == .missed(count: 44))
        queue.put(.online)
        #expect(await events.next() == .online)
        queue.put(.credentialsAccepted)
        queue.finish()
        #expect(await events.next() == .credentialsAccepted, "what is here can still be read")
        #expect(await events.next() == nil)
        #expect(await events.next() == nil)
    }

    @Test func an_older_list_never_comes_after_a_newer_one() async {
        let announcer = Announcer()
        let lists = Locked(0)
        let newer = DispatchSemaphore(value: 0)
        announcer.watch {
            let number = lists.withLock { count in
                count += 1
                return count
            }
            if number == 1 {
                // Something changes while this list is made, and is listed meanwhile if that were possible.
                announcer.announce(.accepted(id: "newer"))
                _ = newer.wait(timeout: .now() + 0.3)
            } else {
                newer.signal()
            }
            let since = Date(timeIntervalSince1970: 0)
            return [
                ActivityTask(
                    id: "\(number)",
                    activityARN: nil,
                    scope: "",
                    acceptedAt: since,
                    expiresAt: nil,
                    state: .open
                )
            ]
        }
        var shown: [String] = []
        for await tasks in announcer.tasks() {
            shown += tasks.map(\.id)
            if shown.count == 2 { break }
        }
        #expect(shown == ["1", "2"])
    }

    @Test func a_cancelled_reader_ends() async {
        let queue = EventQueue()
        let reader = Task { [stream = queue.stream] in
            for await _ in stream {}
            return true
        }
        reader.cancel()
        #expect(await reader.value)
    }

    @Test func times_without_sense_are_cut_and_never_end_the_process() {
        #expect(Duration.seconds(-1).interval == 0)
        #expect(Duration.milliseconds(1500).interval == 1.5)
        #expect(Duration.seconds(Int64.max).interval == 3_155_760_000)
        #expect(Date(timeIntervalSince1970: -.infinity).bounded == Date(timeIntervalSince1970: 0))
        #expect(Date(timeIntervalSince1970: .infinity).bounded == Date(timeIntervalSince1970: 253_402_300_799))
        #expect(Date(timeIntervalSince1970: .nan).bounded == Date(timeIntervalSince1970: 0))
    }
}

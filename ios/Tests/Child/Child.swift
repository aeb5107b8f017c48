import ActivityWorker
import Foundation

/// A process of an app: one that is killed, one that has no worker, one whose threads and files can be counted.
@main
enum Child {
    static func main() async throws {
        switch CommandLine.arguments.dropFirst().first {
        case "answer": try await answerAndWaitForTheEnd()
        case "adopt": try await adoptAndWaitForTheEnd()
        case "leave": try await leaveLetters()
        case "cycle": try await startAndCloseWorkers()
        default: fatalError("answer, adopt, leave or cycle?")
        }
    }

    static var stateDirectory: URL { URL(fileURLWithPath: variable("STATE_DIR")) }

    static func variable(_ name: String) -> String {
        guard let value = ProcessInfo.processInfo.environment[name] else { fatalError("\(name) is not set") }
        return value
    }

    static func startWorker(_ endpoint: String) async throws -> ActivityWorker {
        var config = WorkerConfig(stateDirectory: stateDirectory, region: "eu-west-1", account: "123456789012")
        config.endpointURL = URL(string: endpoint)
        config.comebackWindow = .zero
        return try await ActivityWorker.start(config) {
            AWSCredentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "emulator-test-secret-access-key")
        }
    }

    static func answerAndWaitForTheEnd() async throws {
        let worker = try await startWorker(variable("ENDPOINT"))
        let adopted = try await worker.adopt(PushedTask(token: variable("TOKEN")))
        try await worker.succeed(adopted.id, output: #""answered by the dead""#)
        print("answered")
        fflush(nil)
        try await Task.sleep(for: .seconds(60))
    }

    static func adoptAndWaitForTheEnd() async throws {
        let worker = try await startWorker(variable("ENDPOINT"))
        try await worker.adopt(PushedTask(token: variable("TOKEN"), input: #""still here""#))
        print("adopted")
        fflush(nil)
        try await Task.sleep(for: .seconds(60))
    }

    static func leaveLetters() async throws {
        let inbox = try TaskInbox(stateDirectory: stateDirectory)
        let id = try await inbox.leave(PushedTask(token: variable("TOKEN"), input: "1"))
        guard let answer = ProcessInfo.processInfo.environment["ANSWER"] else { return }
        try await inbox.leaveSuccess(id, output: answer)
        do {
            try await inbox.leaveFailure(id, error: "No")
            fatalError("a second answer was taken")
        } catch InboxError.alreadyAnswered(let answered) {
            precondition(answered == id)
        }
    }

    static func startAndCloseWorkers() async throws {
        for _ in 0..<20 { try await startAndClose() }
        let before = Usage()
        for _ in 0..<100 { try await startAndClose() }
        let after = Usage()
        // One that is merely let go ends too, and gives the folder back.
        try await letGo()
        try await eventually { (try? await startAndClose()) != nil }
        // The system's pools let threads go after some seconds.
        try await eventually { Usage().threads <= before.threads }
        let settled = Usage()
        print("threads \(before.threads) \(after.threads) \(settled.threads)")
        print("files \(before.files) \(after.files) \(settled.files)")
        print("kilobytes \(before.kilobytes) \(after.kilobytes) \(settled.kilobytes)")
    }

    /// Waits for 20 s at most.
    static func eventually(_ isSo: () async throws -> Bool) async throws {
        for _ in 0..<400 {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Nobody listens there.
    static let nobody = "http://127.0.0.1:9"

    static func startAndClose() async throws {
        let worker = try await startWorker(nobody)
        let (events, tasks) = (worker.events, worker.tasks)
        worker.wake()
        try await worker.stop(.now)
        // With the worker its streams end.
        for await _ in events {}
        for await _ in tasks {}
    }

    static func letGo() async throws {
        _ = try await startWorker(nobody)
    }
}

/// What this process has: Linux alone can say.
struct Usage {
    let threads = count("/proc/self/task")
    let files = count("/proc/self/fd")
    let kilobytes = anonymous()

    private static func count(_ folder: String) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
    }

    private static func anonymous() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}

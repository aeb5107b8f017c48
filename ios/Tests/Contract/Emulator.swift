import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The emulator of the service, a process of its own, led by its admin calls.
final class Emulator: Sendable {
    let url: URL
    private let process: Process

    init() throws {
        guard let program = ProcessInfo.processInfo.environment["ACTIVITY_EMULATOR"] else {
            throw Problem("ACTIVITY_EMULATOR names no program: use cargo xtask test swift")
        }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["--listen", "127.0.0.1:0", "--long-poll", "2s"]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let url = URL(string: line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            process.terminate()
            throw Problem("the emulator said \(line)")
        }
        (self.process, self.url) = (process, url)
    }

    deinit {
        process.terminate()
    }

    /// What the calls used here answer.
    struct Answer: Decodable, Sendable {
        var activityArn, stateMachineArn, executionArn: String?
        var taskToken, input: String?
        var status, output, error, cause: String?
    }

    /// A call of the API, unsigned and not counted.
    func call(_ operation: String, _ parameters: [String: String]) async throws -> Answer {
        let answer = try await admin("POST", "call/\(operation)", JSONEncoder().encode(parameters))
        return try JSONDecoder().decode(Answer.self, from: answer)
    }

    struct State: Decodable, Sendable {
        struct Activity: Decodable, Sendable {
            let activityArn: String
            let polls: Int
        }
        let activities: [Activity]
        let calls: [String: Int]
    }

    func state() async throws -> State {
        try JSONDecoder().decode(State.self, from: try await admin("GET", "state"))
    }

    /// How many signed calls of this operation there were.
    func count(_ operation: String) async throws -> Int {
        try await state().calls[operation] ?? 0
    }

    struct Push: Decodable, Sendable {
        let executionArn: String
        let token: String
    }

    /// What `.waitForTaskToken` tasks have pushed.
    func pushes() async throws -> [Push] {
        try JSONDecoder().decode([Push].self, from: try await admin("GET", "pushes"))
    }

    /// From now on every connection is closed without an answer.
    func goDown() async throws {
        _ = try await admin("POST", "faults", Data(#"{"fault":"close"}"#.utf8))
    }

    /// Takes connections and requests, and never answers.
    func goSilent() async throws {
        _ = try await admin("POST", "faults", Data(#"{"fault":"half-open"}"#.utf8))
    }

    func comeBack() async throws {
        _ = try await admin("DELETE", "faults")
    }

    /// From now on this access key alone may sign.
    func setAccessKey(_ id: String, secret: String) async throws {
        _ = try await admin("POST", "credentials", JSONEncoder().encode(["accessKeyId": id, "secretAccessKey": secret]))
    }

    private func admin(_ method: String, _ path: String, _ body: Data? = nil) async throws -> Data {
        var request = URLRequest(url: url.appendingPathComponent("_emulator/\(path)"))
        request.httpMethod = method
        request.httpBody = body
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            throw Problem("\(method) \(path): \(String(decoding: data, as: UTF8.self))")
        }
        return data
    }
}

struct Problem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

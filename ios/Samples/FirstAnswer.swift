import ActivityWorker
import Foundation

/// From nothing to a first delivered answer. `endpoint` is for tests: an app leaves it out.
public func answerFirstRequest(
    token: String,
    stateDirectory: URL,
    endpoint: URL? = nil,
    login: @escaping @Sendable () async throws -> AWSCredentials
) async throws -> Settlement? {
    var config = WorkerConfig(stateDirectory: stateDirectory, region: "eu-west-1", account: "123456789012")
    config.scope = "ann"  // who is logged in
    config.endpointURL = endpoint
    let worker = try await ActivityWorker.start(config, credentials: login)

    // A push message brought the token, and says whom it is for. From here on the request is on the device's storage.
    let request = try await worker.adopt(PushedTask(token: token, input: #"{"order":7}"#, scope: "ann"))
    print("to be approved:", try await worker.input(of: request.id))

    // The person says yes. From here on the answer is on storage, and will be delivered: now, or by the app's next process.
    try await worker.succeed(request.id, output: #"{"approved":true}"#)

    let report = try await worker.drain(within: .seconds(20))
    print("delivered: \(report.delivered), still to be delivered: \(report.left)")
    let settlement = try await worker.settlement(of: request.id)
    try await worker.stop(.now)
    return settlement
}

import Foundation

/// An access key, with the session token and the end of temporary ones. Printing shows the access key id alone.
public struct AWSCredentials: Sendable, Hashable {
    /// The access key id.
    public var accessKeyID: String
    /// The secret access key.
    public var secretAccessKey: String
    /// The session token of temporary credentials.
    public var sessionToken: String?
    /// When they end. Without it they are used until the service refuses them.
    public var expiresAt: Date?

    /// Credentials, temporary ones with their session token and end.
    public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiresAt: Date? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiresAt = expiresAt
    }
}

extension AWSCredentials: CustomStringConvertible, CustomReflectable {
    public var description: String {
        "AWSCredentials(\(accessKeyID))"
    }

    /// Shows the access key id alone.
    public var customMirror: Mirror {
        Mirror(self, children: ["accessKeyID": accessKeyID])
    }
}

/// Where credentials come from: the app's login, for instance.
public protocol AWSCredentialsProvider: Sendable {
    /// Credentials that are good now.
    ///
    /// Never asked twice at once; when the first call is due, shortly before the old ones end, and after the service refused them.
    /// After 20 s its task is cancelled, and the worker tries again later. A ``CredentialsUnavailable`` that it throws is told with
    /// its reason, any other error by the name of its type alone, since nobody knows what its text holds.
    func credentials() async throws -> AWSCredentials
}

/// There are no credentials at the moment: nobody is logged in, for instance.
public struct CredentialsUnavailable: Error, Sendable, Hashable {
    /// One line, for the log and ``WorkerEvent/credentialsRefused(reason:)``: no secrets in it.
    public let reason: String

    /// Says why.
    public init(reason: String) {
        self.reason = reason
    }
}

/// A closure as a provider.
struct ClosureProvider: AWSCredentialsProvider {
    let closure: @Sendable () async throws -> AWSCredentials

    func credentials() async throws -> AWSCredentials {
        try await closure()
    }
}

/// Lets the library wait for an asynchronous provider. It asks on a thread that it made for this, none of Swift's, so that the
/// provider always has threads to run on.
final class BlockingProvider: FFI.CredentialsProvider, Sendable {
    private static let patience = DispatchTimeInterval.seconds(20)

    private let provider: any AWSCredentialsProvider

    init(_ provider: any AWSCredentialsProvider) {
        self.provider = provider
    }

    func credentials() throws -> FFI.Credentials {
        let (answer, answered) = (Locked<Result<AWSCredentials, any Error>?>(nil), DispatchSemaphore(value: 0))
        let asking = Task.detached(priority: .userInitiated) { [provider] in
            let result: Result<AWSCredentials, any Error>
            do {
                result = .success(try await provider.credentials())
            } catch {
                result = .failure(error)
            }
            answer.withLock { $0 = result }
            answered.signal()
        }
        if answered.wait(timeout: .now() + Self.patience) == .timedOut {
            asking.cancel()
            // One that does not heed it is waited for, since it must not be asked twice at once. The library waits no longer.
            answered.wait()
        }
        do {
            guard let given = try answer.withLock({ try $0?.get() }) else { throw FFI.CallbackError.Unexpected }
            return FFI.Credentials(
                accessKeyId: given.accessKeyID,
                secretAccessKey: given.secretAccessKey,
                sessionToken: given.sessionToken,
                expiresAt: given.expiresAt?.bounded
            )
        } catch let error as CredentialsUnavailable {
            throw FFI.CallbackError.Failed(reason: error.reason)
        } catch {
            throw FFI.CallbackError.Failed(reason: "it threw a \(type(of: error))")
        }
    }
}

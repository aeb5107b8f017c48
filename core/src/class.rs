//! What an error of the service means to a worker: one class each, one reaction each.

/// The class of a failed call. `aws` puts every error in one (a single table), the engine reacts to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// No answer of the service: refused, unresolved, timed out, reset, a TLS failure, or a 200 that is not the service's JSON.
    Network,
    /// The service failed (5xx, `InternalFailure`, ...): try again with back-off.
    Server,
    /// Asked too often: back off, and slow down all calls of that kind.
    Throttled,
    /// The credentials are expired, unknown or could not be had; they were refreshed once and the call failed again.
    Credentials,
    /// Signed with a wrong time; the clock was corrected once and the call failed again.
    Clock,
    /// Not allowed (IAM, KMS): keep the result, try slowly, tell the operator.
    Denied,
    /// Rejected for a reason that may be ours (`InvalidToken`, `ValidationException`, ...): keep the result, try in hours.
    Held,
    /// The task is over for the service (`TaskTimedOut`): never send again.
    Settled,
    /// The service will not take this output (`InvalidOutput`, too long): report a failure in its place.
    BadOutput,
    /// A poll named an activity that does not exist or is misspelt: poll slowly, say it once.
    NoActivity,
}

//! What the answer to a call means to a worker, on one page: which class, decided where, and what follows.
//!
//! `aws/answer.rs` decides whether it is the service's answer at all, `aws/errors.rs` puts each of its errors into a class (one table),
//! `aws/client.rs` heals what can be healed within the call (credentials and clock once each). What is left follows from the class
//! alone: for reports and heartbeats in `engine/answers.rs` (that heartbeats end an hour after a denial, in `engine/next.rs`), for polls
//! in `engine/polls.rs`, for the pace of all calls and for credentials in `engine/lanes.rs`, for the network in `engine/link.rs`.
//!
//! | class | a report | a heartbeat | a poll |
//! |---|---|---|---|
//! | no error | over: delivered | the next after 80 to 100 % of the interval | a task, or none |
//! | [`Network`](ErrorClass::Network) | kept, tried when the link lets a try out: one call probes for all | again within a quarter of the interval | as reports |
//! | [`Server`](ErrorClass::Server) | kept, tried with back-off up to `max_backoff` | again within a quarter of the interval | back-off up to `max_backoff` |
//! | [`Throttled`](ErrorClass::Throttled) | as above; all reports slow down | as above; all heartbeats slow down | back-off |
//! | [`Credentials`](ErrorClass::Credentials) | kept; no call goes before the credentials' own back-off is over | the same | the same |
//! | [`Clock`](ErrorClass::Clock) | kept, tried with back-off, told | again soon | back-off |
//! | [`Denied`](ErrorClass::Denied) | kept, told once, tried within half a minute, in the end within a quarter of an hour; after an hour its heartbeats end | told once | told once, slow: at most five minutes apart |
//! | [`Held`](ErrorClass::Held), [`NoActivity`](ErrorClass::NoActivity) | held, told once, tried after an hour, in the end after half a day; three in a row pause all reports for up to an hour | ends them, unless the task's own report is why | told once, slow |
//! | [`Settled`](ErrorClass::Settled) | over: too late, or unknown if an earlier report's answer was lost | the handler is cancelled, or an open request is over; a result is reported at once | told once, slow |
//! | [`BadOutput`](ErrorClass::BadOutput) | the failure `Worker.InvalidOutput` takes its place; of a failure: held | as Held | as Held |
//!
//! Of the pause that the service asks for (at most 300 s) and the one in the table the longer one counts. To heartbeats only throttling
//! has a pause to add, and none that is longer than half of the shortest interval.

/// The class of a failed call. `aws` puts every error in one (a single table), the engine reacts to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// No answer of the service: refused, unresolved, timed out, reset, a TLS failure, or an answer without the service's marks.
    Network,
    /// The service failed (5xx, of whoever speaks for it; `InternalFailure`, ...): try again with back-off.
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

//! The ways in which a call can fail.

use std::time::Duration;

use activity_worker::aws::Response;

use crate::service::Service;

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// The name is not known.
    Unresolved,
    /// No connection comes about in time.
    NoConnection,
    /// The request is written, the answer is lost; perhaps the request too, or it arrives much later.
    NoAnswer,
    /// The connection breaks after the request was written.
    Reset,
    /// The other end is gone without a word.
    HalfOpen,
    /// All is well, but slow.
    Slow,
    /// 503, and the call may have taken effect.
    Unavailable,
    /// The service throttles.
    Throttled,
    /// The answer is cut.
    Cut,
    /// The answer is noise.
    Garbled,
    /// 200 and a login page.
    Portal,
    /// A proxy wants a password.
    Proxy,
    /// Somebody else answers, in JSON and in the service's own words.
    Stranger,
    /// A proxy adds its age and an old date to the service's answer.
    Cached,
}

/// All of them.
pub(crate) const FAULTS: [(Fault, &str); 15] = [
    (Fault::Refused, "connection refused"),
    (Fault::Unresolved, "name not resolved"),
    (Fault::NoConnection, "no connection in time"),
    (Fault::NoAnswer, "no answer in time"),
    (Fault::Reset, "connection reset"),
    (Fault::HalfOpen, "half-open connection"),
    (Fault::Slow, "slow answer"),
    (Fault::Unavailable, "5xx"),
    (Fault::Throttled, "throttled"),
    (Fault::Cut, "answer cut"),
    (Fault::Garbled, "answer garbled"),
    (Fault::Portal, "captive portal"),
    (Fault::Proxy, "proxy 407"),
    (Fault::Stranger, "stranger's JSON"),
    (Fault::Cached, "old date of a cache"),
];

/// What a fault makes of an answer on its way. True if it makes anything of it.
pub(crate) fn spoil(
    answer: &mut Response,
    fault: Option<Fault>,
    now: Duration,
    rng: &mut fastrand::Rng,
) -> bool {
    match fault {
        Some(Fault::Cut) => {
            let left = rng.usize(..answer.body.len().max(1));
            answer.body.truncate(left);
        }
        Some(Fault::Garbled) => answer.body = vec![0xfe, 0x00, rng.u8(..), 0x7b],
        Some(Fault::Cached) => {
            let old = Service::date(now) - Duration::from_secs_f64(1000.0 + 89_000.0 * rng.f64());
            answer.headers.retain(|(name, _)| name != "date");
            answer.headers.push(("date".into(), httpdate::fmt_http_date(old)));
            answer.headers.push(("age".into(), "1000".into()));
        }
        _ => return false,
    }
    true
}

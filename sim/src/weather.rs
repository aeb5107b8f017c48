//! The ways in which a call can fail.

use std::time::Duration;

use activity_worker::aws::Response;

use crate::network::Outside;
use crate::service::Service;

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
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
    /// A proxy adds its age and an old date to the service's answer.
    Cached,
}

/// All of them.
pub(crate) const WEATHERS: [(Weather, &str); 14] = [
    (Weather::Refused, "connection refused"),
    (Weather::Unresolved, "name not resolved"),
    (Weather::NoConnection, "no connection in time"),
    (Weather::NoAnswer, "no answer in time"),
    (Weather::Reset, "connection reset"),
    (Weather::HalfOpen, "half-open connection"),
    (Weather::Slow, "slow answer"),
    (Weather::Unavailable, "5xx"),
    (Weather::Throttled, "throttled"),
    (Weather::Cut, "answer cut"),
    (Weather::Garbled, "answer garbled"),
    (Weather::Portal, "captive portal"),
    (Weather::Proxy, "proxy 407"),
    (Weather::Cached, "old date of a cache"),
];

impl Outside {
    /// What the weather makes of an answer on its way. True if it makes anything of it.
    pub(crate) fn spoil(&mut self, answer: &mut Response, weather: Option<Weather>, now: Duration) -> bool {
        match weather {
            Some(Weather::Cut) => {
                let left = self.rng.usize(..answer.body.len().max(1));
                answer.body.truncate(left);
            }
            Some(Weather::Garbled) => answer.body = vec![0xfe, 0x00, self.rng.u8(..), 0x7b],
            Some(Weather::Cached) => {
                let old = Service::date(now) - self.some(1000.0, 90_000.0);
                answer.headers.retain(|(name, _)| name != "date");
                answer.headers.push(("date".into(), httpdate::fmt_http_date(old)));
                answer.headers.push(("age".into(), "1000".into()));
            }
            _ => return false,
        }
        true
    }
}

//! Events, in words for a person.

use std::fmt;
use std::time::Duration;

use crate::Settlement;
use crate::worker::events::Event;
use crate::worker::foreign;

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Printable(Words(self)).fmt(f)
    }
}

/// What happened, in words that may hold whatever came from outside.
struct Words<'a>(&'a Event);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Accepted { id, activity: Some(activity) } => write!(f, "task {id}: accepted from {activity}"),
            Event::Accepted { id, activity: None } => write!(f, "task {id}: adopted"),
            Event::NotKept { id, reason } => {
                write!(f, "task {id}: can't be kept on disk ({reason}), failed as Worker.NotKept")
            }
            Event::Started { id, run: 1 } => write!(f, "task {id}: handler started"),
            Event::Started { id, run } => write!(f, "task {id}: handler started again, run {run}"),
            Event::Ended { id, error: None, took } => write!(f, "task {id}: succeeded after {}", Seconds(*took)),
            Event::Ended { id, error: Some(error), took } => {
                write!(f, "task {id}: failed as {error} after {}", Seconds(*took))
            }
            Event::Kept { id } => write!(f, "task {id}: result kept"),
            Event::OutcomeNotKept { id, reason } => write!(
                f,
                "task {id}: the result can't be kept on disk now ({reason}); it stays in memory and is tried again, no task is taken meanwhile"
            ),
            Event::Settled { id, settlement, request_id } => {
                let how = match settlement {
                    Settlement::Delivered => "result delivered",
                    Settlement::TooLate => "the service gave the task up before the result came (too late)",
                    Settlement::Retracted => "taken back by the app, unanswered",
                    Settlement::Discarded => "discarded; what was kept of it was never delivered",
                    Settlement::Unknown => {
                        "over; whether the service took the result is unknown, an earlier answer was lost"
                    }
                };
                write!(f, "task {id}: {how}")?;
                request_id.iter().try_for_each(|r| write!(f, " (request {r})"))
            }
            Event::Held { id, reason } => {
                write!(f, "task {id}: the service rejects the result ({reason}); held, tried again in hours")
            }
            Event::Denied { id, reason } => {
                write!(f, "task {id}: not allowed ({reason}); kept, tried again slowly: check the role's policy")
            }
            Event::ReportsPaused => f.write_str(
                "three results in a row were rejected: reporting pauses for up to an hour; is this the right account?",
            ),
            Event::ReportsResumed => f.write_str("reporting goes on"),
            Event::Offline { reason } => write!(f, "offline: {reason}"),
            Event::Online => f.write_str("online again"),
            Event::CredentialsRefused { reason } => write!(f, "credentials do not work: {reason}; trying again"),
            Event::CredentialsAccepted => f.write_str("credentials work again"),
            Event::Throttled { heartbeats: true } => f.write_str("the service throttles heartbeats; slowing down"),
            Event::Throttled { heartbeats: false } => f.write_str("the service throttles results; slowing down"),
            Event::PollRefused { activity, reason } => {
                write!(f, "activity {activity}: polls are refused ({reason}); polling slowly until that is mended")
            }
            Event::PollAccepted { activity } => write!(f, "activity {activity}: polls are accepted again"),
            Event::Cancelled { id, reason } => write!(f, "task {id}: cancelled, {reason}"),
            Event::HeartbeatsStopped { id, reason } => write!(f, "task {id}: heartbeats stop, {reason}"),
            Event::Foreign { id, origin, here, has_outcome, why } => {
                write!(f, "task {id}: ")?;
                foreign::told(f, origin, Some(here), *has_outcome, *why)
            }
            Event::StartsFail { activity, reason } => write!(
                f,
                "activity {activity}: its handlers can't be started ({reason}); polling slowly until one can"
            ),
            Event::StartsAgain { activity } => write!(f, "activity {activity}: its handlers can be started again"),
            Event::Quarantined { path } => write!(f, "damaged file set aside: {}", path.display()),
            Event::Full { foreign, held } => {
                f.write_str("no room for one more task in the state folder (nothing can be written there, or max_tasks or max_bytes is reached): nothing is polled")?;
                if *foreign > 0 {
                    write!(f, "; {foreign} of its tasks are not this worker's to go on with")?;
                }
                if *held > 0 {
                    write!(f, "; {held} of its results are held, since the service rejects them")?;
                }
                Ok(())
            }
            Event::RoomAgain => f.write_str("room for tasks again"),
            Event::Completed { id } => write!(f, "task {id}: completed by a later word"),
            Event::StatusChanged => f.write_str("the status changed"),
            Event::Warning(warning) => warning.fmt(f),
            Event::Missed { count } => write!(f, "{count} events missed"),
        }
    }
}

/// A duration as people read it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..60 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            s => write!(f, "{} min {} s", s / 60, s % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskId;
    use crate::worker::warnings::Warning;

    #[test]
    fn field_20_an_event_is_one_line_whatever_came_from_outside() {
        let hostile = || "x\n<3>made up\u{1b}[31m\u{202e}".to_owned();
        let id = TaskId::from_bytes([7; 16]);
        for event in [
            Event::Ended { id, error: Some(hostile()), took: Duration::ZERO },
            Event::Accepted { id, activity: Some(hostile()) },
            Event::NotKept { id, reason: hostile() },
            Event::Offline { reason: hostile() },
            Event::Settled { id, settlement: Settlement::Delivered, request_id: Some(hostile()) },
            Event::Quarantined { path: hostile().into() },
            Event::Warning(Warning::LetterRefused { reason: hostile() }),
        ] {
            let line = event.to_string();
            assert!(line.contains("x\\n<3>made up\\u{1b}[31m\\u{202e}"), "{line:?}");
        }
    }
}

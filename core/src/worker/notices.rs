//! The engine's notices, in the words of the public events.

use super::Cancelled;
use super::driver::Driver;
use super::events::Event;
use crate::engine::{BeatsStopped, Call, CancelReason, Notice, OwnFailure};
use crate::{Failure, TaskId};

impl Driver {
    /// `None`: of interest to the driver alone.
    pub(super) fn event(&self, notice: Notice) -> Option<Event> {
        let reason = || self.reason.clone();
        Some(match notice {
            Notice::Accepted(id) => Event::Accepted { id, activity: self.activity_of(id) },
            Notice::NotKept(id) => Event::NotKept { id, reason: reason() },
            Notice::Started(id, run) => Event::Started { id, run },
            Notice::Kept(id) => Event::Kept { id },
            Notice::OutcomeNotKept(id) => Event::OutcomeNotKept { id, reason: reason() },
            Notice::Settled(id, settlement) => {
                let request_id = self.live.get(&id).and_then(|live| live.request_id.clone());
                Event::Settled { id, settlement, request_id }
            }
            Notice::Held(id) => Event::Held { id, reason: reason() },
            Notice::Denied(id) => Event::Denied { id, reason: reason() },
            Notice::ReportsPaused => Event::ReportsPaused,
            Notice::ReportsResumed => Event::ReportsResumed,
            Notice::ClockRefused => Event::Warning {
                text: format!("the service refuses our time, after a correction as well: {}", self.reason),
            },
            Notice::CredentialsRefused => Event::CredentialsRefused { reason: reason() },
            Notice::CredentialsAccepted => Event::CredentialsAccepted,
            Notice::Throttled(call) => Event::Throttled { heartbeats: call == Call::Beat },
            Notice::PollRefused(activity, _) => {
                Event::PollRefused { activity: self.activity_name(activity), reason: reason() }
            }
            Notice::PollAccepted(activity) => Event::PollAccepted { activity: self.activity_name(activity) },
            Notice::Offline => Event::Offline { reason: reason() },
            Notice::Online => Event::Online,
            Notice::Cancelled(id, why) => Event::Cancelled { id, reason: cancelled(why) },
            Notice::BeatsStopped(id, why) => Event::HeartbeatsStopped { id, reason: beats_stopped(why) },
            Notice::Foreign(id) => Event::Foreign { id },
            Notice::Idle | Notice::Stopped => return None,
        })
    }

    fn activity_of(&self, id: TaskId) -> Option<String> {
        self.live.get(&id)?.activity.map(|activity| self.activity_name(activity))
    }

    fn activity_name(&self, activity: usize) -> String {
        self.activities.get(activity).map(|a| a.arn.name().to_owned()).unwrap_or_default()
    }
}

/// The reason in the words of handlers.
pub(super) fn cancelled(why: CancelReason) -> Cancelled {
    match why {
        CancelReason::TimedOut => Cancelled::TimedOut,
        CancelReason::Stopping => Cancelled::Stopping,
    }
}

/// The worker's own failures as a state machine sees them.
pub(super) fn own_failure(why: OwnFailure) -> Failure {
    let (error, cause) = match why {
        OwnFailure::Restarted => {
            ("Worker.Restarted", "the worker's process ended while the task was at work")
        }
        OwnFailure::Stopping => ("Worker.Stopping", "the worker is stopping"),
        OwnFailure::NotKept => ("Worker.NotKept", "the device's disk refused the task"),
        OwnFailure::InvalidOutput => ("Worker.InvalidOutput", "the service refused the output"),
        OwnFailure::Damaged => ("Worker.Damaged", "what the device's disk held of the task is damaged"),
    };
    Failure::new(error, cause)
}

fn beats_stopped(why: BeatsStopped) -> &'static str {
    match why {
        BeatsStopped::Lease => "the app has not asked for the task within its lease",
        BeatsStopped::Denied => {
            "its result has been denied for an hour, and the workflow must be able to time out"
        }
        BeatsStopped::Rejected => "the service does not take them",
        BeatsStopped::NotConfigured => "its activity is no longer configured",
    }
}

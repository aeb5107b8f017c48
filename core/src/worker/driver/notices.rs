//! The engine's notices, in the words of the public events.

use super::Driver;
use crate::engine::{Call, Notice, OwnFailure};
use crate::worker::events::Event;
use crate::worker::warnings::Warning;
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
            Notice::ClockRefused => Event::Warning(Warning::ClockRefused { reason: reason() }),
            Notice::CredentialsRefused => Event::CredentialsRefused { reason: reason() },
            Notice::CredentialsAccepted => Event::CredentialsAccepted,
            Notice::Throttled(call) => Event::Throttled { heartbeats: call == Call::Beat },
            Notice::PollRefused(activity, _) => {
                Event::PollRefused { activity: self.setup.name_of(activity), reason: reason() }
            }
            Notice::PollAccepted(activity) => Event::PollAccepted { activity: self.setup.name_of(activity) },
            Notice::Offline => Event::Offline { reason: reason() },
            Notice::Online => Event::Online,
            Notice::Cancelled(id, why) => Event::Cancelled { id, reason: why },
            Notice::BeatsStopped(id, why) => Event::HeartbeatsStopped { id, reason: why },
            Notice::Foreign(id) => {
                let task = self.foreign_task(id)?;
                let (here, has_outcome, why) = (self.setup.origin.clone(), task.has_outcome, task.why);
                Event::Foreign { id, origin: task.origin, here, has_outcome, why }
            }
            Notice::StartsFail(activity) => {
                Event::StartsFail { activity: self.setup.name_of(activity), reason: reason() }
            }
            Notice::StartsAgain(activity) => Event::StartsAgain { activity: self.setup.name_of(activity) },
            Notice::Idle | Notice::Stopped => return None,
        })
    }

    pub(super) fn activity_of(&self, id: TaskId) -> Option<String> {
        self.live.get(&id)?.activity.map(|activity| self.setup.name_of(activity))
    }
}

/// The worker's own failures as a state machine sees them.
pub(super) fn own_failure(why: OwnFailure) -> Failure {
    let (error, cause) = match why {
        OwnFailure::Restarted => {
            ("Worker.Restarted", "the worker's process ended while the task was at work")
        }
        OwnFailure::Stopping => ("Worker.Stopping", "the worker is stopping"),
        OwnFailure::NotKept => ("Worker.NotKept", "the device could not keep the task on its disk"),
        OwnFailure::InvalidInput => return invalid_input("the input can't be used".to_owned()),
        OwnFailure::InvalidOutput => ("Worker.InvalidOutput", "the service refused the output"),
        OwnFailure::Damaged => ("Worker.Damaged", "what the device's disk held of the task is damaged"),
    };
    Failure::new(error, cause)
}

/// `Worker.InvalidInput`: the handler never saw the task.
pub(super) fn invalid_input(why: String) -> Failure {
    Failure::new("Worker.InvalidInput", why)
}

//! A task on its way in: what a poll brought, and what the disk says to a task that was to be accepted, polled or adopted.

use super::Driver;
use super::live::Live;
use super::notices::{invalid_input, own_failure};
use crate::engine::slots::Stage;
use crate::engine::{self, OwnFailure, PollAnswer};
use crate::plants::planted;
use crate::worker::answers::{AdoptError, Adopted};
use crate::worker::jobs::calls::{PollDone, failure};
use crate::worker::jobs::disk::{DiskJob, Refused};
use crate::worker::warnings::Warning;
use crate::{ErrorClass, Outcome, TaskId};

impl Driver {
    pub(super) fn poll_done(&mut self, done: PollDone) {
        let PollDone { activity, answer, took } = done;
        if answer.is_ok() {
            self.silence.answered(took);
        }
        let answer = match answer {
            Ok(None) => PollAnswer::Empty,
            Ok(Some(task)) => {
                let (id, unusable) = (task.token.id(), task.unusable);
                let answer = match &unusable {
                    None => PollAnswer::Task(id),
                    Some(why) => {
                        let warning = Warning::InvalidInput { id, reason: why.clone() };
                        self.reason = warning.to_string();
                        self.warn(warning);
                        PollAnswer::Unusable(id)
                    }
                };
                if !self.engine.knows(id) {
                    let date = self.client.clock().now();
                    let mut live = Live::new(task.token, Some(activity), self.setup.scope.clone(), date);
                    live.input = Some(task.input.into());
                    live.outcome = unusable.map(|why| Outcome::Failure(invalid_input(why)).into());
                    self.live.insert(id, live);
                }
                answer
            }
            Err(error) => {
                self.reason = error.to_string();
                if error.task_lost {
                    self.warn(Warning::TaskLost { reason: self.reason.clone() });
                }
                if error.class == ErrorClass::Network
                    && let Some(polls) = self.silence.failed(error.maybe_taken, took)
                {
                    self.warn(Warning::PollsEndInSilence { polls });
                }
                PollAnswer::Failed(failure(&error))
            }
        };
        let failure = match answer {
            PollAnswer::Failed(failure) => Some(failure.class),
            _ => None,
        };
        self.troubles.heard_of_credentials(failure, &self.reason);
        // Whether the folder is still there.
        self.disk(DiskJob::Look);
        self.poll_answered(activity, &answer);
        self.feed(engine::Input::PollEnded { activity, answer, took });
        self.heard_of_network(failure);
        self.heard();
    }

    /// The disk's answer to a task that was to be accepted, polled or adopted.
    pub(super) fn accepted(&mut self, id: TaskId, result: Result<(), Refused>) {
        let result = if planted("refused-task-taken") { Ok(()) } else { result };
        let Some(live) = self.live.get_mut(&id) else { return };
        let adopter = live.adopter.take();
        let (adopted, kept) =
            (adopter.is_some(), matches!(result, Ok(()) | Err(Refused::Over(_) | Refused::Known(_))));
        let mut answer = match &result {
            Ok(()) => Ok(Adopted::New(id)),
            Err(Refused::Over(settlement)) => Ok(Adopted::Over(id, *settlement)),
            Err(Refused::Known(_)) => Ok(Adopted::Known(id)),
            Err(Refused::Disk(why)) => Err(AdoptError::NotKept(why.clone())),
        };
        match result {
            Ok(()) => {
                self.feed(engine::Input::TaskKept { id });
                let kept_for_later = matches!(self.engine.stage(id), Some(Stage::Deferred | Stage::Foreign));
                if let Some(live) = self.live.get_mut(&id).filter(|_| kept_for_later) {
                    // From now on the app reads it from disk.
                    live.input = None;
                }
            }
            // Its file could not be read so far, and was, just before this.
            Err(Refused::Known(task)) => {
                let said = self.live.remove(&id);
                self.feed(engine::Input::TaskNotKept { id });
                self.found(*task, None);
                self.poll_brought(id, true);
                if let (Some(said), Some(adopter)) = (said, adopter) {
                    self.complete(&said, adopter);
                }
                return;
            }
            Err(refused) => {
                // What a polled task is failed with, from memory.
                live.outcome = Some(Outcome::Failure(own_failure(OwnFailure::NotKept)).into());
                self.reason = refused.to_string();
                if adopted {
                    self.live.remove(&id);
                }
                self.feed(engine::Input::TaskNotKept { id });
            }
        }
        self.poll_brought(id, kept);
        if let Ok(Adopted::New(_)) = answer {
            answer = Ok(self.held_as(id, Adopted::New(id)));
        }
        if let Some(adopter) = adopter {
            self.tell_adopter(adopter, answer);
        }
    }
}

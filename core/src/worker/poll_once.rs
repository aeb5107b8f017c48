//! One poll, for an app that is open and wants to know whether there is something to do.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::driver::Driver;
use crate::TaskId;
use crate::aws::ActivityArn;
use crate::engine::{self, PollAnswer};

/// A poll needs this long to end by itself: the service holds it for 60 s, and its answer takes a while.
pub(super) const WINDOW: Duration = Duration::from_secs(70);

/// Whether a poll may be begun that the process may not live to see answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollRisk {
    /// No: less than 70 s are too few.
    Refuse,
    /// Yes. A task that is handed out to a poll that is cut off is lost to everyone until its HeartbeatSeconds or TimeoutSeconds
    /// are over.
    MayLoseTask,
}

/// What one poll brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolledOnce {
    /// A task, now on stable storage.
    Task(TaskId),
    /// No task waits.
    Nothing,
    /// The time is over, the poll goes on. What it brings comes as an event.
    UnderWay,
}

/// Why there was no poll, or none that was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PollOnceError {
    /// The time given is under 70 s, and the risk was not taken.
    #[error("a poll needs 70 s, or it can lose a task: give it the time, or name the risk")]
    WindowTooShort,
    /// The worker does not know the activity.
    #[error("the activity is not one of this worker's")]
    NoSuchActivity,
    /// Within the time given no poll could be begun: no network, no room, no place, or bad credentials.
    #[error("not polled: {0}")]
    NotPolled(String),
    /// The poll failed.
    #[error("{0}")]
    Failed(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

/// Someone waits for a poll.
pub(super) struct PollWait {
    activity: usize,
    pub(super) until: Duration,
    /// It came, and is being put on stable storage.
    task: Option<TaskId>,
    reply: Sender<Result<PolledOnce, PollOnceError>>,
}

impl Driver {
    pub(super) fn poll_once(
        &mut self,
        arn: &ActivityArn,
        within: Duration,
        reply: Sender<Result<PolledOnce, PollOnceError>>,
    ) {
        let Some(activity) = self.activities.iter().position(|a| a.arn == *arn) else {
            let _ = reply.send(Err(PollOnceError::NoSuchActivity));
            return;
        };
        self.tell(engine::Event::PollOnce { activity });
        self.poll_waits.push(PollWait { activity, until: self.now() + within, task: None, reply });
    }

    pub(super) fn poll_answered(&mut self, activity: usize, answer: &PollAnswer) {
        let reason = self.reason.clone();
        self.poll_waits.retain_mut(|wait| {
            if wait.activity != activity {
                return true;
            }
            let word = match answer {
                PollAnswer::Task(id) => {
                    wait.task = Some(*id);
                    return true;
                }
                PollAnswer::Empty => Ok(PolledOnce::Nothing),
                PollAnswer::Failed(_) => Err(PollOnceError::Failed(reason.clone())),
            };
            let _ = wait.reply.send(word);
            false
        });
    }

    /// The task of a poll is on stable storage, or will not be.
    pub(super) fn poll_brought(&mut self, id: TaskId, kept: bool) {
        let reason = self.reason.clone();
        self.poll_waits.retain(|wait| {
            let its = wait.task == Some(id);
            if its {
                let word =
                    if kept { Ok(PolledOnce::Task(id)) } else { Err(PollOnceError::Failed(reason.clone())) };
                let _ = wait.reply.send(word);
            }
            !its
        });
    }

    /// Answers those whose time is over.
    pub(super) fn answer_poll_waits(&mut self) {
        let now = self.now();
        for n in (0..self.poll_waits.len()).rev() {
            if self.poll_waits[n].until > now {
                continue;
            }
            let wait = self.poll_waits.swap_remove(n);
            let activity = wait.activity;
            let word = if wait.task.is_some() || self.engine.is_polling(activity) {
                Ok(PolledOnce::UnderWay)
            } else {
                if self.poll_waits.iter().all(|other| other.activity != activity) {
                    self.tell(engine::Event::NoPoll { activity });
                }
                Err(PollOnceError::NotPolled(self.why_not_polled()))
            };
            let _ = wait.reply.send(word);
        }
    }

    fn why_not_polled(&self) -> String {
        let why = if self.engine.link().offline_since().is_some() {
            "the service does not answer"
        } else if !self.has_room {
            "no room for one more task in the state folder"
        } else {
            "no place for one more task, the worker stops, or its credentials do not work"
        };
        why.to_owned()
    }
}

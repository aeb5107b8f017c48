//! One poll, for an app that is open and wants to know whether there is something to do.

use std::time::Duration;

use super::Driver;
use super::waiting::PollWait;
use crate::TaskId;
use crate::aws::ActivityArn;
use crate::engine::{self, PollAnswer};
use crate::worker::answers::{PollOnceError, PolledOnce};
use crate::worker::cancel_wait::CancelWait;
use crate::worker::question::Asker;

impl Driver {
    pub(super) fn poll_once(
        &mut self,
        arn: &ActivityArn,
        within: Duration,
        cancel: CancelWait,
        reply: Asker<Result<PolledOnce, PollOnceError>>,
    ) {
        let Some(activity) = self.setup.number_of(arn.as_str()) else {
            reply.send(Err(PollOnceError::NoSuchActivity));
            return;
        };
        self.feed(engine::Input::PollOnce { activity });
        self.waiting.polls.push(PollWait { activity, until: self.now() + within, cancel, task: None, reply });
    }

    pub(super) fn poll_answered(&mut self, activity: usize, answer: &PollAnswer) {
        let reason = self.reason.clone();
        self.waiting.polls.retain_mut(|wait| {
            if wait.activity != activity {
                return true;
            }
            let word = match answer {
                PollAnswer::Task(id) => {
                    wait.task = Some(*id);
                    return true;
                }
                PollAnswer::Empty => Ok(PolledOnce::Nothing),
                PollAnswer::Failed(_) | PollAnswer::Unusable(_) => Err(PollOnceError::Failed(reason.clone())),
            };
            wait.reply.send(word);
            false
        });
    }

    /// The task of a poll is on stable storage, or will not be.
    pub(super) fn poll_brought(&mut self, id: TaskId, kept: bool) {
        let reason = self.reason.clone();
        self.waiting.polls.retain(|wait| {
            let its = wait.task == Some(id);
            if its {
                let word =
                    if kept { Ok(PolledOnce::Task(id)) } else { Err(PollOnceError::Failed(reason.clone())) };
                wait.reply.send(word);
            }
            !its
        });
    }

    /// Answers those whose time is over, or who wait no longer.
    pub(super) fn answer_poll_waits(&mut self) {
        let now = self.now();
        for n in (0..self.waiting.polls.len()).rev() {
            if self.waiting.polls[n].until > now && !self.waiting.polls[n].cancel.is_set() {
                continue;
            }
            let wait = self.waiting.polls.swap_remove(n);
            let activity = wait.activity;
            let word = if wait.task.is_some() || self.engine.is_polling(activity) {
                Ok(PolledOnce::UnderWay)
            } else {
                if self.waiting.polls.iter().all(|other| other.activity != activity) {
                    self.feed(engine::Input::NoPoll { activity });
                }
                Err(PollOnceError::NotPolled(self.why_not_polled(activity)))
            };
            wait.reply.send(word);
        }
    }

    fn why_not_polled(&self, activity: usize) -> String {
        let concurrency = self.setup.activity(Some(activity)).map_or(0, |a| a.concurrency);
        let open = self.engine.open(activity);
        let refused = self.troubles.polls.iter().find(|(refused, _)| *refused == activity);
        if self.engine.link().offline_since().is_some() {
            "the service does not answer: try again when there is a network".to_owned()
        } else if let Some(trouble) = &self.troubles.credentials {
            format!("the credentials do not work: {}", trouble.reason)
        } else if !self.disk_watch.has_room() || !self.engine.has_free_place() || self.engine.is_stopping() {
            format!("no room for one more task: {}", self.why_full())
        } else if open >= concurrency {
            format!(
                "{open} tasks of the activity wait already, as many as its concurrency allows: answer one, or raise it"
            )
        } else if self.engine.starts_fail(activity) {
            "its handlers can't be started".to_owned()
        } else if let Some((_, reason)) = refused {
            format!("polls of the activity are refused: {reason}")
        } else {
            "not begun in the time given: give it more".to_owned()
        }
    }
}

//! Tasks that an app settles: a person decides, tomorrow maybe.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use super::disk::DiskJob;
use super::driver::Driver;
use super::inbox::Reply;
use crate::aws::ActivityArn;
use crate::engine;
use crate::engine::slots::{Slot, Stage};
use crate::plants::planted;
use crate::{Outcome, Scope, Settlement, TaskId};

/// A task is not let go before its end has passed by this much: the service counts from its own start of the task.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// A task that the app settles.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeferredTask {
    /// Its id.
    pub id: TaskId,
    /// Its activity; `None` for an adopted token.
    pub activity: Option<ActivityArn>,
    /// The user it belongs to.
    pub scope: Scope,
    /// When it was accepted, by the corrected clock.
    pub accepted: SystemTime,
    /// When its workflow gives it up, if that was said.
    pub expires: Option<SystemTime>,
    /// How far it has come.
    pub state: DeferredState,
}

/// How far a deferred task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeferredState {
    /// It waits for an answer.
    Open,
    /// It is answered; the answer waits to be delivered.
    Answered,
    /// The service rejected the answer: it is kept, and tried again slowly.
    Held,
}

/// Why a deferred task was not settled, or not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// No task with this id waits for the app: it was given up by the service, is over, or never was here.
    #[error("no task {0} waits for an outcome")]
    NoSuchTask(TaskId),
    /// The task has its outcome already; the first one counts.
    #[error("task {0} has been answered already")]
    AlreadyAnswered(TaskId),
    /// The output is no JSON, or too long.
    #[error("{0}")]
    BadOutput(String),
    /// The disk refused: nothing is kept, the task is as open as before.
    #[error("not kept: {0}")]
    NotKept(String),
    /// It is written, and held in memory, but perhaps not durable yet: the worker goes on with this outcome, no other is taken. Of a
    /// task that was taken back: after a power cut it may be open again.
    #[error("perhaps not kept: {0}")]
    Unknown(String),
    /// The input can't be read now.
    #[error("the input can't be read: {0}")]
    Unreadable(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

impl Driver {
    pub(super) fn deferred_tasks(&mut self) -> Vec<DeferredTask> {
        self.expire();
        let tasks = self.engine.tasks().filter_map(|slot| {
            let (live, state) = (self.live.get(&slot.id)?, deferred_state(slot)?);
            let activity = live.activity.and_then(|a| self.activities.get(a)).map(|a| a.arn.clone());
            let (scope, accepted, expires) = (live.scope.clone(), live.accepted, live.expires);
            Some(DeferredTask { id: slot.id, activity, scope, accepted, expires, state })
        });
        let mut tasks: Vec<_> = tasks.collect();
        tasks.sort_by_key(|task| (task.accepted, task.id));
        tasks
    }

    pub(super) fn show_input(&mut self, id: TaskId, reply: Sender<Result<String, SettleError>>) {
        if self.engine.stage(id) != Some(Stage::Deferred) {
            let _ = reply.send(Err(SettleError::NoSuchTask(id)));
            return;
        }
        self.tickets += 1;
        self.shown.insert(self.tickets, reply);
        self.disk(DiskJob::ShowInput { id, ticket: self.tickets });
    }

    pub(super) fn settle(&mut self, id: TaskId, outcome: Outcome, reply: Reply<Result<(), SettleError>>) {
        if let Err(refused) = self.may_settle(id, &outcome) {
            return self.tell_settler(reply, Err(refused));
        }
        let success = matches!(outcome, Outcome::Success(_));
        if let Some(live) = self.live.get_mut(&id) {
            live.outcome = Some(Arc::new(outcome));
            if planted("app-told-kept-too-early") {
                self.tell_settler(reply, Ok(()));
                return self.tell(engine::Event::OutcomeReady { id, success });
            }
            live.settler = Some(reply);
        }
        self.tell(engine::Event::OutcomeReady { id, success });
    }

    fn may_settle(&self, id: TaskId, outcome: &Outcome) -> Result<(), SettleError> {
        self.is_open(id)?;
        let max = self.max_output(id);
        match outcome {
            Outcome::Success(output) if output.len() > max => {
                let why = format!("the output has {} bytes, the limit is {max}", output.len());
                Err(SettleError::BadOutput(why))
            }
            _ => Ok(()),
        }
    }

    fn is_open(&self, id: TaskId) -> Result<(), SettleError> {
        match self.engine.tasks().find(|s| s.id == id).and_then(deferred_state) {
            Some(DeferredState::Open) => Ok(()),
            Some(_) => Err(SettleError::AlreadyAnswered(id)),
            None => Err(SettleError::NoSuchTask(id)),
        }
    }

    /// The workflow withdrew its request, says the app's backend.
    pub(super) fn retract(&mut self, id: TaskId, reply: Reply<Result<(), SettleError>>) {
        if let Err(refused) = self.is_open(id) {
            return self.tell_settler(reply, Err(refused));
        }
        if let Some(live) = self.live.get_mut(&id) {
            live.settler = Some(reply);
        }
        self.tell(engine::Event::Withdraw { id, settlement: Settlement::Retracted });
    }

    /// Lets go of tasks whose end has passed, by the service's time and no other, with no answer.
    pub(super) fn expire(&mut self) {
        let Some(now) = self.client.clock().learnt() else { return };
        let over = |end: SystemTime| now.duration_since(end).is_ok_and(|past| past >= EXPIRY_MARGIN);
        let over: Vec<_> =
            self.live.iter().filter(|(_, l)| l.expires.is_some_and(over)).map(|(id, _)| *id).collect();
        for id in over {
            self.tell(engine::Event::Withdraw { id, settlement: Settlement::TooLate });
        }
    }

    pub(super) fn max_output(&self, id: TaskId) -> usize {
        let activity = self.live.get(&id).and_then(|live| self.activities.get(live.activity?));
        activity.map_or(self.adopted_max_output, |a| a.max_output)
    }

    pub(super) fn tell_settler(
        &mut self,
        reply: Reply<Result<(), SettleError>>,
        answer: Result<(), SettleError>,
    ) {
        match reply {
            Reply::App(app) => drop(app.send(answer)),
            Reply::Letter(path) => self.letter_settled(path, answer),
        }
    }
}

/// `None`: not one that an app settles, or over.
fn deferred_state(slot: &Slot) -> Option<DeferredState> {
    match slot.stage {
        Stage::Deferred => Some(DeferredState::Open),
        Stage::Waiting if slot.deferred && slot.report.held => Some(DeferredState::Held),
        Stage::Ended | Stage::Waiting if slot.deferred => Some(DeferredState::Answered),
        _ => None,
    }
}

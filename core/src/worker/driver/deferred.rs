//! Tasks that an app settles: a person decides, tomorrow maybe.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Driver;
use super::live::Reply;
use super::waiting::Shown;
use crate::engine;
use crate::engine::slots::{Slot, Stage};
use crate::plants::planted;
use crate::spool::ReadError;
use crate::worker::answers::{AnswerError, DeferredState, DeferredTask};
use crate::worker::jobs::disk::DiskJob;
use crate::worker::question::Asker;
use crate::{Outcome, Settlement, TaskId};

/// A task is not let go before its end has passed by this much: the service counts from its own start of the task.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

impl Driver {
    pub(super) fn deferred_tasks(&mut self) -> Vec<DeferredTask> {
        self.expire();
        let tasks = self.engine.tasks().filter_map(|slot| {
            let (live, state) = (self.live.get(&slot.id)?, deferred_state(slot)?);
            let activity = self.setup.arn_of(live.activity);
            let (scope, accepted, expires) = (live.scope.clone(), live.accepted, live.expires());
            let has_input = live.said.input;
            Some(DeferredTask { id: slot.id, activity, scope, accepted, has_input, expires, state })
        });
        let mut tasks: Vec<_> = tasks.collect();
        tasks.sort_by_key(|task| (task.accepted, task.id));
        tasks
    }

    pub(super) fn show_input(&mut self, id: TaskId, reply: Asker<Result<String, AnswerError>>) {
        if self.state_of(id).is_none() {
            reply.send(Err(AnswerError::NoSuchTask(id)));
            return;
        }
        let ticket = self.waiting.ticket_to_show(Shown::Input(reply));
        self.disk(DiskJob::ShowInput { id, ticket });
    }

    pub(super) fn show_answer(&mut self, id: TaskId, reply: Asker<Result<Option<Outcome>, AnswerError>>) {
        let in_memory = self.live.get(&id).and_then(|live| live.outcome.as_deref());
        let answer = match (self.state_of(id), in_memory) {
            (None, _) => Err(AnswerError::NoSuchTask(id)),
            (Some(DeferredState::Open), _) => Ok(None),
            (Some(_), Some(outcome)) => Ok(Some(outcome.clone())),
            (Some(_), None) => {
                let ticket = self.waiting.ticket_to_show(Shown::Answer(reply));
                return self.disk(DiskJob::ShowOutcome { id, ticket });
            }
        };
        reply.send(answer);
    }

    pub(super) fn input_shown(&mut self, id: TaskId, ticket: u64, input: Result<String, ReadError>) {
        if let Err(ReadError::Damaged { .. }) = &input
            && self.engine.stage(id) == Some(Stage::Deferred)
        {
            self.feed(engine::Input::Damaged { id });
        }
        if let Some(Shown::Input(reply)) = self.waiting.shown(ticket) {
            reply.send(input.map_err(|error| self.not_shown(id, &error)));
        }
    }

    pub(super) fn answer_shown(&mut self, id: TaskId, ticket: u64, outcome: Result<Outcome, ReadError>) {
        if let Some(Shown::Answer(reply)) = self.waiting.shown(ticket) {
            reply.send(outcome.map(Some).map_err(|error| self.not_shown(id, &error)));
        }
    }

    fn not_shown(&self, id: TaskId, error: &ReadError) -> AnswerError {
        match error {
            // It ended while it was asked for.
            ReadError::NoSuchTask(_) if self.state_of(id).is_none() => AnswerError::NoSuchTask(id),
            ReadError::NoSuchTask(_) => {
                let why = "it was not kept with the answer, by an older version or for want of room on disk";
                AnswerError::Unreadable(why.to_owned())
            }
            error => AnswerError::Unreadable(error.to_string()),
        }
    }

    fn state_of(&self, id: TaskId) -> Option<DeferredState> {
        self.engine.task(id).and_then(deferred_state)
    }

    pub(super) fn answer(&mut self, id: TaskId, outcome: Outcome, reply: Reply<Result<(), AnswerError>>) {
        if let Err(refused) = self.may_answer(id, &outcome) {
            return self.tell_answerer(reply, Err(refused));
        }
        let success = matches!(outcome, Outcome::Success(_));
        if let Some(live) = self.live.get_mut(&id) {
            live.outcome = Some(Arc::new(outcome));
            if planted("app-told-kept-too-early") {
                self.tell_answerer(reply, Ok(()));
                return self.feed(engine::Input::OutcomeReady { id, success });
            }
            live.answerer = Some(reply);
        }
        self.feed(engine::Input::OutcomeReady { id, success });
    }

    fn may_answer(&self, id: TaskId, outcome: &Outcome) -> Result<(), AnswerError> {
        self.is_open(id)?;
        let max = self.max_output(id);
        match outcome {
            Outcome::Success(output) if output.as_str().len() > max => {
                let limit = match self.live.get(&id).and_then(|live| live.activity) {
                    Some(_) => "the activity's max_output",
                    None => "adopted_max_output",
                };
                let why = format!(
                    "the output has {} bytes, the limit is {max}: shorten it, or raise {limit} for the tasks to come",
                    output.as_str().len()
                );
                Err(AnswerError::BadOutput(why))
            }
            _ => Ok(()),
        }
    }

    fn is_open(&self, id: TaskId) -> Result<(), AnswerError> {
        match self.state_of(id) {
            Some(DeferredState::Open) => Ok(()),
            Some(_) => Err(AnswerError::AlreadyAnswered(id)),
            None => Err(AnswerError::NoSuchTask(id)),
        }
    }

    /// The workflow withdrew its request, says the app's backend.
    pub(super) fn retract(&mut self, id: TaskId, reply: Reply<Result<(), AnswerError>>) {
        if let Err(refused) = self.is_open(id) {
            return self.tell_answerer(reply, Err(refused));
        }
        if let Some(live) = self.live.get_mut(&id) {
            live.answerer = Some(reply);
        }
        self.feed(engine::Input::Withdraw { id, settlement: Settlement::Retracted });
    }

    /// Lets go of tasks whose end has passed, by the service's time, with no answer. That can't be taken back, so one answer's word on
    /// the date is not enough.
    pub(super) fn expire(&mut self) {
        let Some(now) = self.client.clock().beyond_doubt() else { return };
        let over = |end: SystemTime| now.duration_since(end).is_ok_and(|past| past >= EXPIRY_MARGIN);
        let mut over = self.live.over(over);
        over.sort_unstable();
        for id in over {
            match self.engine.stage(id) {
                // It may be as open as before, if the disk refuses its answer.
                Some(Stage::Accepting | Stage::Ended) => continue,
                Some(Stage::Deferred) => {
                    self.feed(engine::Input::Withdraw { id, settlement: Settlement::TooLate });
                }
                _ => {}
            }
            self.live.ends_no_more(id);
        }
    }

    pub(super) fn max_output(&self, id: TaskId) -> usize {
        self.setup.max_output(self.live.get(&id).and_then(|live| live.activity))
    }

    pub(super) fn tell_answerer(
        &mut self,
        reply: Reply<Result<(), AnswerError>>,
        answer: Result<(), AnswerError>,
    ) {
        match reply {
            Reply::App(app) => app.send(answer),
            Reply::Letter(path) => self.letter_answered(path, answer),
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

//! Tokens that come by another way than a poll.

use super::Driver;
use super::live::{Foreign, Live, Reply};
use crate::engine::slots::Stage;
use crate::engine::{self};
use crate::spool::{Said, StoredTask};
use crate::worker::answers::{AdoptError, Adopted};
use crate::worker::events::Event;
use crate::worker::jobs::disk::{DiskJob, Refused};
use crate::{Adoption, TaskId};

impl Driver {
    pub(super) fn adopt(&mut self, adoption: Adoption, reply: Reply<Result<Adopted, AdoptError>>) {
        if let Err(bad) = adoption.check() {
            return self.tell_adopter(reply, Err(bad.into()));
        }
        let Adoption { token, input, origin, scope, expires } = adoption;
        let id = token.id();
        let said = Said { input: input.is_some(), origin: origin.is_some(), scope: scope.is_some() };
        let scope = scope.unwrap_or_else(|| self.setup.scope.clone());
        let why = self.why_foreign(origin.as_ref().unwrap_or(&self.setup.origin), &scope);
        let foreign = why.is_some();
        let mut live = Live::new(token, None, scope, self.client.clock().now()).with_end(expires);
        (live.origin, live.said) = (origin, said);
        live.foreign = why.map(|why| Foreign { why, activity: None, has_outcome: false });
        live.input = Some(input.unwrap_or_else(|| "{}".to_owned()).into());
        match self.engine.stage(id) {
            None => {
                live.adopter = Some(reply);
                self.live.insert(id, live);
                self.feed(engine::Input::Adopt { id, foreign });
            }
            // The disk knows what was said so far, and answers after what it was asked before: the task is there then, or over.
            Some(Stage::Accepting | Stage::Deferred | Stage::Foreign | Stage::Forgetting) => {
                self.complete(&live, reply);
            }
            Some(_) => self.tell_adopter(reply, Ok(Adopted::Known(id))),
        }
    }

    pub(super) fn complete(&mut self, said: &Live, reply: Reply<Result<Adopted, AdoptError>>) {
        let (id, later) = (said.token.id(), said.later());
        let ticket = self.waiting.ticket_to_complete(reply);
        self.disk(DiskJob::Complete { id, later, ticket });
    }

    /// The disk's answer to a later word on a task.
    pub(super) fn completed(
        &mut self,
        id: TaskId,
        ticket: u64,
        result: Result<Option<Box<StoredTask>>, Refused>,
    ) {
        let Some(reply) = self.waiting.completed(ticket) else { return };
        let answer = match result {
            Ok(Some(task)) => {
                self.take_completed(*task);
                Ok(self.held_as(id, Adopted::Completed(id)))
            }
            Ok(None) | Err(Refused::Known(_)) => Ok(self.held_as(id, Adopted::Known(id))),
            Err(Refused::Over(settlement)) => Ok(Adopted::Over(id, settlement)),
            Err(Refused::Disk(why)) => Err(AdoptError::NotKept(why)),
        };
        self.tell_adopter(reply, answer);
    }

    /// The task may be another's now, or ours at last.
    fn take_completed(&mut self, task: StoredTask) {
        let id = task.token.id();
        let why = self.why_not_ours(&task, task.has_outcome);
        let moves = match self.engine.stage(id) {
            Some(Stage::Deferred) => why.is_some(),
            Some(Stage::Foreign) => why.is_none(),
            _ => false,
        };
        if moves {
            self.live.remove(&id);
            self.feed(engine::Input::LetGo { id });
            self.found(task, None);
        } else if let Some(live) = self.live.get_mut(&id) {
            (live.origin, live.scope) = (Some(task.origin), task.scope);
            live.said = task.said;
            live.foreign =
                why.map(|why| Foreign { why, activity: task.activity, has_outcome: task.has_outcome });
            self.live.set_end(id, task.expires);
        }
        self.hub.tell(&Event::Completed { id });
    }

    /// How a task that is held is told of.
    pub(super) fn held_as(&self, id: TaskId, ours: Adopted) -> Adopted {
        if self.engine.stage(id) == Some(Stage::Foreign) { Adopted::Foreign(id) } else { ours }
    }

    /// Which limit keeps a token out.
    pub(super) fn why_full(&self) -> String {
        if self.engine.is_stopping() {
            return "the worker is stopping".to_owned();
        }
        if !self.engine.has_free_place() {
            return format!(
                "{} tasks are held, as many as max_tasks allows: let answers be delivered, take requests back, or raise it",
                self.engine.tasks_held()
            );
        }
        format!(
            "the state folder has none, since max_bytes ({}) is reached or its disk is full: free some, or raise it",
            self.setup.max_bytes
        )
    }

    pub(super) fn tell_adopter(
        &mut self,
        reply: Reply<Result<Adopted, AdoptError>>,
        answer: Result<Adopted, AdoptError>,
    ) {
        match reply {
            Reply::App(app) => app.send(answer),
            Reply::Letter(path) => self.letter_adopted(path, answer),
        }
    }
}

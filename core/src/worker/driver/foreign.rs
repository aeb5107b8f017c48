//! Tasks that are not this worker's to go on with: shown, and decided on.

use super::Driver;
use crate::aws::ActivityArn;
use crate::engine::slots::Stage;
use crate::engine::{self, OwnFailure};
use crate::plants::planted;
use crate::spool::{Claimed, StoredTask};
use crate::worker::events::Event;
use crate::worker::foreign::{ForeignError, ForeignTask, ForeignWhy};
use crate::worker::jobs::disk::{Claim, DiskJob};
use crate::worker::mailbox::Decider;
use crate::{Origin, Scope, Settlement, TaskId};

impl Driver {
    /// Why a task that lies in the folder is not ours to go on with; `answered`: what is there of it can be reported. A copied folder's
    /// open tasks may still be at work elsewhere, but a result is a result.
    pub(super) fn why_not_ours(&self, task: &StoredTask, answered: bool) -> Option<ForeignWhy> {
        let copied = task.copied && !answered;
        self.why_foreign(&task.origin, &task.scope).or(copied.then_some(ForeignWhy::Copied))
    }

    /// The same of a token that is handed over, of which nothing lies there yet.
    pub(super) fn why_foreign(&self, origin: &Origin, scope: &Scope) -> Option<ForeignWhy> {
        match () {
            () if *origin != self.setup.origin && !planted("foreign-is-sent") => Some(ForeignWhy::Origin),
            () if *scope != self.setup.scope => Some(ForeignWhy::User),
            () => None,
        }
    }

    pub(super) fn foreign_tasks(&self) -> Vec<ForeignTask> {
        if planted("foreign-not-counted") {
            return Vec::new();
        }
        let foreign = self.engine.tasks().filter(|slot| slot.stage == Stage::Foreign);
        let mut tasks: Vec<_> = foreign.filter_map(|slot| self.foreign_task(slot.id)).collect();
        tasks.sort_by_key(|task| (task.accepted, task.id));
        tasks
    }

    pub(super) fn foreign_task(&self, id: TaskId) -> Option<ForeignTask> {
        let live = self.live.get(&id)?;
        let foreign = live.foreign.as_ref()?;
        Some(ForeignTask {
            id,
            origin: live.origin.as_ref().unwrap_or(&self.setup.origin).clone(),
            scope: live.scope.clone(),
            activity: foreign.activity.as_ref().and_then(|arn| ActivityArn::parse(arn).ok()),
            accepted: live.accepted,
            has_outcome: foreign.has_outcome,
            why: foreign.why,
        })
    }

    pub(super) fn adopt_foreign(&mut self, id: TaskId, reply: Decider) {
        let is_foreign = self.engine.stage(id) == Some(Stage::Foreign);
        let Some(reply) = self.waits_for_decision(id, is_foreign, reply) else { return };
        let claim = Claim { id, origin: self.setup.origin.clone(), scope: self.setup.scope.clone() };
        if let Some(live) = self.live.get_mut(&id) {
            live.decider = Some(reply);
            self.disk(DiskJob::Claim(claim));
        }
    }

    pub(super) fn discard(&mut self, id: TaskId, reply: Decider) {
        let slot = self.engine.task(id);
        let may = slot.is_some_and(|s| s.stage == Stage::Foreign || (s.waits() && s.report.held));
        let Some(reply) = self.waits_for_decision(id, may, reply) else { return };
        if let Some(live) = self.live.get_mut(&id) {
            live.decider = Some(reply);
            self.feed(engine::Input::Withdraw { id, settlement: Settlement::Discarded });
        }
    }

    /// Gives the reply back if the task may be decided on.
    fn waits_for_decision(&mut self, id: TaskId, may: bool, reply: Decider) -> Option<Decider> {
        let reports = self.engine.task(id).is_some_and(|slot| slot.report.in_flight);
        let refused = match self.live.get(&id).filter(|_| may) {
            None => ForeignError::NoSuchTask(id),
            Some(live) if reports || live.decider.is_some() => ForeignError::UnderWay(id),
            Some(_) => return Some(reply),
        };
        reply.send(Err(refused));
        None
    }

    /// The disk's answer to a task that was to become ours.
    pub(super) fn claimed(&mut self, id: TaskId, result: Result<(Box<StoredTask>, Claimed), String>) {
        let Some(decider) = self.live.get_mut(&id).and_then(|live| live.decider.take()) else { return };
        let answer = match result {
            Ok((task, how)) => {
                self.live.remove(&id);
                let broken = (how == Claimed::Damaged).then_some(OwnFailure::Damaged);
                self.found(*task, broken);
                // Whoever shows a list of tasks hears of one more.
                self.hub.tell(&Event::Accepted { id, activity: self.activity_of(id) });
                Ok(())
            }
            Err(why) => Err(ForeignError::NotKept(why)),
        };
        decider.send(answer);
    }
}

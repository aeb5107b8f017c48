//! What the app asks, answered on the engine's thread; and the end.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::disk::DiskJob;
use super::driver::Driver;
use super::handle::{AdoptError, Adopted, DeferredTask, DrainReport, SettleError, Snapshot, StopReport};
use super::inbox::{Ask, DrainWait, Live};
use crate::engine::slots::{Slot, Stage};
use crate::engine::{self, Kept};
use crate::task::INPUT_MAX;
use crate::{Outcome, TaskId, TaskToken};

/// How long the worker's end waits for a thread that hangs.
const THREADS_END: Duration = Duration::from_secs(5);

impl Driver {
    pub(super) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Stop(how) => self.tell(engine::Event::Stop(how)),
            Ask::Wake => self.tell(engine::Event::Wake),
            Ask::Link(hint) => self.tell(engine::Event::LinkHint(hint)),
            Ask::CredentialsChanged => self.tell(engine::Event::CredentialsChanged),
            Ask::UntilIdle(reply) => {
                self.idle_waits.push(reply);
                self.tell(engine::Event::UntilIdle);
            }
            Ask::Snapshot(reply) => drop(reply.send(self.snapshot())),
            Ask::Deferred(reply) => {
                self.tell(engine::Event::Touched);
                let _ = reply.send(self.deferred_tasks());
            }
            Ask::Input(id, reply) => self.show_input(id, reply),
            Ask::Settle(id, outcome, reply) => self.settle(id, outcome, reply),
            Ask::Adopt(token, input, reply) => self.adopt(token, input, reply),
            Ask::Drain(time, reply) => {
                self.tell(engine::Event::Wake);
                self.drains.push(DrainWait { until: self.now() + time, settled_before: self.settled, reply });
            }
        }
    }

    fn show_input(&mut self, id: TaskId, reply: Sender<Result<String, SettleError>>) {
        if self.engine.stage(id) != Some(Stage::Deferred) {
            let _ = reply.send(Err(SettleError::NoSuchTask(id)));
            return;
        }
        self.tickets += 1;
        self.shown.insert(self.tickets, reply);
        self.disk(DiskJob::ShowInput { id, ticket: self.tickets });
    }

    fn settle(&mut self, id: TaskId, outcome: Outcome, reply: Sender<Result<(), SettleError>>) {
        let refused = match self.engine.tasks().find(|s| s.id == id) {
            Some(slot) if slot.stage == Stage::Deferred => None,
            Some(slot) if slot.deferred && matches!(slot.stage, Stage::Ended | Stage::Waiting) => {
                Some(SettleError::AlreadyAnswered(id))
            }
            _ => Some(SettleError::NoSuchTask(id)),
        };
        let max = self.max_output(id);
        let refused = refused.or_else(|| match &outcome {
            Outcome::Success(output) if output.len() > max => Some(SettleError::BadOutput(format!(
                "the output has {} bytes, the limit is {max}",
                output.len()
            ))),
            _ => None,
        });
        if let Some(refused) = refused {
            let _ = reply.send(Err(refused));
            return;
        }
        let success = matches!(outcome, Outcome::Success(_));
        if let Some(live) = self.live.get_mut(&id) {
            live.outcome = Some(Arc::new(outcome));
            live.settler = Some(reply);
        }
        self.tell(engine::Event::OutcomeReady { id, success });
    }

    fn max_output(&self, id: TaskId) -> usize {
        let activity = self.live.get(&id).and_then(|live| self.activities.get(live.activity?));
        activity.map_or(self.adopted_max_output, |a| a.max_output)
    }

    fn adopt(&mut self, token: TaskToken, input: String, reply: Sender<Result<Adopted, AdoptError>>) {
        let id = token.id();
        if input.len() > INPUT_MAX {
            let _ = reply.send(Err(AdoptError::InputTooLarge));
            return;
        }
        match self.engine.stage(id) {
            None => {}
            // Not on disk yet: the answer must wait for that.
            Some(Stage::Accepting) if self.live.get(&id).is_some_and(|live| !live.adopters.is_empty()) => {
                self.live.entry(id).and_modify(|live| live.adopters.push(reply));
                return;
            }
            Some(_) => {
                let _ = reply.send(Ok(Adopted::Known(id)));
                return;
            }
        }
        let mut live = Live::new(token, None, self.scope.clone(), self.client.clock().now());
        live.input = Some(input.into());
        live.adopters.push(reply);
        self.live.insert(id, live);
        self.tell(engine::Event::Adopt { id });
    }

    fn deferred_tasks(&self) -> Vec<DeferredTask> {
        let open = self.engine.tasks().filter(|s| s.stage == Stage::Deferred);
        let tasks = open.filter_map(|slot| {
            let live = self.live.get(&slot.id)?;
            let activity = live.activity.and_then(|a| self.activities.get(a)).map(|a| a.arn.clone());
            Some(DeferredTask { id: slot.id, activity, scope: live.scope.clone(), accepted: live.accepted })
        });
        let mut tasks: Vec<_> = tasks.collect();
        tasks.sort_by_key(|task| (task.accepted, task.id));
        tasks
    }

    fn snapshot(&self) -> Snapshot {
        let count = |stage| self.engine.tasks().filter(|s| s.stage == stage).count();
        Snapshot {
            running: count(Stage::Running),
            deferred: count(Stage::Deferred),
            waiting: self.engine.tasks().filter(|s| s.waits() && !s.report.held).count(),
            held: self.held(),
            foreign: count(Stage::Foreign),
            not_on_disk: self.engine.tasks().filter(|s| s.troubles_the_disk()).count(),
            polls: self.engine.polls_in_flight(),
            offline_for: self.engine.link().offline_since().map(|since| self.now().saturating_sub(since)),
            reports_paused: self.engine.reports_paused(),
            clock_skew: self.client.clock().skew_seconds(),
            unsafe_storage: self.unsafe_storage.clone(),
            stuck: self.watch.stuck(),
        }
    }

    fn held(&self) -> Vec<TaskId> {
        self.engine.tasks().filter(|s| s.waits() && s.report.held).map(|s| s.id).collect()
    }

    /// Answers the drains whose time is over, or that have nothing left to wait for.
    pub(super) fn answer_drains(&mut self) {
        if self.drains.is_empty() {
            return;
        }
        let now = self.now();
        let under_way =
            |s: &Slot| matches!(s.stage, Stage::Ended | Stage::Forgetting) || (s.waits() && !s.report.held);
        let done = !self.engine.tasks().any(under_way);
        let left = self.engine.tasks().filter(|s| s.waits() || s.stage == Stage::Ended).count();
        let next_try = self.engine.next_report().map(|at| at.saturating_sub(now));
        let settled = self.settled;
        self.drains.retain(|drain| {
            let go_on = !done && drain.until > now;
            if !go_on {
                let _ =
                    drain.reply.send(DrainReport { settled: settled - drain.settled_before, left, next_try });
            }
            go_on
        });
    }

    /// Everything is decided: the threads end, the state folder is given free, and those who wait for the end are told.
    pub(super) fn end(self) {
        let count = |f: &dyn Fn(&Slot) -> bool| self.engine.tasks().filter(|s| f(s)).count();
        let report = StopReport {
            kept: count(&|s| s.stage == Stage::Waiting && s.outcome != Kept::No),
            held: self.held(),
            dropped_polls: self.dropped_polls,
            abandoned_handlers: count(&|s| s.stage == Stage::Running),
            lost: count(&|s| (s.stage == Stage::Waiting && s.outcome == Kept::No) || s.stage == Stage::Ended),
        };
        self.client.transport().shutdown();
        drop(self.crew);
        // Each thread holds the other end until it is gone. One that hangs must not keep the process from ending.
        let _ = self.gone.recv_timeout(THREADS_END);
        self.hub.close();
        self.ended.set(report);
    }
}

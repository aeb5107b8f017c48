//! What the app asks, answered on the engine's thread; and the end.

use super::disk::DiskJob;
use super::driver::Driver;
use super::handle::{DrainReport, Snapshot, StopReport};
use super::inbox::{Ask, DrainWait, Lease, Reply};
use crate::TaskId;
use crate::engine::slots::{Slot, Stage};
use crate::engine::{self, Kept};

impl Driver {
    pub(super) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Stop(how) => self.tell(engine::Event::Stop(how)),
            Ask::Wake => {
                self.sweep();
                self.tell(engine::Event::Wake);
            }
            Ask::Link(hint) => self.tell(engine::Event::LinkHint(hint)),
            Ask::CredentialsChanged => {
                // First: the calls that the engine then makes must not find the old ones.
                self.client.credentials_changed();
                self.tell(engine::Event::CredentialsChanged);
            }
            Ask::UntilIdle(reply) => {
                self.idle_waits.push(reply);
                self.tell(engine::Event::UntilIdle);
            }
            Ask::Snapshot(reply) => drop(reply.send(self.snapshot())),
            Ask::Deferred(lease, reply) => {
                if lease == Lease::Renew {
                    self.tell(engine::Event::Touched);
                }
                drop(reply.send(self.deferred_tasks()));
            }
            Ask::Input(id, reply) => self.show_input(id, reply),
            Ask::Settle(id, outcome, reply) => self.settle(id, outcome, Reply::App(reply)),
            Ask::Retract(id, reply) => self.retract(id, Reply::App(reply)),
            Ask::Settlement(id, reply) => self.disk(DiskJob::FindSettlement { id, reply }),
            Ask::Adopt(adoption, reply) => self.adopt(adoption, Reply::App(reply)),
            Ask::PollOnce(arn, within, reply) => self.poll_once(&arn, within, reply),
            Ask::Drain(time, reply) => {
                self.sweep();
                self.tell(engine::Event::Wake);
                self.drains.push(DrainWait { until: self.now() + time, settled_before: self.settled, reply });
            }
        }
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
            stuck: self.crew.stuck(),
        }
    }

    fn held(&self) -> Vec<TaskId> {
        self.engine.tasks().filter(|s| s.waits() && s.report.held).map(|s| s.id).collect()
    }

    /// Answers the drains whose time is over, or that have nothing left to wait for. When the worker is over, all of them.
    pub(super) fn answer_drains(&mut self) {
        if self.drains.is_empty() {
            return;
        }
        let now = self.now();
        let under_way =
            |s: &Slot| matches!(s.stage, Stage::Ended | Stage::Forgetting) || (s.waits() && !s.report.held);
        // A letter may hold an answer that is no task's yet.
        let done = self.over || (!self.sweep.under_way && !self.engine.tasks().any(under_way));
        let left = self.engine.tasks().filter(|s| s.waits() || s.stage == Stage::Ended).count();
        let next_report = self.engine.next_report().filter(|_| !self.over);
        let next_try = next_report.map(|at| at.saturating_sub(now));
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
    pub(super) fn end(mut self) {
        self.answer_drains();
        let count = |f: &dyn Fn(&Slot) -> bool| self.engine.tasks().filter(|s| f(s)).count();
        let report = StopReport {
            kept: count(&|s| s.stage == Stage::Waiting && s.outcome != Kept::No),
            held: self.held(),
            dropped_polls: self.dropped_polls,
            abandoned_handlers: count(&|s| s.stage == Stage::Running),
            lost: count(&|s| (s.stage == Stage::Waiting && s.outcome == Kept::No) || s.stage == Stage::Ended),
        };
        self.client.transport().shutdown();
        self.crew.end();
        self.hub.close();
        self.ended.set(report);
    }
}

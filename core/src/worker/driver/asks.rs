//! What the app asks, answered on the engine's thread; and the end.

use super::Driver;
use super::live::Reply;
use super::waiting::DrainWait;
use crate::TaskId;
use crate::engine::slots::{Slot, Stage};
use crate::engine::{self, Kept};
use crate::worker::jobs::disk::DiskJob;
use crate::worker::mailbox::{Ask, Lease};
use crate::worker::reports::{DrainReport, Snapshot, StopReport};

impl Driver {
    pub(super) fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Stop(how) => self.feed(engine::Input::Stop(how)),
            Ask::Wake => {
                self.sweep();
                self.feed(engine::Input::Wake);
            }
            Ask::Link(hint) => {
                if hint == engine::Link::Down {
                    "the device says that it has no network".clone_into(&mut self.reason);
                }
                self.feed(engine::Input::Link(hint));
                let waits = self.engine.has_calls_to_make();
                self.troubles.hinted(hint, waits);
                if hint == engine::Link::Down {
                    self.still_offline();
                }
            }
            Ask::CredentialsChanged => {
                // First: the calls that the engine then makes must not find the old ones.
                self.client.credentials_changed();
                self.troubles.credentials_replaced();
                self.feed(engine::Input::CredentialsChanged);
            }
            Ask::UntilIdle(reply) => {
                self.waiting.idle.push(reply);
                self.feed(engine::Input::UntilIdle);
            }
            Ask::Snapshot(reply) => reply.send(self.snapshot()),
            Ask::Status(reply) => reply.send(self.show_status()),
            Ask::Deferred(lease, reply) => {
                if lease == Lease::Renew {
                    self.feed(engine::Input::Touched);
                }
                reply.send(self.deferred_tasks());
            }
            Ask::ShowInput(id, reply) => self.show_input(id, reply),
            Ask::ShowAnswer(id, reply) => self.show_answer(id, reply),
            Ask::Answer(id, outcome, reply) => self.answer(id, outcome, Reply::App(reply)),
            Ask::Retract(id, reply) => self.retract(id, Reply::App(reply)),
            Ask::Foreign(reply) => reply.send(self.foreign_tasks()),
            Ask::AdoptForeign(id, reply) => self.adopt_foreign(id, reply),
            Ask::Discard(id, reply) => self.discard(id, reply),
            Ask::Settlement(id, reply) => self.disk(DiskJob::FindSettlement { id, reply }),
            Ask::Adopt(adoption, reply) => self.adopt(adoption, Reply::App(reply)),
            Ask::PollOnce(arn, within, cancel, reply) => self.poll_once(&arn, within, cancel, reply),
            // Who waits is looked at after each word.
            Ask::Cancelled => {}
            Ask::Drain(time, cancel, reply) => {
                self.sweep();
                self.feed(engine::Input::Wake);
                let (until, settled_before) = (self.now() + time, self.over);
                self.waiting.drains.push(DrainWait { until, cancel, settled_before, reply });
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let count = |stage| self.engine.in_stage(stage);
        Snapshot {
            running: count(Stage::Running),
            deferred: count(Stage::Deferred),
            waiting: self.engine.waiting(),
            held: self.held(),
            denied: self.engine.tasks().filter(|s| s.waits() && s.is_denied()).map(|s| s.id).collect(),
            foreign: self.foreign_tasks(),
            reclaiming: count(Stage::Reclaiming),
            silent: self.engine.tasks().filter(|s| s.is_silent()).count(),
            not_on_disk: self.engine.tasks().filter(|s| s.waits() && s.outcome != Kept::Yes).count(),
            unreadable: self.disk_watch.unreadable.clone(),
            quarantined: self.disk_watch.quarantined.clone(),
            letters: self.sweep.left(),
            starts_fail: self.starts_fail(),
            polls: self.engine.polls_in_flight(),
            offline_for: self.offline_for(),
            reports_paused: self.engine.reports_paused(),
            clock_skew: self.client.clock().skew_seconds(),
            unsafe_storage: self.setup.unsafe_storage.clone(),
            stuck: self.crew.stuck(),
            status: self.status(),
        }
    }

    /// The activities whose handlers can't be started.
    fn starts_fail(&self) -> Vec<String> {
        let activities = self.setup.activities.iter().enumerate();
        let fail = activities.filter(|(activity, _)| self.engine.starts_fail(*activity));
        fail.map(|(_, activity)| activity.arn.name().to_owned()).collect()
    }

    fn held(&self) -> Vec<TaskId> {
        self.engine.tasks().filter(|s| s.waits() && s.report.held).map(|s| s.id).collect()
    }

    /// Answers the drains whose time is over, or that have nothing left to wait for. When the worker is over, all of them.
    pub(super) fn answer_drains(&mut self) {
        if self.waiting.drains.is_empty() {
            return;
        }
        let now = self.now();
        let in_stage = |stage| self.engine.in_stage(stage);
        let under_way = in_stage(Stage::Ended) + in_stage(Stage::Forgetting) + self.engine.waiting();
        // A letter may hold an answer that is no task's yet.
        let done = self.end.over || (!self.sweep.is_under_way() && under_way == 0);
        if !done && self.waiting.drains.iter().all(|drain| drain.goes_on(now)) {
            return;
        }
        let left = [Stage::Waiting, Stage::NotKept, Stage::Ended].map(in_stage).iter().sum();
        let next_report = self.engine.next_report().filter(|_| !self.end.over);
        let next_try = next_report.map(|at| at.saturating_sub(now));
        let (settled, left_for) = (self.over, self.left_for());
        self.waiting.drains.retain(|drain| {
            let go_on = !done && drain.goes_on(now);
            if !go_on {
                let settled = settled - drain.settled_before;
                drain.reply.send(DrainReport { settled, left, left_for, next_try });
            }
            go_on
        });
    }

    /// Everything is decided: the threads end, the state folder is given free, and those who wait for the end are told.
    pub(in crate::worker) fn end(mut self) {
        self.answer_drains();
        let count = |f: &dyn Fn(&Slot) -> bool| self.engine.tasks().filter(|s| f(s)).count();
        let report = StopReport {
            kept: count(&|s| s.stage == Stage::Waiting && s.outcome != Kept::No),
            held: self.held(),
            open: count(&|s| matches!(s.stage, Stage::Reclaiming | Stage::Counting | Stage::Deferred)),
            foreign: self.foreign_tasks(),
            unreadable: self.disk_watch.unreadable.clone(),
            quarantined: self.disk_watch.quarantined.clone(),
            letters: self.sweep.left(),
            dropped_polls: self.end.dropped_polls,
            abandoned_handlers: count(&|s| s.stage == Stage::Running),
            lost: count(&|s| (s.stage == Stage::Waiting && s.outcome == Kept::No) || s.stage == Stage::Ended),
        };
        self.client.transport().shutdown();
        self.crew.end();
        self.hub.close();
        self.end.told.set(report);
    }
}

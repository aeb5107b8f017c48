//! What each event changes; the ends of calls and polls are in their own file.

use std::time::Duration;

use super::link::Probe;
use super::slots::{Slot, Stage};
use super::{
    Action, BeatsStopped, Call, CancelReason, Engine, Event, FoundState, Kept, Notice, OwnFailure, RUNS_MAX,
    Stop, Time, Which, backoff,
};
use crate::{Settlement, TaskId};

/// The longest pause before a file that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(30);

impl Engine {
    /// Takes in what happened at time `now`. Then ask [`next`](Engine::next) until it answers `None`.
    pub fn handle(&mut self, now: Time, event: Event) {
        self.idle_told = false;
        match event {
            Event::Found { id, activity, adopted, state } => self.found(now, id, activity, adopted, state),
            Event::PollEnded { activity, answer, took } => self.poll_ended(now, activity, answer, took),
            Event::Adopt { id } => self.adopt(now, id),
            Event::TaskKept { id } => self.task_kept(now, id),
            Event::TaskNotKept { id } => self.task_not_kept(now, id),
            Event::Reclaimed { id } => self.reclaimed(id),
            Event::RunCounted { id, runs } => self.run_counted(id, runs),
            Event::OutcomeReady { id, success } => self.outcome_ready(id, success),
            Event::OutcomeKept { id, kept } => self.outcome_kept(now, id, kept),
            Event::CallEnded { id, call, answer, took } => self.call_ended(now, id, call, answer, took),
            Event::Unreadable { id } => self.unreadable(now, id),
            Event::Damaged { id } => self.damaged(now, id),
            Event::Forgotten { id } => self.forgotten(id),
            Event::Room { tasks } => self.room = tasks,
            Event::Touched => self.touched(now),
            Event::LinkHint(hint) => self.link.hint(now, hint, &mut self.rng),
            Event::Wake => self.hurry(now),
            Event::Slept => {
                self.ready.push_back(Action::CloseConnections);
                self.link.wake(now);
            }
            Event::CredentialsChanged => {
                self.resume_reports();
                self.hurry(now);
            }
            Event::UntilIdle => self.until_idle = true,
            Event::Stop(how) => self.stop(how),
            Event::Tick => {}
        }
    }

    fn found(&mut self, now: Time, id: TaskId, activity: Option<usize>, adopted: bool, state: FoundState) {
        let stage = match state {
            FoundState::Outcome => Stage::Waiting,
            FoundState::Begun { .. } => Stage::Reclaiming,
            FoundState::Deferred => Stage::Deferred,
            FoundState::Broken(_) => Stage::Accepting,
            FoundState::Foreign => Stage::Foreign,
        };
        let mut slot = Slot::new(id, activity, stage, now);
        let rules = activity.and_then(|a| self.config.activities.get(a));
        let interval = if adopted { self.config.adopted_heartbeat } else { rules.map(|r| r.heartbeat) };
        Self::arm(&mut slot, interval, now, &mut self.rng);
        slot.beat.lease_until = now + self.config.lease;
        match state {
            FoundState::Outcome => {
                slot.outcome = Kept::Yes;
                // The earlier process may have sent it, and died before it read the answer.
                slot.report.begun = true;
                slot.report.maybe_taken = true;
                slot.report.due = now + backoff::within(&mut self.rng, self.config.comeback_window / 10);
            }
            FoundState::Begun { runs } => {
                slot.runs = runs;
                self.ready.push_back(Action::Reclaim { id });
            }
            FoundState::Deferred => slot.deferred = true,
            FoundState::Broken(own) => {
                slot.own = Some(own);
                self.ready.push_back(Action::KeepTask { id });
            }
            FoundState::Foreign => self.ready.push_back(Action::Notify(Notice::Foreign(id))),
        }
        if activity.is_none() && !adopted && stage != Stage::Foreign && stage != Stage::Waiting {
            self.ready.push_back(Action::Notify(Notice::BeatsStopped(id, BeatsStopped::NotConfigured)));
        }
        // The table is made large enough for what the spool holds; a task that finds no place stays on disk untouched.
        self.slots.insert(slot);
    }

    /// A place for a task that a poll brought was set aside before the poll; an adopted one must not take it.
    fn adopt(&mut self, now: Time, id: TaskId) {
        let places = self.slots.free().min(self.room);
        let slot = Slot { deferred: true, ..Slot::new(id, None, Stage::Accepting, now) };
        if self.stop.is_some() || places <= self.polls.in_flight() || !self.slots.insert(slot) {
            self.ready.push_back(Action::Refuse { id });
        } else {
            self.ready.push_back(Action::KeepTask { id });
        }
    }

    fn task_kept(&mut self, now: Time, id: TaskId) {
        let Some(slot) = self.slots.find_mut(id).filter(|s| s.stage == Stage::Accepting) else { return };
        let rules = slot.activity.and_then(|a| self.config.activities.get(a));
        let interval = rules.map_or(self.config.adopted_heartbeat, |r| Some(r.heartbeat));
        Self::arm(slot, interval, now, &mut self.rng);
        self.ready.push_back(Action::Notify(Notice::Accepted(id)));
        if let Some(own) = slot.own {
            self.fail_for_them(id, own);
        } else if slot.deferred {
            slot.stage = Stage::Deferred;
            slot.beat.lease_until = now + self.config.lease;
        } else if self.stop.is_some() {
            self.fail_for_them(id, OwnFailure::Stopping);
        } else {
            self.run(id);
        }
    }

    fn task_not_kept(&mut self, now: Time, id: TaskId) {
        let Some(slot) = self.slots.find_mut(id).filter(|s| s.stage == Stage::Accepting) else { return };
        if slot.activity.is_none() && slot.own.is_none() {
            // Who handed the token over is told, and still has it.
            self.slots.remove(id);
            return;
        }
        slot.stage = Stage::NotKept;
        slot.own.get_or_insert(OwnFailure::NotKept);
        slot.report.due = now;
        self.notify(Notice::NotKept(id));
    }

    fn reclaimed(&mut self, id: TaskId) {
        let Some(slot) = self.slots.find_mut(id).filter(|s| s.stage == Stage::Reclaiming) else { return };
        let rules = slot.activity.and_then(|a| self.config.activities.get(a));
        if rules.is_some_and(|r| r.safe_to_repeat) && slot.runs < RUNS_MAX && self.stop.is_none() {
            slot.stage = Stage::Counting;
            self.ready.push_back(Action::CountRun { id });
        } else {
            self.fail_for_them(id, OwnFailure::Restarted);
        }
    }

    fn run_counted(&mut self, id: TaskId, runs: Option<u8>) {
        let Some(slot) = self.slots.find_mut(id).filter(|s| s.stage == Stage::Counting) else { return };
        match runs {
            Some(runs) if self.stop.is_none() => {
                slot.runs = runs;
                self.run(id);
            }
            _ => self.fail_for_them(id, OwnFailure::Restarted),
        }
    }

    fn run(&mut self, id: TaskId) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        slot.stage = Stage::Running;
        let run = slot.runs.saturating_add(1);
        self.notify(Notice::Started(id, run));
        self.ready.push_back(Action::Run { id, run });
    }

    /// The worker's own failure becomes the outcome.
    pub(super) fn fail_for_them(&mut self, id: TaskId, own: OwnFailure) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        slot.stage = Stage::Ended;
        slot.own = Some(own);
        self.ready.push_back(Action::KeepOutcome { id, which: Which::Own(own) });
    }

    fn outcome_ready(&mut self, id: TaskId, success: bool) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        match (slot.stage, slot.cancelled) {
            // The service takes no result of it any more.
            (Stage::Running, Some(CancelReason::TimedOut)) => {
                let settlement = slot.settlement_when_over();
                self.forget(id, settlement);
            }
            // It failed because we ended it: the workflow should know by whom.
            (Stage::Running, Some(CancelReason::Stopping)) if !success => {
                self.fail_for_them(id, OwnFailure::Stopping)
            }
            (Stage::Running | Stage::Deferred, _) => {
                slot.stage = Stage::Ended;
                self.ready.push_back(Action::KeepOutcome { id, which: Which::Theirs });
            }
            _ => {}
        }
    }

    fn outcome_kept(&mut self, now: Time, id: TaskId, kept: Kept) {
        let max_backoff = self.config.max_backoff;
        let Some(slot) = self.slots.find_mut(id).filter(|s| matches!(s.stage, Stage::Ended | Stage::Waiting))
        else {
            return;
        };
        let first = slot.stage == Stage::Ended;
        if kept == Kept::No && first && slot.deferred && slot.own.is_none() {
            // The app is told, and still has the answer: the task is as open as before.
            slot.stage = Stage::Deferred;
            return;
        }
        slot.outcome = kept;
        if first {
            slot.stage = Stage::Waiting;
            slot.report.due = now;
        }
        if kept == Kept::Yes {
            slot.keep_again = None;
            slot.refusals = 0;
            self.notify(Notice::Kept(id));
            return;
        }
        let pause = backoff::full_jitter(&mut self.rng, Duration::from_secs(1), max_backoff, slot.refusals);
        slot.keep_again = Some(now + pause);
        slot.refusals += 1;
        if first {
            self.notify(Notice::OutcomeNotKept(id));
        }
    }

    /// A file that can't be read now is not a broken file: it is read again.
    fn unreadable(&mut self, now: Time, id: TaskId) {
        let pause = backoff::half_jitter(&mut self.rng, READ_AGAIN);
        let Some(slot) = self.slots.find_mut(id) else { return };
        if slot.report.in_flight {
            slot.report.in_flight = false;
            slot.report.due = now + pause;
            self.not_sent(now);
        } else if slot.stage == Stage::Running {
            slot.run_again = Some(now + pause);
        }
    }

    fn damaged(&mut self, now: Time, id: TaskId) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        let lane = std::mem::take(&mut slot.report.in_flight);
        self.fail_for_them(id, OwnFailure::Damaged);
        if lane {
            self.not_sent(now);
        }
    }

    /// A report took a lane, and was not sent.
    fn not_sent(&mut self, now: Time) {
        self.calls.dropped(Call::Report);
        self.link.inconclusive(now, Some(Probe::Report), &mut self.rng);
    }

    /// The task is over: a tombstone is written, then its file goes.
    pub(super) fn forget(&mut self, id: TaskId, settlement: Settlement) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        slot.stage = Stage::Forgetting;
        slot.keep_again = None;
        self.ready.push_back(Action::Forget { id, settlement });
        self.notify(Notice::Settled(id, settlement));
    }

    fn forgotten(&mut self, id: TaskId) {
        if self.slots.find(id).is_some_and(|s| s.stage == Stage::Forgetting) {
            self.slots.remove(id);
            self.polls.forget_empty();
        }
    }

    fn touched(&mut self, now: Time) {
        for slot in self.slots.iter_mut().filter(|s| s.stage == Stage::Deferred) {
            slot.beat.lease_until = now + self.config.lease;
            if slot.beat.stopped == Some(BeatsStopped::Lease) {
                slot.beat.stopped = None;
                slot.beat.due =
                    now + backoff::within(&mut self.rng, slot.beat.interval.unwrap_or_default() / 4);
            }
        }
    }

    /// What waits for time alone is due now; what is held stays slow.
    pub(super) fn hurry(&mut self, now: Time) {
        self.link.wake(now);
        self.calls.hurry(now);
        self.polls.hurry(now);
        for slot in self.slots.iter_mut().filter(|s| s.waits() && !s.report.held) {
            slot.report.due = slot.report.due.min(now);
            slot.report.failures = 0;
        }
    }

    pub(super) fn resume_reports(&mut self) {
        if self.calls.resume_reports() {
            self.notify(Notice::ReportsResumed);
        }
    }

    fn stop(&mut self, how: Stop) {
        if self.stop == Some(Stop::Now) || self.stop == Some(how) {
            return;
        }
        self.stop = Some(how);
        self.stopped_told = false;
        if how == Stop::Drain {
            return;
        }
        self.ready.push_back(Action::DropCalls);
        for slot in self.slots.iter_mut().filter(|s| s.stage == Stage::Running && s.cancelled.is_none()) {
            slot.cancelled = Some(CancelReason::Stopping);
            let (id, why) = (slot.id, CancelReason::Stopping);
            self.ready.push_back(Action::Cancel { id, why });
            self.ready.push_back(Action::Notify(Notice::Cancelled(id, why)));
        }
    }
}

//! What each input changes; the ends of calls and polls are in their own file.

use std::time::Duration;

use super::link::Probe;
use super::slots::{Slot, Stage};
use super::{
    Action, BeatsStopped, Call, Cancelled, Engine, FoundState, Input, Kept, Link, Notice, OwnFailure,
    RUNS_MAX, Stop, Time, Which, jitter,
};
use crate::TaskId;
use crate::plants::planted;

/// The longest pause before a file that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(30);
/// For so long after a token found no place, polls leave the last one to it: longer than a poll takes that holds one, and time for
/// another try.
const TOKENS_FIRST: Duration = Duration::from_secs(300);

impl Engine {
    /// Takes in what happened at time `now`. Then ask [`next`](Engine::next) until it answers `None`.
    pub fn apply(&mut self, now: Time, input: Input) {
        self.idle_told = false;
        match input {
            Input::Found { id, activity, adopted, deferred, state } => {
                self.found(now, id, activity, adopted, deferred, state)
            }
            Input::PollEnded { activity, answer, took } => self.poll_ended(now, activity, answer, took),
            Input::Adopt { id, foreign } => self.adopt(now, id, foreign),
            Input::Withdraw { id, settlement } => self.withdraw(id, settlement),
            Input::LetGo { id } => {
                if matches!(self.stage(id), Some(Stage::Deferred | Stage::Foreign)) {
                    self.slots.remove(id);
                }
            }
            Input::PollOnce { activity } => {
                self.link.wake(now);
                self.lanes.hurry(now);
                // One that is under way answers whoever waits.
                if self.polls.in_flight_of(activity) == 0 {
                    self.polls.request(activity, Some(now));
                }
            }
            Input::NoPoll { activity } => self.polls.request(activity, None),
            Input::TaskKept { id } => self.task_kept(now, id),
            Input::TaskNotKept { id } => self.task_not_kept(now, id),
            Input::Reclaimed { id } => self.reclaimed(id),
            Input::NotReclaimed { id } => self.not_reclaimed(now, id),
            Input::RunCounted { id, runs } => self.run_counted(now, id, runs),
            Input::OutcomeReady { id, success } => {
                self.started(id);
                self.outcome_ready(id, success);
            }
            Input::NotStarted { id } => self.not_started(now, id),
            Input::OutcomeKept { id, kept } => self.outcome_kept(now, id, kept),
            Input::CallEnded { id, call, answer, took } => self.call_ended(now, id, call, answer, took),
            Input::Unreadable { id } => self.unreadable(now, id),
            Input::Damaged { id } => self.damaged(now, id),
            Input::Forgotten { id } => self.forgotten(id),
            Input::Room { tasks } => {
                (self.room, self.room_seen, self.room_asked) = (tasks, now, false);
            }
            Input::Touched => self.touched(now),
            Input::Link(hint) => {
                if self.link.hint(now, hint, &mut self.rng) {
                    self.lanes.network_lost();
                    self.notify(Notice::Offline);
                }
                if hint == Link::Up {
                    self.expect_the_link(now);
                }
            }
            Input::Wake => self.hurry(now),
            Input::Slept => {
                self.ready.push_back(Action::CloseConnections);
                self.link.wake(now);
            }
            Input::CredentialsChanged => self.credentials_changed(now),
            Input::UntilIdle => self.until_idle = true,
            Input::Stop(how) => self.stop(how),
            Input::Tick => {}
        }
    }

    fn found(
        &mut self,
        now: Time,
        id: TaskId,
        activity: Option<usize>,
        adopted: bool,
        deferred: bool,
        state: FoundState,
    ) {
        let stage = match state {
            FoundState::Outcome => Stage::Waiting,
            FoundState::Begun { .. } => Stage::Reclaiming,
            FoundState::Deferred => Stage::Deferred,
            FoundState::Broken(_) => Stage::Ended,
            FoundState::Foreign => Stage::Foreign,
        };
        // One that was another's, and was adopted, begins anew.
        if self.stage(id) == Some(Stage::Foreign) {
            self.slots.remove(id);
        }
        let mut slot = Slot::new(id, activity, stage, now);
        let rules = activity.and_then(|a| self.config.activities.get(a));
        let interval = if adopted { self.config.adopted_heartbeat } else { rules.map(|r| r.heartbeat) };
        Self::arm(&mut slot, interval, now, &mut self.rng);
        slot.beat.lease_until = now + self.config.lease;
        slot.deferred = deferred;
        let silent = interval.is_none() && !adopted && matches!(stage, Stage::Reclaiming | Stage::Deferred);
        if silent {
            slot.beat.stopped = Some(BeatsStopped::NotConfigured);
        }
        if let FoundState::Begun { runs } = state {
            slot.runs = runs;
        }
        // The earlier process may have sent it, and died before it read the answer. What is broken may have been an outcome.
        slot.report.maybe_taken = matches!(state, FoundState::Outcome | FoundState::Broken(_));
        if state == FoundState::Outcome {
            slot.outcome = Kept::Yes;
            slot.report.due = now + jitter::within(&mut self.rng, self.config.comeback_window / 10);
        }
        // The table is made large enough for what the spool holds; a task that finds no place stays on disk untouched.
        if !self.slots.insert(slot) {
            return;
        }
        match state {
            FoundState::Begun { .. } => self.ready.push_back(Action::Reclaim { id }),
            FoundState::Broken(own) => self.fail_for_them(id, own),
            FoundState::Foreign => self.notify(Notice::Foreign(id)),
            FoundState::Outcome | FoundState::Deferred => {}
        }
        if silent {
            self.notify(Notice::BeatsStopped(id, BeatsStopped::NotConfigured));
        }
    }

    /// A place for a task that a poll brought was set aside before the poll; an adopted one must not take it.
    fn adopt(&mut self, now: Time, id: TaskId, foreign: bool) {
        let place = self.has_place();
        let mut slot = Slot { deferred: true, foreign, ..Slot::new(id, None, Stage::Accepting, now) };
        slot.beat.interval = self.config.adopted_heartbeat;
        if place && self.slots.insert(slot) {
            self.tokens_first_until = now;
            self.ready.push_back(Action::KeepTask { id });
        } else {
            self.tokens_first_until = now + TOKENS_FIRST;
            self.ready.push_back(Action::Refuse { id });
        }
    }

    fn task_kept(&mut self, now: Time, id: TaskId) {
        let (rng, lease) = (&mut self.rng, self.config.lease);
        let kept = self.slots.change(id, |slot| {
            if slot.stage != Stage::Accepting {
                return None;
            }
            Self::arm(slot, slot.beat.interval, now, rng);
            if slot.own.is_some() {
                // Its failure was known at once, and is what lies on disk.
                (slot.stage, slot.outcome, slot.report.due) = (Stage::Waiting, Kept::Yes, now);
            } else if slot.foreign {
                slot.stage = Stage::Foreign;
            } else if slot.deferred {
                slot.stage = Stage::Deferred;
                slot.beat.lease_until = now + lease;
            }
            Some(slot.stage)
        });
        let Some(Some(stage)) = kept else { return };
        // Until the spool says how much room is left.
        self.room = self.room.saturating_sub(1);
        self.notify(Notice::Accepted(id));
        match stage {
            Stage::Waiting => self.notify(Notice::Kept(id)),
            Stage::Foreign => self.notify(Notice::Foreign(id)),
            Stage::Accepting if self.stop.is_some() => self.fail_for_them(id, OwnFailure::Stopping),
            Stage::Accepting => self.run(now, id, None),
            _ => {}
        }
    }

    fn task_not_kept(&mut self, now: Time, id: TaskId) {
        // Until the spool says that there is some all the same.
        self.room = 0;
        let Some(slot) = self.slots.find(id).filter(|s| s.stage == Stage::Accepting) else { return };
        if slot.activity.is_none() {
            // Who handed the token over is told, and still has it.
            self.slots.remove(id);
            return;
        }
        self.slots.change(id, |slot| {
            (slot.stage, slot.own, slot.report.due) = (Stage::NotKept, Some(OwnFailure::NotKept), now);
        });
        self.notify(Notice::NotKept(id));
    }

    /// An old run that may be going on must be neither joined by a new one nor reported: it is tried again.
    fn not_reclaimed(&mut self, now: Time, id: TaskId) {
        let (rng, max_backoff) = (&mut self.rng, self.config.max_backoff);
        self.slots.change(id, |slot| {
            if slot.stage == Stage::Reclaiming {
                let pause = jitter::half(rng, (READ_AGAIN * (1 + slot.refusals)).min(max_backoff));
                slot.try_again = Some(now + pause);
                slot.refusals += 1;
            }
        });
    }

    fn reclaimed(&mut self, id: TaskId) {
        let Some(slot) = self.slots.find(id).filter(|s| s.stage == Stage::Reclaiming) else { return };
        let rules = slot.activity.and_then(|a| self.config.activities.get(a));
        if rules.is_some_and(|r| r.safe_to_repeat && !r.deferred)
            && slot.runs < RUNS_MAX
            && self.stop.is_none()
        {
            self.slots.change(id, |slot| slot.stage = Stage::Counting);
            self.ready.push_back(Action::CountRun { id });
        } else {
            self.fail_for_them(id, OwnFailure::Restarted);
        }
    }

    fn run_counted(&mut self, now: Time, id: TaskId, runs: Option<u8>) {
        if self.stage(id) != Some(Stage::Counting) {
            return;
        }
        match runs {
            Some(_) if self.stop.is_none() => self.run(now, id, runs),
            _ => self.fail_for_them(id, OwnFailure::Restarted),
        }
    }

    /// `runs`: repetitions of the handler, if they have changed.
    fn run(&mut self, now: Time, id: TaskId, runs: Option<u8>) {
        let run = self.slots.change(id, |slot| {
            (slot.stage, slot.began) = (Stage::Running, Some(now));
            slot.runs = runs.unwrap_or(slot.runs);
            slot.runs.saturating_add(1)
        });
        let Some(run) = run else { return };
        self.notify(Notice::Started(id, run));
        self.ready.push_back(Action::Run { id, run });
    }

    /// The worker's own failure becomes the outcome.
    pub(super) fn fail_for_them(&mut self, id: TaskId, own: OwnFailure) {
        let fails = |slot: &mut Slot| {
            (slot.stage, slot.own) = (Stage::Ended, Some(own));
            (slot.try_again, slot.refusals) = (None, 0);
        };
        if self.slots.change(id, fails).is_some() {
            self.ready.push_back(Action::KeepOutcome { id, which: Which::Own(own) });
        }
    }

    pub(super) fn outcome_ready(&mut self, id: TaskId, success: bool) {
        let Some(slot) = self.slots.find(id) else { return };
        match (slot.stage, slot.cancelled) {
            // The service takes no result of it any more.
            (Stage::Running, Some(Cancelled::TimedOut)) => {
                let settlement = slot.settlement_when_over();
                self.forget(id, settlement);
            }
            // It failed because we ended it: the workflow should know by whom.
            (Stage::Running, Some(Cancelled::Stopping)) if !success => {
                self.fail_for_them(id, OwnFailure::Stopping)
            }
            (Stage::Running | Stage::Deferred, _) => {
                self.slots.change(id, |slot| slot.stage = Stage::Ended);
                self.ready.push_back(Action::KeepOutcome { id, which: Which::Theirs });
            }
            _ => {}
        }
    }

    fn outcome_kept(&mut self, now: Time, id: TaskId, kept: Kept) {
        let Some(slot) = self.slots.find(id) else { return };
        let (first, answered) = (slot.stage == Stage::Ended, slot.deferred && slot.own.is_none());
        if !first && slot.stage != Stage::Waiting {
            return;
        }
        if kept == Kept::No && first && answered {
            // The app is told, and still has the answer: the task is as open as before.
            self.slots.change(id, |slot| slot.stage = Stage::Deferred);
            return;
        }
        let pause = (kept != Kept::Yes).then(|| {
            jitter::full(&mut self.rng, Duration::from_secs(1), self.config.max_backoff, slot.refusals)
        });
        self.slots.change(id, |slot| {
            slot.outcome = kept;
            if first {
                (slot.stage, slot.report.due) = (Stage::Waiting, now);
            }
            slot.keep_again = pause.map(|pause| now + pause);
            slot.refusals = if kept == Kept::Yes { 0 } else { slot.refusals + 1 };
        });
        if kept == Kept::Yes {
            self.notify(Notice::Kept(id));
        } else if first {
            self.notify(Notice::OutcomeNotKept(id));
        }
    }

    /// A file that can't be read now is not a broken file: it is read again.
    fn unreadable(&mut self, now: Time, id: TaskId) {
        let again = now + jitter::half(&mut self.rng, READ_AGAIN);
        let Some(slot) = self.slots.find(id) else { return };
        if slot.report.in_flight {
            self.slots.change(id, |slot| {
                slot.report.in_flight = false;
                slot.report.failures = slot.report.failures.saturating_add(1);
                slot.report.due = again;
            });
            self.not_sent(now, id);
        } else if slot.stage == Stage::Running && self.stop.is_some() {
            self.fail_for_them(id, OwnFailure::Stopping);
        } else if slot.stage == Stage::Running {
            self.slots.change(id, |slot| slot.try_again = Some(again));
        }
    }

    /// What it should be read for can't be had any more. Once its outcome is on disk again, or it is over, that is old news.
    fn damaged(&mut self, now: Time, id: TaskId) {
        let lane = |slot: &mut Slot| (std::mem::take(&mut slot.report.in_flight), slot.stage);
        let Some((lane, stage)) = self.slots.change(id, lane) else { return };
        if lane || matches!(stage, Stage::Running | Stage::Deferred) {
            self.fail_for_them(id, OwnFailure::Damaged);
        }
        if lane {
            self.not_sent(now, id);
        }
    }

    /// A report took a lane, and was not sent.
    fn not_sent(&mut self, now: Time, id: TaskId) {
        self.lanes.dropped(Call::Report);
        let shortest = self.slots.index().shortest_beat();
        self.link.not_sent(now, Probe::Call(Call::Report, id), shortest, &mut self.rng);
    }

    fn stop(&mut self, how: Stop) {
        if self.stop == Some(Stop::Now) || self.stop == Some(how) {
            return;
        }
        self.stop = Some(how);
        self.stopped_told = false;
        // Handlers that could not be started are not waited for.
        let unstarted = |s: &&Slot| s.stage == Stage::Running && s.try_again.is_some();
        let unstarted: Vec<_> = self.slots.iter().filter(unstarted).map(|s| s.id).collect();
        for id in unstarted {
            self.fail_for_them(id, OwnFailure::Stopping);
        }
        if how == Stop::Drain {
            if planted("drain-drops-polls") {
                self.ready.push_back(Action::DropCalls);
            }
            return;
        }
        self.ready.push_back(Action::DropCalls);
        let (ready, why) = (&mut self.ready, Cancelled::Stopping);
        self.slots.change_each(|slot| {
            if slot.stage == Stage::Running && slot.cancelled.is_none() {
                slot.cancelled = Some(why);
                ready.push_back(Action::Cancel { id: slot.id, why });
                ready.push_back(Action::Notify(Notice::Cancelled(slot.id, why)));
            }
        });
    }

    /// The handler runs, or has run.
    pub(super) fn started(&mut self, id: TaskId) {
        let began = self.slots.find(id).and_then(|slot| slot.activity.zip(slot.runs_since()));
        if let Some((activity, began)) = began
            && self.starts.worked(activity, began)
        {
            self.notify(Notice::StartsAgain(activity));
        }
    }

    pub(super) fn not_started(&mut self, now: Time, id: TaskId) {
        let max_backoff = self.config.max_backoff;
        let began = self.slots.find(id).and_then(|slot| slot.activity.zip(slot.runs_since()));
        if let Some((activity, began)) = began.filter(|_| !planted("failed-starts-eat-the-queue"))
            && self.starts.failed(activity, began, now, max_backoff, &mut self.rng)
        {
            self.notify(Notice::StartsFail(activity));
        }
        self.outcome_ready(id, false);
    }
}

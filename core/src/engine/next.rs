//! The next action. For everything that may happen later there is one function that says when; [`Engine::next`] takes what is
//! due, [`Engine::wake_at`] the earliest of what is not. What waits for an event, rather than for time, has no time.

use std::time::Duration;

use super::link::Probe;
use super::slots::{Slot, Stage};
use super::{Action, BeatsStopped, Call, Engine, Notice, Stop, Time, Which, jitter};
use crate::plants::planted;

/// A task whose report has been denied for so long beats no more: its workflow must be able to time out.
const DENIED_LEASE: Duration = Duration::from_secs(3600);

/// For so long what was seen of the disk counts: others fill it too, while polls come back empty.
const ROOM_FRESH: Duration = Duration::from_secs(1);

impl Engine {
    /// The next action at time `now`, until there is none.
    pub fn next(&mut self, now: Time) -> Option<Action> {
        if self.ready.is_empty() {
            self.expire(now);
        }
        if let Some(action) = self.ready.pop_front() {
            return Some(action);
        }
        self.next_again(now)
            .or_else(|| self.next_call(now))
            .or_else(|| self.next_poll(now))
            .or_else(|| self.next_end())
    }

    /// When [`next`](Engine::next) may have something to do without a new event; `None`: only an event can bring something.
    pub fn wake_at(&self) -> Option<Time> {
        let tasks = self.slots.iter().flat_map(|s| {
            let expires = expires_at(s).map(|(at, _)| at);
            let proven = self.starts.proven_at(s);
            [s.keep_again, s.try_again, expires, proven, self.beat_at(s), self.report_at(s)]
                .into_iter()
                .flatten()
        });
        let polls = (0..self.config.activities.len()).filter_map(|activity| self.poll_at(activity));
        tasks.chain(polls).min()
    }

    fn expire(&mut self, now: Time) {
        for slot in self.slots.iter_mut() {
            if let Some((at, why)) = expires_at(slot)
                && at <= now
            {
                slot.beat.stopped = Some(why);
                self.ready.push_back(Action::Notify(Notice::BeatsStopped(slot.id, why)));
            }
        }
        let proven = |slot: &&Slot| self.starts.proven_at(slot).is_some_and(|at| at <= now);
        let proven = self.slots.iter().find(proven).map(|slot| slot.id);
        proven.into_iter().for_each(|id| self.started(id));
    }

    /// What was refused is tried again.
    fn next_again(&mut self, now: Time) -> Option<Action> {
        let due = |at: &Option<Time>| at.is_some_and(|at| at <= now);
        let slot = self.slots.iter_mut().find(|s| due(&s.keep_again) || due(&s.try_again))?;
        let id = slot.id;
        if due(&slot.keep_again) {
            slot.keep_again = None;
            return Some(Action::KeepOutcome { id, which: slot.own.map_or(Which::Theirs, Which::Own) });
        }
        slot.try_again = None;
        Some(match slot.stage {
            Stage::Reclaiming => Action::Reclaim { id },
            _ => {
                slot.began = Some(now);
                Action::Run { id, run: slot.runs.saturating_add(1) }
            }
        })
    }

    fn next_call(&mut self, now: Time) -> Option<Action> {
        let due = |at: Option<Time>| at.filter(|at| *at <= now);
        // The most overdue goes first. When all wait for the same pace, the same few must not win each time.
        let order = |s: &Slot| match planted("beats-starve") {
            true => self.beat_at(s).unwrap_or_default(),
            false => s.beat.due,
        };
        let beat =
            self.slots.iter().filter(|s| due(self.beat_at(s)).is_some()).map(|s| (order(s), s.id)).min();
        // Of several reports that may probe a dead link the least tried goes first, so that a poisonous one can't starve the rest.
        let report = self
            .slots
            .iter()
            .filter_map(|s| due(self.report_at(s)).map(|at| (s.report.failures, at, s.id)))
            .min()
            .map(|(_, at, id)| (at, id));
        match (beat, report) {
            (Some((beat_at, id)), Some((report_at, _))) if beat_at < report_at => {
                self.begin(id, Call::Beat, now)
            }
            (_, Some((_, id))) => self.begin(id, Call::Report, now),
            (Some((_, id)), None) => self.begin(id, Call::Beat, now),
            (None, None) => None,
        }
    }

    fn begin(&mut self, id: crate::TaskId, call: Call, now: Time) -> Option<Action> {
        let slot = self.slots.find_mut(id)?;
        match call {
            Call::Beat => slot.beat.in_flight = true,
            Call::Report => {
                slot.report.in_flight = true;
                self.link.begin(Probe::Report);
            }
        }
        self.lanes.begin(call, now, &mut self.rng);
        Some(Action::Call { id, call })
    }

    fn next_poll(&mut self, now: Time) -> Option<Action> {
        let due = |activity| self.poll_at(activity).filter(|at| *at <= now).map(|at| (at, activity));
        let (_, activity) = (0..self.config.activities.len()).filter_map(due).min()?;
        let stale = now.saturating_sub(self.room_seen) >= ROOM_FRESH;
        if stale && !planted("idle-disk-not-looked-at") {
            self.room_asked = true;
            return Some(Action::LookAtRoom);
        }
        self.polls.begin(activity);
        self.link.begin(Probe::Poll);
        Some(Action::Poll { activity })
    }

    fn next_end(&mut self) -> Option<Action> {
        if self.has_stopped() && !std::mem::replace(&mut self.stopped_told, true) {
            return Some(Action::Notify(Notice::Stopped));
        }
        if self.is_idle() && !std::mem::replace(&mut self.idle_told, true) {
            return Some(Action::Notify(Notice::Idle));
        }
        None
    }

    /// When the task's next heartbeat may go.
    fn beat_at(&self, slot: &Slot) -> Option<Time> {
        // A report may take longer than the service waits for a heartbeat: it holds up none.
        let waits = slot.report.in_flight && planted("beat-waits-for-its-report");
        let ready = slot.beats() && !slot.beat.in_flight && !waits;
        // Reports that the end waits for may take their time: until they are there, the tasks are alive.
        let no_more =
            self.calls_no_more() && (self.stop == Some(Stop::Now) || !self.lanes.reports_in_flight());
        if !ready || no_more || !self.lanes.lane_free(Call::Beat) {
            return None;
        }
        Some(slot.beat.due.max(self.lanes.opens_at(Call::Beat)))
    }

    /// When the task's next report may go.
    fn report_at(&self, slot: &Slot) -> Option<Time> {
        let early = slot.stage == Stage::Ended && planted("outcome-sent-before-it-is-kept");
        let ready = (slot.waits() || early) && !slot.report.in_flight;
        if !ready || self.calls_no_more() || !self.lanes.lane_free(Call::Report) {
            return None;
        }
        Some(slot.report.due.max(self.lanes.opens_at(Call::Report)).max(self.link.opens_at(Probe::Report)?))
    }

    /// When the activity may be polled: only with a slot, room in the spool, a working disk, and time for one more task's beats.
    fn poll_at(&self, activity: usize) -> Option<Time> {
        let rules = self.config.activities.get(activity)?;
        let due = self.polls.due(activity)?;
        let (polls, own) = (self.polls.in_flight(), self.polls.in_flight_of(activity));
        let open = self.slots.iter().filter(|s| s.activity == Some(activity) && s.is_open()).count();
        // However slow calls are: one task at a time can always be paid for, or a bad hour would end polling for good.
        let beats = self.beats_per_second();
        let may = self.stop.is_none()
            && !self.room_asked
            && (!rules.on_request || self.polls.is_requested(activity))
            && (own == 0 || !self.starts.fail(activity))
            && (open + own < rules.concurrency || planted("poll-without-slot"))
            && polls < self.slots.free()
            && (self.room_spoken_for() < self.room || planted("poll-without-room"))
            && !self.slots.iter().any(Slot::troubles_the_disk)
            && (beats == 0.0 || self.lanes.can_pay_for(beats + 1.0 / rules.heartbeat.as_secs_f64()))
            && !(self.until_idle && self.polls.was_empty(activity));
        if !may {
            return None;
        }
        let is_last = polls + 1 == self.slots.free() || self.room_spoken_for() + 1 == self.room;
        let tokens_first = is_last && !planted("tokens-crowded-out");
        let due = if tokens_first { due.max(self.tokens_first_until) } else { due };
        let due = due.max(self.starts.opens_at(activity, self.slots.iter())?);
        Some(due.max(self.link.opens_at(Probe::Poll)?).max(self.lanes.credentials_open_at()))
    }

    /// The tasks that will go into the spool, though it has not counted them yet.
    pub(super) fn room_spoken_for(&self) -> usize {
        self.polls.in_flight() + self.slots.iter().filter(|s| s.stage == Stage::Accepting).count()
    }

    /// What the heartbeats of the tasks held, and of those that polls under way may bring, come to.
    fn beats_per_second(&self) -> f64 {
        let held = self.slots.iter().filter(|s| s.beats() || s.stage == Stage::Accepting);
        let held = held.filter_map(|s| s.beat.interval);
        let polled = self.config.activities.iter().enumerate().flat_map(|(activity, rules)| {
            std::iter::repeat_n(rules.heartbeat, self.polls.in_flight_of(activity))
        });
        held.chain(polled).map(|interval| 1.0 / interval.as_secs_f64()).sum()
    }

    /// Nothing is left to do before something new comes: what remains is held, or not ours, and perhaps fills every place.
    fn is_idle(&self) -> bool {
        let full = self.slots.free() == 0 || (self.room == 0 && self.slots.iter().next().is_some());
        let mut rules = self.config.activities.iter().enumerate();
        self.until_idle
            && self.polls.in_flight() == 0
            && (full || rules.all(|(activity, rules)| rules.on_request || self.polls.was_empty(activity)))
            && self.slots.iter().all(|s| s.stage == Stage::Foreign || (s.waits() && s.report.held))
    }

    /// The end is near: only what is under way is waited for. On a dead network one call would follow the other for ever.
    fn calls_no_more(&self) -> bool {
        match self.stop {
            None => false,
            Some(Stop::Now) => true,
            Some(Stop::Drain) => self.has_drained(),
        }
    }

    fn has_stopped(&self) -> bool {
        match self.stop {
            None => false,
            Some(Stop::Now) => self.slots.iter().all(|s| match s.stage {
                Stage::Accepting | Stage::Running | Stage::Ended | Stage::Forgetting => false,
                // The next start goes on with them. Of an outcome that waits the disk has said whether it has it.
                Stage::Reclaiming
                | Stage::Counting
                | Stage::Deferred
                | Stage::Waiting
                | Stage::NotKept
                | Stage::Foreign => true,
            }),
            Some(Stop::Drain) => self.has_drained() && !self.lanes.any_in_flight(),
        }
    }

    /// Polls have ended, handlers too, and every report was tried or can't be now.
    fn has_drained(&self) -> bool {
        let tried = |s: &Slot| {
            s.report.held
                || s.report.failures > 0
                || self.link.offline_since().is_some()
                || self.lanes.reports_paused()
                || self.lanes.credentials_open_at() > Time::ZERO
        };
        (self.polls.in_flight() == 0 || planted("drain-forgets-polls"))
            && self.slots.iter().all(|s| match s.stage {
                Stage::Deferred | Stage::Foreign => true,
                // Left to the next start, which asks again.
                Stage::Reclaiming => s.refusals > 0,
                Stage::Waiting | Stage::NotKept => tried(s),
                _ => false,
            })
    }

    /// The first heartbeat within a quarter of the interval, so that HeartbeatSeconds can be as low as three intervals.
    pub(super) fn arm(slot: &mut Slot, interval: Option<Duration>, now: Time, rng: &mut fastrand::Rng) {
        slot.beat.interval = interval;
        slot.beat.due = now + jitter::within(rng, interval.unwrap_or_default() / 4);
    }
}

/// When, and why, the task's heartbeats end by themselves.
fn expires_at(slot: &Slot) -> Option<(Time, BeatsStopped)> {
    if !slot.beats() {
        return None;
    }
    match (slot.stage, slot.report.denied_since) {
        (Stage::Deferred, _) => Some((slot.beat.lease_until, BeatsStopped::Lease)),
        (Stage::Waiting, Some(since)) => Some((since + DENIED_LEASE, BeatsStopped::Denied)),
        _ => None,
    }
}

//! The next action. For everything that may happen later there is one function that says when; [`Engine::next`] takes what is
//! due, [`Engine::wake_at`] the earliest of what is not. What waits for an event, rather than for time, has no time.

use std::time::Duration;

use super::link::Probe;
use super::slots::{Slot, Stage};
use super::starts::PROVEN;
use super::{Action, Call, Engine, Notice, Stop, Time, Which, jitter};
use crate::TaskId;
use crate::plants::planted;

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
        let index = self.slots.index();
        let activities = 0..self.config.activities.len();
        let own = [index.again(), index.expires()].into_iter().flatten().map(|(at, _)| at);
        let proven = activities.clone().filter_map(|activity| Some(self.proven(activity)?.0));
        let beat = index.beats().next(u8::MAX).zip(self.beats_open_at()).map(|(due, open)| due.max(open));
        let report = index.reports().next(u8::MAX).zip(self.reports_open_at());
        let report = report.map(|(due, open)| due.max(open));
        let polls = activities.filter_map(|activity| self.poll_at(activity));
        own.chain(proven).chain(beat).chain(report).chain(polls).min()
    }

    fn expire(&mut self, now: Time) {
        while let Some((_, id)) = self.slots.index().expires().filter(|(at, _)| *at <= now) {
            let ends = |slot: &mut Slot| {
                slot.beat.stopped = slot.expires().map(|(_, why)| why);
                slot.beat.stopped
            };
            let Some(Some(why)) = self.slots.change(id, ends) else { return };
            self.ready.push_back(Action::Notify(Notice::BeatsStopped(id, why)));
        }
        let proven = (0..self.config.activities.len()).filter_map(|activity| self.proven(activity)).min();
        proven.filter(|(at, _)| *at <= now).into_iter().for_each(|(_, id)| self.started(id));
    }

    /// Which handler of an activity whose starts fail counts as started first, and when.
    fn proven(&self, activity: usize) -> Option<(Time, TaskId)> {
        let (began, id) = self.unproven(activity)?;
        Some((began + PROVEN, id))
    }

    /// Of an activity whose starts fail: the first that began since.
    fn unproven(&self, activity: usize) -> Option<(Time, TaskId)> {
        self.slots.index().runs_after(activity, self.starts.last_failure(activity)?)
    }

    /// What was refused is tried again.
    fn next_again(&mut self, now: Time) -> Option<Action> {
        let (_, id) = self.slots.index().again().filter(|(at, _)| *at <= now)?;
        self.slots.change(id, |slot| {
            if slot.keep_again.take_if(|at| *at <= now).is_some() {
                return Action::KeepOutcome { id, which: slot.own.map_or(Which::Theirs, Which::Own) };
            }
            slot.try_again = None;
            match slot.stage {
                Stage::Reclaiming => Action::Reclaim { id },
                _ => {
                    slot.began = Some(now);
                    Action::Run { id, run: slot.runs.saturating_add(1) }
                }
            }
        })
    }

    fn next_call(&mut self, now: Time) -> Option<Action> {
        let index = self.slots.index();
        // The most overdue goes first. When all wait for the same pace, the same few must not win each time; when one is to probe a
        // dead link, neither.
        let turn = self.link.beats_turn();
        let beat = self.beats_open_at().filter(|open| *open <= now).and_then(|open| match turn {
            _ if planted("beats-starve") => {
                index.beats().all_due(now).map(|(due, id)| (due.max(open), id)).min()
            }
            None => index.beats().firsts().map(|(_, due, id)| (due, id)).min().filter(|(due, _)| *due <= now),
            Some(_) => index.beats().due(now),
        });
        let report = self.reports_open_at().filter(|open| *open <= now);
        let report = report.and_then(|open| index.reports().due(now).map(|(due, id)| (due.max(open), id)));
        match (beat, report) {
            (Some((beat_at, id)), Some((report_at, _))) if turn.unwrap_or(beat_at < report_at) => {
                self.begin(id, Call::Beat, now)
            }
            (_, Some((_, id))) => self.begin(id, Call::Report, now),
            (Some((_, id)), None) => self.begin(id, Call::Beat, now),
            (None, None) => None,
        }
    }

    fn begin(&mut self, id: TaskId, call: Call, now: Time) -> Option<Action> {
        self.slots.change(id, |slot| match call {
            Call::Beat => slot.beat.in_flight = true,
            Call::Report => slot.report.in_flight = true,
        })?;
        self.link.begin(now, Probe::Call(call, id), &mut self.rng);
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
        self.link.begin(now, Probe::Poll(activity), &mut self.rng);
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

    /// From when on heartbeats may go, whosever is due.
    fn beats_open_at(&self) -> Option<Time> {
        // Reports that the end waits for may take their time: until they are there, the tasks are alive.
        let no_more =
            self.calls_no_more() && (self.stop == Some(Stop::Now) || !self.lanes.reports_in_flight());
        if no_more || !self.lanes.lane_free(Call::Beat) {
            return None;
        }
        let link = self.link.beats_open_at(self.slots.index().shortest_beat()?)?;
        Some(self.lanes.opens_at(Call::Beat).max(link))
    }

    /// From when on reports may go, whosever is due.
    fn reports_open_at(&self) -> Option<Time> {
        if self.calls_no_more() || !self.lanes.lane_free(Call::Report) {
            return None;
        }
        Some(self.lanes.opens_at(Call::Report).max(self.link.reports_open_at()?))
    }

    /// When the activity may be polled: only with a slot, room in the spool, a working disk, and time for one more task's beats.
    fn poll_at(&self, activity: usize) -> Option<Time> {
        let rules = self.config.activities.get(activity)?;
        let due = self.polls.due(activity)?;
        let polls = self.polls.in_flight();
        let index = self.slots.index();
        // However slow calls are: one task at a time can always be paid for, or a bad hour would end polling for good.
        let beats = self.beats_per_second();
        let may = self.stop.is_none()
            && !self.room_asked
            && (!rules.on_request || self.polls.is_requested(activity))
            && (index.open(activity) < rules.concurrency || planted("poll-without-slot"))
            && polls < self.slots.free()
            && (self.room_spoken_for() < self.room || planted("poll-without-room"))
            && index.troubles() == 0
            && (beats == 0.0 || self.lanes.can_pay_for(beats + 1.0 / rules.heartbeat.as_secs_f64()))
            && !(self.until_idle && self.polls.was_empty(activity));
        if !may {
            return None;
        }
        let is_last = polls + 1 == self.slots.free() || self.room_spoken_for() + 1 == self.room;
        let tokens_first = is_last && !planted("tokens-crowded-out");
        let due = if tokens_first { due.max(self.tokens_first_until) } else { due };
        let unproven = index.accepting(activity) > 0 || self.unproven(activity).is_some();
        let due = due.max(self.starts.opens_at(activity, unproven)?);
        Some(due.max(self.link.polls_open_at()?).max(self.lanes.credentials_open_at()))
    }

    /// The tasks that will go into the spool, though it has not counted them yet.
    pub(super) fn room_spoken_for(&self) -> usize {
        self.polls.in_flight() + self.slots.index().stage(Stage::Accepting)
    }

    /// What the heartbeats of the tasks held, and of those that polls under way may bring, come to.
    fn beats_per_second(&self) -> f64 {
        let polled = (0..self.config.activities.len())
            .filter(|activity| self.polls.due(*activity).is_none())
            .map(|activity| 1.0 / self.config.activities[activity].heartbeat.as_secs_f64());
        self.slots.index().rates().chain(polled).sum()
    }

    /// Nothing is left to do before something new comes: what remains is held, or not ours, and perhaps fills every place.
    fn is_idle(&self) -> bool {
        let full = self.slots.free() == 0 || (self.room == 0 && !self.slots.is_empty());
        let index = self.slots.index();
        let mut rules = self.config.activities.iter().enumerate();
        self.until_idle
            && self.polls.in_flight() == 0
            && (full || rules.all(|(activity, rules)| rules.on_request || self.polls.was_empty(activity)))
            && index.stage(Stage::Foreign) + index.held() == self.slots.len()
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
            // The next start goes on with all others. Of an outcome that waits the disk has said whether it has it.
            Some(Stop::Now) => {
                self.slots.index().stages(&[
                    Stage::Accepting,
                    Stage::Running,
                    Stage::Ended,
                    Stage::Forgetting,
                ]) == 0
            }
            Some(Stop::Drain) => self.has_drained() && !self.lanes.any_in_flight(),
        }
    }

    /// Polls have ended, handlers too, and every report was tried or can't be now.
    fn has_drained(&self) -> bool {
        let index = self.slots.index();
        let can_not_be_tried = self.link.offline_since().is_some()
            || self.lanes.reports_paused()
            || self.lanes.credentials_open_at() > Time::ZERO;
        // What waits for an app or for others is left to the next start; so is an old run that would not end: it is asked again.
        let left = index.stages(&[Stage::Deferred, Stage::Foreign, Stage::Waiting, Stage::NotKept])
            + index.refusing_runs();
        (self.polls.in_flight() == 0 || planted("drain-forgets-polls"))
            && left == self.slots.len()
            && (can_not_be_tried || index.untried() == 0)
    }

    /// The first heartbeat within a quarter of the interval, so that HeartbeatSeconds can be as low as three intervals.
    pub(super) fn arm(slot: &mut Slot, interval: Option<Duration>, now: Time, rng: &mut fastrand::Rng) {
        slot.beat.interval = interval;
        slot.beat.due = now + jitter::within(rng, interval.unwrap_or_default() / 4);
    }
}

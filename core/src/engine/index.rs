//! What the engine looks for among its tasks, kept in order, so that it finds what is due, and knows how many there are of a kind,
//! without looking at each. What a task's entries are follows from the task alone; what holds for all of them (lanes, the link, a
//! pause) is asked of the first entry when it is looked for, so that nothing is sorted anew when a gate opens or shuts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::protocol::{ACTIVITIES_MAX, Time};
use super::slots::{Slot, Stage};
use crate::TaskId;

/// As many stages as there are.
const STAGES: usize = Stage::Foreign as usize + 1;
/// Before every id.
const LEAST: TaskId = TaskId::from_bytes([0; 16]);

/// The entries of all tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    again: BTreeSet<(Time, TaskId)>,
    expires: BTreeSet<(Time, TaskId)>,
    /// By activity, and by the time at which the handler was started.
    runs: BTreeSet<(usize, Time, TaskId)>,
    beats: Ranked,
    reports: Ranked,
    reporting: BTreeSet<TaskId>,
    refused: BTreeSet<TaskId>,
    /// By the interval of heartbeats: how many tasks beat, and how many will once they are accepted.
    rates: BTreeMap<Duration, (usize, usize)>,
    open: [usize; ACTIVITIES_MAX],
    accepting: [usize; ACTIVITIES_MAX],
    stages: [usize; STAGES],
    held: usize,
    refusing_runs: usize,
    untried: usize,
    troubles: usize,
}

/// The entries of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    stage: Stage,
    activity: Option<usize>,
    again: Option<Time>,
    expires: Option<Time>,
    runs: Option<(usize, Time)>,
    beat: Option<(u8, Time)>,
    report: Option<(u8, Time)>,
    reporting: bool,
    pub(super) refused: bool,
    beats: Option<Duration>,
    will_beat: Option<Duration>,
    is_open: bool,
    held: bool,
    refusing_run: bool,
    untried: bool,
    troubles: bool,
}

impl Keys {
    pub(super) fn of(slot: &Slot) -> Self {
        let accepting = slot.stage == Stage::Accepting;
        Keys {
            stage: slot.stage,
            activity: slot.activity,
            again: slot.again_at(),
            expires: slot.expires().map(|(at, _)| at),
            runs: slot.activity.zip(slot.runs_since()),
            beat: slot.beat_due(),
            report: slot.report_due(),
            reporting: slot.report.in_flight,
            refused: slot.is_refused(),
            beats: slot.beat.interval.filter(|_| slot.beats()),
            will_beat: slot.beat.interval.filter(|_| accepting),
            is_open: slot.is_open(),
            held: slot.waits() && slot.report.held,
            refusing_run: slot.stage == Stage::Reclaiming && slot.refusals > 0,
            untried: slot.waits() && !slot.report.held && slot.report.failures == 0,
            troubles: slot.troubles_the_disk(),
        }
    }
}

impl Index {
    /// A task is there.
    pub(super) fn add(&mut self, id: TaskId, keys: &Keys) {
        self.again.extend(keys.again.map(|at| (at, id)));
        self.expires.extend(keys.expires.map(|at| (at, id)));
        self.runs.extend(keys.runs.map(|(activity, at)| (activity, at, id)));
        self.beats.0.extend(keys.beat.map(|(rank, at)| (rank, at, id)));
        self.reports.0.extend(keys.report.map(|(rank, at)| (rank, at, id)));
        self.reporting.extend(keys.reporting.then_some(id));
        self.refused.extend(keys.refused.then_some(id));
        if let Some(interval) = keys.beats {
            self.rates.entry(interval).or_default().0 += 1;
        }
        if let Some(interval) = keys.will_beat {
            self.rates.entry(interval).or_default().1 += 1;
        }
        self.count(keys, |count| *count += 1);
    }

    /// It is not there any more.
    pub(super) fn take(&mut self, id: TaskId, keys: &Keys) {
        keys.again.map(|at| self.again.remove(&(at, id)));
        keys.expires.map(|at| self.expires.remove(&(at, id)));
        keys.runs.map(|(activity, at)| self.runs.remove(&(activity, at, id)));
        keys.beat.map(|(rank, at)| self.beats.0.remove(&(rank, at, id)));
        keys.report.map(|(rank, at)| self.reports.0.remove(&(rank, at, id)));
        keys.reporting.then(|| self.reporting.remove(&id));
        keys.refused.then(|| self.refused.remove(&id));
        for (interval, one) in [(keys.beats, (1, 0)), (keys.will_beat, (0, 1))] {
            let Some(interval) = interval else { continue };
            let rate = self.rates.entry(interval).or_default();
            *rate = (rate.0.saturating_sub(one.0), rate.1.saturating_sub(one.1));
            if *rate == (0, 0) {
                self.rates.remove(&interval);
            }
        }
        self.count(keys, |count| *count = count.saturating_sub(1));
    }

    fn count(&mut self, keys: &Keys, one: impl Fn(&mut usize)) {
        one(&mut self.stages[keys.stage as usize]);
        let of = |counts: &mut [usize; ACTIVITIES_MAX], holds: bool| {
            let count = keys.activity.filter(|_| holds).and_then(|activity| counts.get_mut(activity));
            count.map(&one);
        };
        of(&mut self.open, keys.is_open);
        of(&mut self.accepting, keys.stage == Stage::Accepting);
        let counts = [
            (keys.held, &mut self.held),
            (keys.refusing_run, &mut self.refusing_runs),
            (keys.untried, &mut self.untried),
            (keys.troubles, &mut self.troubles),
        ];
        counts.into_iter().filter(|(holds, _)| *holds).for_each(|(_, count)| one(count));
    }

    /// The first that is to be tried once more.
    pub(super) fn again(&self) -> Option<(Time, TaskId)> {
        self.again.first().copied()
    }

    /// The first whose heartbeats end by themselves.
    pub(super) fn expires(&self) -> Option<(Time, TaskId)> {
        self.expires.first().copied()
    }

    /// Of the activity's handlers at work, the first that was started after `since`.
    pub(super) fn runs_after(&self, activity: usize, since: Time) -> Option<(Time, TaskId)> {
        let next = self.runs.range((activity, since + Duration::from_nanos(1), LEAST)..).next();
        next.filter(|(its, ..)| *its == activity).map(|(_, began, id)| (*began, *id))
    }

    /// Heartbeats that are not under way.
    pub(super) fn beats(&self) -> &Ranked {
        &self.beats
    }

    /// Reports that are not under way.
    pub(super) fn reports(&self) -> &Ranked {
        &self.reports
    }

    /// Tasks whose report is under way.
    pub(super) fn reporting(&self) -> impl Iterator<Item = TaskId> {
        self.reporting.iter().copied()
    }

    /// Tasks of which the service takes no report, or no heartbeat.
    pub(super) fn refused(&self) -> impl Iterator<Item = TaskId> {
        self.refused.iter().copied()
    }

    /// The heartbeats per second of the tasks held, those included that are being accepted, by interval: there are few, and whatever
    /// is made of them does not depend on the order in which tasks came and went.
    pub(super) fn rates(&self) -> impl Iterator<Item = f64> {
        self.rates.iter().map(|(interval, (now, soon))| (now + soon) as f64 / interval.as_secs_f64())
    }

    /// The shortest interval at which a task beats.
    pub(super) fn shortest_beat(&self) -> Option<Duration> {
        self.rates.iter().find(|(_, (now, _))| *now > 0).map(|(interval, _)| *interval)
    }

    /// Tasks that use up one of the activity's places.
    pub(super) fn open(&self, activity: usize) -> usize {
        self.open.get(activity).copied().unwrap_or_default()
    }

    /// Tasks of the activity that are being accepted.
    pub(super) fn accepting(&self, activity: usize) -> usize {
        self.accepting.get(activity).copied().unwrap_or_default()
    }

    /// Tasks in this stage.
    pub(super) fn stage(&self, stage: Stage) -> usize {
        self.stages[stage as usize]
    }

    /// Tasks in one of these stages.
    pub(super) fn stages(&self, stages: &[Stage]) -> usize {
        stages.iter().map(|stage| self.stage(*stage)).sum()
    }

    /// Results that the service rejected.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Results that wait to be taken, held ones aside.
    pub(super) fn waiting(&self) -> usize {
        self.stages(&[Stage::Waiting, Stage::NotKept]) - self.held
    }

    /// Old runs that would not end so far.
    pub(super) fn refusing_runs(&self) -> usize {
        self.refusing_runs
    }

    /// Results of which no try has failed, held ones aside.
    pub(super) fn untried(&self) -> usize {
        self.untried
    }

    /// Tasks and results that the disk has refused.
    pub(super) fn troubles(&self) -> usize {
        self.troubles
    }
}

/// Tasks by rank, and within one by time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranked(BTreeSet<(u8, Time, TaskId)>);

impl Ranked {
    /// The first of each rank, in the ranks' order.
    pub(super) fn firsts(&self) -> impl Iterator<Item = (u8, Time, TaskId)> {
        let after = |(rank, ..): &(u8, Time, TaskId)| {
            self.0.range((rank.checked_add(1)?, Time::ZERO, LEAST)..).next().copied()
        };
        std::iter::successors(self.0.first().copied(), after)
    }

    /// The first of the lowest rank of which one is due.
    pub(super) fn due(&self, now: Time) -> Option<(Time, TaskId)> {
        self.firsts().find(|(_, at, _)| *at <= now).map(|(_, at, id)| (at, id))
    }

    /// All that are due.
    pub(super) fn all_due(&self, now: Time) -> impl Iterator<Item = (Time, TaskId)> {
        self.0.iter().filter(move |(_, at, _)| *at <= now).map(|(_, at, id)| (*at, *id))
    }

    /// When the next one is due, below this rank.
    pub(super) fn next(&self, below: u8) -> Option<Time> {
        self.firsts().filter(|(rank, ..)| *rank < below).map(|(_, at, _)| at).min()
    }

    /// Below this rank, those of the lowest rank that are not due yet, and all others.
    pub(super) fn waiting_longer(&self, now: Time, below: u8) -> impl Iterator<Item = TaskId> {
        let from = (0, now + Duration::from_nanos(1), LEAST);
        self.0.range(from..).take_while(move |(rank, ..)| *rank < below).map(|(.., id)| *id)
    }
}

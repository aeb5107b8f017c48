//! The judge: what each device owes, and whether it keeps its promises. It looks after every step, and knows the worker only by its
//! orders, its events, its disk, and by what reached the service.

pub(crate) mod comeback;
mod events;
pub(crate) mod finding;
mod folder;
mod foreign;
pub(crate) mod ledger;
mod rate;
mod starts;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;

use activity_worker::engine::Kept;
use activity_worker::engine::slots::Stage;
use activity_worker::spool::MemoryDisk;
use activity_worker::worker::stepped::{DiskAnswer, Stepped};
use activity_worker::{Outcome, TaskId, TaskToken};

use self::finding::{Finding, broken};
use self::ledger::Debt;
use self::rate::Rate;
use self::starts::FailedStarts;
use crate::network::Sent;
use crate::scenario::Scenario;
use crate::service::{Report, SKEW};
use crate::state_dir;

/// Judges one device.
pub(crate) struct Judge {
    /// The device.
    pub(crate) device: usize,
    /// What it owes.
    pub(crate) debts: BTreeMap<TaskId, Debt>,
    /// When its process first heard the service's date.
    contact: Option<Duration>,
    requests: VecDeque<Duration>,
    /// How fast it calls.
    pub(crate) rate: Rate,
    /// Since when its process runs, and the machine is awake.
    awake_since: Duration,
    /// The app last asked for its tasks.
    pub(crate) touched: Duration,
    /// Places for what is held: more than was said, if more was found on disk.
    places: usize,
    /// Files set aside of which the worker told, and its warnings.
    pub(crate) told: Vec<String>,
    /// Its process works for another endpoint.
    pub(crate) elsewhere: bool,
    /// Tasks of which its process said that they are another's.
    pub(crate) told_foreign: BTreeSet<TaskId>,
    /// Starts that failed.
    pub(crate) failed_starts: FailedStarts,
}

/// A report in the judge's words.
pub(crate) fn report_of(outcome: &Outcome) -> Report {
    match outcome {
        Outcome::Success(output) => Report::Success(output.as_str().to_owned()),
        Outcome::Failure(failure) => Report::Failure(failure.error().to_owned()),
    }
}

impl Judge {
    /// A judge for a device that owes nothing.
    pub(crate) fn new(device: usize) -> Self {
        Judge {
            device,
            debts: BTreeMap::new(),
            contact: None,
            requests: VecDeque::new(),
            rate: Rate::default(),
            awake_since: Duration::ZERO,
            touched: Duration::ZERO,
            places: 0,
            told: Vec::new(),
            elsewhere: false,
            told_foreign: BTreeSet::new(),
            failed_starts: FailedStarts::default(),
        }
    }

    /// A process begins.
    pub(crate) fn born(&mut self, now: Duration, elsewhere: bool) {
        self.contact = None;
        self.elsewhere = elsewhere;
        self.told_foreign.clear();
        (self.touched, self.awake_since) = (now, now);
        self.rate.born();
        for debt in self.debts.values_mut() {
            (debt.over, debt.held, debt.beats_off) = (false, false, false);
            if debt.removed {
                debt.go_with_the_folder();
            }
        }
    }

    /// A process died while it started: what it set aside and would have told of is lost with it.
    pub(crate) fn died_at_start(&mut self, disk: &MemoryDisk) {
        let quarantine = state_dir::path("quarantine");
        let aside = disk.files().into_iter().filter(|file| file.parent() == Some(&quarantine));
        self.told.extend(aside.map(|file| file.to_string_lossy().into_owned()));
    }

    /// What the process found on disk, though an earlier one died before it could tell.
    pub(crate) fn found(&mut self, worker: &Stepped, now: Duration) {
        self.places = worker.engine().tasks().count();
        self.failed_starts.count_from(now, self.places);
        for slot in worker.engine().tasks() {
            let debt = self.debts.entry(slot.id).or_default();
            debt.found = true;
            debt.is_there();
            // What a process did not come to keep again is lost with it.
            debt.lost |= debt.to_keep_again.take().is_some() && slot.outcome != Kept::Yes;
            let here = if slot.stage == Stage::Foreign { !self.elsewhere } else { self.elsewhere };
            debt.elsewhere.get_or_insert(here);
            debt.found_outcome |= slot.outcome == Kept::Yes;
            debt.refused |= slot.stage == Stage::Waiting && debt.kept.is_none();
        }
    }

    /// The process died over these outcomes: on disk may be the old or the new one.
    pub(crate) fn torn(&mut self, id: TaskId) {
        self.debts.entry(id).or_default().refused = true;
    }

    /// The process died over this task's end: it may not be on disk.
    pub(crate) fn may_be_unwritten(&mut self, id: TaskId) {
        self.debts.entry(id).or_default().unwritten = true;
    }

    /// A record of an end may be damaged.
    pub(crate) fn ends_may_be_forgotten(&mut self) {
        for debt in self.debts.values_mut().filter(|debt| debt.buried) {
            (debt.buried, debt.unwritten) = (false, true);
        }
    }

    /// The service's own answer had a date that lies: what is signed until an honest one comes is not the worker's fault.
    pub(crate) fn was_lied_to(&mut self) {
        self.contact = None;
    }

    /// The machine woke: beats start anew.
    pub(crate) fn woke(&mut self, now: Duration) {
        self.awake_since = now;
        self.failed_starts.count_from(now, self.places);
        self.debts.values_mut().for_each(|debt| debt.last_beat = now);
    }

    /// The disk answered; `outcome` is what it was asked to keep.
    pub(crate) fn disk_said(&mut self, answer: DiskAnswer, outcome: Option<&Report>) {
        match answer {
            DiskAnswer::Accepted(id, yes) => {
                let debt = self.debts.entry(id).or_default();
                if yes {
                    debt.is_there();
                }
                (debt.accepted, debt.buried) = (debt.accepted || yes, debt.buried && !yes);
                debt.elsewhere = yes.then_some(self.elsewhere).or(debt.elsewhere);
                if let Some(outcome) = outcome.filter(|_| yes) {
                    (debt.kept, debt.refused) = (Some(outcome.clone()), false);
                }
            }
            DiskAnswer::Kept(id, kept) => {
                let debt = self.debts.entry(id).or_default();
                if kept == Kept::Yes {
                    debt.is_there();
                    debt.to_keep_again = None;
                    (debt.kept, debt.refused) = (outcome.cloned(), false);
                } else {
                    (debt.refused, debt.ever_refused) = (true, true);
                }
            }
            DiskAnswer::Settled(id, yes) => self.debts.entry(id).or_default().buried = yes,
            DiskAnswer::Room(_) => {}
        }
    }

    /// A handler is started.
    pub(crate) fn runs(&self, id: TaskId) -> Result<(), Finding> {
        match self.debts.get(&id) {
            Some(debt) if debt.accepted || debt.found => Ok(()),
            _ => broken("P3", format!("task {id} runs before it is accepted on disk")),
        }
    }

    /// A heartbeat (`None`) or a report is ordered.
    pub(crate) fn calls(
        &mut self,
        id: TaskId,
        outcome: Option<&Outcome>,
        now: Duration,
        life: u64,
    ) -> Result<(), Finding> {
        if self.debts.get(&id).is_some_and(|debt| debt.is_foreign(self.elsewhere)) {
            return broken("P1", format!("task {id} is sent to another endpoint than its own"));
        }
        let Some(outcome) = outcome else {
            let beating = self.debts.values().filter(|d| d.is_open()).count();
            let debt = self.debts.entry(id).or_default();
            let gap = debt.gap(now, beating).filter(|_| debt.known_in == life);
            debt.last_beat = now;
            return gap.map_or(Ok(()), |gap| broken("P4", format!("task {id}: a heartbeat after {gap}")));
        };
        let report = report_of(outcome);
        let debt = self.debts.entry(id).or_default();
        if debt.buried {
            return broken("P6", format!("task {id} is reported again after its end was kept"));
        }
        if debt.over {
            return broken("P6", format!("task {id} is reported again after TaskTimedOut"));
        }
        // A result that is to be kept again is sent from memory meanwhile, as one that the disk refused.
        let is_known = debt.to_keep_again.as_ref().is_some_and(|(kept, _)| *kept == report);
        match &debt.kept {
            Some(kept) if *kept != report && !debt.refused => {
                broken("P1", format!("task {id}: another outcome is sent than the one that is kept"))
            }
            None if debt.accepted && !debt.refused && !is_known => {
                broken("P1", format!("task {id}: its outcome is sent before it is kept"))
            }
            None if !debt.accepted && !debt.found && report != Report::Failure("Worker.NotKept".into()) => {
                broken("P1", format!("task {id}: its outcome is sent, and it was never accepted on disk"))
            }
            _ => Ok(()),
        }
    }

    /// A request left the device.
    pub(crate) fn sent(&mut self, sent: &Sent, scenario: &Scenario) -> Result<(), Finding> {
        // A call is carried out when it begins, so its answer's date may be learnt, and kept as a floor, a minute early.
        let early = Duration::from_secs(70);
        if sent.skew > SKEW && self.contact.is_some_and(|at| at + early <= sent.at) {
            let text = format!("signed {} s off after the service had answered", sent.skew.as_secs());
            return broken("P8", text);
        }
        // What comes after a lie, be it within one call, goes by the lie.
        self.contact = self.contact.or(sent.contact).filter(|_| !sent.lied);
        self.requests.push_back(sent.at);
        while self.requests.front().is_some_and(|at| sent.at.saturating_sub(*at) > Duration::from_secs(3600))
        {
            self.requests.pop_front();
        }
        let beats =
            scenario.activities.iter().map(|a| 30.0 * 3600.0 / a.heartbeat.as_secs_f64()).fold(0.0, f64::max);
        let bound = 8000.0 + beats * scenario.plan.max_tasks as f64;
        if self.requests.len() as f64 > bound {
            return broken("P6", format!("more than {bound} requests in an hour"));
        }
        self.rate.sent(sent)?;
        let Some(token) = sent.call.token() else { return Ok(()) };
        let Ok(token) = TaskToken::new(token) else { return Ok(()) };
        let debt = self.debts.entry(token.id()).or_default();
        debt.reported |= sent.call.is_report();
        debt.beats_off |= matches!(sent.verdict, Some(Err("TaskTimedOut" | "InvalidToken")));
        Ok(())
    }

    /// The service gave a task up, for silence. On a calm link and a machine that is awake that is the worker's fault.
    pub(crate) fn gave_up(
        &self,
        id: TaskId,
        calm_since: Duration,
        patience: Duration,
        now: Duration,
    ) -> Result<(), Finding> {
        // Of one whose token is lost nobody can tell the service anything.
        let is_lost = |debt: &Debt| debt.unreadable && ledger::is_told(&self.told, id);
        let mine = self.debts.get(&id).filter(|debt| !is_lost(debt)).filter(|debt| {
            debt.is_open() && debt.interval.is_some() && !debt.beats_off && !debt.is_foreign(self.elsewhere)
        });
        let Some(debt) = mine else { return Ok(()) };
        let calm = now.saturating_sub(calm_since.max(self.awake_since).max(debt.since));
        if calm > patience + Duration::from_secs(10) {
            let calm = calm.as_secs();
            return broken(
                "P4",
                format!("task {id} was given up for silence, though nothing failed for {calm} s"),
            );
        }
        Ok(())
    }

    /// The worker was told that a report came too late, or twice.
    pub(crate) fn told_over(&mut self, id: TaskId) {
        self.debts.entry(id).or_default().over = true;
    }

    /// After every step: nothing that is owed is gone, beats go on, tables keep their bounds.
    pub(crate) fn look(
        &mut self,
        worker: Option<&Stepped>,
        disk: &MemoryDisk,
        scenario: &Scenario,
        now: Duration,
        life: u64,
        stopping_now: bool,
    ) -> Result<(), Finding> {
        let beating = self.debts.values().filter(|d| d.is_open()).count();
        for (id, debt) in &mut self.debts {
            if (!debt.is_open() && !debt.is_held()) || debt.removed {
                continue;
            }
            let stage = worker.and_then(|w| w.engine().stage(*id));
            // While there is no process the next start tells.
            let there = || worker.is_none_or(|w| w.spool().task(*id).is_some());
            if debt.rotted {
                let unknown = worker.is_some() && stage.is_none() && there();
                if unknown && !ledger::is_told(&self.told, *id) {
                    return broken(
                        "P3",
                        format!("task {id}: its damaged file lies there, and nobody is told"),
                    );
                }
                continue;
            }
            if debt.kept.is_some() && !debt.refused && !there() {
                return broken("P1", format!("task {id}: its kept outcome is gone"));
            }
            if let Some(long) = debt.waits_to_be_kept(now, self.awake_since).filter(|_| !stopping_now) {
                let long = long.as_secs();
                return broken(
                    "P1",
                    format!("task {id}: its result went with the folder, and is not kept again for {long} s"),
                );
            }
            if debt.held {
                continue;
            }
            let Some(stage) = stage else {
                if there() {
                    continue;
                }
                return broken("P3", format!("task {id}: accepted on disk, and gone"));
            };
            if stage == Stage::Foreign && !self.told_foreign.contains(id) {
                return broken("P1", format!("task {id} is another endpoint's, and nobody is told"));
            }
            if debt.known_in != life {
                (debt.known_in, debt.last_beat) = (life, now);
            }
            let silent =
                matches!(stage, Stage::Accepting | Stage::NotKept | Stage::Forgetting | Stage::Foreign);
            if let Some(gap) = debt.gap(now, beating).filter(|_| !silent && !stopping_now) {
                return broken("P4", format!("task {id} ({stage:?}): no heartbeat for {gap}"));
            }
        }
        self.bounds(worker, disk, scenario)
    }

    fn bounds(
        &self,
        worker: Option<&Stepped>,
        disk: &MemoryDisk,
        scenario: &Scenario,
    ) -> Result<(), Finding> {
        let Some(worker) = worker else { return Ok(()) };
        let places = scenario.plan.max_tasks.max(self.places);
        let (held, memory) = (worker.engine().tasks().count(), worker.tasks_in_memory());
        if held > places || memory > places {
            return broken("P6", format!("{held} tasks held and {memory} in memory, of {places}"));
        }
        // The quarantine and what is being written come on top.
        let bound = scenario.plan.max_bytes + (4 << 20);
        let used = disk.used();
        if used > bound {
            return broken("P6", format!("{used} bytes on disk, of {bound}"));
        }
        Ok(())
    }

    /// What is still owed: what was damaged, and set aside with a word, is not.
    pub(crate) fn open(&self, disk: &MemoryDisk) -> Option<(TaskId, &Debt)> {
        let mut open = self.debts.iter().filter(|(_, debt)| debt.is_open());
        open.find(|(id, debt)| !debt.unreadable || !self.is_told_aside(**id, disk))
            .map(|(id, debt)| (*id, debt))
    }

    fn is_told_aside(&self, id: TaskId, disk: &MemoryDisk) -> bool {
        let (quarantine, name) = (state_dir::path("quarantine"), id.to_string());
        let is_it =
            |file: &Path| file.parent() == Some(&quarantine) && file.to_string_lossy().contains(&name);
        ledger::is_told(&self.told, id) && disk.files().iter().any(|file| is_it(file))
    }
}

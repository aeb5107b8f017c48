//! A dead network, where one call probes for all, and what follows right after it.

use std::time::Duration;

use activity_worker::engine::Call;
use activity_worker::engine::lanes::LANES_MIN;
use activity_worker::worker::stepped::Stepped;

use super::ledger::Debt;

/// What may keep a probe beyond the shortest interval: lanes full of heartbeats that get no answer, a pace after throttling.
const LATE: Duration = Duration::from_secs(30);
/// A heartbeat that is due goes at once when the network is back: with the event, or a moment later.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A heartbeat that was under way then may fail so much later, and is tried again after a pause.
const LONGEST_CALL: Duration = Duration::from_secs(15);
/// For so long it is looked at.
const LOOKED_AT: Duration = Duration::from_secs(90);

/// What the worker makes of the network.
#[derive(Default)]
pub(crate) struct Outage {
    /// Since when it believes the link to be dead.
    since: Option<Duration>,
    /// When it ended.
    back: Option<Duration>,
    /// When it was last seen to believe that.
    over: Duration,
    /// The last call, be it a poll.
    last_call: Duration,
}

impl Outage {
    /// A call is ordered.
    pub(crate) fn called(&mut self, now: Duration) {
        self.last_call = now;
    }

    /// What the worker believes now.
    pub(crate) fn look(&mut self, worker: Option<&Stepped>, now: Duration) {
        let offline = worker.is_some_and(|worker| worker.engine().link().offline_since().is_some());
        match (self.since, offline) {
            (None, true) => (self.since, self.back) = (Some(now), None),
            (Some(_), false) => (self.since, self.back) = (None, worker.map(|_| now)),
            _ => {}
        }
        self.back = self.back.filter(|at| now.saturating_sub(*at) < LOOKED_AT);
        if offline {
            self.over = now;
        }
    }

    /// Until when, at the latest, one call probed for all.
    pub(crate) fn over(&self) -> Duration {
        self.over
    }

    /// For how long no probe went, if that is too long for this task's interval.
    pub(crate) fn probes_too_rarely(
        &self,
        debt: &Debt,
        awake_since: Duration,
        now: Duration,
    ) -> Option<Duration> {
        let interval = debt.interval.filter(|_| !debt.beats_off)?;
        let from = self.since?.max(self.last_call).max(awake_since).max(debt.beats_since);
        let silent = now.saturating_sub(from);
        (silent > interval + LATE).then_some(silent)
    }

    /// Whether the network is back, and a heartbeat of the task is due since before that, and none went though one could.
    pub(crate) fn is_forgotten(
        &self,
        debt: &Debt,
        worker: &Stepped,
        awake_since: Duration,
        now: Duration,
    ) -> bool {
        let (Some(back), Some(interval)) = (self.back, debt.interval) else { return false };
        // One that was under way and failed, or was armed anew, is due within a quarter.
        let from = back.max(awake_since).max(debt.ordered + LONGEST_CALL);
        let due = now.saturating_sub(from) > interval / 4 + AT_ONCE;
        let overdue = now.saturating_sub(debt.taken) > interval && debt.ordered < back;
        due && overdue && !debt.beats_off && has_lane(worker) && !worker.engine().is_stopping()
    }
}

/// Whether a heartbeat could go now. What is throttled has a pace, which is judged elsewhere.
fn has_lane(worker: &Stepped) -> bool {
    let under_way = |call| {
        let is = |slot: &activity_worker::engine::slots::Slot| match call {
            Call::Beat => slot.beat.in_flight,
            Call::Report => slot.report.in_flight,
        };
        worker.engine().tasks().filter(|slot| is(slot)).count()
    };
    let (beats, reports) = (under_way(Call::Beat), under_way(Call::Report));
    beats + 1 < LANES_MIN && beats + reports < LANES_MIN && !worker.engine().is_throttled()
}

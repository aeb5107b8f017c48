//! P4: what the service says of heartbeats, and polls, which probe a dead network too.

use std::time::Duration;

use activity_worker::TaskId;

use super::Judge;
use super::finding::{Finding, broken};

impl Judge {
    /// A poll is ordered.
    pub(crate) fn polls(&mut self, now: Duration) {
        self.outage.called(now);
    }

    /// The service gave a task up, for silence. On a calm link and a machine that is awake that is the worker's fault.
    pub(crate) fn gave_up(
        &self,
        id: TaskId,
        calm_since: Duration,
        patience: Duration,
        now: Duration,
    ) -> Result<(), Finding> {
        let mine = self.debts.get(&id).filter(|debt| {
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

    /// A heartbeat that is ordered will be taken.
    pub(crate) fn will_be_taken(&mut self, id: TaskId, now: Duration) {
        self.debts.entry(id).or_default().taken = now;
    }
}

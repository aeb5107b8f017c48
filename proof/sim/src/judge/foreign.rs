//! What is another endpoint's: what lies there, and what the worker shows of it.

use std::collections::BTreeSet;

use activity_worker::TaskId;
use activity_worker::worker::ForeignTask;
use activity_worker::worker::stepped::Stepped;

use super::Judge;
use super::finding::{Finding, broken};

impl Judge {
    /// What lies on disk and is another endpoint's, of what the worker has in its table.
    pub(crate) fn foreign(&self, worker: &Stepped) -> BTreeSet<TaskId> {
        let foreign = self.debts.iter().filter(|(id, debt)| {
            (debt.is_open() || debt.is_held())
                && debt.is_foreign(self.elsewhere)
                && !debt.rotted
                && worker.engine().knows(**id)
                && worker.spool().task(**id).is_some()
        });
        foreign.map(|(id, _)| *id).collect()
    }

    /// What is shown as another endpoint's is that, and all of it.
    pub(crate) fn shown(&self, listed: &[ForeignTask], owed: &BTreeSet<TaskId>) -> Result<(), Finding> {
        let shown: BTreeSet<_> = listed.iter().map(|task| task.id).collect();
        if let Some(id) = owed.difference(&shown).next() {
            return broken("P1", format!("task {id} is kept for another endpoint, and not shown"));
        }
        for task in listed {
            let debt = self.debts.get(&task.id);
            if !debt.is_some_and(|debt| debt.is_foreign(self.elsewhere)) {
                return broken("P1", format!("task {} is shown as another endpoint's, and is not", task.id));
            }
            if debt.is_some_and(|debt| debt.kept.is_some() && !debt.refused && !debt.rotted)
                && !task.has_outcome
            {
                return broken("P1", format!("task {} is shown as open, and its result is kept", task.id));
            }
        }
        Ok(())
    }
}

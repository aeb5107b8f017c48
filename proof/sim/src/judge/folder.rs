//! What becomes of debts when the state folder is removed, and when the worker makes it anew.

use std::time::Duration;

use activity_worker::TaskId;

use super::Judge;

impl Judge {
    /// All that lay in the folder is gone, and no process can know it yet.
    pub(crate) fn folder_removed(&mut self) {
        self.ends_may_be_forgotten();
        let owed = self.debts.values_mut().filter(|debt| debt.is_open() || debt.is_held());
        owed.for_each(|debt| debt.removed = true);
    }

    /// The worker made it anew, with the tokens of the tasks that it knows. Their results are kept once more, or told lost.
    pub(crate) fn folder_renewed(&mut self, is_known: impl Fn(TaskId) -> bool, now: Duration) {
        for (id, debt) in self.debts.iter_mut().filter(|(_, debt)| debt.removed) {
            if is_known(*id) {
                (debt.removed, debt.found_outcome) = (false, false);
                // One that was to be kept again already still is.
                let again = debt.kept.take().or(debt.to_keep_again.take().map(|(kept, _)| kept));
                debt.to_keep_again = again.map(|kept| (kept, now));
            } else {
                debt.go_with_the_folder();
            }
        }
    }
}

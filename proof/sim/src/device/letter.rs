//! Letters that other processes of the app leave in a device's inbox.

use std::path::PathBuf;

use activity_worker::TaskId;

use crate::judge::ledger::Debt;
use crate::state_dir;

/// A letter of which its sender was told that it is on stable storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Letter {
    /// The task that it is about.
    pub(crate) id: TaskId,
    /// `token` or `answer`.
    pub(crate) kind: &'static str,
}

impl Letter {
    /// The file in which it lies.
    pub(crate) fn path(&self) -> PathBuf {
        state_dir::path("inbox").join(format!("{}.{}", self.id, self.kind))
    }

    /// What it says is on disk elsewhere, or matters no more.
    pub(crate) fn is_taken_in(&self, debt: Option<&Debt>) -> bool {
        debt.is_some_and(|debt| {
            let there = if self.kind == "token" { debt.accepted || debt.found } else { debt.has_outcome() };
            there || debt.settled.is_some() || debt.gone
        })
    }
}

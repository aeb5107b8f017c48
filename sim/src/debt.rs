//! What a device owes for a task, and what it is called if it does not pay.

use std::collections::BTreeMap;
use std::time::Duration;

use activity_worker::{Settlement, TaskId};

use crate::service::Report;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its name in the README.
    pub(crate) promise: &'static str,
    /// What happened.
    pub(crate) text: String,
}

/// Fails with a finding.
pub(crate) fn broken<T>(promise: &'static str, text: impl Into<String>) -> Result<T, Finding> {
    Err(Finding { promise, text: text.into() })
}

/// What a device owes for one task.
#[derive(Debug, Default, Clone)]
pub(crate) struct Debt {
    /// The disk said that it is accepted.
    pub(crate) accepted: bool,
    /// The outcome that the disk said is kept.
    pub(crate) kept: Option<Report>,
    /// A process found its outcome on disk when it started.
    pub(crate) found_outcome: bool,
    /// The disk refused its outcome.
    pub(crate) refused: bool,
    /// A process found it, though none was told that it is accepted.
    pub(crate) found: bool,
    /// It did so at any time: what was reported from memory may be forgotten with the process.
    pub(crate) ever_refused: bool,
    /// How the worker said that it ended.
    pub(crate) settled: Option<Settlement>,
    /// The worker said that it is held.
    pub(crate) held: bool,
    /// Its file was damaged while it lay there.
    pub(crate) rotted: bool,
    /// So much that its token may be lost.
    pub(crate) unreadable: bool,
    /// It was told that its end is not on disk: the next process may not know of it.
    pub(crate) unwritten: bool,
    /// The disk said that its end is remembered.
    pub(crate) buried: bool,
    /// A report of it reached the network.
    pub(crate) reported: bool,
    /// A running process was told `TaskTimedOut` to a report.
    pub(crate) over: bool,
    pub(crate) interval: Option<Duration>,
    /// When it was accepted.
    pub(crate) since: Duration,
    pub(crate) last_beat: Duration,
    pub(crate) beats_off: bool,
    /// The life in which the worker last showed that it knows of it.
    pub(crate) known_in: u64,
}

impl Debt {
    /// A later process may know nothing of its end: a task that the disk refused is failed from memory, and the refused file may come
    /// through a crash all the same; a file that was set aside, and an end that the disk refused, are no memory if the token is
    /// adopted again.
    pub(crate) fn may_be_forgotten(&self) -> bool {
        self.ever_refused || self.unreadable || self.unwritten
    }

    /// For how long it has had no heartbeat, in words, if that is too long.
    pub(crate) fn gap(&self, now: Duration, beating: usize) -> Option<String> {
        let interval = self.interval.filter(|_| !self.beats_off)?;
        let bound = interval.mul_f64(1.3) + Duration::from_secs(120 + 60 * beating as u64);
        let gap = now.saturating_sub(self.last_beat);
        (gap > bound).then(|| format!("{} s of {}", gap.as_secs(), interval.as_secs()))
    }

    /// Its outcome is on disk.
    pub(crate) fn has_outcome(&self) -> bool {
        self.kept.is_some() || self.found_outcome
    }

    /// The service rejected its outcome, which must stay.
    pub(crate) fn is_held(&self) -> bool {
        self.held && self.settled.is_none()
    }

    /// It is neither over nor held.
    pub(crate) fn is_open(&self) -> bool {
        (self.accepted || self.kept.is_some()) && self.settled.is_none() && !self.held
    }
}

/// What the worker's warnings say of tasks.
pub(crate) fn warned(debts: &mut BTreeMap<TaskId, Debt>, text: &str) {
    if text.contains("its end was not written to disk") {
        let named = debts.iter_mut().filter(|(id, _)| text.contains(&id.to_string()));
        named.for_each(|(_, debt)| debt.unwritten = true);
    }
}

/// Whether somebody was told of this task's file.
pub(crate) fn is_told(words: &[String], id: TaskId) -> bool {
    let name = id.to_string();
    words.iter().any(|word| word.contains(&name))
}

//! The ledger: what a device owes for each task.

use std::collections::BTreeMap;
use std::time::Duration;

use activity_worker::worker::Warning;
use activity_worker::{Settlement, TaskId};

use crate::service::Report;

/// An entry: what a device owes for one task.
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
    /// Since when this process knows of it; when a heartbeat of it was ordered last, and one that was taken.
    pub(crate) beats_since: Duration,
    pub(crate) ordered: Duration,
    pub(crate) taken: Duration,
    pub(crate) beats_off: bool,
    /// It was accepted by a process that worked for another endpoint; `None`: by none that could tell.
    pub(crate) elsewhere: Option<bool>,
    /// The folder was removed in which it lay, and no process has looked since.
    pub(crate) removed: bool,
    /// Nothing of it is left: no process knew it when the folder was found to be gone.
    pub(crate) gone: bool,
    /// An outcome that was kept went with the folder.
    pub(crate) lost: bool,
    /// The outcome that was kept in a folder that was removed, and since when another one is there: it is kept again, or told lost.
    pub(crate) to_keep_again: Option<(Report, Duration)>,
    /// The operator gave it up.
    pub(crate) discarded: bool,
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

    /// Its heartbeats begin anew.
    pub(crate) fn beats_from(&mut self, now: Duration) {
        (self.last_beat, self.beats_since, self.ordered, self.taken) = (now, now, now, now);
    }

    /// For how long it has had no heartbeat, in words, if that is too long. `online`: since when the network is not dead.
    pub(crate) fn gap(&self, now: Duration, online: Duration, beating: usize) -> Option<String> {
        let interval = self.interval.filter(|_| !self.beats_off)?;
        let bound = interval.mul_f64(1.3) + Duration::from_secs(120 + 60 * beating as u64);
        let gap = now.saturating_sub(self.last_beat.max(online));
        (gap > bound).then(|| format!("{} s of {}", gap.as_secs(), interval.as_secs()))
    }

    /// For how long it has not been kept again in the folder that was made anew, if that is too long.
    pub(crate) fn waits_to_be_kept(&self, now: Duration, awake_since: Duration) -> Option<Duration> {
        let (_, since) = self.to_keep_again.as_ref().filter(|_| !self.refused)?;
        let long = now.saturating_sub(awake_since.max(*since));
        (long > Duration::from_secs(600)).then_some(long)
    }

    /// It is of another endpoint than the one that this process works for.
    pub(crate) fn is_foreign(&self, elsewhere: bool) -> bool {
        self.elsewhere.is_some_and(|its| its != elsewhere)
    }

    /// Its outcome is on disk.
    pub(crate) fn has_outcome(&self) -> bool {
        self.kept.is_some() || self.found_outcome
    }

    /// The service rejected its outcome, which must stay.
    pub(crate) fn is_held(&self) -> bool {
        self.held && self.settled.is_none()
    }

    /// It was in a folder that was removed before a process could make another one.
    pub(crate) fn go_with_the_folder(&mut self) {
        self.lost |= self.kept.take().is_some() | self.to_keep_again.take().is_some();
        (self.removed, self.gone, self.unwritten, self.held) = (false, true, true, false);
        (self.found_outcome, self.buried) = (false, false);
    }

    /// The disk, or a process that found it there, says that it is on disk now.
    pub(crate) fn is_there(&mut self) {
        (self.removed, self.gone) = (false, false);
    }

    /// It is neither over nor held.
    pub(crate) fn is_open(&self) -> bool {
        (self.accepted || self.kept.is_some()) && self.settled.is_none() && !self.held && !self.gone
    }
}

/// What the worker's warnings say of tasks.
pub(crate) fn warned(debts: &mut BTreeMap<TaskId, Debt>, warning: &Warning) {
    match warning {
        Warning::EndNotWritten { id, .. } => {
            if let Some(debt) = debts.get_mut(id) {
                debt.unwritten = true;
            }
        }
        Warning::ResultLost { id } => {
            if let Some(debt) = debts.get_mut(id) {
                (debt.lost, debt.refused, debt.ever_refused) = (true, true, true);
                debt.to_keep_again = None;
            }
        }
        _ => {}
    }
}

/// Whether somebody was told of this task's file.
pub(crate) fn is_told(words: &[String], id: TaskId) -> bool {
    let name = id.to_string();
    words.iter().any(|word| word.contains(&name))
}

//! What a worker reports of itself.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::TaskId;
use crate::worker::foreign::ForeignTask;
use crate::worker::status::{LeftFor, Status};

/// The worker has ended, and has no answer any more: what it kept, its [`StopReport`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker has ended")]
pub struct Stopped;

/// How a stop ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Outcomes that are kept and not yet taken by the service, held ones included: the next start goes on with them.
    pub kept: usize,
    /// Those of them that the service rejected.
    pub held: Vec<TaskId>,
    /// Tasks that are left open on disk: deferred ones without an answer, and those of which an earlier run could not be ended. The
    /// next start goes on with them.
    pub open: usize,
    /// Tasks that are kept, and not this worker's to go on with: the next start does not do so either.
    pub foreign: Vec<ForeignTask>,
    /// Files of the state folder that could not be read: they stay, and are read again at the next start.
    pub unreadable: Vec<PathBuf>,
    /// Files that this worker set aside since nothing in them can be understood, where they lie now.
    pub quarantined: Vec<PathBuf>,
    /// Letters in the inbox that were not taken in: the next start tries again.
    pub letters: usize,
    /// Polls that were dropped: each may have swallowed a task.
    pub dropped_polls: usize,
    /// Handlers that did not end in time: the next start fails their tasks as `Worker.Restarted`, or runs them again.
    pub abandoned_handlers: usize,
    /// Outcomes that the disk refused to the end: they are lost. Zero but on a failing disk.
    pub lost: usize,
}

/// What [`Worker::drain_within`](crate::Worker::drain_within) did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Tasks that ended in that time, whichever way: delivered, too late, taken back.
    pub settled: usize,
    /// Outcomes still waiting, held ones included.
    pub left: usize,
    /// Why they are.
    pub left_for: LeftFor,
    /// The time to the next try, if one is due by itself.
    pub next_try: Option<Duration>,
}

/// What a worker is and does at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Tasks whose handler runs.
    pub running: usize,
    /// Deferred tasks that wait for the app.
    pub deferred: usize,
    /// Outcomes that wait to be delivered, held ones not counted.
    pub waiting: usize,
    /// Outcomes that the service rejected and that are kept.
    pub held: Vec<TaskId>,
    /// Outcomes, among those that wait, that may not be reported (IAM, KMS): kept, and tried slowly.
    pub denied: Vec<TaskId>,
    /// Tasks of another origin, user or machine: they are kept, and not this worker's to go on with.
    pub foreign: Vec<ForeignTask>,
    /// Tasks of which an earlier run has to be ended before anything else.
    pub reclaiming: usize,
    /// Tasks that are open or wait to be reported, and beat no more: the app has not asked for them within their lease, the service
    /// takes no heartbeats for them, or their activity is no longer configured.
    pub silent: usize,
    /// Outcomes that the disk has refused so far, or perhaps lost; they are in memory, and tried on disk again.
    pub not_on_disk: usize,
    /// Files of the state folder that can't be read now: they stay, and are read again.
    pub unreadable: Vec<PathBuf>,
    /// Files that this worker set aside since nothing in them can be understood, where they lie now.
    pub quarantined: Vec<PathBuf>,
    /// Letters in the inbox that are not taken in yet: their token has no place, their task is another user's or not here, or they
    /// can't be read now.
    pub letters: usize,
    /// Activities whose handlers can't be started, by name: they are polled slowly until one can.
    pub starts_fail: Vec<String>,
    /// Polls under way.
    pub polls: usize,
    /// For how long the service has not answered, if it does not.
    pub offline_for: Option<Duration>,
    /// Reporting pauses after rejections.
    pub reports_paused: bool,
    /// How many seconds the device's date is behind the service's; negative if ahead; `None` before the first answer.
    pub clock_skew: Option<i64>,
    /// The file system's name, if it can't promise to keep what was written.
    pub unsafe_storage: Option<String>,
    /// Threads that have been at one thing for longer than any deadline allows. Not empty: something hangs.
    pub stuck: Vec<Stuck>,
    /// What it is up against, with reasons.
    pub status: Status,
}

/// A thread that hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// Its name.
    pub thread: String,
    /// For how long.
    pub since: Duration,
}

/// The end of a worker, for those who wait for it.
#[derive(Default)]
pub(super) struct Ended {
    report: Mutex<Option<StopReport>>,
    changed: Condvar,
}

impl Ended {
    pub(super) fn set(&self, report: StopReport) {
        *self.lock() = Some(report);
        self.changed.notify_all();
    }

    /// There will be no report, unless there is one.
    pub(super) fn over(&self) {
        self.lock().get_or_insert_default();
        self.changed.notify_all();
    }

    pub(super) fn wait(&self) -> StopReport {
        let mut report = self.lock();
        loop {
            if let Some(report) = report.as_ref() {
                return report.clone();
            }
            report = self.changed.wait(report).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<StopReport>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

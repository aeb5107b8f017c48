//! What a worker says of itself: now, of a drain, and at its end.

use std::path::PathBuf;
use std::time::Duration;

use activity_worker::{TaskId, worker};

use crate::{ForeignTask, LeftFor, WorkerStatus};

/// How a stop ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StopReport {
    /// Answers that are kept and not delivered yet: the next start goes on with them.
    pub kept: u64,
    /// Those of them that the service rejected.
    pub held: Vec<String>,
    /// Requests that are left open: the next start goes on with them.
    pub open: u64,
    /// Tasks that are kept, and not this worker's to go on with: nor will they be the next one's of this configuration.
    pub foreign: Vec<ForeignTask>,
    /// Files of the state folder that could not be read: they stay, and are read again at the next start.
    pub unreadable: Vec<String>,
    /// Files that this worker set aside since nothing in them can be understood, where they lie now.
    pub quarantined: Vec<String>,
    /// Letters in the inbox that were not taken in: the next start tries again.
    pub letters: u64,
    /// Polls that were dropped.
    pub dropped_polls: u64,
    /// Answers that the disk refused to the end: they are lost. Zero but on a failing disk.
    pub lost: u64,
}

/// What a drain did.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DrainReport {
    /// Answers that the service took, or that are over, in that time.
    pub delivered: u64,
    /// Answers still waiting, held ones included.
    pub left: u64,
    /// Why they are.
    pub left_for: LeftFor,
    /// The time to the next try, if one is due by itself.
    pub next_try: Option<Duration>,
}

/// What a worker is and does at one moment.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct WorkerSnapshot {
    /// Requests that wait for an answer.
    pub open: u64,
    /// Answers that wait to be delivered, held ones not counted.
    pub answered: u64,
    /// Answers that the service rejected and that are kept.
    pub held: Vec<String>,
    /// Answers, among those that wait, that may not be delivered (IAM, KMS): kept, and tried slowly.
    pub denied: Vec<String>,
    /// Tasks of another user, account, region, endpoint or installation: they are kept, and not this worker's to go on with.
    pub foreign: Vec<ForeignTask>,
    /// Tasks of which an earlier run has to be ended before anything else: of a folder that a worker with handlers had.
    pub reclaiming: u64,
    /// Requests and answers that beat no more: the app has not asked for them within their lease, the service takes no heartbeats for
    /// them, or their activity is no longer configured.
    pub silent: u64,
    /// Answers that the disk has refused so far; they are in memory only.
    pub not_on_disk: u64,
    /// Files of the state folder that can't be read now: they stay, and are read again.
    pub unreadable: Vec<String>,
    /// Files that this worker set aside since nothing in them can be understood, where they lie now.
    pub quarantined: Vec<String>,
    /// Letters in the inbox that are not taken in yet: their token has no place, their task is another user's or not here, or they
    /// can't be read now.
    pub letters: u64,
    /// Activities whose handlers can't be started, by name: of a worker with handlers.
    pub starts_fail: Vec<String>,
    /// Polls under way.
    pub polls: u64,
    /// For how long the service has not answered, if it does not.
    pub offline_for: Option<Duration>,
    /// Delivery pauses, after three rejections in a row.
    pub reports_paused: bool,
    /// How many seconds the device's date is behind the service's; negative if ahead; none before the first answer.
    pub clock_skew_seconds: Option<i64>,
    /// The file system's name, if it can't promise to keep what was written.
    pub unsafe_storage: Option<String>,
    /// Threads that hang, by name.
    pub stuck: Vec<String>,
    /// What it is up against, with reasons.
    pub status: WorkerStatus,
}

impl From<worker::StopReport> for StopReport {
    fn from(report: worker::StopReport) -> Self {
        StopReport {
            kept: report.kept as u64,
            held: ids(report.held),
            open: report.open as u64,
            foreign: report.foreign.into_iter().map(ForeignTask::from).collect(),
            unreadable: paths(report.unreadable),
            quarantined: paths(report.quarantined),
            letters: report.letters as u64,
            dropped_polls: report.dropped_polls as u64,
            lost: report.lost as u64,
        }
    }
}

impl From<worker::DrainReport> for DrainReport {
    fn from(report: worker::DrainReport) -> Self {
        DrainReport {
            delivered: report.settled as u64,
            left: report.left as u64,
            left_for: report.left_for.into(),
            next_try: report.next_try,
        }
    }
}

impl From<worker::Snapshot> for WorkerSnapshot {
    fn from(now: worker::Snapshot) -> Self {
        WorkerSnapshot {
            open: now.deferred as u64,
            answered: now.waiting as u64,
            held: ids(now.held),
            denied: ids(now.denied),
            foreign: now.foreign.into_iter().map(ForeignTask::from).collect(),
            reclaiming: now.reclaiming as u64,
            silent: now.silent as u64,
            not_on_disk: now.not_on_disk as u64,
            unreadable: paths(now.unreadable),
            quarantined: paths(now.quarantined),
            letters: now.letters as u64,
            starts_fail: now.starts_fail,
            polls: now.polls as u64,
            offline_for: now.offline_for,
            reports_paused: now.reports_paused,
            clock_skew_seconds: now.clock_skew,
            unsafe_storage: now.unsafe_storage,
            stuck: now.stuck.iter().map(|stuck| stuck.thread.clone()).collect(),
            status: now.status.into(),
        }
    }
}

fn ids(ids: Vec<TaskId>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn paths(paths: Vec<PathBuf>) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

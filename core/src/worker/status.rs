//! What a worker is up against, as a state: who asks later learns it too.

use std::time::SystemTime;

use crate::TaskId;

/// What a worker is up against now. Two that are equal mean that nothing changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The service does not answer.
    pub offline: Option<Trouble>,
    /// Credentials can't be had, or do not work, or the service refuses what is signed with them: the user must log in again, perhaps.
    pub credentials: Option<Trouble>,
    /// Polls of these activities are refused.
    pub polls: Vec<RefusedPolls>,
    /// The service rejects these tasks' outcomes: each is kept, and tried every few hours.
    pub held: Vec<Refusal>,
    /// These tasks' outcomes, or heartbeats, are not allowed: they are kept, and tried slowly.
    pub denied: Vec<Refusal>,
    /// Reporting pauses, after three rejections in a row.
    pub reports_paused: bool,
    /// The service throttles; calls are slow.
    pub throttled: bool,
    /// There is no room for one more task: its disk is full or refuses, or `max_tasks` or `max_bytes` is reached.
    pub full: bool,
    /// Deferred tasks that wait for the app.
    pub open: usize,
    /// Outcomes that wait to be delivered, held ones not counted.
    pub waiting: usize,
    /// Outcomes that the disk has refused so far; they are in memory only.
    pub not_on_disk: usize,
    /// Tasks of another origin, user or machine.
    pub foreign: usize,
}

/// Something does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trouble {
    /// Since when, by the corrected clock.
    pub since: SystemTime,
    /// What was tried, and what came of it: one line, without secrets.
    pub reason: String,
}

/// The service does not take what is said of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The task.
    pub id: TaskId,
    /// What the service said.
    pub reason: String,
}

/// The service does not take the polls of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedPolls {
    /// The activity's name.
    pub activity: String,
    /// What the service said.
    pub reason: String,
}

/// Why outcomes are left undelivered, each counted once, under the first reason that holds. Their sum is what is left; `foreign` is
/// not part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftFor {
    /// The service rejects them.
    pub held: usize,
    /// They are not on disk yet.
    pub not_on_disk: usize,
    /// The service does not allow them.
    pub denied: usize,
    /// Reporting pauses.
    pub paused: usize,
    /// Credentials do not work.
    pub credentials: usize,
    /// The service does not answer.
    pub offline: usize,
    /// They are being sent.
    pub under_way: usize,
    /// They wait for their next try, after one that failed.
    pub backing_off: usize,
    /// Besides: outcomes of another origin or user, which wait for a worker of theirs.
    pub foreign: usize,
}

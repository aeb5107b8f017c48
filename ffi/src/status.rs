//! What a worker is up against, as apps see it.

use std::time::SystemTime;

use activity_worker::worker;

/// What a worker is up against now: a state, for a screen to show whenever it comes up.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct WorkerStatus {
    /// The service does not answer.
    pub offline: Option<Trouble>,
    /// Credentials can't be had, or do not work, or the service refuses what is signed with them: the user must log in again, perhaps.
    pub credentials: Option<Trouble>,
    /// Polls of these activities are refused.
    pub polls: Vec<RefusedPolls>,
    /// The service rejects these answers: each is kept, and tried every few hours.
    pub held: Vec<Refusal>,
    /// These answers, or heartbeats, are not allowed: they are kept, and tried slowly.
    pub denied: Vec<Refusal>,
    /// Delivery pauses, after three rejections in a row.
    pub reports_paused: bool,
    /// The service throttles; calls are slow.
    pub throttled: bool,
    /// There is no room for one more request.
    pub full: bool,
    /// Requests that wait for an answer.
    pub open: u64,
    /// Answers that wait to be delivered, held ones not counted.
    pub answered: u64,
    /// Answers that the disk has refused so far; they are in memory only.
    pub not_on_disk: u64,
    /// Tasks of other users or accounts, waiting for them.
    pub foreign: u64,
}

/// Something does not work.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Trouble {
    /// Since when, by the service's time.
    pub since: SystemTime,
    /// What was tried, and what came of it: one line, without secrets.
    pub reason: String,
}

/// The service does not take what is said of a task.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Refusal {
    /// The task.
    pub id: String,
    /// What the service said.
    pub reason: String,
}

/// The service does not take the polls of an activity.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RefusedPolls {
    /// The activity's name.
    pub activity: String,
    /// What the service said.
    pub reason: String,
}

/// Why answers are left, each counted once, under the first reason that holds. Their sum is what is left; `foreign` is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct LeftFor {
    /// The service rejects them.
    pub held: u64,
    /// They are not on disk yet.
    pub not_on_disk: u64,
    /// The service does not allow them.
    pub denied: u64,
    /// Delivery pauses.
    pub paused: u64,
    /// Credentials do not work.
    pub credentials: u64,
    /// The service does not answer.
    pub offline: u64,
    /// They are being sent.
    pub under_way: u64,
    /// They wait for their next try, after one that failed.
    pub backing_off: u64,
    /// Besides: answers of other users or accounts, which wait for a worker of theirs.
    pub foreign: u64,
}

impl From<worker::Status> for WorkerStatus {
    fn from(now: worker::Status) -> Self {
        let refusals = |refused: Vec<worker::Refusal>| {
            let refusal = |r: worker::Refusal| Refusal { id: r.id.to_string(), reason: r.reason };
            refused.into_iter().map(refusal).collect()
        };
        let polls = |r: worker::RefusedPolls| RefusedPolls { activity: r.activity, reason: r.reason };
        WorkerStatus {
            offline: now.offline.map(Trouble::from),
            credentials: now.credentials.map(Trouble::from),
            polls: now.polls.into_iter().map(polls).collect(),
            held: refusals(now.held),
            denied: refusals(now.denied),
            reports_paused: now.reports_paused,
            throttled: now.throttled,
            full: now.full,
            open: now.open as u64,
            answered: now.waiting as u64,
            not_on_disk: now.not_on_disk as u64,
            foreign: now.foreign as u64,
        }
    }
}

impl From<worker::Trouble> for Trouble {
    fn from(trouble: worker::Trouble) -> Self {
        Trouble { since: trouble.since, reason: trouble.reason }
    }
}

impl From<worker::LeftFor> for LeftFor {
    fn from(left: worker::LeftFor) -> Self {
        LeftFor {
            held: left.held as u64,
            not_on_disk: left.not_on_disk as u64,
            denied: left.denied as u64,
            paused: left.paused as u64,
            credentials: left.credentials as u64,
            offline: left.offline as u64,
            under_way: left.under_way as u64,
            backing_off: left.backing_off as u64,
            foreign: left.foreign as u64,
        }
    }
}

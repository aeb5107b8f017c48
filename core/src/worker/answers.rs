//! What an app hears when it asks for something: of deferred tasks, of tokens it hands over, of one poll.

use std::time::SystemTime;

use crate::aws::ActivityArn;
use crate::{BadAdoption, Scope, Settlement, TaskId};

/// A task that the app settles.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeferredTask {
    /// Its id.
    pub id: TaskId,
    /// Its activity; `None` for an adopted token.
    pub activity: Option<ActivityArn>,
    /// The user it belongs to.
    pub scope: Scope,
    /// When it was accepted, by the corrected clock.
    pub accepted: SystemTime,
    /// Whether its input was said. An adopted token may come without one, and be completed later; until then it is shown as `{}`.
    pub has_input: bool,
    /// When its workflow gives it up, if that was said.
    pub expires: Option<SystemTime>,
    /// How far it has come.
    pub state: DeferredState,
}

/// How far a deferred task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum DeferredState {
    /// It waits for an answer.
    Open,
    /// It is answered; the answer waits to be delivered.
    Answered,
    /// The service rejected the answer: it is kept, and tried again slowly.
    Held,
}

/// Why a deferred task was not settled, or not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AnswerError {
    /// No task with this id is open: it was given up by the service, is over, another user's, or never was here.
    #[error("no task {0} is open: it is over, another user's, or never was here; its settlement says which")]
    NoSuchTask(TaskId),
    /// The task has its outcome already; the first one counts.
    #[error("task {0} has been answered already: the first answer counts")]
    AlreadyAnswered(TaskId),
    /// The output is no JSON, or too long.
    #[error("{0}")]
    BadOutput(String),
    /// The disk refused: nothing is kept, the task is as open as before.
    #[error("not kept: {0}: try again")]
    NotKept(String),
    /// It is written, and held in memory, but perhaps not durable yet: the worker goes on with this outcome, no other is taken. Of a
    /// task that was taken back: after a power cut it may be open again.
    #[error("perhaps not kept: {0}: the worker goes on with it, and writes it again")]
    Unknown(String),
    /// The input, or the outcome, can't be read now.
    #[error("it can't be read: {0}")]
    Unreadable(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

/// What became of an adopted token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// A new task, now on stable storage.
    New(TaskId),
    /// It was held already; nothing that was said now is new.
    Known(TaskId),
    /// It was held already, and had no input, end, origin or user so far: what was missing is on stable storage now.
    Completed(TaskId),
    /// It is held, on stable storage, for another user or account: it waits for a worker of theirs.
    Foreign(TaskId),
    /// It was here before, and is over.
    Over(TaskId, Settlement),
}

impl Adopted {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        match self {
            Adopted::New(id)
            | Adopted::Known(id)
            | Adopted::Completed(id)
            | Adopted::Foreign(id)
            | Adopted::Over(id, _) => *id,
        }
    }
}

/// Why a token was not adopted. Whoever has it still has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AdoptError {
    /// The worker has no place, or no room on disk, for one more task; or it is stopping. For five minutes polls leave the next
    /// place to a token: try again. A letter in the inbox is tried again by itself. The text says which limit is reached.
    #[error("no room for one more task: {0}")]
    Full(String),
    /// What was handed over can't be a task of the service, or can't be shown.
    #[error(transparent)]
    Bad(#[from] BadAdoption),
    /// The disk refused.
    #[error("not kept: {0}")]
    NotKept(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

/// Whether a poll may be begun that the process may not live to see answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollRisk {
    /// No: less than 70 s are too few.
    Refuse,
    /// Yes. A task that is handed out to a poll that is cut off is lost to everyone until its HeartbeatSeconds or TimeoutSeconds
    /// are over.
    MayLoseTask,
}

/// What one poll brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum PolledOnce {
    /// A task, now on stable storage.
    Task(TaskId),
    /// No task waits.
    Nothing,
    /// The time is over, the poll goes on. What it brings comes as an event.
    UnderWay,
}

/// Why there was no poll, or none that was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum PollOnceError {
    /// The time given is under 70 s, and the risk was not taken.
    #[error("a poll needs 70 s, or it can lose a task: give it the time, or name the risk")]
    WindowTooShort,
    /// The worker does not know the activity.
    #[error("the activity is not one of this worker's: name it in the configuration")]
    NoSuchActivity,
    /// Within the time given no poll could be begun: no network, no room, no place, or bad credentials.
    #[error("not polled: {0}")]
    NotPolled(String),
    /// The poll failed.
    #[error("{0}")]
    Failed(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

//! Tasks that are not this worker's to go on with, and why a decision about one was not taken.

use std::time::SystemTime;

use activity_worker::worker;

/// A task that is kept, and not this worker's to go on with: it neither beats nor is it shown or delivered.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ForeignTask {
    /// Names the task; it says nothing about the token.
    pub id: String,
    /// Whose it is, `partition/region/account`, with an endpoint of one's own behind that. It is delivered to nobody else.
    pub origin: String,
    /// The user it belongs to.
    pub scope: String,
    /// Its activity; none for a pushed one.
    pub activity_arn: Option<String>,
    /// When it came, by the service's time.
    pub accepted_at: SystemTime,
    /// It is answered, and the answer is kept. Else it is open.
    pub has_answer: bool,
    /// Why it is not this worker's.
    pub why: ForeignWhy,
}

/// Why a task is not a worker's to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum ForeignWhy {
    /// It came from another account, region or endpoint: the configuration was changed, perhaps.
    Origin,
    /// It belongs to another user.
    User,
    /// It is open, and came with a copy of another installation's state folder: that one may still be at it.
    Copied,
}

/// Why a task was neither adopted nor discarded: it is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
#[non_exhaustive]
pub enum ForeignError {
    /// No task with this id is foreign (or, to be discarded, held).
    #[error("no task {id} waits for a decision: list the foreign tasks, and the held answers, anew")]
    NoSuchTask {
        /// The id.
        id: String,
    },
    /// It is being adopted or discarded already, or its answer is being sent.
    #[error("task {id} is being looked after right now: try again")]
    UnderWay {
        /// The id.
        id: String,
    },
    /// The disk refused, or its file can't be read now.
    #[error("not kept, try again: {reason}")]
    NotKept {
        /// What the disk said.
        reason: String,
    },
    /// It is over, but that is perhaps not on disk.
    #[error("the task is over, but perhaps not for good, after a power cut discard it again: {reason}")]
    Unknown {
        /// What the disk said.
        reason: String,
    },
    /// The worker has ended.
    #[error("the worker has ended: start another one")]
    Stopped,
}

impl From<worker::ForeignTask> for ForeignTask {
    fn from(task: worker::ForeignTask) -> Self {
        ForeignTask {
            id: task.id.to_string(),
            origin: task.origin.as_str().to_owned(),
            scope: task.scope.0,
            activity_arn: task.activity.map(|arn| arn.as_str().to_owned()),
            accepted_at: task.accepted,
            has_answer: task.has_outcome,
            why: task.why.into(),
        }
    }
}

impl From<worker::ForeignWhy> for ForeignWhy {
    fn from(why: worker::ForeignWhy) -> Self {
        match why {
            worker::ForeignWhy::User => ForeignWhy::User,
            worker::ForeignWhy::Copied => ForeignWhy::Copied,
            worker::ForeignWhy::Origin => ForeignWhy::Origin,
        }
    }
}

impl From<worker::ForeignError> for ForeignError {
    fn from(error: worker::ForeignError) -> Self {
        match error {
            worker::ForeignError::NoSuchTask(id) => ForeignError::NoSuchTask { id: id.to_string() },
            worker::ForeignError::UnderWay(id) => ForeignError::UnderWay { id: id.to_string() },
            worker::ForeignError::NotKept(reason) => ForeignError::NotKept { reason },
            worker::ForeignError::Unknown(reason) => ForeignError::Unknown { reason },
            worker::ForeignError::Stopped => ForeignError::Stopped,
        }
    }
}

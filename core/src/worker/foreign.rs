//! Tasks in the state folder that are not this worker's to go on with: they wait, and are shown, until somebody decides.

use std::fmt;
use std::time::SystemTime;

use crate::aws::ActivityArn;
use crate::{Origin, Scope, TaskId};

/// A task that is kept, and not this worker's to go on with: it neither beats nor is it run or reported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignTask {
    /// Its id.
    pub id: TaskId,
    /// Whose it is. It is reported to nobody else.
    pub origin: Origin,
    /// The user it belongs to.
    pub scope: Scope,
    /// Its activity; `None` for an adopted token.
    pub activity: Option<ActivityArn>,
    /// When it was accepted.
    pub accepted: SystemTime,
    /// Its outcome is kept. Else it is open: a handler had been at it, or it waits for an answer.
    pub has_outcome: bool,
    /// Why it is not this worker's.
    pub why: ForeignWhy,
}

/// Why a task is not this worker's to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ForeignWhy {
    /// It came from another account, region or endpoint: the configuration was changed, or it is a task of another worker.
    Origin,
    /// It belongs to another user of the device.
    User,
    /// It is open, and came with a copy of another machine's state folder: that machine may still be at it.
    Copied,
}

/// Why a task was neither adopted nor discarded: it is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ForeignError {
    /// No task with this id is foreign (or, to be discarded, held).
    #[error("no task {0} waits for a decision")]
    NoSuchTask(TaskId),
    /// It is being adopted or discarded already, or its report is under way: try again.
    #[error("task {0} is being looked after right now: try again")]
    UnderWay(TaskId),
    /// The disk refused, or its file can't be read now.
    #[error("not kept: {0}")]
    NotKept(String),
    /// It is over, but that is perhaps not on disk: after a power cut the task may be back.
    #[error("perhaps not kept: {0}")]
    Unknown(String),
    /// The worker has ended.
    #[error("the worker has ended")]
    Stopped,
}

/// What is kept, why it waits, and what to do, in one line.
impl fmt::Display for ForeignTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}: ", self.id)?;
        told(f, &self.origin, None, self.has_outcome, self.why)
    }
}

/// `here`: this worker's origin.
pub(super) fn told(
    f: &mut fmt::Formatter<'_>,
    origin: &Origin,
    here: Option<&Origin>,
    has_outcome: bool,
    why: ForeignWhy,
) -> fmt::Result {
    let what = if has_outcome { "its result is kept" } else { "it is open" };
    match why {
        ForeignWhy::Origin => {
            write!(f, "{what}, and belongs to {}", origin.as_str())?;
            if let Some(here) = here {
                write!(f, "; this worker works for {}", here.as_str())?;
            }
            f.write_str(": it waits until account, region and endpoint are as they were, or until it is adopted or discarded")
        }
        ForeignWhy::User => {
            write!(
                f,
                "{what}, and belongs to another user: it waits for that user, or until it is adopted or discarded"
            )
        }
        ForeignWhy::Copied => write!(
            f,
            "{what}, and came with a copy of another machine's state folder, which may still be at it: it waits until it is adopted or discarded"
        ),
    }
}

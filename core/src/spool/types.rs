//! What goes into the spool, what comes out of it, and what can go wrong.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Origin, Scope, TaskId, TaskToken};

/// How a spool is opened.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// A folder elsewhere in which other processes leave letters too; made by them.
    pub inbox: Option<PathBuf>,
    /// The most tasks it holds, whatever their state.
    pub max_tasks: usize,
    /// The most bytes it holds, room for outcomes included.
    pub max_bytes: u64,
    /// What tells this machine from another one with a copy of the folder.
    pub machine_id: Option<String>,
    /// Take a file system that can't promise to keep what was synced.
    pub allow_unsafe_storage: bool,
}

/// What was said of a task when it was handed over. What was not can still be said later: see [`Spool::complete`](super::Spool::complete).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Its input.
    pub input: bool,
    /// The account and region it is of.
    pub origin: bool,
    /// The user it is for.
    pub scope: bool,
}

impl Said {
    /// Everything, as of a task that a poll brought.
    pub const ALL: Said = Said { input: true, origin: true, scope: true };

    pub(super) fn is_all(&self) -> bool {
        *self == Said::ALL
    }
}

impl Default for Said {
    fn default() -> Self {
        Said::ALL
    }
}

/// A later word on a task.
#[derive(Clone, Default)]
pub struct Later {
    /// What the person is to see.
    pub input: Option<Arc<str>>,
    /// Whose it is.
    pub origin: Option<Origin>,
    /// The user it is for.
    pub scope: Option<Scope>,
    /// When its workflow gives it up.
    pub expires: Option<SystemTime>,
}

/// A task to be accepted. No `Debug`: it holds secrets.
pub struct NewTask<'a> {
    /// Its token.
    pub token: &'a TaskToken,
    /// Whose it is.
    pub origin: &'a Origin,
    /// The user it belongs to.
    pub scope: &'a Scope,
    /// The ARN of its activity; `None` for an adopted token.
    pub activity: Option<&'a str>,
    /// Whether an app settles it, rather than a handler.
    pub deferred: bool,
    /// Its input.
    pub input: &'a str,
    /// What of all this was said, rather than assumed.
    pub said: Said,
    /// The room to set aside for its outcome's payload, in bytes.
    pub max_output: usize,
    /// The date of acceptance.
    pub accepted: SystemTime,
    /// When its workflow gives it up, if that is known.
    pub expires: Option<SystemTime>,
}

/// A task as found on disk.
#[derive(Debug, Clone)]
pub struct StoredTask {
    /// Its token.
    pub token: TaskToken,
    /// Whose it is.
    pub origin: Origin,
    /// The user it belongs to.
    pub scope: Scope,
    /// The ARN of its activity; `None` for an adopted token.
    pub activity: Option<String>,
    /// Whether an app settles it.
    pub deferred: bool,
    /// What of all this was said, rather than assumed.
    pub said: Said,
    /// How often its handler was run again.
    pub runs: u8,
    /// Whether its outcome is known.
    pub has_outcome: bool,
    /// The date of acceptance.
    pub accepted: SystemTime,
    /// When its workflow gives it up, if that is known.
    pub expires: Option<SystemTime>,
    /// It came with a copy of another machine's folder, and that machine may still be at it.
    pub copied: bool,
}

/// What a spool found when it was opened.
#[derive(Debug, Default)]
pub struct Found {
    /// Tasks to go on with.
    pub tasks: Vec<StoredTask>,
    /// Tasks of which only the envelope is left, the rest being damaged: to be failed.
    pub damaged: Vec<StoredTask>,
    /// Tasks that wait for what can't be read now.
    pub waiting: usize,
    /// Files that were set aside, where they lie now.
    pub quarantined: Vec<PathBuf>,
    /// Files that can't be read now; they stay. Tasks without an outcome wait until all of them were read: their outcome may lie there.
    pub unreadable: Vec<PathBuf>,
    /// What an operator should know of the folder, a line each.
    pub remarks: Vec<String>,
    /// The folder was made on another machine: only kept outcomes may be sent.
    pub copied: bool,
    /// The file system's name, if it does not keep what was synced through a power cut.
    pub unsafe_storage: Option<String>,
}

impl Found {
    /// Tasks that need a place, those included that wait for what can't be read now.
    pub fn count(&self) -> usize {
        self.tasks.len() + self.damaged.len() + self.waiting
    }
}

/// Why a spool can't be opened, or refuses a task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Reading or writing failed. It may go well the next time.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder can't be made, or not be written to.
    #[error("the state folder {} can't be used: {source}", dir.display())]
    Folder {
        /// The folder, or what lies in it.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The task lies in the folder already: a second one of the same token would take the place of its outcome.
    #[error("task {0} lies in the state folder already")]
    Known(TaskId),
    /// Another process has the folder.
    #[error("the state folder {} is in use by another worker{}: stop that one, or give this one a folder of its own", dir.display(), of(*pid))]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Its process, where that is known.
        pid: Option<u32>,
    },
    /// A later version of the worker made the folder.
    #[error("the state folder {} was made by a later version of the worker: run that one, or give this one a folder of its own", dir.display())]
    UnknownFormat {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder lies on a file system that can't promise to keep what was synced.
    #[error("the state folder {} lies on {kind}, which can lose results: choose a folder on a local disk (ext4, xfs, f2fs, btrfs), or set allow_unsafe_storage", dir.display())]
    UnsafeStorage {
        /// The folder.
        dir: PathBuf,
        /// The file system.
        kind: String,
    },
}

impl SpoolError {
    /// Another process, or another worker of this one, has the folder.
    pub fn is_in_use(&self) -> bool {
        matches!(self, SpoolError::InUse { .. })
    }

    /// The disk is full or failing: the same may go well later, without anyone's doing.
    pub fn may_pass(&self) -> bool {
        matches!(self, SpoolError::Io { .. })
    }
}

fn of(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// Why an outcome is not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another outcome of the task may be on disk already.
    #[error("task {0} has another outcome, which may be on disk already")]
    Pinned(TaskId),
    /// No such task is held.
    #[error("no task {0}")]
    NoSuchTask(TaskId),
}

/// Why an input or an outcome can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The disk does not give it now; it may later.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was read in full and is damaged; the file was set aside.
    #[error("damaged file, now in {}", path.display())]
    Damaged {
        /// Where it lies now.
        path: PathBuf,
    },
    /// It was read in full, and can't be taken as it is; the file was set aside.
    #[error("{why}; now in {}", path.display())]
    Refused {
        /// Where it lies now.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No such task is held, or it is in another state.
    #[error("no such thing of task {0}")]
    NoSuchTask(TaskId),
}

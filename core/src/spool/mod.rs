//! Keeps: tasks and outcomes on stable storage.

mod disk;

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

pub use disk::Disk;

use crate::{Origin, Outcome, Scope, Settlement, TaskId, TaskToken};

/// How a spool is opened.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// The folder; made with mode 0700 if it is not there.
    pub dir: PathBuf,
    /// The most tasks it holds, whatever their state.
    pub max_tasks: usize,
    /// The most bytes it holds, room for outcomes included.
    pub max_bytes: u64,
    /// What tells this machine from a copy of its disk.
    pub machine_id: Option<String>,
    /// Take a file system that can't promise to keep what was fsynced.
    pub allow_unsafe_storage: bool,
}

/// A task to be kept when it is accepted. No `Debug`: it holds secrets.
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
    /// The room to set aside for its outcome's payload, in bytes.
    pub max_output: usize,
    /// The date of acceptance.
    pub accepted: SystemTime,
}

/// A task as found on disk at the start.
#[derive(Debug, Clone)]
pub struct StoredTask {
    /// Its token.
    pub token: TaskToken,
    /// Whose it is.
    pub origin: Origin,
    /// The user it belongs to.
    pub scope: Scope,
    /// The ARN of its activity.
    pub activity: Option<String>,
    /// Whether an app settles it.
    pub deferred: bool,
    /// How often a handler was started on it.
    pub runs: u8,
    /// Whether its outcome is known.
    pub has_outcome: bool,
    /// The date of acceptance.
    pub accepted: SystemTime,
    /// The room set aside for its outcome.
    pub max_output: usize,
}

/// What a spool found when it was opened.
#[derive(Debug, Default)]
pub struct Found {
    /// Tasks to go on with.
    pub tasks: Vec<StoredTask>,
    /// Files set aside since their checksum was wrong.
    pub quarantined: Vec<PathBuf>,
    /// Files that can't be read now; they stay.
    pub unreadable: Vec<PathBuf>,
    /// Tasks whose file ended the process three times while it was read; set aside, to be failed as `Worker.Poison`.
    pub poison: Vec<TaskToken>,
    /// The spool was made on another machine: only kept outcomes may be sent.
    pub copied: bool,
    /// The storage does not keep what is written through a power cut (tmpfs, overlay, or allowed on purpose): the file system's name.
    pub unsafe_storage: Option<String>,
}

/// Why a spool can't be opened or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
pub use disk::RealDisk;
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    #[error("pinned")]
    Pinned {},
    #[error("io {0}")]
    Io(String),
}
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("unreadable")]
    Unreadable {},
    #[error("corrupt")]
    Corrupt,
    #[error("none")]
    NoSuchTask,
}
pub struct Spool;
impl Spool {
    pub fn open(_: Box<dyn Disk>, _: SpoolConfig, _: SystemTime) -> Result<(Spool, Found), SpoolError> {
        todo!()
    }
    pub fn accept(&mut self, _: &NewTask) -> Result<TaskId, SpoolError> {
        todo!()
    }
    pub fn keep_outcome(&mut self, _: TaskId, _: &Outcome) -> Result<(), KeepError> {
        todo!()
    }
    pub fn commit(&mut self) -> Result<(), SpoolError> {
        todo!()
    }
    pub fn count_run(&mut self, _: TaskId) -> Result<u8, SpoolError> {
        todo!()
    }
    pub fn outcome(&mut self, _: TaskId) -> Result<Outcome, ReadError> {
        todo!()
    }
    pub fn input(&mut self, _: TaskId) -> Result<String, ReadError> {
        todo!()
    }
    pub fn settle(
        &mut self,
        _: TaskId,
        _: Settlement,
        _: Option<&str>,
        _: SystemTime,
    ) -> Result<(), SpoolError> {
        todo!()
    }
    pub fn settled(&self, _: TaskId) -> Option<Settlement> {
        todo!()
    }
    pub fn room(&self, _: usize) -> usize {
        todo!()
    }
    pub fn date_floor(&mut self) -> Option<SystemTime> {
        todo!()
    }
    pub fn keep_date(&mut self, _: SystemTime) -> Result<(), SpoolError> {
        todo!()
    }
}

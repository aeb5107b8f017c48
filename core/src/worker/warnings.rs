//! What an operator should read and no other event tells: each a kind of its own, with the words for it.

use std::fmt;
use std::path::PathBuf;

pub use crate::spool::{FolderAway, FolderMend};
use crate::{Settlement, TaskId};

/// What an operator should read. `Display` gives one sentence; reasons, names and paths in it are as they were said: an
/// [`Event`](super::Event) shows it through [`Printable`](crate::Printable).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Warning {
    /// A task came with an input that can't be used; it is failed as `Worker.InvalidInput`.
    InvalidInput {
        /// The task.
        id: TaskId,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer to a poll may have held a task that nobody has now: it ends by its HeartbeatSeconds or TimeoutSeconds.
    TaskLost {
        /// What came in place of it.
        reason: String,
    },
    /// Polls were sent and then ended in silence, one after the other, while short calls work. Told once for as long as it lasts.
    PollsEndInSilence {
        /// How many in a row.
        polls: u32,
    },
    /// The service does not take our time, though it was corrected by the service's own.
    ClockRefused {
        /// What the service said.
        reason: String,
    },
    /// Whether the handler of an earlier process has ended is not known; that is asked again.
    NotReclaimed {
        /// The task.
        id: TaskId,
        /// What the handler said.
        reason: String,
    },
    /// The end of a task was not written to disk: it may be reported once more.
    EndNotWritten {
        /// The task.
        id: TaskId,
        /// What the disk said.
        reason: String,
    },
    /// An input or an outcome can't be read from disk.
    NotRead {
        /// The task.
        id: TaskId,
        /// What the disk said, and of which file.
        reason: String,
    },
    /// There is no place for a task of the state folder: it stays there until the next start.
    NoPlace {
        /// The task.
        id: TaskId,
    },
    /// A result lay in the state folder though a record there says that its task is over: it is dropped.
    ResultOfEndedTask {
        /// The task.
        id: TaskId,
        /// How it ended.
        settlement: Settlement,
    },
    /// A result was kept in a folder that was removed, and is lost.
    ResultLost {
        /// The task.
        id: TaskId,
    },
    /// An answer from the inbox came after its task's end.
    LateLetter {
        /// The task.
        id: TaskId,
        /// How it ended.
        settlement: Settlement,
    },
    /// An answer from the inbox came second: the first one counts.
    SecondAnswer {
        /// The task.
        id: TaskId,
    },
    /// A letter in the inbox was not taken in, and stays.
    LetterRefused {
        /// Which, and why.
        reason: String,
    },
    /// A letter in the inbox can't be read now; it stays, and is read again.
    LetterNotRead {
        /// Which, and what the disk said.
        reason: String,
    },
    /// A file of the state folder can't be read now; it stays, and is read again.
    FileNotRead {
        /// The file.
        path: PathBuf,
    },
    /// The state folder is another user's, and can't be closed to others.
    FolderOpenToOthers {
        /// Whose it is, and what they can do there.
        remark: String,
    },
    /// The state folder was made on another machine: kept results are sent, its open tasks wait.
    FolderCopied,
    /// The state folder lies on a file system that does not keep what is written through a power cut.
    UnsafeStorage {
        /// Its name.
        kind: String,
    },
    /// Something was amiss with the state folder, and is mended.
    FolderMended {
        /// The folder.
        dir: PathBuf,
        /// What it was.
        how: FolderMend,
    },
    /// The state folder was removed, and made anew: what only lay there is lost.
    FolderRenewed {
        /// The folder.
        dir: PathBuf,
    },
    /// The state folder is not there: nothing is polled.
    FolderAway {
        /// The folder.
        dir: PathBuf,
        /// Where it went, as far as that is known.
        why: FolderAway,
        /// It was waited for long enough: the worker ends.
        gives_up: bool,
    },
    /// Another worker has the state folder: this one stops at once.
    FolderTaken {
        /// The folder.
        dir: PathBuf,
    },
    /// There is more of what was told one by one just now.
    More {
        /// How many more.
        count: usize,
        /// Of what.
        of: Many,
    },
}

/// Of thousands so many are told one by one, before [`Warning::More`].
pub(super) const LINES: usize = 32;

/// What there can be thousands of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Many {
    /// Files that were set aside.
    SetAside,
    /// Files that can't be read now.
    FilesNotRead,
    /// Results of tasks that are over.
    ResultsDropped,
    /// Results that are gone with a folder that was removed.
    ResultsLost,
    /// Letters that make no sense, or can't be read.
    Letters,
}

impl Warning {
    /// The task it is about, if it is about one.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Warning::InvalidInput { id, .. }
            | Warning::NotReclaimed { id, .. }
            | Warning::EndNotWritten { id, .. }
            | Warning::NotRead { id, .. }
            | Warning::NoPlace { id }
            | Warning::ResultOfEndedTask { id, .. }
            | Warning::ResultLost { id }
            | Warning::LateLetter { id, .. }
            | Warning::SecondAnswer { id } => Some(*id),
            Warning::TaskLost { .. }
            | Warning::PollsEndInSilence { .. }
            | Warning::ClockRefused { .. }
            | Warning::LetterRefused { .. }
            | Warning::LetterNotRead { .. }
            | Warning::FileNotRead { .. }
            | Warning::FolderOpenToOthers { .. }
            | Warning::FolderCopied
            | Warning::UnsafeStorage { .. }
            | Warning::FolderMended { .. }
            | Warning::FolderRenewed { .. }
            | Warning::FolderAway { .. }
            | Warning::FolderTaken { .. }
            | Warning::More { .. } => None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::InvalidInput { id, reason } => {
                write!(f, "task {id}: {reason}; it is failed as Worker.InvalidInput")
            }
            // The call's own error says that a task may be lost, and how it ends.
            Warning::TaskLost { reason } => f.write_str(reason),
            Warning::PollsEndInSilence { polls } => write!(
                f,
                "{polls} polls were sent and then ended in silence: something on the way (a NAT, a firewall) may forget connections that are quiet, and tasks with them; keep connections alive more often (keepalive)"
            ),
            Warning::ClockRefused { reason } => {
                write!(f, "the service refuses our time, after a correction as well: {reason}")
            }
            Warning::NotReclaimed { id, reason } => {
                write!(f, "task {id}: can't tell whether an earlier run has ended ({reason}); trying again")
            }
            Warning::EndNotWritten { id, reason } => {
                write!(
                    f,
                    "task {id}: its end was not written to disk ({reason}); it may be reported once more"
                )
            }
            Warning::NotRead { id, reason } => write!(f, "task {id}: {reason}"),
            Warning::NoPlace { id } => {
                write!(f, "task {id}: no place for it now; it stays on disk until the next start")
            }
            Warning::ResultOfEndedTask { id, settlement } => write!(
                f,
                "task {id}: a result lay in the state folder though a record there says that the task is over ({settlement:?}); it is dropped, as after a power cut"
            ),
            Warning::ResultLost { id } => {
                write!(f, "task {id}: its result was kept in the folder that was removed, and is lost")
            }
            Warning::LateLetter { id, settlement } => {
                write!(f, "task {id}: an answer from the inbox came after the task's end ({settlement:?})")
            }
            Warning::SecondAnswer { id } => write!(
                f,
                "task {id} has been answered already: the first answer counts: the one from the inbox comes second"
            ),
            Warning::LetterRefused { reason } => write!(f, "a letter in the inbox was refused: {reason}"),
            Warning::LetterNotRead { reason } => f.write_str(reason),
            Warning::FileNotRead { path } => {
                write!(f, "{} can't be read now; it stays, and is read again", path.display())
            }
            Warning::FolderOpenToOthers { remark } => f.write_str(remark),
            Warning::FolderCopied => f.write_str(
                "the state folder was made on another machine: kept results are sent, its open tasks wait",
            ),
            Warning::UnsafeStorage { kind } => write!(
                f,
                "the state folder lies on {kind}, which does not keep what is written through a power cut"
            ),
            Warning::FolderMended { dir, how } => {
                let dir = dir.display();
                match how {
                    FolderMend::Back => write!(f, "the state folder {dir} is back"),
                    FolderMend::Relocked => write!(
                        f,
                        "the lock of the state folder {dir} was removed or replaced while it was held; it is locked again"
                    ),
                    FolderMend::Closed => write!(
                        f,
                        "the state folder {dir} was opened to other users while it was in use; it is closed again"
                    ),
                }
            }
            Warning::FolderRenewed { dir } => write!(
                f,
                "the state folder {} was removed while it was in use; it is made anew, but what only lay there is lost",
                dir.display()
            ),
            Warning::FolderAway { dir, why, gives_up } => {
                let dir = dir.display();
                match why {
                    FolderAway::Elsewhere => write!(
                        f,
                        "the state folder {dir} is not the one that was opened any more (moved, unmounted, or something lies over it: nothing is polled, and what was kept waits in the first one)"
                    )?,
                    FolderAway::NotRenewed(reason) => {
                        write!(f, "the state folder {dir} was removed, and can't be made anew: {reason}")?
                    }
                }
                if *gives_up {
                    f.write_str("; it is not back, so this worker ends: start it again")?;
                }
                Ok(())
            }
            Warning::FolderTaken { dir } => write!(
                f,
                "the state folder {} is in use by another worker now: this one stops at once",
                dir.display()
            ),
            Warning::More { count, of } => write!(f, "and {count} more {of}"),
        }
    }
}

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Many::SetAside => "damaged or odd files were set aside",
            Many::FilesNotRead => "files can't be read now",
            Many::ResultsDropped => "results of tasks that are over were dropped",
            Many::ResultsLost => "results are lost with the folder",
            Many::Letters => "letters that make no sense were set aside, or can't be read",
        })
    }
}

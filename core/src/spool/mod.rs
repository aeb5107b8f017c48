//! Keeps: tasks and outcomes on stable storage.
//!
//! # The folder
//!
//! ```text
//! lock                one process at a time, which locks the folder too; holds its pid
//! owner               format version, and which machine made the folder
//! date                a date that two answers of the service agreed on: the floor of the clock at the next start
//! loading             that the log is being read, or which task, and how often that was tried (never synced)
//! log/000 001 ...     all that is known of tasks: see [`log`]
//! inbox/              letters of other processes of the app: see [`Inbox`]
//! quarantine/         what can't be understood; nothing is ever deleted from it
//! ```
//!
//! The folder has mode 0700, its files 0600. Anything else in it is left alone. Under a name of ours anything may lie: what is no
//! file, or has another name elsewhere, is never followed, waited for or written to, and no more is read than a file of its kind
//! can hold. The folder itself may be reached by a symbolic link, what is in it not.
//!
//! # A task
//!
//! In the log a task has an envelope: origin, scope, token and what else is needed to report it, as JSON. It is frozen for all
//! versions 1.x, so that any version can report any task. Then a body, in sections: a tag of four bytes, the length of the payload
//! (u32, little endian), the first 16 bytes of the SHA-256 of tag, length and payload, the payload. It is either the input (`INPT`) or
//! the outcome (`OUTP`, or `ERRO` and `CAUS`), of a task that an app settles with the input behind it. Sections with other tags are
//! skipped.
//!
//! # Invariants
//!
//! 1. A task counts as accepted, an outcome as kept, only after [`Spool::commit`] has answered.
//! 2. An accepted task has its room: the outcome is written into files that were written in full before. A disk that fills up later
//!    can't refuse it.
//! 3. What a failed sync was to keep is never synced again, but written anew, elsewhere.
//! 4. Nothing is evicted. A task goes only with the word that it is over; that word rides along with the next commit, and until it is
//!    durable the task's records are there.
//! 5. What can't be read now stays. While there is such a thing, a task whose outcome is not known is neither begun nor failed: the
//!    outcome may lie there.
//! 6. What is damaged is copied to `quarantine/`. A task of which the envelope can be read is failed by its token.

mod claim;
mod complete;
mod disk;
mod durable;
mod files;
mod format;
mod ground;
mod hold;
mod inbox;
mod keep;
mod load;
mod log;
mod marker;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod open;
mod owner;
mod quarantine;
mod room;
mod survey;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use claim::Claimed;
pub use disk::{Disk, OpenFile, RealDisk, StorageKind, storage_kind};
use format::{Body, CONFIRMED, Envelope};
pub use ground::{FolderAway, FolderMend, Footing};
#[cfg(any(test, feature = "testing"))]
pub use hold::Ground;
pub use inbox::{Inbox, InboxError, Letter};
use log::{Log, NoBody};
#[cfg(any(test, feature = "testing"))]
pub use memory::{MemoryDisk, Op};
pub(crate) use owner::machine_id;
pub use survey::{Survey, SurveyedTask, survey};
pub use types::{Found, KeepError, Later, NewTask, ReadError, Said, SpoolConfig, SpoolError, StoredTask};

use crate::{Outcome, Settlement, TaskId};

/// Writes a task into the log of a folder as it is, and says where it lies.
#[cfg(any(test, feature = "testing"))]
pub fn write_task(
    disk: &mut MemoryDisk,
    dir: &Path,
    id: TaskId,
    envelope: Vec<u8>,
    body: Vec<u8>,
) -> Vec<(PathBuf, std::ops::Range<usize>)> {
    for folder in [dir, &log_of(dir), &dir.join("quarantine")] {
        let _ = disk.make_dir(folder, true);
    }
    log::write_task(disk, &log_of(dir), id, envelope, body)
}

/// What a task takes beyond input or outcome: the envelope with the longest token, ARN and scope, and the sections' heads.
const OVERHEAD: usize = 8 << 10;

/// The largest file of one line: `date`, `owner`, `loading`.
const LINE_MAX: u64 = 4096;

/// The folder, opened by the one process that holds its lock.
pub struct Spool {
    disk: Box<dyn Disk>,
    config: SpoolConfig,
    log: Log,
    tasks: HashMap<TaskId, Entry>,
    /// Tiles of the log that are promised to the outcomes of these, all told.
    owed: u64,
    date_floor: Option<SystemTime>,
    date_confirmed: bool,
    /// Staged since the last commit, with what to go back to should it fail.
    staged: Vec<(TaskId, Undo)>,
    /// Tasks that wait until all can be read.
    waiting: HashSet<TaskId>,
    /// How often it was tried to read what can't be read.
    looks: u32,
    /// The disk, while under the folder's name is another one, or none.
    away: Option<Box<dyn Disk>>,
    /// The folder is being made anew, and that is not done.
    half_renewed: bool,
    /// The folder was made on another machine.
    copied: bool,
    /// A hash of this machine's id.
    machine: Option<String>,
    /// The disk refused a task, and was not seen to take anything since.
    refused: bool,
}

/// A task that lies in the folder.
struct Entry {
    envelope: Envelope,
    /// Tiles that are promised to its outcome.
    owed: u64,
    /// An outcome that may be on disk: no other one is taken.
    pinned: Option<[u8; 32]>,
}

/// What a change that is not durable is taken back to.
enum Undo {
    /// The task was not there.
    Task,
    /// It had this envelope, and so much was promised.
    Change(Box<Envelope>, u64),
}

impl Spool {
    /// The task's input. Of one with an outcome only if an app settled it, and if it was kept with it.
    pub fn input(&mut self, id: TaskId) -> Result<String, ReadError> {
        self.body(id)?.input().ok_or(ReadError::NoSuchTask(id))
    }

    /// The task's outcome.
    pub fn outcome(&mut self, id: TaskId) -> Result<Outcome, ReadError> {
        match self.body(id)? {
            Body::Outcome(outcome, _) => Ok(outcome),
            Body::Input(_) => Err(ReadError::NoSuchTask(id)),
        }
    }

    /// Lets a task go that is over. That is durable once [`commit`](Spool::commit) has answered; until then it is so for this process.
    pub fn settle(&mut self, id: TaskId, settlement: Settlement, at: SystemTime) {
        self.drop_task(id);
        self.log.end(id, Some(settlement), at);
    }

    /// Whether a task's end is not on disk yet.
    pub fn owes_ends(&self) -> bool {
        self.log.owes()
    }

    /// How a task ended that is over; the last 10,000 at least are remembered.
    pub fn settled(&self, id: TaskId) -> Option<Settlement> {
        self.log.settled(id)
    }

    /// A task that lies in the folder.
    pub fn task(&self, id: TaskId) -> Option<StoredTask> {
        self.stored(&self.tasks.get(&id)?.envelope)
    }

    fn stored(&self, envelope: &Envelope) -> Option<StoredTask> {
        let copied = envelope.is_copy(self.copied, &self.machine);
        envelope.task().map(|task| StoredTask { copied, ..task })
    }

    /// Where in the log the records of a task lie, as a file and bytes in it: first the one with the envelope.
    #[cfg(any(test, feature = "testing"))]
    pub fn lies(&self, id: TaskId) -> Vec<(PathBuf, std::ops::Range<usize>)> {
        self.log.lies(id)
    }

    /// Whether what was written later says of all records of a task that they were synced.
    #[cfg(any(test, feature = "testing"))]
    pub fn is_vouched_for(&self, id: TaskId) -> bool {
        self.log.is_vouched_for(id)
    }

    /// Whether room is promised to the outcome of a task.
    #[cfg(any(test, feature = "testing"))]
    pub fn has_promised(&self, id: TaskId) -> bool {
        self.tasks.get(&id).is_some_and(|entry| entry.owed > 0)
    }

    /// Tasks held.
    #[cfg(any(test, feature = "testing"))]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether none is held.
    #[cfg(any(test, feature = "testing"))]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The last date that was heard from the service before this start.
    pub fn date_floor(&self) -> Option<SystemTime> {
        self.date_floor
    }

    /// Whether two answers agreed on that date.
    pub fn is_date_confirmed(&self) -> bool {
        self.date_confirmed
    }

    /// Remembers a date that two answers of the service agree on. Meant to be called once a day: it is one write to flash.
    pub fn keep_date(&mut self, date: SystemTime) -> Result<(), SpoolError> {
        let seconds = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (new, path) = (self.config.dir.join("date.new"), self.config.dir.join("date"));
        self.replace(&new, &path, format::seal(&format!("{seconds}{CONFIRMED}")).as_bytes())
            .map_err(|source| SpoolError::Io { path, source })
    }

    /// Reads a task's body. Of one that is damaged the envelope stays known, so that it can still be failed.
    fn body(&mut self, id: TaskId) -> Result<Body, ReadError> {
        let Some(entry) = self.tasks.get(&id) else { return Err(ReadError::NoSuchTask(id)) };
        let path = self.log_path();
        if self.is_away() {
            return Err(ReadError::Unreadable { path, source: self.why_away() });
        }
        let bytes = match self.log.body(id) {
            Ok(bytes) => match format::decode_body(&bytes, entry.envelope.outcome) {
                Some(body) => return Ok(body),
                None => bytes,
            },
            Err(NoBody::Damaged(bytes)) => bytes,
            Err(NoBody::Unknown) => Vec::new(),
            Err(NoBody::Unreadable(source)) => return Err(ReadError::Unreadable { path, source }),
        };
        Err(ReadError::Damaged { path: self.copy_aside(&path.join(format!("{id}.record")), &bytes) })
    }

    /// After a refusal: looks whether the disk takes tasks again.
    pub fn probe_again(&mut self) {
        // Where there is no folder, none is asked: nor did the disk refuse anything.
        self.refused = self.refused && (self.is_away() || self.log.probe().is_err());
    }

    fn drop_task(&mut self, id: TaskId) -> Option<Entry> {
        let entry = self.tasks.remove(&id)?;
        self.owed = self.owed.saturating_sub(entry.owed);
        Some(entry)
    }

    fn log_path(&self) -> PathBuf {
        log_of(&self.config.dir)
    }
}

fn log_of(dir: &Path) -> PathBuf {
    dir.join("log")
}

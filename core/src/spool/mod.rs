//! Keeps: tasks and outcomes on stable storage.
//!
//! # The folder
//!
//! ```text
//! lock                one process at a time, which locks the folder too; holds its pid
//! owner               format version, and which machine made the folder
//! date                a date that two answers of the service agreed on: the floor of the clock at the next start
//! loading             which task file is being read, and how often that was tried (never synced)
//! settled.a .b        tombstones: which tasks are over
//! tasks/ID.task       one task: accepted, or with its outcome
//! tasks/ID.room       the room set aside for the outcome of a task that has none yet
//! tasks/ID.new        being written; removed at the next start
//! tasks/probe         made and removed again, after the disk refused a task, to see whether it takes anything
//! inbox/              letters of other processes of the app: see [`Inbox`]
//! quarantine/         files that can't be understood; nothing is ever deleted from it
//! ```
//!
//! The folder has mode 0700, its files 0600. Anything else in it is left alone. Under a name of ours anything may lie: what is no
//! file, or has another name elsewhere, is never followed, waited for or written to, and no more is read than a file of its kind
//! can hold. The folder itself may be reached by a symbolic link, what is in it not.
//!
//! # A task file
//!
//! Eight bytes `AWSPOOL1`, then sections: a tag of four bytes, the length of the payload (u32, little endian), the first 16 bytes
//! of the SHA-256 of tag, length and payload, the payload. The first section is the envelope `ENVL`: origin, scope, token and what
//! else is needed to report the task, as JSON. It is frozen for all versions 1.x, so that any version can report any file. Then
//! follows either the input (`INPT`) or the outcome (`OUTP`, or `ERRO` and `CAUS`), of a task that an app settles with the input
//! behind it. Sections with other tags are skipped.
//!
//! # Invariants
//!
//! 1. `ID.task` is complete at every moment: it only ever comes to be by renaming a file whose contents were synced.
//! 2. A task counts as accepted, an outcome as kept, only after the folder was synced ([`Spool::commit`]).
//! 3. An accepted task has its room: the outcome is written into blocks that are set aside already, then renamed over the task.
//!    A disk that fills up later can't refuse it.
//! 4. A file whose sync failed is never synced again: its pages may be marked clean without being on disk. What it was to hold is
//!    written to a new file.
//! 5. Nothing is evicted. A file goes only when its task is over, after a try to write the tombstone: on a full disk it is the file's
//!    end that makes room for it, and the next settlement writes what is missing. One that can't be read now stays.
//! 6. A file that can't be understood moves to `quarantine/`. One whose envelope is whole is copied there, if the disk takes a copy,
//!    and stays until the task's failure takes its place: the token is never only in the quarantine.

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
mod log;
mod marker;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod open;
mod owner;
mod quarantine;
mod survey;
#[cfg(test)]
mod tests;
mod tombstones;
mod types;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

pub use claim::Claimed;
pub use disk::{Disk, OpenFile, RealDisk, StorageKind, storage_kind};
use format::{Body, CONFIRMED, Envelope};
pub use ground::{FolderAway, FolderMend, Footing};
#[cfg(any(test, feature = "testing"))]
pub use hold::Ground;
pub use inbox::{Inbox, InboxError, Letter};
#[cfg(any(test, feature = "testing"))]
pub use memory::{MemoryDisk, Op};
pub(crate) use owner::machine_id;
pub use survey::{Survey, SurveyedTask, survey};
use tombstones::Tombstones;
pub use types::{Found, KeepError, Later, NewTask, ReadError, Said, SpoolConfig, SpoolError, StoredTask};

use crate::plants::planted;
use crate::task::INPUT_MAX;
use crate::{Outcome, Settlement, TaskId};

/// What a file takes beyond input or outcome: the envelope with the longest token, ARN and scope, and the sections' heads.
const OVERHEAD: usize = 8 << 10;

/// The largest file of a task: earlier versions took inputs of several MiB.
const TASK_FILE_MAX: u64 = 8 << 20;
/// The largest file of one line: `date`, `owner`, `loading`.
const LINE_MAX: u64 = 4096;

/// The folder, opened by the one process that holds its lock.
pub struct Spool {
    disk: Box<dyn Disk>,
    config: SpoolConfig,
    tasks: HashMap<TaskId, Entry>,
    tombstones: Tombstones,
    date_floor: Option<SystemTime>,
    date_confirmed: bool,
    /// Staged since the last commit.
    staged: Vec<(TaskId, Staged)>,
    /// Files that could not be read so far.
    unreadable: BTreeSet<TaskId>,
    /// Set aside, from where and to where; the quarantine was not synced since.
    moved: Vec<(PathBuf, PathBuf)>,
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
    /// Bytes of its file.
    bytes: u64,
    /// Bytes set aside for its outcome.
    room: u64,
    /// An outcome whose rename may not be durable: no other one is taken.
    pinned: Option<[u8; 32]>,
    /// A later word on it was written, and may not be durable.
    unsure: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Staged {
    Task,
    Outcome,
    /// What else is known of it.
    Envelope,
    /// A later word on it.
    Later,
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

    /// Writes the tombstone, then lets the file go. An error: the tombstone is not on disk; it is written with the next one.
    pub fn settle(
        &mut self,
        id: TaskId,
        settlement: Settlement,
        request_id: Option<&str>,
        at: SystemTime,
    ) -> Result<(), SpoolError> {
        self.tombstones.add(id, settlement, request_id, at);
        let written = self.tombstones.write(&mut *self.disk, &self.config.dir);
        self.drop_task(id);
        // On a full disk the file's own end may make room for the tombstone.
        let written = written.or_else(|_| self.tombstones.write(&mut *self.disk, &self.config.dir));
        written.map_err(|source| SpoolError::Io { path: self.config.dir.join("settled"), source })
    }

    /// How a task ended that is over; the last 10,000 at least are remembered.
    pub fn settled(&self, id: TaskId) -> Option<Settlement> {
        self.tombstones.find(id)
    }

    /// How many more tasks fit, each with the largest input and with `max_output` set aside: by count, by bytes, and by what the
    /// file system has left. None on a disk that refused one and takes nothing (one that is read-only, or dying).
    pub fn room(&self, max_output: usize) -> usize {
        if self.is_away() || (self.refused && !planted("refusing-disk-is-polled-for")) {
            return 0;
        }
        let each = Self::needed(max_output);
        let by_count = self.config.max_tasks.saturating_sub(self.tasks.len() + self.unreadable.len());
        let by_bytes = self.config.max_bytes.saturating_sub(self.bytes()) / each;
        let by_disk = self.disk.free(&self.config.dir).unwrap_or(0) / each;
        by_count.min(usize::try_from(by_bytes.min(by_disk)).unwrap_or(usize::MAX))
    }

    /// The most bytes that one task takes, its outcome's room included.
    pub fn needed(max_output: usize) -> u64 {
        (INPUT_MAX + max_output + 2 * OVERHEAD) as u64
    }

    /// A task that lies in the folder.
    pub fn task(&self, id: TaskId) -> Option<StoredTask> {
        self.stored(&self.tasks.get(&id)?.envelope)
    }

    fn stored(&self, envelope: &Envelope) -> Option<StoredTask> {
        let copied = envelope.is_copy(self.copied, &self.machine);
        envelope.task().map(|task| StoredTask { copied, ..task })
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

    /// Bytes held, the room for outcomes included.
    pub fn bytes(&self) -> u64 {
        self.tasks.values().map(|entry| entry.bytes + entry.room).sum()
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

    /// Reads a task's file. Of one that is damaged the envelope stays known, so that it can still be failed.
    fn body(&mut self, id: TaskId) -> Result<Body, ReadError> {
        if !self.tasks.contains_key(&id) {
            return Err(ReadError::NoSuchTask(id));
        }
        let path = self.path(id, "task");
        let bytes = match self.disk.read(&path, TASK_FILE_MAX) {
            Ok(bytes) => bytes,
            Err(e) if files::is_odd(&e) => {
                return Err(ReadError::Damaged { path: self.set_aside(&path).unwrap_or(path) });
            }
            Err(source) => return Err(ReadError::Unreadable { path, source }),
        };
        let body = format::decode(&bytes).ok().and_then(|file| file.body);
        body.ok_or_else(|| ReadError::Damaged { path: self.copy_aside(&path, &bytes) })
    }

    /// After a refusal: looks whether the disk takes tasks again.
    pub fn probe_again(&mut self) {
        // Where there is no folder, none is asked: nor did the disk refuse anything.
        self.refused = self.refused && (self.is_away() || self.probe().is_err());
    }

    /// Whether the disk does what it must do for a task.
    fn probe(&mut self) -> io::Result<()> {
        let dir = self.config.dir.join("tasks");
        let (new, file) = (dir.join("probe.new"), dir.join("probe"));
        self.replace(&new, &file, b"probe\n")?;
        self.disk.remove(&file)?;
        self.disk.sync_dir(&dir)
    }

    fn drop_task(&mut self, id: TaskId) {
        self.discard(id);
        self.tasks.remove(&id);
    }

    fn discard(&mut self, id: TaskId) {
        for kind in ["task", "room", "new"] {
            let _ = self.disk.remove(&self.path(id, kind));
        }
    }

    fn path(&self, id: TaskId, kind: &str) -> PathBuf {
        self.config.dir.join("tasks").join(format!("{id}.{kind}"))
    }
}

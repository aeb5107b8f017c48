//! Keeps: tasks and outcomes on stable storage.
//!
//! # The folder
//!
//! ```text
//! lock                one process at a time; holds its pid
//! owner               format version, and which machine made the folder
//! date                the last date heard from the service: the floor of the clock at the next start
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
//! The folder has mode 0700, its files 0600. Anything else in it is left alone.
//!
//! # A task file
//!
//! Eight bytes `AWSPOOL1`, then sections: a tag of four bytes, the length of the payload (u32, little endian), the first 16 bytes
//! of the SHA-256 of tag, length and payload, the payload. The first section is the envelope `ENVL`: origin, scope, token and what
//! else is needed to report the task, as JSON. It is frozen for all versions 1.x, so that any version can report any file. Then
//! follows either the input (`INPT`) or the outcome (`OUTP`, or `ERRO` and `CAUS`). Sections with other tags are skipped.
//!
//! # Invariants
//!
//! 1. `ID.task` is complete at every moment: it only ever comes to be by renaming a file whose contents were synced.
//! 2. A task counts as accepted, an outcome as kept, only after the folder was synced ([`Spool::commit`]).
//! 3. An accepted task has its room: the outcome is written into blocks that are set aside already, then renamed over the task.
//!    A disk that fills up later can't refuse it.
//! 4. A file whose sync failed is never synced again: its pages may be marked clean without being on disk. It is written anew
//!    under another name.
//! 5. Nothing is evicted. A file goes only after the service settled its task and the tombstone is on disk (on a full disk, the
//!    file's end makes room for its tombstone); one that can't be read now stays.
//! 6. A file that can't be understood moves to `quarantine/`. One whose envelope is whole is copied there, if the disk takes a copy,
//!    and stays until the task's failure takes its place: the token is never only in the quarantine.

mod disk;
mod format;
mod inbox;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod open;
mod quarantine;
#[cfg(test)]
mod tests;
mod tombstones;
mod words;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

pub use disk::{Disk, RealDisk, StorageKind, storage_kind};
use format::{Body, Envelope};
pub use inbox::{Inbox, InboxError, Letter};
#[cfg(any(test, feature = "testing"))]
pub use memory::{MemoryDisk, Op};
use tombstones::Tombstones;
pub use words::{Found, KeepError, NewTask, ReadError, SpoolConfig, SpoolError, StoredTask};

use crate::plants::planted;
use crate::task::INPUT_MAX;
use crate::{Outcome, Settlement, TaskId};

/// What a file takes beyond input or outcome: the envelope with the longest token, ARN and scope, and the sections' heads.
const OVERHEAD: usize = 8 << 10;

/// The folder, opened by the one process that holds its lock.
pub struct Spool {
    disk: Box<dyn Disk>,
    config: SpoolConfig,
    tasks: HashMap<TaskId, Entry>,
    tombstones: Tombstones,
    date_floor: Option<SystemTime>,
    /// Staged since the last commit.
    staged: Vec<(TaskId, Staged)>,
    /// Files that could not be read so far.
    unreadable: Vec<TaskId>,
    /// The folder was made on another machine.
    copied: bool,
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
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Staged {
    Task,
    Outcome,
    Run,
}

impl Spool {
    /// Writes a task and sets room aside for its outcome. It is accepted once [`commit`](Spool::commit) has answered.
    pub fn accept(&mut self, task: &NewTask<'_>) -> Result<TaskId, SpoolError> {
        let id = task.token.id();
        if self.tasks.contains_key(&id) || self.unreadable.contains(&id) {
            return Err(SpoolError::Known(id));
        }
        let envelope = Envelope::of(task);
        let bytes = format::encode(&envelope, &Body::Input(task.input.to_owned()));
        let room = (OVERHEAD + task.max_output) as u64;
        let (new, file) = (self.path(id, "new"), self.path(id, "task"));
        let written = self
            .write_anew(&new, &bytes)
            .and_then(|()| match planted("no-room-set-aside") {
                true => Ok(()),
                false => self.disk.preallocate(&self.path(id, "room"), room),
            })
            .and_then(|()| self.disk.rename(&new, &file));
        if let Err(source) = written {
            self.refused = true;
            self.discard(id);
            return Err(SpoolError::Io { path: file, source });
        }
        self.tasks.insert(id, Entry { envelope, bytes: bytes.len() as u64, room, pinned: None });
        self.staged.push((id, Staged::Task));
        Ok(id)
    }

    /// Writes a task's outcome in place of its input. It is kept once [`commit`](Spool::commit) has answered; if that fails it is
    /// *unknown*, and pinned: no other outcome is taken for the task. A failure's cause is cut to the room there is.
    pub fn keep_outcome(&mut self, id: TaskId, outcome: &Outcome) -> Result<(), KeepError> {
        let entry = self.tasks.get(&id).ok_or(KeepError::NoSuchTask(id))?;
        let body = Body::Outcome(fitting(outcome.clone(), entry.envelope.max_output));
        let digest = digest(&body);
        if entry.pinned.is_some_and(|pinned| pinned != digest) {
            return Err(KeepError::Pinned(id));
        }
        let bytes = format::encode(&entry.envelope, &body);
        let (room, new, file) = (self.path(id, "room"), self.path(id, "new"), self.path(id, "task"));
        let fits = entry.room >= bytes.len() as u64;
        // The room can't be refused by a full disk. Where there is none (any more), or too little, since the task was accepted for
        // smaller outputs, or its sync fails, a new file is tried.
        let written = match fits.then(|| self.disk.write_durably(&room, &bytes)) {
            Some(Ok(())) => self.disk.rename(&room, &file),
            Some(Err(_)) if planted("second-sync-believed") => self.disk.rename(&room, &file),
            _ => self.write_anew(&new, &bytes).and_then(|()| self.disk.rename(&new, &file)),
        };
        let entry = self.tasks.get_mut(&id).ok_or(KeepError::NoSuchTask(id))?;
        if let Err(source) = written {
            // What a failed sync left of the room must not be trusted with an outcome again.
            entry.room = 0;
            let _ = self.disk.remove(&room);
            let _ = self.disk.remove(&new);
            return Err(KeepError::Io { path: file, source });
        }
        let _ = self.disk.remove(&room);
        entry.envelope.outcome = true;
        (entry.bytes, entry.room, entry.pinned) = (bytes.len() as u64, 0, Some(digest));
        self.staged.push((id, Staged::Outcome));
        Ok(())
    }

    /// Syncs the folder: what was staged is durable from now on. On an error tasks staged since the last commit are given up,
    /// outcomes stay pinned, and a run may be counted or not.
    pub fn commit(&mut self) -> Result<(), SpoolError> {
        let staged = std::mem::take(&mut self.staged);
        let path = self.config.dir.join("tasks");
        let synced = if planted("no-folder-sync") { Ok(()) } else { self.disk.sync_dir(&path) };
        match synced {
            Ok(()) => {
                for (id, _) in staged {
                    if let Some(entry) = self.tasks.get_mut(&id) {
                        entry.pinned = None;
                    }
                }
                Ok(())
            }
            Err(source) => {
                self.refused = true;
                for (id, _) in staged.iter().filter(|(_, what)| *what == Staged::Task) {
                    self.discard(*id);
                    self.tasks.remove(id);
                }
                Err(SpoolError::Io { path, source })
            }
        }
    }

    /// Counts one more repetition of the task's handler, and gives the count. It is on disk once [`commit`](Spool::commit) has
    /// answered.
    pub fn count_run(&mut self, id: TaskId) -> Result<u8, ReadError> {
        let body = self.body(id)?;
        let Some(entry) = self.tasks.get_mut(&id) else { return Err(ReadError::NoSuchTask(id)) };
        let mut envelope = entry.envelope.clone();
        envelope.runs = envelope.runs.saturating_add(1);
        let bytes = format::encode(&envelope, &body);
        let (new, file) = (self.path(id, "new"), self.path(id, "task"));
        self.write_anew(&new, &bytes)
            .and_then(|()| self.disk.rename(&new, &file))
            .map_err(|source| ReadError::Unreadable { path: file, source })?;
        let runs = envelope.runs;
        if let Some(entry) = self.tasks.get_mut(&id) {
            (entry.envelope, entry.bytes) = (envelope, bytes.len() as u64);
        }
        self.staged.push((id, Staged::Run));
        Ok(runs)
    }

    /// The task's input.
    pub fn input(&mut self, id: TaskId) -> Result<String, ReadError> {
        match self.body(id)? {
            Body::Input(input) => Ok(input),
            Body::Outcome(_) => Err(ReadError::NoSuchTask(id)),
        }
    }

    /// The task's outcome.
    pub fn outcome(&mut self, id: TaskId) -> Result<Outcome, ReadError> {
        match self.body(id)? {
            Body::Outcome(outcome) => Ok(outcome),
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
        if self.refused && !planted("refusing-disk-is-polled-for") {
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

    /// A task that is held.
    pub fn held(&self, id: TaskId) -> Option<StoredTask> {
        self.tasks.get(&id)?.envelope.task()
    }

    /// Tasks held.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether none is held.
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

    /// Remembers a date heard from the service. Meant to be called once a day: it is one write to flash.
    pub fn keep_date(&mut self, date: SystemTime) -> Result<(), SpoolError> {
        let seconds = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (new, path) = (self.config.dir.join("date.new"), self.config.dir.join("date"));
        self.write_anew(&new, format::seal(&seconds.to_string()).as_bytes())
            .and_then(|()| self.disk.rename(&new, &path))
            .map_err(|source| SpoolError::Io { path, source })
    }

    /// Reads a task's file. Of one that is damaged the envelope stays known, so that it can still be failed.
    fn body(&mut self, id: TaskId) -> Result<Body, ReadError> {
        if !self.tasks.contains_key(&id) {
            return Err(ReadError::NoSuchTask(id));
        }
        let path = self.path(id, "task");
        let bytes =
            self.disk.read(&path).map_err(|source| ReadError::Unreadable { path: path.clone(), source })?;
        let body = format::decode(&bytes).ok().and_then(|file| file.body);
        body.ok_or_else(|| ReadError::Damaged { path: self.copy_aside(&path, &bytes) })
    }

    /// Writes a file that was not there before: one whose sync failed must not be synced again (invariant 4).
    fn write_anew(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.disk.remove(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => self.disk.write_durably(path, bytes),
        }
    }

    /// After a refusal: looks whether the disk takes tasks again.
    pub fn recover(&mut self) {
        self.refused = self.refused && self.probe().is_err();
    }

    /// Whether the disk does what it must do for a task.
    fn probe(&mut self) -> io::Result<()> {
        let dir = self.config.dir.join("tasks");
        let (new, file) = (dir.join("probe.new"), dir.join("probe"));
        self.write_anew(&new, b"probe\n")?;
        self.disk.rename(&new, &file)?;
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

/// The outcome as it fits `max_output`: a failure's cause is cut, but never its name. How long a success may be was judged before.
fn fitting(outcome: Outcome, max_output: usize) -> Outcome {
    match outcome {
        Outcome::Failure(failure) => {
            let left = (max_output + OVERHEAD / 4).saturating_sub(failure.error().len());
            Outcome::Failure(failure.with_cause_cut_to(left))
        }
        success @ Outcome::Success(_) => success,
    }
}

fn digest(body: &Body) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (tag, payload) in body.sections() {
        hash.update(tag);
        hash.update((payload.len() as u64).to_le_bytes());
        hash.update(payload);
    }
    hash.finalize().into()
}

//! Opening the folder: the lock, the file system, whose it is, and what lies in it.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::format::{self, CONFIRMED};
use super::keep::room_for;
use super::marker::{LOADS_MAX, Marker};
use super::{
    Disk, Entries, Entry, Found, Spool, SpoolConfig, SpoolError, StorageKind, StoredTask, TASK_FILE_MAX,
    Tombstones,
};
use super::{LINE_MAX, files, tombstones};
use crate::TaskId;
use crate::plants::planted;

impl Spool {
    /// Opens the folder, alone, and reads what lies in it.
    pub fn open(disk: Box<dyn Disk>, config: SpoolConfig) -> Result<(Spool, Found), SpoolError> {
        let mut spool = Spool {
            disk,
            config,
            tasks: Entries::default(),
            tombstones: Tombstones::default(),
            date_floor: None,
            date_confirmed: false,
            staged: Vec::new(),
            unreadable: BTreeSet::new(),
            moved: Vec::new(),
            away: None,
            half_renewed: false,
            copied: false,
            machine: None,
            refused: false,
        };
        let mut found = Found::default();
        let dir = spool.config.dir.clone();
        let (tasks, quarantine) = (dir.join("tasks"), dir.join("quarantine"));
        for (folder, may_be_link) in [(&dir, true), (&tasks, false), (&quarantine, false)] {
            let remark =
                spool.disk.make_dir(folder, may_be_link).map_err(|source| unusable(folder, source))?;
            found.remarks.extend(remark);
        }
        found.unsafe_storage = spool.check_storage(&dir)?;
        spool.take_lock(&dir, &mut found)?;
        // What the last process left without a sync is about to be believed.
        for dir in [&dir, &quarantine, &tasks] {
            if !planted("start-believes-what-was-not-synced") {
                spool.disk.sync_dir(dir).map_err(at(dir))?;
            }
        }
        spool.set_odd_aside(&dir, &mut found);
        let date = spool.read_date(&dir);
        spool.date_floor = date.map(|(date, _)| date);
        spool.date_confirmed = date.is_some_and(|(_, confirmed)| confirmed);
        spool.tombstones = Tombstones::load(&mut *spool.disk, &dir).map_err(at(&dir.join(SETTLED)))?;
        let names = spool.disk.list(&tasks).map_err(at(&tasks))?;
        spool.copied = spool.is_copied(&dir)?;
        found.copied = spool.copied;
        let names: HashSet<String> = names.into_iter().collect();
        let mut ordered: Vec<_> = names.iter().collect();
        ordered.sort_unstable();
        spool.clean_up(&ordered, &names);
        let mut marker = Marker::read(&*spool.disk, &dir);
        spool.look_aside_again(&names, &mut marker, &mut found);
        for id in ordered.into_iter().filter_map(|name| TaskId::parse(name.strip_suffix(".task")?)) {
            spool.load(id, &mut marker, &mut found);
        }
        spool.end_of_moves(&mut found);
        marker.remove(&mut *spool.disk);
        Ok((spool, found))
    }

    /// Reads again what could not be read before.
    pub fn reread(&mut self) -> Found {
        let mut found = Found { copied: self.copied, ..Found::default() };
        if self.unreadable.is_empty() {
            return found;
        }
        let mut marker = Marker::read(&*self.disk, &self.config.dir);
        let names = self.disk.list(&self.config.dir.join("tasks")).unwrap_or_default().into_iter().collect();
        for id in std::mem::take(&mut self.unreadable) {
            match self.waits_aside(id, &names) {
                Some(aside) => self.look_aside(id, aside, &mut marker, &mut found),
                None => self.load(id, &mut marker, &mut found),
            }
        }
        self.end_of_moves(&mut found);
        marker.remove(&mut *self.disk);
        found
    }

    /// What was set aside is durable there, or goes back and is read again later.
    fn end_of_moves(&mut self, found: &mut Found) {
        for (file, target) in self.settle_moves() {
            found.quarantined.retain(|path| *path != target);
            let id = file.file_name().and_then(|name| TaskId::parse(name.to_str()?.strip_suffix(".task")?));
            if let Some(id) = id {
                self.look_again(id, found);
            }
        }
    }

    /// Under the names of ours that stand for one file each there is a file, or nothing.
    fn set_odd_aside(&mut self, dir: &Path, found: &mut Found) {
        let [a, b] = tombstones::NAMES.map(|name| (name, tombstones::SEGMENT_MAX));
        let lines = ["owner", "date", "loading", "owner.new", "date.new"].map(|name| (name, LINE_MAX));
        for (name, most) in lines.into_iter().chain([a, b, (tombstones::NEW, tombstones::SEGMENT_MAX)]) {
            let path = dir.join(name);
            let odd = match self.disk.about(&path) {
                Ok(length) => length > most,
                Err(e) => files::is_odd(&e),
            };
            if odd && let Ok(aside) = self.set_aside(&path) {
                found.quarantined.push(aside);
            }
        }
    }

    fn check_storage(&self, dir: &Path) -> Result<Option<String>, SpoolError> {
        match self.disk.kind(dir).map_err(at(dir))? {
            StorageKind::Durable => Ok(None),
            StorageKind::Volatile(kind) => Ok(Some(kind)),
            StorageKind::Unsafe(kind) if self.config.allow_unsafe_storage => Ok(Some(kind)),
            StorageKind::Unsafe(kind) => Err(SpoolError::UnsafeStorage { dir: dir.to_owned(), kind }),
        }
    }

    fn take_lock(&mut self, dir: &Path, found: &mut Found) -> Result<(), SpoolError> {
        let path = dir.join("lock");
        let mut locked = self.disk.lock(dir);
        if locked.as_ref().is_err_and(files::is_odd) {
            // Nothing in it is worth anything; but a folder may be.
            if self.disk.remove(&path).is_err() {
                found.quarantined.extend(self.set_aside(&path));
            }
            locked = self.disk.lock(dir);
        }
        locked.map_err(|source| {
            if source.kind() != io::ErrorKind::WouldBlock {
                return unusable(dir, source);
            }
            let pid = self.disk.read(&path, LINE_MAX).ok();
            let pid = pid.and_then(|pid| String::from_utf8(pid).ok()?.trim().parse().ok());
            SpoolError::InUse { dir: dir.to_owned(), pid }
        })
    }

    /// The date, and whether it was confirmed: earlier versions kept what a single answer said.
    fn read_date(&self, dir: &Path) -> Option<(SystemTime, bool)> {
        let bytes = self.disk.read(&dir.join("date"), LINE_MAX).ok()?;
        let text = match planted("rotten-date-is-believed") {
            true => std::str::from_utf8(&bytes).ok()?.split(' ').next()?,
            // A flipped bit could put it into the next century, and no date of the service would be believed any more.
            false => format::unseal(&bytes)?,
        };
        let (seconds, confirmed) =
            text.strip_suffix(CONFIRMED).map_or((text, false), |seconds| (seconds, true));
        let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))?;
        Some((date, confirmed))
    }

    /// What was being written when the last process ended, and room whose task is gone. In one order, as all that touches the disk.
    fn clean_up(&mut self, ordered: &[&String], names: &HashSet<String>) {
        let tasks = self.config.dir.join("tasks");
        for name in ordered {
            let Some((stem, kind)) = name.split_once('.').filter(|(stem, _)| TaskId::parse(stem).is_some())
            else {
                continue;
            };
            if kind == "new" || (kind == "room" && !names.contains(&format!("{stem}.task"))) {
                let _ = self.clear(&tasks.join(name));
            }
        }
    }

    fn load(&mut self, id: TaskId, marker: &mut Marker, found: &mut Found) {
        if self.tombstones.find(id).is_some() && !planted("settled-file-comes-back") {
            // It is over; that its file went was not on disk yet when the power did.
            return self.discard_over(id, marker, found);
        }
        let path = self.path(id, "task");
        if marker.begin(&mut *self.disk, id) > LOADS_MAX {
            return self.load_poison(id, marker, found);
        }
        let bytes = match self.disk.read(&path, TASK_FILE_MAX) {
            Ok(bytes) => bytes,
            // What is no file, or larger than any, is not read to know that.
            Err(e) if files::is_odd(&e) => Vec::new(),
            Err(_) => return self.look_again(id, found),
        };
        let size = bytes.len() as u64;
        let whole = format::decode(&bytes).ok().and_then(|f| f.envelope.task().map(|task| (f, task)));
        // In a file under another task's name nothing can be trusted.
        let Some((file, task)) = whole.filter(|(_, task)| task.token.id() == id) else {
            return match self.set_aside_unsynced(&path) {
                Ok(aside) => found.quarantined.push(aside),
                Err(_) if planted("unmovable-is-forgotten") => {}
                Err(_) => self.look_again(id, found),
            };
        };
        let task = StoredTask { copied: file.envelope.is_copy(self.copied, &self.machine), ..task };
        let damaged = file.body.is_none();
        let room = if file.envelope.outcome {
            // Left over if the power went between the outcome's rename and its end.
            let _ = self.clear(&self.path(id, "room"));
            0
        } else {
            let input = file.body.as_ref().map_or(0, |body| match body {
                format::Body::Input(input) => input.len(),
                format::Body::Outcome(..) => 0,
            });
            self.find_room(id, room_for(&file.envelope, input))
        };
        self.tasks
            .insert(id, Entry { envelope: file.envelope, bytes: size, room, pinned: None, unsure: false });
        if damaged && planted("damaged-is-moved-away") {
            found.quarantined.extend(self.set_aside(&path));
            found.damaged.push(task);
        } else if damaged {
            found.quarantined.push(self.copy_aside(&path, &bytes));
            found.damaged.push(task);
        } else {
            found.tasks.push(task);
        }
    }

    /// Its tombstone says that it is over. Should that not be so, a result is lost: so one is told of.
    fn discard_over(&mut self, id: TaskId, marker: &mut Marker, found: &mut Found) {
        let path = self.path(id, "task");
        if marker.begin(&mut *self.disk, id) <= LOADS_MAX {
            let bytes = self.disk.read(&path, TASK_FILE_MAX).unwrap_or_default();
            let has_outcome = format::decode(&bytes).is_ok_and(|file| file.envelope.outcome);
            found.over.extend(self.tombstones.find(id).filter(|_| has_outcome).map(|how| (id, how)));
        }
        self.discard(id);
    }

    /// It can't be read, or not be moved out of the way, now.
    fn look_again(&mut self, id: TaskId, found: &mut Found) {
        self.unreadable.insert(id);
        found.unreadable.push(self.path(id, "task"));
    }

    /// The room may have been lost with a power cut, since only the task's name was synced with it.
    fn find_room(&mut self, id: TaskId, bytes: u64) -> u64 {
        match self.set_room_aside(id, bytes) {
            Ok(()) => bytes,
            Err(_) => 0,
        }
    }

    /// First out of the way, then looked at: should even that end the process, the others are not held up by it any more.
    fn load_poison(&mut self, id: TaskId, marker: &mut Marker, found: &mut Found) {
        marker.outlive_power(&mut *self.disk, id);
        match self.set_aside(&self.path(id, "task")) {
            Ok(aside) => self.look_aside(id, aside, marker, found),
            Err(_) => self.look_again(id, found),
        }
    }

    /// If the file can be read after all, other things ended the process, and it goes back; so does one that can't be read now.
    fn look_aside(&mut self, id: TaskId, aside: PathBuf, marker: &mut Marker, found: &mut Found) {
        let path = self.path(id, "task");
        let bytes = self.disk.read(&aside, TASK_FILE_MAX);
        let is_task =
            |bytes: &Vec<u8>| format::decode(bytes).is_ok_and(|file| file.envelope.task().is_some());
        let goes_back =
            bytes.as_ref().map_or_else(|e| !files::is_odd(e), is_task) && !planted("power-cuts-make-poison");
        if !goes_back {
            return found.quarantined.push(aside);
        }
        if self.move_between(&aside, &path).is_err() {
            marker.stays = true;
            return self.look_again(id, found);
        }
        marker.remove(&mut *self.disk);
        match bytes {
            Ok(_) => self.load(id, marker, found),
            Err(_) => self.look_again(id, found),
        }
    }

    /// Where the file of a task is that is not among those in `tasks`.
    fn waits_aside(&self, id: TaskId, names: &HashSet<String>) -> Option<PathBuf> {
        if names.contains(&format!("{id}.task")) { None } else { self.aside(id) }
    }

    /// The last start died over a file that it had set aside: it is looked at some more times, then left there with a word.
    fn look_aside_again(&mut self, names: &HashSet<String>, marker: &mut Marker, found: &mut Found) {
        let Some((id, _)) = marker.last else { return };
        let Some(aside) = self.waits_aside(id, names) else { return };
        match marker.begin(&mut *self.disk, id) > 2 * LOADS_MAX {
            true => found.quarantined.push(aside),
            false => self.look_aside(id, aside, marker, found),
        }
    }
}

const SETTLED: &str = "settled";

/// A full or failing disk may be well again by the next start; all else waits for a person.
fn unusable(dir: &Path, source: io::Error) -> SpoolError {
    let path = dir.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SpoolError::Io { path, source },
        _ if Errno::from_io_error(&source) == Some(Errno::IO) => SpoolError::Io { path, source },
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory if source.raw_os_error().is_some() => {
            let source = io::Error::new(source.kind(), "it, or something on the way to it, is no folder");
            SpoolError::Folder { dir: path, source }
        }
        _ => SpoolError::Folder { dir: path, source },
    }
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> SpoolError + use<> {
    let path = path.to_owned();
    move |source| SpoolError::Io { path, source }
}

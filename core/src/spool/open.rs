//! Opening the folder: the lock, the file system, whose it is, and what lies in it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::format;
use super::{Disk, Entry, Found, OVERHEAD, Spool, SpoolConfig, SpoolError, StorageKind, Tombstones};
use crate::TaskId;
use crate::plants::planted;

/// A file that ended the process so often while it was read is set aside, and after as many times more not read again.
const LOADS_MAX: u32 = 3;

/// Which machine made the folder.
#[derive(Serialize, Deserialize, PartialEq)]
struct Owner {
    version: u32,
    /// A hash: the machine's id is nobody else's business.
    machine: Option<String>,
}

impl Spool {
    /// Opens the folder, alone, and reads what lies in it.
    pub fn open(disk: Box<dyn Disk>, config: SpoolConfig) -> Result<(Spool, Found), SpoolError> {
        let mut spool = Spool {
            disk,
            config,
            tasks: HashMap::new(),
            tombstones: Tombstones::default(),
            date_floor: None,
            staged: Vec::new(),
            unreadable: Vec::new(),
            copied: false,
            refused: false,
        };
        let mut found = Found::default();
        let dir = spool.config.dir.clone();
        for dir in [&dir, &dir.join("tasks"), &dir.join("quarantine")] {
            spool.disk.make_dir(dir).map_err(|source| unusable(dir, source))?;
        }
        found.unsafe_storage = spool.check_storage(&dir)?;
        spool.take_lock(&dir)?;
        let tasks = dir.join("tasks");
        // What the last process left without a sync is about to be believed.
        for dir in [&dir, &tasks, &dir.join("quarantine")] {
            if !planted("start-believes-what-was-not-synced") {
                spool.disk.sync_dir(dir).map_err(at(dir))?;
            }
        }
        spool.date_floor = spool.read_date(&dir);
        spool.tombstones = Tombstones::load(&mut *spool.disk, &dir).map_err(at(&dir.join(SETTLED)))?;
        let names = spool.disk.list(&tasks).map_err(at(&tasks))?;
        spool.copied = spool.is_copied(&dir)?;
        found.copied = spool.copied;
        spool.clean_up(&names);
        let mut marker = Marker::read(&*spool.disk, &dir);
        spool.look_aside_again(&names, &mut marker, &mut found);
        for id in names.iter().filter_map(|name| TaskId::parse(name.strip_suffix(".task")?)) {
            spool.load(id, &mut marker, &mut found);
        }
        marker.remove(&mut *spool.disk);
        Ok((spool, found))
    }

    /// Reads again what could not be read before.
    pub fn reread(&mut self) -> Found {
        let mut found = Found { copied: self.copied, ..Found::default() };
        let mut marker = Marker::read(&*self.disk, &self.config.dir);
        let names = self.disk.list(&self.config.dir.join("tasks")).unwrap_or_default();
        for id in std::mem::take(&mut self.unreadable) {
            match self.waits_aside(id, &names) {
                Some(aside) => self.look_aside(id, aside, &mut marker, &mut found),
                None => self.load(id, &mut marker, &mut found),
            }
        }
        marker.remove(&mut *self.disk);
        found
    }

    fn check_storage(&self, dir: &Path) -> Result<Option<String>, SpoolError> {
        match self.disk.kind(dir).map_err(at(dir))? {
            StorageKind::Durable => Ok(None),
            StorageKind::Volatile(kind) => Ok(Some(kind)),
            StorageKind::Unsafe(kind) if self.config.allow_unsafe_storage => Ok(Some(kind)),
            StorageKind::Unsafe(kind) => Err(SpoolError::UnsafeStorage { dir: dir.to_owned(), kind }),
        }
    }

    fn take_lock(&mut self, dir: &Path) -> Result<(), SpoolError> {
        let path = dir.join("lock");
        self.disk.lock(&path).map_err(|source| {
            if source.kind() != io::ErrorKind::WouldBlock {
                return unusable(dir, source);
            }
            let pid =
                self.disk.read(&path).ok().and_then(|pid| String::from_utf8(pid).ok()?.trim().parse().ok());
            SpoolError::InUse { dir: dir.to_owned(), pid }
        })
    }

    fn read_date(&self, dir: &Path) -> Option<SystemTime> {
        let bytes = self.disk.read(&dir.join("date")).ok()?;
        let text = match planted("rotten-date-is-believed") {
            true => std::str::from_utf8(&bytes).ok()?.split(' ').next()?,
            // A flipped bit could put it into the next century, and no date of the service would be believed any more.
            false => format::unseal(&bytes)?,
        };
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(text.parse().ok()?))
    }

    /// A folder without an owner becomes ours; so does one whose owner's name is no name any more.
    fn is_copied(&mut self, dir: &Path) -> Result<bool, SpoolError> {
        let path = dir.join("owner");
        let hash = |id: &String| {
            format!(
                "{:x}",
                Sha256::digest(format!("activity-worker {id}"))
                    .first_chunk::<16>()
                    .map_or(0, |b| u128::from_be_bytes(*b))
            )
        };
        let ours = Owner { version: 1, machine: self.config.machine_id.as_ref().map(hash) };
        let theirs = match self.disk.read(&path) {
            Ok(bytes) => format::unseal(&bytes).and_then(|json| serde_json::from_str::<Owner>(json).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(at(&path)(e)),
        };
        if let Some(theirs) = theirs {
            return Ok(ours.machine.is_some() && theirs.machine.is_some() && ours.machine != theirs.machine);
        }
        let new = dir.join("owner.new");
        let json = serde_json::to_string(&ours).unwrap_or_default();
        self.disk
            .write_durably(&new, format::seal(&json).as_bytes())
            .and_then(|()| self.disk.rename(&new, &path))
            .map_err(at(&path))?;
        self.disk.sync_dir(dir).map_err(at(dir))?;
        Ok(false)
    }

    /// What was being written when the last process ended, and room whose task is gone.
    fn clean_up(&mut self, names: &[String]) {
        let tasks = self.config.dir.join("tasks");
        for name in names {
            let Some((stem, kind)) = name.split_once('.').filter(|(stem, _)| TaskId::parse(stem).is_some())
            else {
                continue;
            };
            if kind == "new" || (kind == "room" && !names.contains(&format!("{stem}.task"))) {
                let _ = self.disk.remove(&tasks.join(name));
            }
        }
    }

    fn load(&mut self, id: TaskId, marker: &mut Marker, found: &mut Found) {
        if self.tombstones.find(id).is_some() && !planted("settled-file-comes-back") {
            // It is over; that its file went was not on disk yet when the power did.
            return self.discard(id);
        }
        let path = self.path(id, "task");
        if marker.begin(&mut *self.disk, id) > LOADS_MAX {
            return self.load_poison(id, marker, found);
        }
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(_) => return self.look_again(id, found),
        };
        let size = bytes.len() as u64;
        let whole = format::decode(&bytes).ok().and_then(|f| f.envelope.task().map(|task| (f, task)));
        // In a file under another task's name nothing can be trusted.
        let Some((file, task)) = whole.filter(|(_, task)| task.token.id() == id) else {
            return match self.set_aside(&path) {
                Ok(aside) => found.quarantined.push(aside),
                Err(_) if planted("unmovable-is-forgotten") => {}
                Err(_) => self.look_again(id, found),
            };
        };
        let damaged = file.body.is_none();
        let room = if file.envelope.outcome {
            // Left over if the power went between the outcome's rename and its end.
            let _ = self.disk.remove(&self.path(id, "room"));
            0
        } else {
            self.find_room(id, file.envelope.max_output)
        };
        self.tasks.insert(id, Entry { envelope: file.envelope, bytes: size, room, pinned: None });
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

    /// It can't be read, or not be moved out of the way, now.
    fn look_again(&mut self, id: TaskId, found: &mut Found) {
        self.unreadable.push(id);
        found.unreadable.push(self.path(id, "task"));
    }

    /// The room may have been lost with a power cut, since only the task's name was synced with it.
    fn find_room(&mut self, id: TaskId, max_output: usize) -> u64 {
        let (room, bytes) = (self.path(id, "room"), (OVERHEAD + max_output) as u64);
        match self.disk.preallocate(&room, bytes) {
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
        let bytes = self.disk.read(&aside);
        let is_task =
            |bytes: &Vec<u8>| format::decode(bytes).is_ok_and(|file| file.envelope.task().is_some());
        let goes_back = bytes.as_ref().map_or(true, is_task) && !planted("power-cuts-make-poison");
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
    fn waits_aside(&self, id: TaskId, names: &[String]) -> Option<PathBuf> {
        if names.contains(&format!("{id}.task")) { None } else { self.aside(id) }
    }

    /// The last start died over a file that it had set aside: it is looked at some more times, then left there with a word.
    fn look_aside_again(&mut self, names: &[String], marker: &mut Marker, found: &mut Found) {
        let Some((id, _)) = marker.last else { return };
        let Some(aside) = self.waits_aside(id, names) else { return };
        match marker.begin(&mut *self.disk, id) > 2 * LOADS_MAX {
            true => found.quarantined.push(aside),
            false => self.look_aside(id, aside, marker, found),
        }
    }
}

const SETTLED: &str = "settled";

/// Names the file that is being read. It guards against a process that dies, not against a power cut.
struct Marker {
    path: PathBuf,
    last: Option<(TaskId, u32)>,
    /// An earlier process left it.
    was_left: bool,
    /// The next process is to know which file it was: it waits in the quarantine to go back.
    stays: bool,
}

impl Marker {
    fn read(disk: &dyn Disk, dir: &Path) -> Self {
        let path = dir.join("loading");
        let last = disk.read(&path).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            let (id, count) = text.trim().split_once(' ')?;
            Some((TaskId::parse(id)?, count.parse().ok()?))
        });
        Marker { path, last, was_left: last.is_some(), stays: false }
    }

    /// How often reading this file was begun, this time included.
    fn begin(&mut self, disk: &mut dyn Disk, id: TaskId) -> u32 {
        let count = self.last.filter(|(last, _)| *last == id).map_or(0, |(_, count)| count).saturating_add(1);
        // Without a marker a poisonous file is not told from others; that must not keep the worker from starting.
        if !self.stays {
            let _ = disk.write(&self.path, &Self::text(id, count));
        }
        count
    }

    /// A file is about to go where only the marker says that it is to be looked for.
    fn outlive_power(&self, disk: &mut dyn Disk, id: TaskId) {
        let Some(dir) = self.path.parent() else { return };
        let text = Self::text(id, LOADS_MAX + 1);
        let _ = disk.write_durably(&self.path, &text).and_then(|()| disk.sync_dir(dir));
    }

    fn text(id: TaskId, count: u32) -> Vec<u8> {
        format!("{id} {count}\n").into_bytes()
    }

    fn remove(&mut self, disk: &mut dyn Disk) {
        if self.stays {
            return;
        }
        self.last = None;
        let _ = disk.remove(&self.path);
        // Else power cuts would bring it back, and be counted as ends of the process.
        if let Some(dir) = self.path.parent().filter(|_| self.was_left && !planted("power-cuts-make-poison"))
        {
            let _ = disk.sync_dir(dir);
        }
    }
}

/// A full or failing disk may be well again by the next start; all else waits for a person.
fn unusable(dir: &Path, source: io::Error) -> SpoolError {
    let path = dir.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SpoolError::Io { path, source },
        _ if Errno::from_io_error(&source) == Some(Errno::IO) => SpoolError::Io { path, source },
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            let source = io::Error::new(source.kind(), "it, or something on the way to it, is no folder");
            SpoolError::Folder { dir: path, source }
        }
        _ => SpoolError::Folder { dir: path, source },
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SpoolError + use<> {
    let path = path.to_owned();
    move |source| SpoolError::Io { path, source }
}

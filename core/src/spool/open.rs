//! Opening the folder: the lock, the file system, whose it is, and what lies in it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::format::{self, CONFIRMED};
use super::load::not_opened;
use super::log::{Log, Size};
use super::marker::Marker;
use super::{Disk, Found, LINE_MAX, Spool, SpoolConfig, SpoolError, StorageKind, files, log_of};
use crate::plants::planted;

impl Spool {
    /// Opens the folder, alone, and reads what lies in it.
    pub fn open(disk: Box<dyn Disk>, config: SpoolConfig) -> Result<(Spool, Found), SpoolError> {
        let (size, log) = (Size::of(config.max_bytes), log_of(&config.dir));
        let mut spool = Spool {
            disk,
            log: Log::empty(&log, size),
            config,
            tasks: HashMap::new(),
            owed: 0,
            date_floor: None,
            date_confirmed: false,
            staged: Vec::new(),
            waiting: HashSet::new(),
            looks: 0,
            away: None,
            half_renewed: false,
            copied: false,
            machine: None,
            refused: false,
        };
        let mut found = Found::default();
        let dir = spool.config.dir.clone();
        let quarantine = dir.join("quarantine");
        for (folder, may_be_link) in [(&dir, true), (&log, false), (&quarantine, false)] {
            let remark =
                spool.disk.make_dir(folder, may_be_link).map_err(|source| unusable(folder, source))?;
            found.remarks.extend(remark);
        }
        found.unsafe_storage = spool.check_storage(&dir)?;
        spool.take_lock(&dir, &mut found)?;
        // What the last process left without a sync is about to be believed.
        for dir in [&dir, &quarantine, &log] {
            if !planted("start-believes-what-was-not-synced") {
                spool.disk.sync_dir(dir).map_err(at(dir))?;
            }
        }
        spool.set_odd_aside(&dir, &mut found)?;
        let date = spool.read_date(&dir);
        spool.date_floor = date.map(|(date, _)| date);
        spool.date_confirmed = date.is_some_and(|(_, confirmed)| confirmed);
        spool.copied = spool.is_copied(&dir)?;
        found.copied = spool.copied;
        let mut marker = Marker::read(&*spool.disk, &dir);
        marker.begin(&mut *spool.disk);
        let opened = Log::open(&mut *spool.disk, &log, size, true);
        let (log, opened) = opened.map_err(|source| not_opened(&dir, source))?;
        spool.log = log;
        spool.take_in(opened, &mut found);
        Ok((spool, found))
    }

    /// Under the names of ours that stand for one file each there is a file, or nothing; and so in the log.
    fn set_odd_aside(&mut self, dir: &Path, found: &mut Found) -> Result<(), SpoolError> {
        let lines = ["owner", "date", "loading", "owner.new", "date.new"].map(|name| dir.join(name));
        for path in lines {
            let odd = match self.disk.about(&path) {
                Ok(length) => length > LINE_MAX,
                Err(e) => files::is_odd(&e),
            };
            if odd && let Ok(aside) = self.set_aside(&path) {
                found.quarantined.push(aside);
            }
        }
        let log = log_of(dir);
        for name in self.disk.list(&log).map_err(at(&log))? {
            let is_ours = name.len() >= 3 && name.bytes().all(|byte| byte.is_ascii_digit());
            let path = log.join(name);
            let is_odd = match self.disk.about(&path) {
                Ok(length) => is_ours && !SEGMENT_BYTES.contains(&length),
                Err(e) => files::is_odd(&e),
            };
            if is_odd && let Ok(aside) = self.set_aside(&path) {
                found.quarantined.push(aside);
            }
        }
        Ok(())
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
}

/// No segment is shorter, or longer.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 1 << 16..=1 << 24;

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

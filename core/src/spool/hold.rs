//! The folder, held: its lock, and whether what was locked is still what the path names.
//!
//! The folder itself is locked, so that a lock file that somebody removes lets nobody in; and the file `lock`, by which workers of
//! earlier versions know each other.

use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::files;

/// Somebody may put another file or folder in place between two looks, but not for ever.
const TRIES: usize = 5;

/// What became of a folder that was locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// It is as it was.
    Firm,
    /// Its lock was removed, or replaced; it is locked again.
    Relocked,
    /// Other users could look into it; it is closed again.
    Closed,
    /// It was removed, or its `log`.
    Removed,
    /// Under its name is another folder, or none: it was moved or unmounted, or something is mounted over it.
    Elsewhere,
    /// Another process has locked it.
    Taken,
}

#[derive(Debug)]
pub(super) struct Hold {
    dir: File,
    log: File,
    lock: File,
    /// The folder was closed to other users when it was taken.
    closed: bool,
}

impl Hold {
    /// Takes the folder; what is `held` of it already stays so. `WouldBlock`: another process has it.
    pub(super) fn take(dir: &Path, held: Option<&Hold>) -> io::Result<Self> {
        let path = dir.join("lock");
        for _ in 0..TRIES {
            let folder = files::folder(dir, true)?;
            if !held.is_some_and(|held| is_same(&held.dir, &folder)) {
                match folder.try_lock() {
                    Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
                    // A file system that locks no folders, such as NFS: there the file has to do.
                    Ok(()) | Err(TryLockError::Error(_)) => {}
                }
            }
            let lock = match held.filter(|held| names(&path, &held.lock)) {
                Some(held) => held.lock.try_clone()?,
                None => lock_file(&path)?,
            };
            let closed = is_closed(&folder.metadata()?);
            let log = files::folder(&dir.join("log"), false)?;
            if fs::metadata(dir)
                .is_ok_and(|there| folder.metadata().is_ok_and(|ours| id(&there) == id(&ours)))
            {
                return Ok(Hold { dir: folder, log, lock, closed });
            }
        }
        Err(io::Error::other("it is replaced again and again"))
    }

    /// Looks whether all is as it was when it was taken: two looks at names, one at the folder.
    pub(super) fn look(&mut self, dir: &Path) -> Ground {
        let there = match fs::symlink_metadata(dir.join("log")) {
            Ok(there) => Some(there),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            // What can't be looked at now is not gone; what is done there next will tell.
            Err(_) => return Ground::Firm,
        };
        let ours = self.log.metadata();
        let Some(there) = there.filter(|there| ours.as_ref().is_ok_and(|ours| id(there) == id(ours))) else {
            let is_removed = ours.is_ok_and(|ours| ours.nlink() == 0);
            return if is_removed { Ground::Removed } else { Ground::Elsewhere };
        };
        let path = dir.join("lock");
        if !names(&path, &self.lock) {
            return match lock_file(&path) {
                Ok(lock) => {
                    self.lock = lock;
                    Ground::Relocked
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ground::Taken,
                // The folder's own lock is still held.
                Err(_) => Ground::Firm,
            };
        }
        let opened = self.closed && self.dir.metadata().is_ok_and(|about| !is_closed(&about));
        let mut closed = false;
        for folder in
            [(!is_closed(&there)).then_some(&self.log), opened.then_some(&self.dir)].into_iter().flatten()
        {
            closed |= folder.set_permissions(Permissions::from_mode(0o700)).is_ok();
        }
        if closed { Ground::Closed } else { Ground::Firm }
    }
}

/// Whether another process has the folder.
pub(super) fn is_anothers(dir: &Path) -> bool {
    files::folder(dir, true).is_ok_and(|folder| matches!(folder.try_lock(), Err(TryLockError::WouldBlock)))
}

fn lock_file(path: &Path) -> io::Result<File> {
    for _ in 0..TRIES {
        let mut lock = match files::create(path) {
            // A snapshot made of links shares it with us; an earlier version of us may hold it all the same.
            Err(e) if files::is_odd(&e) => {
                let held = files::open_to_read(path)
                    .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
                return Err(if held { io::ErrorKind::WouldBlock.into() } else { e });
            }
            lock => lock?,
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        if names(path, &lock) {
            // For the error of another worker. That a full disk refuses it must not keep this one from starting.
            let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
            return Ok(lock);
        }
    }
    Err(io::Error::other("its lock is replaced again and again"))
}

/// Whether the path leads to this very file.
pub(super) fn names(path: &Path, file: &File) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|ours| id(&there) == id(&ours)))
}

fn is_same(one: &File, other: &File) -> bool {
    matches!((one.metadata(), other.metadata()), (Ok(one), Ok(other)) if id(&one) == id(&other))
}

fn id(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

fn is_closed(about: &Metadata) -> bool {
    about.mode() & 0o077 == 0
}

//! The folder, looked at again: it may be removed, replaced or taken by another worker while this one goes on. Nothing is ever
//! written to a folder that is not the one that was locked.

use std::io;
use std::path::Path;

use super::disk::{Disk, OpenFile};
use super::hold::Ground;
use super::log::{Log, Size};
use super::room::owed_to;
use super::{Spool, SpoolError, StorageKind, format, log_of};
use crate::TaskId;
use crate::plants::planted;

/// What a look at the folder found.
#[derive(Debug, PartialEq, Eq)]
pub enum Footing {
    /// All is as it was.
    Firm,
    /// Something was amiss, and is mended.
    Mended(FolderMend),
    /// The folder was removed, and made anew with the tokens of all tasks. Inputs and results are gone with the old one; a result
    /// that is still in memory is to be kept once more.
    Renewed,
    /// The folder is not there: until it is, nothing is read and nothing written.
    Away(FolderAway),
    /// Another process has the folder: nothing will ever be read or written again.
    Taken,
}

/// What was amiss with a state folder while it was in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum FolderMend {
    /// It was away, and is back.
    Back,
    /// Its lock was removed or replaced; it is locked again.
    Relocked,
    /// It was opened to other users; it is closed again.
    Closed,
}

/// Why a state folder is not there while it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum FolderAway {
    /// It was moved or unmounted, or something lies over it.
    Elsewhere,
    /// It was removed, and can't be made anew: what the system said.
    NotRenewed(String),
}

impl Spool {
    /// Looks whether the folder is still the one that was opened, and mends what can be mended. To be called before each use; it
    /// costs three questions to the kernel.
    pub fn footing(&mut self) -> Footing {
        let dir = self.config.dir.clone();
        let came_back = match self.away.take() {
            Some(mut disk) => match disk.ground(&dir) {
                Ground::Elsewhere => {
                    self.away = Some(disk);
                    return Footing::Away(FolderAway::Elsewhere);
                }
                _ => {
                    self.disk = disk;
                    true
                }
            },
            None => false,
        };
        match self.disk.ground(&dir) {
            Ground::Firm if self.half_renewed => self.renewed(&dir),
            Ground::Firm if came_back => Footing::Mended(FolderMend::Back),
            Ground::Firm => Footing::Firm,
            Ground::Relocked => Footing::Mended(FolderMend::Relocked),
            Ground::Closed => Footing::Mended(FolderMend::Closed),
            Ground::Elsewhere => {
                self.shut(format!(
                    "the state folder {} is not the one that was opened any more",
                    dir.display()
                ));
                Footing::Away(FolderAway::Elsewhere)
            }
            Ground::Taken => self.taken(&dir),
            Ground::Removed => self.renewed(&dir),
        }
    }

    fn renewed(&mut self, dir: &Path) -> Footing {
        match self.renew(dir) {
            Ok(()) => Footing::Renewed,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.taken(dir),
            Err(e) => {
                let name = dir.display();
                self.shut(format!("the state folder {name} was removed, and can't be made anew: {e}"));
                Footing::Away(FolderAway::NotRenewed(e.to_string()))
            }
        }
    }

    fn taken(&mut self, dir: &Path) -> Footing {
        if !planted("taken-folder-is-written-to") {
            self.shut(format!("the state folder {} is in use by another worker now", dir.display()));
        }
        Footing::Taken
    }

    /// From now on the disk refuses all, and says why.
    fn shut(&mut self, why: String) {
        self.away = Some(std::mem::replace(&mut self.disk, Box::new(Shut { why })));
    }

    /// Makes the folder anew. Of each task what is needed to report it is in memory; one without a body counts as damaged: it can be
    /// failed by its token.
    fn renew(&mut self, dir: &Path) -> io::Result<()> {
        let (log, quarantine) = (log_of(dir), dir.join("quarantine"));
        for (dir, is_state_dir) in [(dir, true), (&log, false), (&quarantine, false)] {
            self.disk.make_dir(dir, is_state_dir)?;
        }
        if matches!(self.disk.kind(dir)?, StorageKind::Unsafe(_)) && !self.config.allow_unsafe_storage {
            return Err(io::Error::other("the file system there can lose results"));
        }
        // A folder with a log is another worker's, or a copy that somebody put there: it is read at a start, and not written over.
        if !self.half_renewed && !self.disk.list(&log)?.is_empty() {
            if self.disk.is_anothers(dir) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            return Err(io::Error::other(
                "another folder with tasks is there: start the worker again to go on with those",
            ));
        }
        self.disk.lock(dir)?;
        self.half_renewed = true;
        self.is_copied(dir).map_err(into_io)?;
        let (mut new, _) = Log::open(&mut *self.disk, &log, Size::of(self.config.max_bytes), true)?;
        new.remember(&self.log);
        let mut ids: Vec<TaskId> = self.tasks.keys().copied().collect();
        // In one order, as all that touches the disk, so that a simulated world can be run again.
        ids.sort_unstable();
        for id in &ids {
            let envelope = self.tasks.get(id).map(|entry| format::encode_envelope(&entry.envelope));
            new.put(*id, envelope.unwrap_or_default(), Some(Vec::new()));
        }
        new.commit().map_err(|failed| failed.source)?;
        self.disk.sync_dir(dir)?;
        self.log = new;
        for id in ids {
            self.is_bare_now(id);
        }
        self.half_renewed = false;
        Ok(())
    }

    fn is_bare_now(&mut self, id: TaskId) {
        let Some(entry) = self.tasks.get_mut(&id) else { return };
        entry.pinned = None;
        let owed = owed_to(&entry.envelope, 0);
        // Where there is no room for that now, the outcome is refused then, and kept in memory.
        let owed = if self.find_room(owed).is_ok() { owed } else { 0 };
        self.owe(id, owed);
    }

    /// An error: the folder is not there, and why.
    pub(super) fn there(&self) -> io::Result<()> {
        if self.is_away() { Err(self.why_away()) } else { Ok(()) }
    }

    pub(super) fn why_away(&self) -> io::Error {
        self.disk.about(&self.config.dir).err().unwrap_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }
}

fn into_io(e: SpoolError) -> io::Error {
    match e {
        SpoolError::Io { source, .. } => source,
        other => io::Error::other(other.to_string()),
    }
}

/// A disk that is not there.
struct Shut {
    why: String,
}

impl Shut {
    fn no<T>(&self) -> io::Result<T> {
        Err(io::Error::other(self.why.clone()))
    }
}

impl Disk for Shut {
    fn make_dir(&mut self, _: &Path, _: bool) -> io::Result<Option<String>> {
        self.no()
    }
    fn kind(&self, _: &Path) -> io::Result<StorageKind> {
        self.no()
    }
    fn free(&self, _: &Path) -> io::Result<u64> {
        self.no()
    }
    fn lock(&mut self, _: &Path) -> io::Result<()> {
        self.no()
    }
    fn is_anothers(&self, _: &Path) -> bool {
        false
    }
    fn ground(&mut self, _: &Path) -> Ground {
        Ground::Elsewhere
    }
    fn about(&self, _: &Path) -> io::Result<u64> {
        self.no()
    }
    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        self.no()
    }
    fn read(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
        self.no()
    }
    fn write(&mut self, _: &Path, _: &[u8]) -> io::Result<()> {
        self.no()
    }
    fn write_durably(&mut self, _: &Path, _: &[u8]) -> io::Result<()> {
        self.no()
    }
    fn open(&mut self, _: &Path) -> io::Result<Box<dyn OpenFile>> {
        self.no()
    }
    fn rename(&mut self, _: &Path, _: &Path) -> io::Result<()> {
        self.no()
    }
    fn remove(&mut self, _: &Path) -> io::Result<()> {
        self.no()
    }
    fn sync_dir(&mut self, _: &Path) -> io::Result<()> {
        self.no()
    }
}

//! What the disk in memory holds: names and files, as a process sees them and as a power cut leaves them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::super::{Ground, StorageKind, files};

/// A step at which the disk can fail, or the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A folder is made.
    MakeDir,
    /// A folder is listed.
    List,
    /// A file is read.
    Read,
    /// A file is opened, to be written in place.
    Open,
    /// A file is written.
    Write,
    /// A file is synced.
    Fsync,
    /// A file gets another name.
    Rename,
    /// A file is removed.
    Remove,
    /// A folder is synced.
    SyncDir,
}

/// What a fault makes of a step.
pub(super) type Fault = Box<dyn FnMut(Op, &Path) -> Option<io::Error> + Send>;

#[derive(Default)]
pub(super) struct State {
    /// What a process sees.
    pub(super) names: BTreeMap<PathBuf, usize>,
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) files: Vec<Inode>,
    /// What is left after a power cut: names as of the last sync of their folder, changed by what happened to get through since.
    pub(super) durable: BTreeMap<PathBuf, usize>,
    pub(super) pending: Vec<Change>,
    pub(super) locked: bool,
    /// What a look at the folder finds; `None`: it is as it was.
    pub(super) ground: Option<Ground>,
    /// In place of one that was removed there is another one, though nobody holds it.
    pub(super) made_anew: bool,
    pub(super) capacity: Option<u64>,
    pub(super) kind: Option<StorageKind>,
    pub(super) fault: Option<Fault>,
    /// Bytes of a file that can't be read.
    pub(super) unreadable: Option<(PathBuf, std::ops::Range<usize>)>,
    /// The last step was the sync of a folder, but not of the quarantine.
    pub(super) was_sync: bool,
    /// Bytes of a file that end who reads them.
    pub(super) deadly: Option<(PathBuf, std::ops::Range<usize>)>,
    /// So many more steps, then the process is dead: nothing it does has an effect any more.
    pub(super) steps_left: Option<u64>,
}

#[derive(Default, Clone)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Pages of which a sync failed: the kernel calls them clean, and they are not on disk.
    pub(super) lost: BTreeSet<usize>,
    /// It is no file: what it is.
    pub(super) odd: Option<&'static str>,
    /// By how many it is open: a file that was removed is there for them.
    pub(super) open: usize,
}

const PAGE: usize = 4096;
/// What a power cut leaves whole, as it was, or torn.
pub(super) const SECTOR: usize = 512;

impl Inode {
    /// Pages that are written again are dirty again.
    fn soil(&mut self, at: usize, len: usize) {
        let written = at / PAGE..(at + len).div_ceil(PAGE);
        self.lost.retain(|page| !written.contains(page));
    }

    /// What a power cut leaves of it: what was not synced got through or not, or half of it, sector by sector.
    pub(super) fn cut(&mut self, luck: &mut impl FnMut() -> bool) {
        if self.now != self.durable {
            let length = if luck() { self.now.len() } else { self.durable.len() };
            let mut left = self.durable.clone();
            left.resize(length, 0);
            for (n, sector) in left.chunks_mut(SECTOR).enumerate() {
                let at = n * SECTOR;
                let Some(new) = self.now.get(at..self.now.len().min(at + sector.len())) else { continue };
                if sector[..new.len()] != *new && luck() {
                    let whole = luck();
                    let through = if whole { new.len() } else { new.len() / 2 };
                    sector[..through].copy_from_slice(&new[..through]);
                }
            }
            self.now = left;
        }
        self.durable.clone_from(&self.now);
        self.lost.clear();
    }
}

fn page(bytes: &[u8], n: usize) -> &[u8] {
    &bytes[bytes.len().min(n * PAGE)..bytes.len().min((n + 1) * PAGE)]
}

#[derive(Clone)]
pub(super) enum Change {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    /// A rename: both or neither come through a power cut.
    Move(PathBuf, PathBuf, usize),
}

impl Change {
    pub(super) fn dir(&self) -> Option<&Path> {
        match self {
            Change::Link(path, _) | Change::Unlink(path) | Change::Move(_, path, _) => path.parent(),
        }
    }

    pub(super) fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Change::Link(path, inode) => drop(names.insert(path, inode)),
            Change::Unlink(path) => drop(names.remove(&path)),
            Change::Move(from, to, inode) => {
                names.remove(&from);
                names.insert(to, inode);
            }
        }
    }
}

impl State {
    pub(super) fn step(&mut self, op: Op, path: &Path) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => return Err(io::Error::other("the process is dead")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.was_sync = op == Op::SyncDir && !path.ends_with("quarantine");
        match self.fault.as_mut().and_then(|fault| fault(op, path)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// What can be read or written there is a file.
    pub(super) fn regular(&self, inode: usize) -> io::Result<()> {
        self.files[inode].odd.map_or(Ok(()), |what| Err(files::odd(what)))
    }

    /// The folder is gone, or another one.
    pub(super) fn there(&self) -> io::Result<()> {
        match self.ground {
            Some(Ground::Removed) if self.made_anew => Ok(()),
            Some(Ground::Removed | Ground::Elsewhere) => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(()),
        }
    }

    /// A file comes to be even if the write to it then fails; but not by the hand of a dead process.
    pub(super) fn alive(&self) -> io::Result<()> {
        match self.steps_left {
            Some(0) => Err(io::Error::other("the process is dead")),
            _ => Ok(()),
        }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn find_or_create(&mut self, path: &Path) -> usize {
        if let Ok(inode) = self.find(path) {
            return inode;
        }
        let inode = self.files.len();
        self.files.push(Inode::default());
        self.link(path, inode);
        inode
    }

    /// Files that no name leads to are gone.
    pub(super) fn drop_unnamed(&mut self) {
        let live: BTreeSet<_> = self.names.values().collect();
        for (n, file) in self.files.iter_mut().enumerate() {
            if !live.contains(&n) && file.open == 0 {
                *file = Inode::default();
            }
        }
    }

    pub(super) fn link(&mut self, path: &Path, inode: usize) {
        self.names.insert(path.to_owned(), inode);
        self.pending.push(Change::Link(path.to_owned(), inode));
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        self.names.remove(path);
        self.pending.push(Change::Unlink(path.to_owned()));
    }

    pub(super) fn used(&self) -> u64 {
        let mut live: Vec<usize> = self.names.values().copied().collect();
        live.sort_unstable();
        live.dedup();
        live.iter().map(|inode| self.files[*inode].now.len() as u64).sum()
    }

    pub(super) fn has_room(&self, inode: usize, bytes: u64) -> io::Result<()> {
        let own = self.files[inode].now.len() as u64;
        match self.capacity {
            Some(capacity) if bytes > own && self.used() + bytes - own > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        self.alive()?;
        self.there()?;
        let inode = self.find_or_create(path);
        self.step(Op::Write, path)?;
        self.regular(inode)?;
        self.has_room(inode, bytes.len() as u64)?;
        let file = &mut self.files[inode];
        file.now.clear();
        file.now.extend_from_slice(bytes);
        file.lost.clear();
        Ok(inode)
    }

    /// Writes into a file by its descriptor, whatever its name leads to by now.
    pub(super) fn overwrite(&mut self, path: &Path, inode: usize, at: usize, bytes: &[u8]) -> io::Result<()> {
        self.step(Op::Write, path)?;
        let file = &mut self.files[inode];
        let Some(place) = file.now.get_mut(at..at + bytes.len()) else {
            return Err(io::ErrorKind::StorageFull.into());
        };
        place.copy_from_slice(bytes);
        file.soil(at, bytes.len());
        Ok(())
    }

    pub(super) fn fsync(&mut self, path: &Path, inode: usize) -> io::Result<()> {
        self.alive()?;
        if let Err(error) = self.step(Op::Fsync, path) {
            let Inode { now, durable, lost, .. } = &mut self.files[inode];
            lost.extend((0..now.len().div_ceil(PAGE)).filter(|n| page(now, *n) != page(durable, *n)));
            return Err(error);
        }
        let Inode { now, durable, lost, .. } = &mut self.files[inode];
        let old = std::mem::replace(durable, now.clone());
        for n in lost.iter() {
            let there = page(&old, *n);
            let place = &mut durable[n * PAGE..now.len().min((n + 1) * PAGE)];
            place.fill(0);
            let both = there.len().min(place.len());
            place[..both].copy_from_slice(&there[..both]);
        }
        Ok(())
    }
}

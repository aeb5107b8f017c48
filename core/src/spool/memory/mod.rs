//! A disk in memory that forgets what was not synced, and fails when it is told to. For tests and simulators.

mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::inbox::Letterbox;
use super::{Disk, Ground, OpenFile, StorageKind, files};
pub use state::Op;
use state::{Change, State};

/// The disk. Clones share it, as the processes of a machine do.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
    /// Whether this clone holds the lock.
    holds_lock: bool,
}

impl MemoryDisk {
    /// An empty disk of this many bytes; `None`: without a bound.
    pub fn new(capacity: Option<u64>) -> Self {
        let disk = MemoryDisk::default();
        disk.lock_state().capacity = capacity;
        disk
    }

    /// From now on, asks before each step whether, and how, it fails.
    pub fn set_fault(&self, fault: impl FnMut(Op, &Path) -> Option<io::Error> + Send + 'static) {
        self.lock_state().fault = Some(Box::new(fault));
    }

    /// The process dies before the step after so many more: from then on nothing that it does has an effect.
    pub fn halt_after(&self, steps: u64) {
        self.lock_state().steps_left = Some(steps);
    }

    /// It does not die after all.
    pub fn spare(&self) {
        self.lock_state().steps_left = None;
    }

    /// Whether the process has died that way.
    pub fn is_halted(&self) -> bool {
        self.lock_state().steps_left == Some(0)
    }

    /// Other programs fill the disk, or leave it.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock_state().capacity = capacity;
    }

    /// Whether a file of this name is there.
    pub fn has(&self, file: &Path) -> bool {
        self.lock_state().names.contains_key(file)
    }

    /// Bytes that the files take, what is set aside included.
    pub fn used(&self) -> u64 {
        self.lock_state().used()
    }

    /// Under this name lies something that is no file.
    pub fn plant_odd(&self, file: &Path, what: &'static str) {
        let mut state = self.lock_state();
        let inode = state.find_or_create(file);
        state.files[inode].odd = Some(what);
        state.durable.insert(file.to_owned(), inode);
    }

    /// The folder and all that is in it is removed, while a process may have it.
    pub fn remove_all(&self, dir: &Path) {
        let mut state = self.lock_state();
        state.names.retain(|path, _| !path.starts_with(dir));
        state.durable.retain(|path, _| !path.starts_with(dir));
        state.pending.clear();
        state.drop_unnamed();
        // One that nobody has is simply not there at the next start.
        state.ground = state.locked.then_some(Ground::Removed);
        state.made_anew = false;
    }

    /// What a look at the folder finds from now on; `None`: it is as it was.
    pub fn set_ground(&self, ground: Option<Ground>) {
        self.lock_state().ground = ground;
    }

    /// What it says that it is; durable if nothing is said.
    pub fn set_kind(&self, kind: StorageKind) {
        self.lock_state().kind = Some(kind);
    }

    /// No more faults.
    pub fn clear_fault(&self) {
        self.lock_state().fault = None;
    }

    /// The process ends: the lock is free, all that was written is there.
    pub fn process_ends(&self) {
        let mut state = self.lock_state();
        state.locked = false;
        state.ground = None;
        state.steps_left = None;
    }

    /// The power goes. Contents that were not synced are lost or torn, names that were not synced came through or not: `luck` says
    /// so for each of them.
    pub fn power_cut(&self, mut luck: impl FnMut() -> bool) {
        let mut state = self.lock_state();
        state.locked = false;
        state.ground = None;
        state.steps_left = None;
        let mut names = std::mem::take(&mut state.durable);
        for change in std::mem::take(&mut state.pending) {
            if luck() {
                change.apply(&mut names);
            }
        }
        for file in &mut state.files {
            file.cut(&mut luck);
        }
        state.durable = names.clone();
        state.names = names;
        state.drop_unnamed();
    }

    /// Some bits of a byte change while it lies there.
    pub fn flip(&self, file: &Path, at: usize, bits: u8) {
        for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
            self.rot_bit(file, at, bit);
        }
    }

    /// One bit of a file changes while it lies there. False if the file has no such byte.
    pub fn rot(&self, file: &Path, at: usize) -> bool {
        self.rot_bit(file, at, 6)
    }

    /// The same, with the bit named.
    pub fn rot_bit(&self, file: &Path, at: usize, bit: u32) -> bool {
        let mut state = self.lock_state();
        let Some(inode) = state.names.get(file).copied() else { return false };
        let Some(byte) = state.files[inode].now.get_mut(at) else { return false };
        *byte ^= 1 << (bit % 8);
        if let Some(byte) = state.files[inode].durable.get_mut(at) {
            *byte ^= 1 << (bit % 8);
        }
        true
    }

    /// What tells a file's contents from others.
    pub fn digest(&self, file: &Path) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let state = self.lock_state();
        let mut hasher = DefaultHasher::new();
        state.find(file).map(|inode| &state.files[inode].now).ok().hash(&mut hasher);
        hasher.finish()
    }

    /// These bytes of a file can't be read by who has it open.
    pub fn set_unreadable(&self, bytes: Option<(PathBuf, std::ops::Range<usize>)>) {
        self.lock_state().unreadable = bytes;
    }

    /// Who reads these bytes of a file, and no more, ends; but not right after it synced a folder other than the quarantine.
    pub fn set_deadly(&self, bytes: Option<(PathBuf, std::ops::Range<usize>)>) {
        self.lock_state().deadly = bytes;
    }

    /// All files there are now.
    pub fn files(&self) -> Vec<PathBuf> {
        self.lock_state().names.keys().cloned().collect()
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn make_dir(&mut self, dir: &Path, _: bool) -> io::Result<Option<String>> {
        let mut state = self.lock_state();
        state.step(Op::MakeDir, dir)?;
        state.dirs.insert(dir.to_owned());
        // What is done by its name is done in the new one; who held the old one still does.
        state.made_anew |= dir.ends_with("log");
        Ok(None)
    }

    fn kind(&self, _: &Path) -> io::Result<StorageKind> {
        Ok(self.lock_state().kind.clone().unwrap_or(StorageKind::Durable))
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        let state = self.lock_state();
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used())))
    }

    fn lock(&mut self, _: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        if std::mem::replace(&mut state.locked, true) && !self.holds_lock {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if state.made_anew {
            state.ground.take_if(|ground| *ground == Ground::Removed);
        }
        drop(state);
        self.holds_lock = true;
        Ok(())
    }

    fn is_anothers(&self, _: &Path) -> bool {
        self.lock_state().ground == Some(Ground::Taken)
    }

    fn ground(&mut self, _: &Path) -> Ground {
        let mut state = self.lock_state();
        match state.ground {
            None => Ground::Firm,
            Some(mended @ (Ground::Relocked | Ground::Closed | Ground::Firm)) => {
                state.ground = None;
                mended
            }
            Some(other) => other,
        }
    }

    fn about(&self, file: &Path) -> io::Result<u64> {
        let state = self.lock_state();
        state.alive()?;
        state.there()?;
        let inode = state.find(file)?;
        state.regular(inode).map(|()| state.files[inode].now.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.lock_state();
        state.step(Op::List, dir)?;
        state.there()?;
        let in_dir = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(in_dir.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn read(&self, file: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut state = self.lock_state();
        state.step(Op::Read, file)?;
        state.there()?;
        let inode = state.find(file)?;
        state.regular(inode)?;
        match &state.files[inode].now {
            bytes if bytes.len() as u64 > most => Err(files::odd(format_args!("larger than {most} bytes"))),
            bytes => Ok(bytes.clone()),
        }
    }

    fn write(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.lock_state().put(file, bytes).map(|_| ())
    }

    fn write_durably(&mut self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.lock_state();
        let inode = state.put(file, bytes)?;
        state.fsync(file, inode)
    }

    fn open(&mut self, file: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut state = self.lock_state();
        state.step(Op::Open, file)?;
        state.there()?;
        let inode = state.find(file)?;
        state.regular(inode)?;
        state.files[inode].open += 1;
        Ok(Box::new(MemoryFile { state: Arc::clone(&self.state), path: file.to_owned(), inode }))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step(Op::Rename, from)?;
        state.there()?;
        let inode = state.find(from)?;
        state.names.insert(to.to_owned(), inode);
        state.names.remove(from);
        state.pending.push(Change::Move(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&mut self, file: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step(Op::Remove, file)?;
        state.there()?;
        state.find(file)?;
        state.unlink(file);
        Ok(())
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step(Op::SyncDir, dir)?;
        state.there()?;
        let (synced, still): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.pending).into_iter().partition(|change| change.dir() == Some(dir));
        // Of a file that moved elsewhere this folder knows only that it is gone.
        state.pending = still
            .into_iter()
            .map(|change| match change {
                Change::Move(from, to, inode) if from.parent() == Some(dir) => {
                    state.durable.remove(&from);
                    Change::Link(to, inode)
                }
                other => other,
            })
            .collect();
        for change in synced {
            change.apply(&mut state.durable);
        }
        Ok(())
    }
}

/// A file of it that stays open.
struct MemoryFile {
    state: Arc<Mutex<State>>,
    path: PathBuf,
    inode: usize,
}

impl MemoryFile {
    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenFile for MemoryFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.lock_state().files[self.inode].now.len() as u64)
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.lock_state();
        let is_deadly = !state.was_sync;
        state.step(Op::Read, &self.path)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        if let Some((file, range)) = &state.unreadable
            && *file == self.path
            && range.start < at + bytes.len()
            && at < range.end
        {
            return Err(io::Error::from_raw_os_error(5));
        }
        if is_deadly && state.deadly == Some((self.path.clone(), at..at + bytes.len())) {
            drop(state);
            std::panic::resume_unwind(Box::new("the process ends"));
        }
        let there = state.files[self.inode].now.get(at..at.saturating_add(bytes.len()));
        bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.lock_state().overwrite(&self.path, self.inode, at, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.lock_state().fsync(&self.path, self.inode)
    }

    fn is_there(&self) -> bool {
        let state = self.lock_state();
        state.there().is_ok() && state.find(&self.path).is_ok_and(|inode| inode == self.inode)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.lock_state().files[self.inode].open -= 1;
    }
}

impl Letterbox for MemoryDisk {
    fn rename_new(&mut self, from: &Path, to: &Path) -> io::Result<bool> {
        if self.has(to) {
            return Ok(false);
        }
        self.rename(from, to).map(|()| true)
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        if self.holds_lock {
            let mut state = self.lock_state();
            state.locked = false;
            state.ground = None;
        }
    }
}

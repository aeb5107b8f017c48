//! A small file takes another's place: written and synced under a new name first, then renamed.

use std::io;
use std::path::Path;

use super::{Spool, files};

impl Spool {
    /// Writes a file that was not there before: one whose sync failed must not be synced again.
    pub(super) fn write_anew(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.clear(path)?;
        self.disk.write_durably(path, bytes)
    }

    /// Puts these bytes in a file's place, by way of `new`: at every moment the whole old or the whole new file is there.
    pub(super) fn replace(&mut self, new: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.write_anew(new, bytes)?;
        self.put(new, file)
    }

    /// Makes a name free: what is no file and lies there is set aside.
    pub(super) fn clear(&mut self, path: &Path) -> io::Result<()> {
        match self.disk.remove(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(_) if self.is_odd(path) => self.set_aside(path).map(drop),
            removed => removed,
        }
    }

    /// Gives what was written its name; a folder that has it is set aside.
    pub(super) fn put(&mut self, new: &Path, file: &Path) -> io::Result<()> {
        match self.disk.rename(new, file) {
            // Never a task's file: that stays until the new one has its name.
            Err(_) if self.is_odd(file) => {
                self.set_aside(file)?;
                self.disk.rename(new, file)
            }
            put => put,
        }
    }

    /// What lies there is no file; here that is a folder, since all else can be removed.
    fn is_odd(&self, path: &Path) -> bool {
        self.disk.about(path).is_err_and(|e| files::is_odd(&e))
    }
}

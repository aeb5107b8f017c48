//! Where files go that can't be understood. Nothing is ever deleted from there.

use std::io;
use std::path::{Path, PathBuf};

use super::Spool;
use crate::plants::planted;

/// A file that was set aside so often goes over the last one of its name.
const NUMBERS_MAX: usize = 10_000;

impl Spool {
    /// Moves a file to the quarantine, under a name that is free there.
    pub(super) fn set_aside(&mut self, file: &Path) -> io::Result<PathBuf> {
        let target = self.in_quarantine(file).0;
        if planted("quarantine-deletes") {
            let _ = self.disk.remove(file);
        }
        self.move_between(file, &target)?;
        Ok(target)
    }

    /// Moves a file to another folder. The new name is made durable before the old folder is synced, or the file goes back: a power
    /// cut must not take both.
    pub(super) fn move_between(&mut self, file: &Path, target: &Path) -> io::Result<()> {
        self.disk.rename(file, target)?;
        let Some(folder) = target.parent().filter(|_| !planted("quarantine-not-synced")) else {
            return Ok(());
        };
        let synced = self.disk.sync_dir(folder);
        if synced.is_err() {
            self.disk.rename(target, file)?;
            return synced;
        }
        Ok(())
    }

    /// Puts a copy of what is damaged into the quarantine, once, under the name of this file. It itself stays where it is. Where there is
    /// no space for a copy, the file is the answer.
    pub(super) fn copy_aside(&mut self, file: &Path, bytes: &[u8]) -> PathBuf {
        let (target, taken) = self.in_quarantine(file);
        if let Some(same) = taken
            .into_iter()
            .find(|old| self.disk.read(old, bytes.len() as u64).is_ok_and(|old| old == bytes))
        {
            return same;
        }
        let dir = self.config.dir.join("quarantine");
        if self.disk.write_durably(&target, bytes).and_then(|()| self.disk.sync_dir(&dir)).is_err() {
            let _ = self.disk.remove(&target);
            return file.to_owned();
        }
        target
    }

    /// What was set aside under this name last.
    pub(super) fn aside(&self, file: &Path) -> Option<PathBuf> {
        self.in_quarantine(file).1.pop()
    }

    /// A name for the file that is free in the quarantine, and what lies there of the same name.
    fn in_quarantine(&self, file: &Path) -> (PathBuf, Vec<PathBuf>) {
        let dir = self.config.dir.join("quarantine");
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbered = |n| dir.join(if n == 0 { name.clone() } else { format!("{name}.{n}") });
        // Asked name by name: among thousands of files a list for each would take as many times as long.
        let is_taken =
            |path: &PathBuf| !matches!(self.disk.about(path), Err(e) if e.kind() == io::ErrorKind::NotFound);
        let taken: Vec<_> = (0..NUMBERS_MAX).map(numbered).take_while(is_taken).collect();
        (numbered(taken.len()), taken)
    }
}

//! Which file of a task is being read: one that ends the process is found out by that.

use std::path::{Path, PathBuf};

use super::{Disk, LINE_MAX};
use crate::TaskId;
use crate::plants::planted;

/// A file that ended the process so often while it was read is set aside, and after as many times more not read again.
pub(super) const LOADS_MAX: u32 = 3;

/// Names the file that is being read. It guards against a process that dies, not against a power cut.
pub(super) struct Marker {
    path: PathBuf,
    pub(super) last: Option<(TaskId, u32)>,
    /// An earlier process left it.
    was_left: bool,
    /// The next process is to know which file it was: it waits in the quarantine to go back.
    pub(super) stays: bool,
}

impl Marker {
    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Self {
        let path = dir.join("loading");
        let last = disk.read(&path, LINE_MAX).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            let (id, count) = text.trim().split_once(' ')?;
            Some((TaskId::parse(id)?, count.parse().ok()?))
        });
        Marker { path, last, was_left: last.is_some(), stays: false }
    }

    /// How often reading this file was begun, this time included.
    pub(super) fn begin(&mut self, disk: &mut dyn Disk, id: TaskId) -> u32 {
        let count = self.last.filter(|(last, _)| *last == id).map_or(0, |(_, count)| count).saturating_add(1);
        // Without a marker a poisonous file is not told from others; that must not keep the worker from starting.
        if !self.stays {
            let _ = disk.write(&self.path, &Self::text(id, count));
        }
        count
    }

    /// A file is about to go where only the marker says that it is to be looked for.
    pub(super) fn outlive_power(&self, disk: &mut dyn Disk, id: TaskId) {
        let Some(dir) = self.path.parent() else { return };
        let text = Self::text(id, LOADS_MAX + 1);
        let _ = disk.write_durably(&self.path, &text).and_then(|()| disk.sync_dir(dir));
    }

    fn text(id: TaskId, count: u32) -> Vec<u8> {
        format!("{id} {count}\n").into_bytes()
    }

    pub(super) fn remove(&mut self, disk: &mut dyn Disk) {
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

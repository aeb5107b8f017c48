//! What is being read: a task that ends the process is found out by that.

use std::path::{Path, PathBuf};

use super::{Disk, LINE_MAX};
use crate::TaskId;
use crate::plants::planted;

/// A task that ended the process so often while it was read is copied aside, and after as many times more not read again.
pub(super) const LOADS_MAX: u32 = 3;

/// So often the log as a whole is read before each task is named: to name one is a write.
const WHOLE_MAX: u32 = 1;

/// Names what is being read. It guards against a process that dies, not against a power cut.
pub(super) struct Marker {
    path: PathBuf,
    last: Option<(TaskId, u32)>,
    /// How often the log as a whole was begun, this time included.
    wholes: u32,
    /// An earlier process left it.
    was_left: bool,
}

impl Marker {
    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Self {
        let path = dir.join("loading");
        let text = disk.read(&path, LINE_MAX).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = text.as_deref().and_then(|text| text.trim().split_once(' '));
        let count = parts.and_then(|(_, count)| count.parse().ok());
        let last = parts.and_then(|(id, _)| Some((TaskId::parse(id)?, count?)));
        let wholes = count.filter(|_| parts.is_some_and(|(what, _)| what == ALL)).unwrap_or(0);
        Marker { path, last, wholes, was_left: text.is_some() }
    }

    /// The log is about to be read.
    pub(super) fn begin(&mut self, disk: &mut dyn Disk) {
        self.wholes = self.wholes.saturating_add(1);
        // Without a marker a poisonous task is not told from others; that must not keep the worker from starting.
        if self.last.is_none() {
            let _ = disk.write(&self.path, format!("{ALL} {}\n", self.wholes).as_bytes());
        }
    }

    /// How often reading this task was begun, this time included; as far as tasks are told apart.
    pub(super) fn begin_task(&mut self, disk: &mut dyn Disk, id: TaskId) -> u32 {
        if self.last.is_none() && self.wholes <= WHOLE_MAX {
            return 1;
        }
        let count = self.last.filter(|(last, _)| *last == id).map_or(0, |(_, count)| count).saturating_add(1);
        let _ = disk.write(&self.path, &Self::text(id, count));
        count
    }

    /// Should the power go now, it is known which task it was.
    pub(super) fn outlive_power(&self, disk: &mut dyn Disk, id: TaskId) {
        let Some(dir) = self.path.parent() else { return };
        let text = Self::text(id, LOADS_MAX + 1);
        let _ = disk.write_durably(&self.path, &text).and_then(|()| disk.sync_dir(dir));
    }

    fn text(id: TaskId, count: u32) -> Vec<u8> {
        format!("{id} {count}\n").into_bytes()
    }

    pub(super) fn remove(&mut self, disk: &mut dyn Disk) {
        self.last = None;
        let _ = disk.remove(&self.path);
        // Else power cuts would bring it back, and be counted as ends of the process.
        if let Some(dir) = self.path.parent().filter(|_| self.was_left && !planted("power-cuts-make-poison"))
        {
            let _ = disk.sync_dir(dir);
        }
    }
}

/// What stands in place of a task while none is named.
const ALL: &str = "all";

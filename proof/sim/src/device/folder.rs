//! What became of the state folder of a process.

use std::path::PathBuf;
use std::time::Duration;

use activity_worker::spool::MemoryDisk;
use activity_worker::worker::{FolderAway, FolderMend, Warning};

use crate::state_dir;

/// What somebody does to a folder that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Removed,
    Moved,
    Taken,
    LockRemoved,
    Opened,
}

impl Change {
    /// As a fault.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Change::Removed => "folder removed",
            Change::Moved => "folder moved for a while",
            Change::Taken => "folder taken by another worker",
            Change::LockRemoved => "lock removed",
            Change::Opened => "folder opened to others",
        }
    }

    /// Whether this warning tells of it.
    pub(crate) fn is_said_by(self, warning: &Warning) -> bool {
        match warning {
            Warning::FolderRenewed { .. } => self == Change::Removed,
            Warning::FolderAway { why: FolderAway::NotRenewed(_), .. } => self == Change::Removed,
            Warning::FolderAway { .. } => self == Change::Moved,
            Warning::FolderTaken { .. } => self == Change::Taken,
            Warning::FolderMended { how: FolderMend::Relocked, .. } => self == Change::LockRemoved,
            Warning::FolderMended { how: FolderMend::Closed, .. } => self == Change::Opened,
            _ => false,
        }
    }
}

/// What became of a process's folder.
#[derive(Default)]
pub(crate) struct Folder {
    /// It was moved, and will be back.
    pub(crate) moved: bool,
    /// Since when the worker knows that it is not there.
    pub(crate) known: Option<Duration>,
    /// Another worker has it, with these files.
    pub(crate) taken: Option<Vec<(PathBuf, u64)>>,
    /// What the worker must say when it looks at it next.
    pub(crate) unsaid: Option<Change>,
}

impl Folder {
    /// What was moved away is back.
    pub(crate) fn bring_back(&mut self, disk: &MemoryDisk) {
        if std::mem::take(&mut self.moved) {
            disk.set_ground(None);
            // It may never have been missed.
            self.unsaid = None;
        }
    }
}

/// The files that a worker alone writes, and what is in them.
pub(crate) fn kept_files(disk: &MemoryDisk) -> Vec<(PathBuf, u64)> {
    let inbox = state_dir::path("inbox");
    let files = disk.files().into_iter().filter(|file| !file.starts_with(&inbox));
    files.map(|file| (disk.digest(&file), file)).map(|(digest, file)| (file, digest)).collect()
}

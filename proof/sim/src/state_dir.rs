//! Where things lie on the disk of each device.

use std::path::{Path, PathBuf};

use activity_worker::TaskId;

/// The worker's state folder.
pub(crate) const DIR: &str = "/state";

/// A folder or a file in it.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// The file of a task that is neither settled nor set aside.
pub(crate) fn task(id: TaskId) -> PathBuf {
    path("tasks").join(format!("{id}.task"))
}

//! Where things lie on the disk of each device.

use std::path::{Path, PathBuf};

/// The worker's state folder.
pub(crate) const DIR: &str = "/state";

/// A folder or a file in it.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

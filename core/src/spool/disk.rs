//! The narrow seam to storage.

/// What the spool needs of storage.
pub trait Disk: Send {}

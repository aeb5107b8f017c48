//! The bounds of a run.

use std::time::Duration;

/// What a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// From start to end.
    pub(crate) timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub(crate) grace: Duration,
    /// Bytes of stdout.
    pub(crate) max_output: usize,
}

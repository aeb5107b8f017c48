//! An execution that a task of another one waits for.

use crate::asl::Nested;

/// A task that starts an execution and waits for its end.
pub(super) struct Awaited {
    pub(super) execution: String,
    pub(super) task: u64,
    pub(super) mode: Nested,
}

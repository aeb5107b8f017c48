//! Waiting that can be given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends one wait before its time, from another thread: given to [`Worker::drain_until`](super::Worker::drain_until) or
/// [`poll_once_until`](super::Worker::poll_once_until), and to [`cancel`](super::Worker::cancel), before or while it waits.
#[derive(Debug, Clone, Default)]
pub struct CancelWait(Arc<AtomicBool>);

impl CancelWait {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

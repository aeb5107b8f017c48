//! How a run is told that it is to end.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use activity_worker::worker::Cancelled;
use rustix::event::{EventfdFlags, eventfd};

/// Says that a run is to end, from any thread.
pub(super) struct CancelSwitch {
    pub(super) why: OnceLock<Cancelled>,
    /// Readable once it is.
    pub(super) wake: OwnedFd,
}

impl CancelSwitch {
    pub(super) fn new() -> io::Result<Arc<Self>> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(CancelSwitch { why: OnceLock::new(), wake }))
    }

    /// The run is to end; the first reason counts.
    pub(super) fn cancel(&self, why: Cancelled) {
        if self.why.set(why).is_ok() {
            // Only a counter at its top could refuse this, and it is written once.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
    }
}

//! The service's time.

use std::time::{Duration, SystemTime};

/// Now, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Since the start; timers run by it.
    pub(crate) at: Duration,
    /// The service's date; histories carry it.
    pub(crate) date: SystemTime,
}

//! How a scenario looks at what became of things.

use std::thread;
use std::time::{Duration, Instant};

/// The error with which a scenario ends when something is not as it was promised.
pub(super) fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

/// Looks again and again until it is so, and says how long that took.
pub(super) fn wait_for(
    what: &str,
    at_most: Duration,
    mut is_so: impl FnMut() -> Result<bool, String>,
) -> Result<Duration, String> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > at_most {
            return Err(format!("{what}: not in {} s", at_most.as_secs()));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(start.elapsed())
}

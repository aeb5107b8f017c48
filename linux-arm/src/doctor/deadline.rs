//! A deadline for what has none of its own.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Does something on a thread of its own. `None`: it takes longer, and goes on without us until the program ends.
pub(super) fn within<T: Send + 'static>(
    time: Duration,
    act: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // The channel carries no value: each kind of value is code for a device to keep.
    let answer = Arc::new(Mutex::new(None));
    let (tell, done) = mpsc::channel::<()>();
    let place = Arc::clone(&answer);
    aside(Box::new(move || {
        let found = act();
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        let _ = tell.send(());
    }));
    done.recv_timeout(time).ok()?;
    answer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Does something on a thread that nobody waits for. Where there is no thread, it is not done.
pub(super) fn aside(act: Box<dyn FnOnce() + Send>) {
    let _ = thread::Builder::new().name("doctor".into()).spawn(act);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_what_hangs_is_not_waited_for() {
        let (_never, hangs) = mpsc::channel::<()>();
        assert_eq!(within(Duration::from_millis(10), move || hangs.recv().is_ok()), None);
        assert_eq!(within(Duration::from_secs(10), || 7), Some(7));
    }
}

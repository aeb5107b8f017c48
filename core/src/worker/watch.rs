//! Who watches the threads that call the outside world: none of them may be at one thing for ever unseen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::worker::reports::Stuck;

/// What a thread is at, for [`Snapshot::stuck`](super::Snapshot::stuck).
pub(super) struct Watched {
    name: String,
    limit: Duration,
    since: Mutex<Option<Duration>>,
}

/// Watches all threads that call the outside world.
#[derive(Clone)]
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    threads: Arc<Mutex<Vec<Arc<Watched>>>>,
}

impl Watch {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Watch { clock, threads: Arc::default() }
    }

    /// The threads that are at one thing for too long.
    pub(super) fn stuck(&self) -> Vec<Stuck> {
        let now = self.clock.monotonic();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let stuck = threads.iter().filter_map(|t| {
            let since = now.saturating_sub((*t.since.lock().unwrap_or_else(PoisonError::into_inner))?);
            (since > t.limit).then_some(Stuck { thread: t.name.clone(), since })
        });
        stuck.collect()
    }

    pub(super) fn add(&self, name: &str, limit: Duration) -> Arc<Watched> {
        let watched = Arc::new(Watched { name: name.to_owned(), limit, since: Mutex::new(None) });
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended let go of theirs.
        threads.retain(|watched| Arc::strong_count(watched) > 1);
        threads.push(Arc::clone(&watched));
        watched
    }

    pub(super) fn during<T>(&self, watched: &Watched, work: impl FnOnce() -> T) -> T {
        let set = |at| *watched.since.lock().unwrap_or_else(PoisonError::into_inner) = at;
        set(Some(self.clock.monotonic()));
        let result = work();
        set(None);
        result
    }
}

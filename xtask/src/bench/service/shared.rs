//! What the service's threads share: its tasks, its counters, and how it behaves just now.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;

use super::tasks::Tasks;

pub(super) struct Shared {
    pub(super) identity: Arc<ServerConfig>,
    pub(super) tasks: Tasks,
    /// How long a poll waits.
    pub(super) long_poll: Duration,
    /// Bytes in both directions, TLS included.
    pub(super) bytes: AtomicU64,
    /// Of those, what HTTP/1.1 over TLS 1.3 can't do without.
    pub(super) needed: AtomicU64,
    /// Of a round trip, in microseconds.
    delay: AtomicU64,
    /// Whether results are refused, with a 503.
    pub(super) refuses: AtomicBool,
    pub(super) is_down: AtomicBool,
    calls: Mutex<BTreeMap<String, u64>>,
    open: Mutex<Vec<TcpStream>>,
}

impl Shared {
    pub(super) fn new(identity: Arc<ServerConfig>, long_poll: Duration) -> Self {
        Shared {
            identity,
            tasks: Tasks::default(),
            long_poll,
            bytes: AtomicU64::new(0),
            needed: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            refuses: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
            calls: Mutex::default(),
            open: Mutex::default(),
        }
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, operation: &str) {
        let mut calls = self.calls();
        match calls.get_mut(operation) {
            Some(count) => *count += 1,
            None => drop(calls.insert(operation.to_owned(), 1)),
        }
    }

    /// How many calls of an operation were answered.
    pub(super) fn answered(&self, operation: &str) -> u64 {
        self.calls().get(operation).copied().unwrap_or(0)
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// One way of the round trip.
    pub(super) fn travel(&self) {
        let way = self.delay.load(Ordering::SeqCst) / 2;
        if way > 0 {
            std::thread::sleep(Duration::from_micros(way));
        }
    }

    /// Remembers a connection, to be cut one day.
    pub(super) fn opened(&self, stream: &TcpStream) {
        self.open().extend(stream.try_clone());
    }

    /// Cuts all connections.
    pub(super) fn cut(&self) {
        for stream in self.open().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.tasks.end_polls();
    }
}

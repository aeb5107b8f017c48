//! The service that workers are measured against: the four calls of a worker over TLS, as fast as threads and rustls are, with a
//! round trip as long as one likes. It checks nothing: what it costs is not to be in the figures, and `load` shows that it is not.

mod http;
mod serve;
mod shared;
mod tasks;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::shared::Shared;
use crate::tls_proxy::Authority;

/// The stack of a connection's thread.
const STACK: usize = 512 * 1024;

/// A running service on loopback. Dropped, it cuts its connections.
pub(super) struct Service {
    folder: TempDir,
    port: u16,
    shared: Arc<Shared>,
}

impl Service {
    /// Starts one whose polls wait this long for a task.
    pub(super) fn start(long_poll: Duration) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let authority = Authority::new("bench")?;
        authority.write(&folder.path().join("ca.pem"))?;
        let shared = Arc::new(Shared::new(authority.certificate("localhost", 1)?, long_poll));
        let port = listen(&shared, 0)?;
        Ok(Service { folder, port, shared })
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The file of the CA that clients are to trust.
    pub(super) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// From now on each round trip takes this long. That of a handshake does not.
    pub(super) fn set_round_trip(&self, time: Duration) {
        self.shared.set_delay(time);
    }

    /// Whether results are refused from now on, as by a service in trouble.
    pub(super) fn refuse_results(&self, refuse: bool) {
        self.shared.refuses.store(refuse, Ordering::SeqCst);
    }

    /// Cuts all connections and refuses new ones.
    pub(super) fn go_down(&self) {
        self.shared.is_down.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends; after this connection it has no other.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        self.shared.cut();
    }

    /// Listens again, where it did before.
    pub(super) fn come_back(&self) -> Result<(), String> {
        self.shared.is_down.store(false, Ordering::SeqCst);
        listen(&self.shared, self.port).map(drop)
    }

    /// New tasks of an activity, there at once. Their numbers.
    pub(super) fn give(&self, activity: &str, count: usize) -> Range<usize> {
        self.shared.tasks.give(activity, count)
    }

    /// When each of these tasks was handed out, once all are.
    pub(super) fn handed(&self, tasks: &Range<usize>, at_most: Duration) -> Result<Vec<Instant>, String> {
        self.shared.tasks.wait_handed(tasks, at_most)
    }

    /// When each of these tasks was reported, once all are.
    pub(super) fn reported(&self, tasks: &Range<usize>, at_most: Duration) -> Result<Vec<Instant>, String> {
        self.shared.tasks.wait_reported(tasks, at_most)
    }

    /// From the first hand-out to the last report of these tasks, once all are reported.
    pub(super) fn span(&self, tasks: &Range<usize>, at_most: Duration) -> Result<Duration, String> {
        let last = self.reported(tasks, at_most)?.into_iter().max();
        let first = self.handed(tasks, at_most)?.into_iter().min();
        last.zip(first).map(|(last, first)| last - first).ok_or_else(|| "no task".to_owned())
    }

    /// Bytes in both directions, TLS included.
    pub(super) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::SeqCst)
    }

    /// Bytes that HTTP/1.1 over TLS 1.3 would have needed for the same calls.
    pub(super) fn needed_bytes(&self) -> u64 {
        self.shared.needed.load(Ordering::SeqCst)
    }

    /// How many calls of an operation were answered.
    pub(super) fn answered(&self, operation: &str) -> u64 {
        self.shared.answered(operation)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.go_down();
    }
}

/// Serves whoever connects to this port, 0 for a free one, until the service goes down.
fn listen(shared: &Arc<Shared>, port: u16) -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| format!("port {port}: {e}"))?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if shared.is_down.load(Ordering::SeqCst) {
                return;
            }
            shared.opened(&client);
            let shared = Arc::clone(&shared);
            // A connection that breaks is the client's to notice.
            let _ =
                thread::Builder::new().stack_size(STACK).spawn(move || drop(serve::serve(client, &shared)));
        }
    });
    Ok(port)
}

//! The port and the connections through it: open, down, or closing for good.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections at once: as many polls as one activity takes, and room for other calls.
const CONNECTIONS_MAX: usize = 1_200;
/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 1_024;
/// A silent connection is closed after this, as the service does it.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Lets connections in while it is open.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    phase: Phase,
    connections: HashMap<u64, Arc<TcpStream>>,
    last: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Until someone opens it, or this moment.
    Down(Option<Instant>),
    Closing,
}

/// A connection; it is closed when this is dropped.
pub(crate) struct Connection {
    listener: Arc<Listener>,
    number: u64,
    pub(crate) stream: Arc<TcpStream>,
    pub(crate) peer: SocketAddr,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.listener.lock().connections.remove(&self.number);
        self.listener.changed.notify_all();
    }
}

impl Listener {
    pub(crate) fn open(address: IpAddr, port: u16) -> io::Result<Self> {
        let socket = if port == 0 { bind_free_port(address)? } else { TcpListener::bind((address, port))? };
        let address = socket.local_addr()?;
        let state = State { phase: Phase::Open, connections: HashMap::new(), last: 0 };
        Ok(Listener { socket, address, state: Mutex::new(state), changed: Condvar::new() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; `None` once it closes.
    pub(crate) fn accept(self: &Arc<Self>) -> Option<Connection> {
        loop {
            let accepted = self.socket.accept();
            let mut state = self.lock();
            if state.phase == Phase::Closing {
                return None;
            }
            if let Phase::Down(until) = state.phase {
                drop(accepted);
                self.wait_while_down(state, until);
                continue;
            }
            match accepted {
                Ok((stream, peer)) if state.connections.len() < CONNECTIONS_MAX => {
                    // A connection that fails here is as good as one that was never made.
                    let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(IDLE_MAX)));
                    if set.is_err() {
                        continue;
                    }
                    state.last += 1;
                    let (number, stream) = (state.last, Arc::new(stream));
                    state.connections.insert(number, Arc::clone(&stream));
                    return Some(Connection { listener: Arc::clone(self), number, stream, peer });
                }
                Ok(_) => log::warn!("a connection was closed: there are {CONNECTIONS_MAX} already"),
                // Out of descriptors, for instance: they come back when a connection ends.
                Err(e) => {
                    log::warn!("no connection could be accepted: {e}");
                    let _ = self.changed.wait_timeout(state, Duration::from_millis(50));
                }
            }
        }
    }

    /// Refuses connections and cuts those there are; for good, or for a while.
    pub(crate) fn go_down(&self, time: Option<Duration>) {
        let mut state = self.lock();
        if state.phase == Phase::Closing {
            return;
        }
        state.phase = Phase::Down(time.map(|t| Instant::now() + t));
        self.shut(&state);
    }

    /// Listens again, on the same port.
    pub(crate) fn come_back(&self) -> io::Result<()> {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Down(_)) {
            rustix::net::listen(&self.socket, BACKLOG)?;
            state.phase = Phase::Open;
            self.changed.notify_all();
        }
        Ok(())
    }

    pub(crate) fn is_down(&self) -> bool {
        matches!(self.lock().phase, Phase::Down(_))
    }

    /// Closes for good.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closing;
        self.shut(&state);
        self.changed.notify_all();
        drop(state);
        // Where shutting a listening socket does not wake `accept`, a connection does.
        let ip = if self.address.ip().is_unspecified() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            self.address.ip()
        };
        let _ =
            TcpStream::connect_timeout(&SocketAddr::new(ip, self.address.port()), Duration::from_millis(100));
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.lock().phase == Phase::Closing
    }

    /// Waits until all connections have ended, or `time` has passed.
    pub(crate) fn wait_empty(&self, time: Duration) {
        let state = self.lock();
        let _ = self.changed.wait_timeout_while(state, time, |s| !s.connections.is_empty());
    }

    /// Waits for `time`, or until it closes.
    pub(crate) fn pause(&self, time: Duration) {
        let state = self.lock();
        let _ = self.changed.wait_timeout_while(state, time, |s| s.phase != Phase::Closing);
    }

    /// On Linux this ends the listening, wakes `accept`, and keeps the port ours. Elsewhere the socket listens on, and
    /// connections are closed as soon as they are accepted.
    fn shut(&self, state: &State) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        for stream in state.connections.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn wait_while_down(&self, state: MutexGuard<'_, State>, until: Option<Instant>) {
        let down = |s: &mut State| matches!(s.phase, Phase::Down(_));
        let Some(until) = until else {
            drop(self.changed.wait_while(state, down));
            return;
        };
        let time = until.saturating_duration_since(Instant::now());
        let (state, timeout) =
            self.changed.wait_timeout_while(state, time, down).unwrap_or_else(PoisonError::into_inner);
        // Someone may have extended the time meanwhile.
        let over = timeout.timed_out() && state.phase == Phase::Down(Some(until));
        drop(state);
        if over && let Err(e) = self.come_back() {
            log::error!("the port {} could not be opened again: {e}", self.address);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port that the system chose is lost when its socket stops listening; one that was asked for by number is kept. So the
/// number is learnt first, then asked for.
fn bind_free_port(address: IpAddr) -> io::Result<TcpListener> {
    let mut tries = 0;
    loop {
        let port = TcpListener::bind((address, 0))?.local_addr()?.port();
        match TcpListener::bind((address, port)) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && tries < 10 => tries += 1,
            bound => return bound,
        }
    }
}

//! A network that can be cut: a TCP proxy on loopback.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What the proxy does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Carries them.
    Open,
    /// Breaks every connection, old and new.
    Cut,
    /// Keeps every connection, old and new, and carries nothing: what a dead radio link looks like from above.
    Silent,
    /// Ends the proxy.
    Over,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    connections: Vec<TcpStream>,
}

/// A proxy in front of one server. It starts open and ends when dropped.
pub(super) struct Proxy {
    shared: Arc<Shared>,
    address: String,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Proxy {
    /// A proxy in front of the server at `url`.
    pub(super) fn before(url: &str) -> Result<Self, String> {
        let server = url.trim_start_matches("http://").to_owned();
        let listen = || -> io::Result<(TcpListener, String)> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?.to_string();
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(|e| format!("the proxy can't listen: {e}"))?;
        let state = Mutex::new(State { mode: Mode::Open, connections: Vec::new() });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || acceptor.accept(&listener, &server));
        Ok(Proxy { shared, address })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn cut(&self) {
        self.shared.set(Mode::Cut);
    }

    pub(super) fn silence(&self) {
        self.shared.set(Mode::Silent);
    }

    /// The network is back. Connections that were silenced are broken, as they are after a real outage.
    pub(super) fn heal(&self) {
        self.shared.set(Mode::Cut);
        self.shared.set(Mode::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.set(Mode::Over);
        // Wakes the acceptor.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mode: Mode) {
        let mut state = self.lock();
        state.mode = mode;
        if matches!(mode, Mode::Cut | Mode::Over) {
            for connection in state.connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, server: &str) {
        for client in listener.incoming().flatten() {
            match self.lock().mode {
                Mode::Over => return,
                Mode::Cut => continue,
                Mode::Open | Mode::Silent => {}
            }
            // A connection that can't be made is one that broke: the client sees it closed.
            let _ = self.join(client, server);
        }
    }

    /// Carries bytes both ways, a thread for each.
    fn join(self: &Arc<Self>, client: TcpStream, server: &str) -> io::Result<()> {
        let server = TcpStream::connect(server)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        }
        self.lock().connections.extend([client.try_clone()?, server.try_clone()?]);
        for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.carry(from, to));
        }
        Ok(())
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            self.wait_while_silent();
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    fn wait_while_silent(&self) {
        let waited = self.changed.wait_while(self.lock(), |state| state.mode == Mode::Silent);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with itself.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
        url
    }

    fn ask(stream: &mut TcpStream, byte: u8) -> io::Result<u8> {
        let mut answer = [0];
        stream.set_read_timeout(Some(Duration::from_millis(300)))?;
        stream.write_all(&[byte])?;
        stream.read_exact(&mut answer)?;
        Ok(answer[0])
    }

    #[test]
    fn it_carries_cuts_keeps_silent_and_heals() {
        let proxy = Proxy::before(&echo()).unwrap();
        let connect = || TcpStream::connect(&proxy.address).unwrap();
        let mut first = connect();
        assert_eq!(ask(&mut first, 7).unwrap(), 7);

        proxy.cut();
        assert!(ask(&mut first, 8).is_err());
        assert!(ask(&mut connect(), 8).is_err());

        proxy.heal();
        let mut second = connect();
        assert_eq!(ask(&mut second, 9).unwrap(), 9);

        proxy.silence();
        assert_eq!(ask(&mut second, 10).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        proxy.heal();
        assert!(ask(&mut second, 11).is_err(), "a silenced connection does not come back");
        assert_eq!(ask(&mut connect(), 12).unwrap(), 12);
    }
}

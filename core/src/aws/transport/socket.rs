//! A TCP connection as ureq wants it, on which nothing waits longer than it is told to.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, ShutdownHandle, Transport, time};
use ureq::{Error, Timeout};

use super::tcp;

/// How long a write waits for the kernel's word before it is tried all the same. The kernel says that there is room once a third of
/// what it holds is gone, which on a slow link takes longer than a step forward may; it takes a piece long before that.
const LOOK: Duration = Duration::from_millis(100);

/// A connection that never blocks: what must wait, waits for the socket and the deadline at once.
pub(super) struct Socket {
    /// Shared, weakly, with the agent, so that a shutdown ends what waits for it.
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
}

impl Socket {
    /// Of a non-blocking stream.
    pub(super) fn new(stream: TcpStream, buffers: LazyBuffers) -> Self {
        Socket { stream: Arc::new(stream), buffers }
    }

    /// What ends it from another thread.
    pub(super) fn shutdown_handle(&self) -> Weak<dyn ShutdownHandle> {
        Arc::downgrade(&self.stream) as Weak<dyn ShutdownHandle>
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let mut output = self.buffers.output().get(..amount).unwrap_or_default();
        let end = End::of(timeout);
        while !output.is_empty() {
            // Each step forward gives the next one its whole time.
            let step = End::of(timeout.for_write()).min(end);
            let written = retrying(&self.stream, PollFlags::OUT, step, |mut stream| stream.write(output))?;
            output = output.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let (end, input) = (End::of(timeout.for_read()), self.buffers.input_append_buf());
        let amount = retrying(&self.stream, PollFlags::IN, end, |mut stream| stream.read(input))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Whether it can carry another request: nothing has come that nobody asked for, not even a farewell.
    fn is_open(&mut self) -> bool {
        let read = (&*self.stream).read(&mut [0]);
        read.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({:?})", self.stream.peer_addr().ok())
    }
}

/// When a wait ends, and why; `None`: never.
#[derive(Clone, Copy)]
struct End(Option<Instant>, Timeout);

impl End {
    fn of(timeout: NextTimeout) -> Self {
        let at = match timeout.after {
            time::Duration::Exact(after) => Instant::now().checked_add(after),
            time::Duration::NotHappening => None,
        };
        End(at, timeout.reason)
    }

    fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(own), Some(others)) if others < own => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }
}

/// Does it once it can be done.
fn retrying(
    stream: &TcpStream,
    ready: PollFlags,
    end: End,
    mut action: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Result<usize, Error> {
    let End(at, reason) = end;
    loop {
        // Who has no time left does not even try.
        let left = at.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(Error::Timeout(reason));
        }
        match action(stream) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) if ready == PollFlags::OUT => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            done => return Ok(done?),
        }
        let nap = if ready == PollFlags::OUT { Some(left.map_or(LOOK, |left| left.min(LOOK))) } else { left };
        tcp::wait_for(&mut [rustix::event::PollFd::new(stream, ready)], nap)?;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        (Socket::new(stream, LazyBuffers::new(1024, 1024)), listener.accept().unwrap().0)
    }

    fn within(millis: u64) -> NextTimeout {
        NextTimeout {
            after: Duration::from_millis(millis).into(),
            reason: Timeout::RecvBody,
            ..NextTimeout::default()
        }
    }

    #[test]
    fn p9_a_wait_ends_with_its_reason_and_a_broken_connection_with_its_own() {
        let (mut socket, peer) = pair();
        assert!(socket.is_open());
        assert!(matches!(socket.await_input(within(20)), Err(Error::Timeout(Timeout::RecvBody))));
        assert!(matches!(socket.await_input(within(0)), Err(Error::Timeout(Timeout::RecvBody))));
        (&peer).write_all(b"x").unwrap();
        assert!(socket.await_input(within(5000)).unwrap());
        let write = NextTimeout { per_write: Some(Duration::from_millis(20).into()), ..within(5000) };
        let full = (0..100_000).find_map(|_| socket.transmit_output(1024, write).err());
        assert!(matches!(full, Some(Error::Timeout(Timeout::PerWrite))), "{full:?}");
        drop(peer);
        assert!(!socket.is_open());
        assert!(!matches!(socket.await_input(within(5000)), Ok(true) | Err(Error::Timeout(_))));
    }

    #[test]
    fn p9_a_shutdown_ends_a_wait() {
        let (mut socket, _peer) = pair();
        let handle = socket.shutdown_handle().upgrade().unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| socket.await_input(within(60_000)));
            handle.shutdown();
            assert!(!waits.join().unwrap().unwrap());
        });
    }
}

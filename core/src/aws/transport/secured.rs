//! A TLS connection as ureq wants it, on another connection.
//!
//! ureq hands over a request's head and its body apart. They are gathered until the answer is waited for, so that a request of up to
//! [`RECORD`] bytes is one TLS record and one write: one packet in place of two, on a link where each costs a header and, on a radio,
//! a turn. What does not fit goes in records that are full.

use std::fmt;
use std::io::{Read, Write};

use rustls::{ClientConnection, Stream};
use ureq::Error;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport, TransportAdapter};

/// The most that a record holds.
const RECORD: usize = 16 * 1024;
/// What a record may be longer than its content. The socket's buffer must have room for both, or a record is two writes.
const AROUND: usize = 256;
/// The size of the buffer that the socket writes from.
pub(super) const WRITE: usize = RECORD + AROUND;
/// ureq writes a head by whole lines, and can't if one does not fit into the buffer that it is given: it is never given less.
const LINE: usize = 8 * 1024;

/// A TLS connection on another one.
pub(super) struct Secured {
    session: ClientConnection,
    socket: TransportAdapter,
    buffers: Gathered,
    /// The time for what is gathered.
    write_timeout: NextTimeout,
}

impl Secured {
    /// After the handshake.
    pub(super) fn new(session: ClientConnection, socket: TransportAdapter, input_size: usize) -> Self {
        let buffers = Gathered::new(input_size);
        Secured { session, socket, buffers, write_timeout: NextTimeout::default() }
    }

    /// Sends what was gathered, in the time that it was given when it was handed over.
    fn send_gathered(&mut self) -> Result<(), Error> {
        let mut plain = self.buffers.gathered();
        if plain.is_empty() {
            return Ok(());
        }
        self.socket.set_timeout(self.write_timeout);
        // Not through `Stream`, which hides an error of the socket until the next write.
        while !plain.is_empty() {
            let taken = self.session.writer().write(plain)?;
            plain = &plain[taken..];
            while self.session.wants_write() {
                self.session.write_tls(&mut self.socket)?;
            }
        }
        self.buffers.sent();
        Ok(())
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.write_timeout = timeout;
        match self.buffers.gather(amount) {
            Room::ForMore => Ok(()),
            Room::No => self.send_gathered(),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.send_gathered()?;
        self.socket.set_timeout(timeout);
        let mut stream = Stream::new(&mut self.session, &mut self.socket);
        let amount = stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Whether the connection can carry another request: the last one is out, and nothing more has come since its answer, not even a
    /// farewell.
    fn is_open(&mut self) -> bool {
        let quiet = self
            .session
            .process_new_packets()
            .is_ok_and(|state| !state.peer_has_closed() && state.plaintext_bytes_to_read() == 0);
        let tcp = self.socket.get_mut();
        quiet && self.buffers.gathered().is_empty() && tcp.buffers().input().is_empty() && tcp.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secured({:?})", self.socket.get_ref())
    }
}

/// Whether more can be gathered.
enum Room {
    ForMore,
    No,
}

/// Buffers of which the output grows until it is sent.
struct Gathered {
    input: LazyBuffers,
    /// Empty until it is needed.
    output: Vec<u8>,
    gathered: usize,
}

impl Gathered {
    fn new(input_size: usize) -> Self {
        // Of its output nothing but one byte is ever there.
        Gathered { input: LazyBuffers::new(input_size, 1), output: Vec::new(), gathered: 0 }
    }

    fn gather(&mut self, amount: usize) -> Room {
        self.gathered = self.output.len().min(self.gathered + amount);
        if self.output.len() - self.gathered < LINE { Room::No } else { Room::ForMore }
    }

    fn gathered(&self) -> &[u8] {
        &self.output[..self.gathered]
    }

    fn sent(&mut self) {
        self.gathered = 0;
    }

    /// Where the next bytes are written.
    fn free(output: &mut Vec<u8>, gathered: usize) -> &mut [u8] {
        if output.is_empty() {
            *output = vec![0; RECORD];
        }
        &mut output[gathered..]
    }
}

impl Buffers for Gathered {
    fn output(&mut self) -> &mut [u8] {
        Self::free(&mut self.output, self.gathered)
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (self.input.input_append_buf(), Self::free(&mut self.output, self.gathered))
    }

    fn input(&self) -> &[u8] {
        self.input.input()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.input.input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        self.input.input_appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.input.input_consume(amount);
    }

    fn can_use_input(&self) -> bool {
        self.input.can_use_input()
    }
}

#[cfg(test)]
mod tests;

//! One name, asked for at every server: both families beside each other, each by itself.
//!
//! A server that says nothing for a second is asked again, and the next one beside it; one that can't or won't tell is left for
//! the next at once. Whatever was asked may still be answered: on a slow link the first answer comes after the second question.
//! That a name has no address is believed when each server has said so, or a second after the first did: one may not know what
//! another does.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::super::tcp;
use super::config::Config;
use super::message::{
    Answer, FORMAT_ERROR, Family, NO_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED, SERVER_FAILURE, question, read,
};

/// A server that has said nothing for so long is asked again, after that twice as long later, and so on.
const AGAIN: Duration = Duration::from_secs(1);
/// What is known is believed after so long, though somebody may know more.
const DOUBT: Duration = Duration::from_secs(1);
/// The most packets that are read in one go: the rest waits, so that a flood holds up nothing.
const PACKETS_MAX: usize = 16;

/// Asks until `until` at most, and tells the addresses of each family as they come. Whether there were any.
pub(super) fn ask(config: &Config, name: &str, until: Instant, tell: &dyn Fn(Vec<IpAddr>)) -> bool {
    let mut sides = vec![Side::new(Family::V4, config)];
    if !config.no_v6 {
        sides.push(Side::new(Family::V6, config));
    }
    loop {
        let now = Instant::now();
        let found = sides.iter().find_map(|side| side.found);
        let mut next = None;
        for side in &mut sides {
            side.send(config, name, found, now);
            if now >= until || side.is_over(found, now) {
                // Better than nothing: what was cut off, if the rest is not to be had.
                side.take_what_there_is(tell);
            } else {
                next = Some(next.map_or(side.next(), |next: Instant| next.min(side.next())));
            }
        }
        let Some(next) = next else { break };
        wait(&sides, next.min(until).saturating_duration_since(now));
        for side in &mut sides {
            side.receive(tell);
        }
    }
    sides.iter().any(|side| side.found.is_some())
}

/// The questions for one family.
struct Side {
    family: Family,
    /// The servers that are still to be asked, the next one last.
    left: Vec<usize>,
    sent: usize,
    /// When the next one is asked, or, if none is left, no longer waited.
    due: Instant,
    /// When it is believed that there is no more than what is known; and who said so.
    settles: Option<(Instant, usize)>,
    /// Of an answer that did not fit.
    partial: Vec<IpAddr>,
    /// The server that told addresses.
    found: Option<usize>,
    under_way: Vec<Ask>,
}

impl Side {
    fn new(family: Family, config: &Config) -> Self {
        let count = config.servers.len();
        let first = if config.rotate { fastrand::usize(..count) } else { 0 };
        let left = (0..count * config.attempts).rev().map(|at| (first + at) % count).collect();
        let due = Instant::now();
        Side {
            family,
            left,
            sent: 0,
            due,
            settles: None,
            partial: Vec::new(),
            found: None,
            under_way: Vec::new(),
        }
    }

    /// `found`: who told addresses, of this family or the other.
    fn is_over(&self, found: Option<usize>, now: Instant) -> bool {
        let silent = self.left.is_empty() && (self.under_way.is_empty() || now >= self.due);
        let settled =
            self.settles.is_some_and(|(at, _)| now >= at || (found.is_some() && self.under_way.is_empty()));
        self.has_enough(found) || silent || settled
    }

    /// A server that has told the other family's addresses is believed when it says that there are none of this one.
    fn has_enough(&self, found: Option<usize>) -> bool {
        let denied_by = self.settles.filter(|_| self.partial.is_empty()).map(|(_, by)| by);
        self.found.is_some() || (found.is_some() && found == denied_by)
    }

    fn next(&self) -> Instant {
        self.settles.map_or(self.due, |(at, _)| at.min(self.due))
    }

    fn send(&mut self, config: &Config, name: &str, found: Option<usize>, now: Instant) {
        while !self.has_enough(found) && now >= self.due {
            let Some(server) = self.left.pop() else { return };
            let round = self.sent / config.servers.len();
            self.sent += 1;
            // A way that swallows questions with an extension lets plain ones pass.
            if let Some(ask) = Ask::begin(config, server, name, self.family, round == 0) {
                self.under_way.push(ask);
                let pause = AGAIN.saturating_mul(1 << round).min(config.timeout);
                self.due = now + if self.left.is_empty() { config.timeout } else { pause };
            }
        }
    }

    fn receive(&mut self, tell: &dyn Fn(Vec<IpAddr>)) {
        let mut at = 0;
        while let Some(ask) = self.under_way.get_mut(at) {
            match ask.hear() {
                Heard::Nothing => at += 1,
                Heard::Lost => {
                    let ask = self.under_way.swap_remove(at);
                    self.done_with(ask.server);
                }
                Heard::Answer(answer) => {
                    let ask = self.under_way.swap_remove(at);
                    self.judge(ask, answer, tell);
                }
            }
        }
    }

    fn judge(&mut self, ask: Ask, answer: Answer, tell: &dyn Fn(Vec<IpAddr>)) {
        let server = ask.server;
        match answer.code {
            NO_ERROR if answer.truncated && !ask.is_tcp() => {
                if !answer.addresses.is_empty() {
                    self.partial = answer.addresses;
                    self.settles = self.settles.or(Some((Instant::now() + DOUBT, server)));
                }
                match ask.over_tcp() {
                    Some(ask) => self.under_way.push(ask),
                    None => self.done_with(server),
                }
            }
            NO_ERROR if !answer.addresses.is_empty() => {
                self.partial = answer.addresses;
                self.settles = Some((Instant::now(), server));
                self.take_what_there_is(tell);
            }
            NO_ERROR | NO_SUCH_NAME => {
                self.settles = self.settles.or(Some((Instant::now() + DOUBT, server)));
                self.done_with(server);
            }
            FORMAT_ERROR | NOT_IMPLEMENTED | SERVER_FAILURE if ask.extended => match ask.plainly() {
                Some(ask) => self.under_way.push(ask),
                None => self.done_with(server),
            },
            _ => self.done_with(server),
        }
    }

    /// Nothing more is expected of this server: on to the next.
    fn done_with(&mut self, server: usize) {
        self.left.retain(|other| *other != server);
        self.under_way.retain(|ask| ask.server != server);
        if !self.left.is_empty() {
            self.due = Instant::now();
        }
    }

    fn take_what_there_is(&mut self, tell: &dyn Fn(Vec<IpAddr>)) {
        if let (None, Some((_, server)), false) = (self.found, self.settles, self.partial.is_empty()) {
            self.found = Some(server);
            self.under_way.clear();
            tell(std::mem::take(&mut self.partial));
        }
    }
}

/// One question to one server, on a socket of its own: from a random port, answered by nobody else.
struct Ask {
    server: usize,
    address: SocketAddr,
    message: Vec<u8>,
    extended: bool,
    wire: Wire,
}

enum Wire {
    Udp(UdpSocket),
    Tcp(Stream),
}

enum Heard {
    Nothing,
    /// There will be no answer.
    Lost,
    Answer(Answer),
}

impl Ask {
    fn begin(config: &Config, server: usize, name: &str, family: Family, extended: bool) -> Option<Self> {
        let address = *config.servers.get(server)?;
        let message = question(random(), name, family, extended)?;
        let wire = Wire::open(config.tcp, address, &message)?;
        Some(Ask { server, address, message, extended, wire })
    }

    /// The same question, without the extension that some servers do not know.
    fn plainly(mut self) -> Option<Self> {
        // The extension stands at the end, and its count at the end of the header.
        self.message.truncate(self.message.len() - 11);
        self.message[11] = 0;
        self.message[..2].copy_from_slice(&random().to_be_bytes());
        let wire = Wire::open(self.is_tcp(), self.address, &self.message)?;
        Some(Ask { extended: false, wire, ..self })
    }

    fn over_tcp(mut self) -> Option<Self> {
        self.message[..2].copy_from_slice(&random().to_be_bytes());
        let wire = Wire::open(true, self.address, &self.message)?;
        Some(Ask { wire, ..self })
    }

    fn is_tcp(&self) -> bool {
        matches!(self.wire, Wire::Tcp(_))
    }

    fn hear(&mut self) -> Heard {
        match &mut self.wire {
            Wire::Udp(socket) => hear(socket, &self.message),
            Wire::Tcp(stream) => match stream.go_on() {
                Ok(None) => Heard::Nothing,
                Ok(Some(answer)) => read(&self.message, answer).map_or(Heard::Lost, Heard::Answer),
                Err(_) => Heard::Lost,
            },
        }
    }
}

fn hear(socket: &UdpSocket, message: &[u8]) -> Heard {
    let mut packet = [0; 4096];
    for _ in 0..PACKETS_MAX {
        match socket.recv(&mut packet) {
            // What is no answer to this question says nothing.
            Ok(length) => {
                if let Some(answer) = packet.get(..length).and_then(|packet| read(message, packet)) {
                    return Heard::Answer(answer);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Heard::Lost,
        }
    }
    Heard::Nothing
}

impl Wire {
    fn open(tcp: bool, server: SocketAddr, message: &[u8]) -> Option<Self> {
        if tcp {
            return Stream::open(server, message).map(Wire::Tcp);
        }
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let open = || {
            let socket = UdpSocket::bind((any, 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            socket.send(message).map(|_| socket)
        };
        open().ok().map(Wire::Udp)
    }
}

/// A question and its answer over TCP, each after its length.
struct Stream {
    tcp: TcpStream,
    unsent: Vec<u8>,
    got: Vec<u8>,
}

impl Stream {
    fn open(server: SocketAddr, message: &[u8]) -> Option<Self> {
        let mut unsent = u16::try_from(message.len()).ok()?.to_be_bytes().to_vec();
        unsent.extend(message);
        Some(Stream { tcp: tcp::begin(server).ok()?, unsent, got: Vec::new() })
    }

    /// What can be done without waiting; the answer once it is whole.
    fn go_on(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            let done = if self.unsent.is_empty() { self.receive() } else { self.send() };
            match done {
                Ok(true) => break,
                Ok(false) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        Ok(self.got.get(2..))
    }

    fn send(&mut self) -> io::Result<bool> {
        let sent = self.tcp.write(&self.unsent)?;
        self.unsent.drain(..sent);
        Ok(false)
    }

    /// Whether the answer is whole.
    fn receive(&mut self) -> io::Result<bool> {
        let whole = match self.got.first_chunk() {
            Some(length) => 2 + usize::from(u16::from_be_bytes(*length)),
            None => 2,
        };
        if self.got.len() >= whole.max(3) {
            return Ok(true);
        }
        let mut part = [0; 1024];
        let room = (whole - self.got.len()).min(part.len());
        match self.tcp.read(&mut part[..room])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.got.extend(&part[..length]);
                Ok(false)
            }
        }
    }
}

fn wait(sides: &[Side], at_most: Duration) {
    let mut asked: Vec<PollFd<'_>> = sides
        .iter()
        .flat_map(|side| &side.under_way)
        .map(|ask| {
            let (fd, events): (BorrowedFd<'_>, _) = match &ask.wire {
                Wire::Udp(socket) => (socket.as_fd(), PollFlags::IN),
                Wire::Tcp(stream) if stream.unsent.is_empty() => (stream.tcp.as_fd(), PollFlags::IN),
                Wire::Tcp(stream) => (stream.tcp.as_fd(), PollFlags::OUT),
            };
            PollFd::from_borrowed_fd(fd, events)
        })
        .collect();
    // If it can't wait, it is asked again, and the time passes all the same.
    let _ = tcp::wait_for(&mut asked, Some(at_most));
}

/// Nobody must be able to guess it.
pub(super) fn random() -> u16 {
    #[cfg(target_os = "linux")]
    {
        let mut bytes = [0; 2];
        if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) == Ok(2) {
            return u16::from_ne_bytes(bytes);
        }
    }
    fastrand::u16(..)
}

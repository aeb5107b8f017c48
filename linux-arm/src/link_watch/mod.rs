//! What the kernel says of the network: a way to the outside may be back, so that a worker that is offline need not wait for the end
//! of a pause.
//!
//! It is told over netlink, without being asked, and nothing wakes up while nothing changes. What it says is a hint: wrong ones cost a
//! call that fails, so they have a pace of their own; where there is no netlink (a seccomp filter, a container without it) the
//! worker goes on without, by its pauses alone.
//!
//! * `messages` reads what the kernel says, and knows what of it matters;
//! * `pace` bounds how often the worker hears of it.

mod messages;
mod pace;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SocketAddrAny, SocketFlags, SocketType, bind, recvfrom, socket_with,
};

use messages::{GROUPS, Links};
use pace::Pace;

/// No message of these groups is half as long. One that is all the same counts as a change that was not understood.
const MESSAGE: usize = 8 * 1024;
/// So many messages are read at once, so that who floods them keeps no signal waiting.
const AT_ONCE: usize = 64;

/// A socket on which the kernel tells of links, addresses and routes.
pub(crate) struct LinkWatch {
    socket: OwnedFd,
    links: Links,
    pace: Pace,
    start: Instant,
}

impl LinkWatch {
    /// Listens from now on. An error says that the kernel, or who confines this process, does not allow it.
    pub(crate) fn start() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // The protocol that has no name here, NETLINK_ROUTE, is number 0.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(LinkWatch { socket, links: Links::default(), pace: Pace::default(), start: Instant::now() })
    }

    /// Reads what has come. An error means that nothing more will.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let mut message = [0; MESSAGE];
        for _ in 0..AT_ONCE {
            let matters = match recvfrom(&self.socket, &mut message[..], RecvFlags::TRUNC) {
                Ok((_, length, Some(from))) if is_kernel(&from) => match message.get(..length) {
                    Some(messages) => self.links.tell_a_way_back(messages),
                    None => true,
                },
                Ok(_) | Err(Errno::INTR) => false,
                Err(Errno::AGAIN) => break,
                // More was said than the socket has room for.
                Err(Errno::NOBUFS) => true,
                Err(e) => return Err(e.into()),
            };
            if matters {
                self.pace.changed(self.start.elapsed());
            }
        }
        Ok(())
    }

    /// Whether the worker is to hear now that a way may be back. Once it is true, it is not for a while.
    pub(crate) fn is_due(&mut self) -> bool {
        self.pace.take(self.start.elapsed())
    }

    /// How long until it may be due; `None`: not before something comes.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        Some(self.pace.due()?.saturating_sub(self.start.elapsed()))
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Other processes may write to the socket too, with the rights for it.
fn is_kernel(from: &SocketAddrAny) -> bool {
    SocketAddrNetlink::try_from(from.clone()).is_ok_and(|from| from.pid() == 0)
}

//! TCP: several addresses tried beside each other, and a socket on which nothing waits for ever.
//!
//! An address gets [`HEAD_START`] before the next one is tried too, the families by turns; the first that answers is taken
//! (RFC 8305). Whatever the name servers still say meanwhile joins in.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

/// How long an address is tried alone.
const HEAD_START: Duration = Duration::from_millis(250);
/// The most addresses that are tried.
const MAX_ADDRESSES: usize = 16;
/// How long it may take until more addresses, or the end of the transport, are seen.
const LOOK: Duration = Duration::from_millis(50);
/// Keepalive that is not answered is sent again so soon.
const BEAT_AGAIN: Duration = Duration::from_secs(10);
/// After so many without an answer the connection is dead.
const BEATS: u32 = 4;
/// What is sent and not acknowledged for so long, resends included, never will be. Every acknowledgement starts it anew, so a slow
/// link is no dead one; but one whose other end offers a window of a few KB at a time was seen to be given up all the same.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(50);

/// Where addresses come from, while they come.
pub(super) trait Addresses {
    /// Those that came since the last time.
    fn more(&mut self) -> Vec<IpAddr>;
    /// No more will come.
    fn is_over(&self) -> bool;
    /// Nobody wants the connection any more.
    fn is_closed(&self) -> bool;
}

/// A connection to the first address that answers; an error of the kind `NotConnected` means that nobody wants it any more.
pub(super) fn connect(
    addresses: &mut dyn Addresses,
    port: u16,
    within: Duration,
    keepalive: Option<Duration>,
) -> io::Result<TcpStream> {
    let end = Instant::now() + within;
    let mut queue = Queue::default();
    let mut trying: Vec<TcpStream> = Vec::new();
    let (mut next, mut failed) = (Instant::now(), None);
    loop {
        queue.extend(addresses.more());
        let now = Instant::now();
        if addresses.is_closed() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if now >= end {
            // Where each address has failed, only the look-up was still waited for.
            let why = failed.filter(|_| trying.is_empty());
            return Err(why.unwrap_or_else(|| io::ErrorKind::TimedOut.into()));
        }
        if (now >= next || trying.is_empty())
            && let Some(address) = queue.take()
        {
            match begin(SocketAddr::new(address, port)) {
                Ok(tcp) => {
                    trying.push(tcp);
                    next = now + HEAD_START;
                }
                Err(e) => {
                    note(&mut failed, e);
                    continue;
                }
            }
        }
        let more = !addresses.is_over();
        if trying.is_empty() && !more {
            return Err(failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        let mut wait = (end - now).min(if more { LOOK } else { LOOK * 5 });
        if !queue.is_empty() {
            wait = wait.min(next.saturating_duration_since(now));
        }
        let mut fds: Vec<_> = trying.iter().map(|tcp| PollFd::new(tcp, PollFlags::OUT)).collect();
        wait_for(&mut fds, Some(wait))?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for at in (0..ready.len()).rev().filter(|at| ready[*at]) {
            let tcp = trying.remove(at);
            match tcp.take_error() {
                Ok(None) => return settle(tcp, keepalive),
                Ok(Some(e)) | Err(e) => {
                    note(&mut failed, e);
                    next = now;
                }
            }
        }
    }
}

/// A connection that is being made, without waiting for it.
pub(super) fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket(family)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket.into()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    use rustix::net::SocketFlags;
    rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn socket(family: AddressFamily) -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    // As std does it: an app that has not asked for it must not die of a connection that broke.
    #[cfg(target_vendor = "apple")]
    sockopt::set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

fn settle(tcp: TcpStream, keepalive: Option<Duration>) -> io::Result<TcpStream> {
    tcp.set_nodelay(true)?;
    // A kernel that lacks one of these has a connection all the same.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = sockopt::set_tcp_user_timeout(
        &tcp,
        u32::try_from(patience(keepalive).as_millis()).unwrap_or_default(),
    );
    if let Some(idle) = keepalive {
        let _ = sockopt::set_tcp_keepidle(&tcp, idle)
            .and_then(|()| sockopt::set_tcp_keepintvl(&tcp, BEAT_AGAIN.min(idle)))
            .and_then(|()| sockopt::set_tcp_keepcnt(&tcp, BEATS))
            .and_then(|()| sockopt::set_socket_keepalive(&tcp, true));
    }
    Ok(tcp)
}

/// For keepalive the kernel counts it from the last that it heard, not from the first beat: three are sent before it is over.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn patience(keepalive: Option<Duration>) -> Duration {
    keepalive.map_or(UNACKNOWLEDGED, |idle| (idle + 3 * BEAT_AGAIN).clamp(UNACKNOWLEDGED, 2 * UNACKNOWLEDGED))
}

/// Of several reasons the one that tells most: that there is no way for one family is no news.
fn note(failed: &mut Option<io::Error>, e: io::Error) {
    use io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    let says_little =
        |e: &io::Error| matches!(e.kind(), AddrNotAvailable | HostUnreachable | NetworkUnreachable);
    if failed.as_ref().is_none_or(says_little) {
        *failed = Some(e);
    }
}

/// The addresses that are still to be tried.
#[derive(Default)]
struct Queue {
    /// IPv4, IPv6.
    families: [VecDeque<IpAddr>; 2],
    /// Whose turn it is. It begins with the family of the resolver's first choice.
    turn: Option<usize>,
    seen: Vec<IpAddr>,
}

impl Queue {
    fn extend(&mut self, addresses: Vec<IpAddr>) {
        for address in addresses {
            if self.seen.len() < MAX_ADDRESSES && !self.seen.contains(&address) {
                let family = usize::from(address.is_ipv6());
                self.turn.get_or_insert(family);
                self.families[family].push_back(address);
                self.seen.push(address);
            }
        }
    }

    fn take(&mut self) -> Option<IpAddr> {
        let turn = self.turn?;
        let family = if self.families[turn].is_empty() { 1 - turn } else { turn };
        let taken = self.families[family].pop_front()?;
        self.turn = Some(1 - family);
        Some(taken)
    }

    fn is_empty(&self) -> bool {
        self.families.iter().all(VecDeque::is_empty)
    }
}

/// Until one of them is ready, or the time is over; `None`: for ever.
pub(super) fn wait_for(fds: &mut [PollFd<'_>], at_most: Option<Duration>) -> io::Result<()> {
    // A millisecond at least, so that a moment that has all but come is no busy loop.
    let at_most = at_most.map(|at_most| at_most.max(Duration::from_millis(1)));
    // A time beyond what the kernel counts is none.
    let at_most = at_most.and_then(|at_most| Timespec::try_from(at_most).ok());
    match poll(fds, at_most.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;

    const LONG: Duration = Duration::from_secs(5);
    const SOON: Duration = Duration::from_millis(240);

    /// Addresses by the time at which they come.
    struct Coming {
        batches: Vec<(Duration, Vec<IpAddr>)>,
        start: Instant,
        closed_after: Duration,
    }

    impl Coming {
        fn of(batches: Vec<(Duration, Vec<IpAddr>)>) -> Self {
            Coming { batches, start: Instant::now(), closed_after: LONG * 2 }
        }

        fn at_once(addresses: impl Into<Vec<IpAddr>>) -> Self {
            Self::of(vec![(Duration::ZERO, addresses.into())])
        }
    }

    impl Addresses for Coming {
        fn more(&mut self) -> Vec<IpAddr> {
            let now = self.start.elapsed();
            let (came, left): (Vec<_>, _) = self.batches.drain(..).partition(|(at, _)| *at <= now);
            self.batches = left;
            came.into_iter().flat_map(|(_, addresses)| addresses).collect()
        }

        fn is_over(&self) -> bool {
            self.batches.is_empty()
        }

        fn is_closed(&self) -> bool {
            self.start.elapsed() >= self.closed_after
        }
    }

    fn v4(last: u8) -> IpAddr {
        Ipv4Addr::new(127, 0, 0, last).into()
    }

    /// A port on which 127.0.0.1 listens, and, of each address after it up to `silent`, no SYN is answered.
    fn port(silent: u8) -> (u16, Vec<OwnedFd>, Vec<TcpStream>) {
        let (mut kept, mut fill) = (Vec::new(), Vec::new());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        kept.push(OwnedFd::from(listener));
        for last in 2..=silent {
            let address = SocketAddr::new(v4(last), port);
            let full = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            rustix::net::bind(&full, &address).unwrap();
            rustix::net::listen(&full, 0).unwrap();
            fill.extend((0..4).map(|_| begin(address).unwrap()));
            kept.push(full);
        }
        (port, kept, fill)
    }

    fn timed(addresses: &mut Coming, port: u16, within: Duration) -> (io::Result<TcpStream>, Duration) {
        let start = Instant::now();
        (connect(addresses, port, within, None), start.elapsed())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn field_12_addresses_that_do_not_answer_hold_up_the_next_for_a_moment_each() {
        let (port, _kept, _fill) = port(6);
        let (tcp, took) = timed(&mut Coming::at_once([v4(2), v4(1)]), port, LONG);
        assert_eq!(tcp.unwrap().peer_addr().unwrap().ip(), v4(1));
        assert!(took > SOON && took < HEAD_START * 3, "{took:?}");
        // The fifth has its turn, too.
        let all = [v4(2), v4(3), v4(4), v4(5), v4(6), v4(1)];
        let (tcp, took) = timed(&mut Coming::at_once(all), port, LONG);
        assert_eq!(tcp.unwrap().peer_addr().unwrap().ip(), v4(1));
        assert!(took < HEAD_START * 8, "{took:?}");
        let (tcp, took) = timed(&mut Coming::at_once([v4(2)]), port, SOON);
        assert_eq!(tcp.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(took < SOON * 3, "{took:?}");
        let mut closing = Coming { closed_after: SOON, ..Coming::at_once([v4(2)]) };
        let (tcp, took) = timed(&mut closing, port, LONG);
        assert_eq!(tcp.unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert!(took < LONG / 2, "{took:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn field_12_the_other_familys_addresses_join_in_when_they_come() {
        let (port, _kept, _fill) = port(2);
        // The first family's address is silent; the other's comes late, and is tried at once.
        let late = Duration::from_millis(400);
        let mut coming = Coming::of(vec![(Duration::ZERO, vec![v4(2)]), (late, vec![v4(1)])]);
        let (tcp, took) = timed(&mut coming, port, LONG);
        assert_eq!(tcp.unwrap().peer_addr().unwrap().ip(), v4(1));
        assert!(took >= late && took < late * 3, "{took:?}");
        // Refused, and nothing comes.
        let mut coming = Coming::of(vec![(Duration::ZERO, vec![v4(9)]), (LONG, vec![])]);
        assert_eq!(timed(&mut coming, port, SOON).0.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        // Refused, and the other comes late.
        let mut coming = Coming::of(vec![(Duration::ZERO, vec![v4(9)]), (late, vec![v4(1)])]);
        assert!(timed(&mut coming, port, LONG).0.is_ok());
    }

    #[test]
    fn field_12_an_address_that_refuses_costs_no_time_and_the_reason_that_tells_most_is_told() {
        let (port, _kept, _fill) = port(1);
        let nowhere: IpAddr = Ipv6Addr::LOCALHOST.into();
        let (tcp, took) = timed(&mut Coming::at_once([nowhere, v4(1)]), port, LONG);
        assert!(tcp.is_ok() && took < SOON, "{took:?}");
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (tcp, _) = timed(&mut Coming::at_once([v4(1)]), closed, LONG);
        assert_eq!(tcp.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let mut failed = None;
        for kind in [
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::HostUnreachable,
        ] {
            note(&mut failed, kind.into());
        }
        assert_eq!(failed.unwrap().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn field_12_the_families_take_turns() {
        let v6 = |n| IpAddr::from([n, 0, 0, 0, 0, 0, 0, 0u16]);
        let turns = |addresses: &[IpAddr]| {
            let mut queue = Queue::default();
            queue.extend(addresses.to_vec());
            std::iter::from_fn(|| queue.take()).collect::<Vec<_>>()
        };
        assert_eq!(turns(&[v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(turns(&[v4(1), v6(1), v6(2), v4(1)]), [v4(1), v6(1), v6(2)]);
        assert_eq!(turns(&[v4(1), v4(2)]), [v4(1), v4(2)]);
        assert_eq!(turns(&(0..99).map(v6).collect::<Vec<_>>()).len(), MAX_ADDRESSES);
    }

    #[test]
    fn field_13_a_connection_is_kept_alive_if_and_as_it_is_wished() {
        let (port, _kept, _fill) = port(1);
        let connected = |keepalive| connect(&mut Coming::at_once([v4(1)]), port, LONG, keepalive).unwrap();
        let quiet = connected(None);
        assert!(!sockopt::socket_keepalive(&quiet).unwrap());
        let kept = connected(Some(Duration::from_secs(15)));
        assert!(sockopt::socket_keepalive(&kept).unwrap() && kept.nodelay().unwrap());
        assert_eq!(sockopt::tcp_keepidle(&kept).unwrap(), Duration::from_secs(15));
        assert_eq!(sockopt::tcp_keepintvl(&kept).unwrap(), BEAT_AGAIN);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        for tcp in [&quiet, &kept] {
            assert_eq!(u128::from(sockopt::tcp_user_timeout(tcp).unwrap()), UNACKNOWLEDGED.as_millis());
        }
    }

    /// The kernel counts from the last that it heard: the end must not come before a second and a third beat had their chance.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn field_13_one_beat_that_is_lost_is_not_the_end() {
        let (port, _kept, _fill) = port(1);
        for (idle, end) in [(1, 50), (15, 50), (20, 50), (30, 60), (45, 75), (3600, 100)] {
            let idle = Duration::from_secs(idle);
            let tcp = connect(&mut Coming::at_once([v4(1)]), port, LONG, Some(idle)).unwrap();
            assert_eq!(sockopt::tcp_user_timeout(&tcp).unwrap(), end * 1000, "{idle:?}");
        }
    }
}

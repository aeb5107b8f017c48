//! Names to addresses, with a deadline.
//!
//! The C library's look-up has none: behind a DNS black hole it hangs for as long as it likes. So each look-up runs on a thread of
//! its own, and whoever waits for it waits only until its own deadline. A name is looked up once at a time: those who come later
//! wait for the same look-up. What hangs is therefore bounded: one thread for a name, and [`MAX_LOOKUPS`] in all.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most names that are looked up at the same time. A worker knows an endpoint and a few sources of credentials.
const MAX_LOOKUPS: usize = 4;
/// glibc's resolver keeps its packets on the stack and loads its modules on it.
const STACK: usize = 256 * 1024;

/// Looks one name up; may hang.
pub(in crate::aws) type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// The resolver says that there is none, or that it can't tell.
    NotFound,
    /// The deadline passed first.
    TimedOut,
    /// [`MAX_LOOKUPS`] other names hang, or the system gives no thread.
    Busy,
    /// [`Names::close`] was called.
    Closed,
}

/// The look-ups of one transport, or of several that share them.
pub(in crate::aws) struct Names {
    lookup: Box<Lookup>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    under_way: Vec<Arc<Flight>>,
}

/// A look-up under way, and its answer for all who wait for it.
struct Flight {
    host: String,
    answer: OnceLock<Result<Vec<IpAddr>, Unresolved>>,
}

impl Names {
    /// By the system's own resolver.
    pub(in crate::aws) fn system() -> Arc<Self> {
        Self::new(Box::new(system))
    }

    pub(in crate::aws) fn new(lookup: Box<Lookup>) -> Arc<Self> {
        Arc::new(Names { lookup, state: Mutex::default(), changed: Condvar::new() })
    }

    /// The addresses of `host`, at least one, in the order in which to try them.
    pub(super) fn resolve(self: &Arc<Self>, host: &str, within: Duration) -> Result<Vec<IpAddr>, Unresolved> {
        let asked = Instant::now();
        let mut state = self.lock();
        let flight = match state.under_way.iter().find(|flight| flight.host == host) {
            Some(flight) => Arc::clone(flight),
            None => self.start(host, &mut state)?,
        };
        loop {
            if let Some(answer) = flight.answer.get() {
                return answer.clone();
            }
            let left = within.saturating_sub(asked.elapsed());
            match (state.closed, left.is_zero()) {
                (true, _) => return Err(Unresolved::Closed),
                (_, true) => return Err(Unresolved::TimedOut),
                _ => {}
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends all waits. Look-ups that hang stay with their threads, which nothing can end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn start(self: &Arc<Self>, host: &str, state: &mut State) -> Result<Arc<Flight>, Unresolved> {
        if state.closed {
            return Err(Unresolved::Closed);
        }
        if state.under_way.len() >= MAX_LOOKUPS {
            return Err(Unresolved::Busy);
        }
        let flight = Arc::new(Flight { host: host.to_owned(), answer: OnceLock::new() });
        let (names, lookup) = (Arc::clone(self), Arc::clone(&flight));
        thread::Builder::new()
            .name("name-lookup".to_owned())
            .stack_size(STACK)
            .spawn(move || names.run(&lookup))
            .map_err(|_| Unresolved::Busy)?;
        state.under_way.push(Arc::clone(&flight));
        Ok(flight)
    }

    fn run(&self, flight: &Arc<Flight>) {
        let answer = match (self.lookup)(&flight.host) {
            Ok(addresses) if !addresses.is_empty() => Ok(alternate(addresses)),
            _ => Err(Unresolved::NotFound),
        };
        let mut state = self.lock();
        state.under_way.retain(|other| !Arc::ptr_eq(other, flight));
        let _ = flight.answer.set(answer);
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// The two families by turns, the resolver's first choice first: when one family leads nowhere, the other has its turn while there
/// is time (RFC 8305, section 4).
fn alternate(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let count = addresses.len();
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(first.next());
        ordered.extend(second.next());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(5);

    /// A resolver that hangs until the returned sender is dropped, and a count of the look-ups it began.
    fn black_hole() -> (Arc<Names>, mpsc::Sender<()>, Arc<AtomicUsize>) {
        let (release, hangs) = mpsc::channel::<()>();
        let hangs = Mutex::new(hangs);
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let names = Names::new(Box::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = hangs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            Ok(vec![IpAddr::from([127, 0, 0, 1])])
        }));
        (names, release, begun)
    }

    #[test]
    fn p6_a_hundred_requests_for_a_name_that_hangs_share_one_thread() {
        let (names, release, begun) = black_hole();
        for _ in 0..100 {
            assert_eq!(names.resolve("hangs.example", Duration::from_millis(1)), Err(Unresolved::TimedOut));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        drop(release);
    }

    #[test]
    fn p6_no_more_than_four_names_hang_at_once_and_each_finds_room_again() {
        let (names, release, begun) = black_hole();
        for host in ["a", "b", "c", "d"] {
            assert_eq!(names.resolve(host, SOON), Err(Unresolved::TimedOut));
        }
        assert_eq!(names.resolve("e", LONG), Err(Unresolved::Busy));
        drop(release);
        for host in ["a", "b", "c", "d"] {
            assert!(names.resolve(host, LONG).is_ok());
        }
        assert!(names.resolve("e", LONG).is_ok());
        assert!(begun.load(Ordering::SeqCst) >= 5);
    }

    #[test]
    fn p9_all_who_wait_for_one_name_get_its_answer() {
        let (names, release, _) = black_hole();
        assert_eq!(names.resolve("slow.example", SOON), Err(Unresolved::TimedOut));
        let together = Barrier::new(9);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    assert_eq!(names.resolve("slow.example", LONG), Ok(vec![IpAddr::from([127, 0, 0, 1])]));
                });
            }
            together.wait();
            drop(release);
        });
    }

    #[test]
    fn p9_closing_ends_the_waits() {
        let (names, release, _) = black_hole();
        let asked = Instant::now();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| names.resolve("hangs.example", LONG));
            names.close();
            assert_eq!(waiting.join().unwrap(), Err(Unresolved::Closed));
        });
        assert!(asked.elapsed() < LONG);
        assert_eq!(names.resolve("other.example", LONG), Err(Unresolved::Closed));
        drop(release);
    }

    #[test]
    fn a_name_without_an_address_is_not_found() {
        let names =
            Names::new(Box::new(
                |host| if host == "empty" { Ok(vec![]) } else { Err(io::ErrorKind::Other.into()) },
            ));
        assert_eq!(names.resolve("empty", LONG), Err(Unresolved::NotFound));
        assert_eq!(names.resolve("failing", LONG), Err(Unresolved::NotFound));
    }

    #[test]
    fn the_families_take_turns() {
        let v6 = |n| IpAddr::from([n, 0, 0, 0, 0, 0, 0, 0u16]);
        let v4 = |n| IpAddr::from([n, 0, 0, 0u8]);
        assert_eq!(alternate(vec![v6(1), v6(2), v6(3), v4(1)]), vec![v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(alternate(vec![v4(1), v6(1), v6(2)]), vec![v4(1), v6(1), v6(2)]);
        assert_eq!(alternate(vec![v4(1), v4(2)]), vec![v4(1), v4(2)]);
    }
}

//! Names to addresses, with a deadline.
//!
//! The C library's look-up has none: behind a DNS black hole it hangs for as long as it likes. So each look-up runs on a thread of
//! its own, and whoever waits for it waits only until its own deadline. A name is looked up once at a time: those who come later
//! wait for the same look-up. What hangs is therefore bounded: one thread for a name, and [`MAX_LOOKUPS`] in all.
//!
//! A wait ends with the first addresses. While they are tried, those of the other family may still come ([`Found`]).

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::dns::Dns;
use super::tcp::Addresses;

/// The most names that are looked up at the same time. A worker knows an endpoint and a few sources of credentials.
const MAX_LOOKUPS: usize = 4;
/// glibc's resolver keeps its packets on the stack and loads its modules on it.
const STACK: usize = 256 * 1024;
/// How long addresses of IPv4 wait for those of IPv6 (RFC 8305, section 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// The system's resolver has said nothing for so long: another way of asking gets its chance.
const LATE: Duration = Duration::from_secs(2);

/// Looks one name up, within a time if it can, and tells addresses as it finds them.
pub(in crate::aws) type Lookup = dyn Fn(&str, Duration, &dyn Fn(Vec<IpAddr>)) + Send + Sync;

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
    /// The first one, and the one that helps where it is [`LATE`].
    lookups: Vec<Box<Lookup>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    under_way: Vec<Arc<Flight>>,
}

/// A look-up, under way for all who wait for it, or over.
struct Flight {
    host: String,
    begun: Instant,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    addresses: Vec<IpAddr>,
    /// When the first of them came.
    since: Option<Instant>,
    begun: usize,
    ended: usize,
}

impl Names {
    /// By the system's own resolver; by ours where that is musl's, or where the system's does not answer.
    pub(in crate::aws) fn system() -> Arc<Self> {
        let own: Box<Lookup> =
            Box::new(|host, within, tell| Dns::of_the_machine().look_up(host, within, tell));
        let lookups = match () {
            () if cfg!(not(target_os = "linux")) => vec![Box::new(system) as Box<Lookup>],
            () if cfg!(target_env = "musl") => vec![own],
            () => vec![Box::new(system), own],
        };
        Self::new(lookups)
    }

    pub(in crate::aws) fn new(lookups: Vec<Box<Lookup>>) -> Arc<Self> {
        Arc::new(Names { lookups, state: Mutex::default(), changed: Condvar::new() })
    }

    /// By one function that tells all at once.
    #[cfg(any(test, feature = "testing"))]
    pub(in crate::aws) fn of(
        lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::new(vec![Box::new(move |host, _, tell| {
            if let Ok(addresses) = lookup(host) {
                tell(addresses);
            }
        })])
    }

    /// The first addresses of `host`, at least one.
    pub(super) fn resolve(self: &Arc<Self>, host: &str, within: Duration) -> Result<Found, Unresolved> {
        let asked = Instant::now();
        let mut state = self.lock();
        if state.closed {
            return Err(Unresolved::Closed);
        }
        if let Ok(address) = host.parse() {
            let told = Progress { addresses: vec![address], ..Progress::default() };
            return Ok(Found::new(self, Arc::new(Flight::new(host, told))));
        }
        let flight = match state.under_way.iter().find(|flight| flight.host == host) {
            Some(flight) => Arc::clone(flight),
            None => self.start(host, within, &mut state)?,
        };
        loop {
            let left = within.saturating_sub(asked.elapsed());
            if state.closed {
                return Err(Unresolved::Closed);
            }
            let outlook = flight.progress().outlook();
            let look = match outlook {
                Outlook::Found => return Ok(Found::new(self, flight)),
                Outlook::Nothing => return Err(Unresolved::NotFound),
                Outlook::MoreWithin(wait) if left.is_zero() || wait.is_zero() => {
                    return Ok(Found::new(self, flight));
                }
                Outlook::Open if left.is_zero() => return Err(Unresolved::TimedOut),
                Outlook::MoreWithin(wait) => wait,
                Outlook::Open => self.help(&flight, within, left),
            };
            let wait = look.min(left);
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends all waits. Look-ups that hang stay with their threads, which nothing can end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn start(
        self: &Arc<Self>,
        host: &str,
        within: Duration,
        state: &mut State,
    ) -> Result<Arc<Flight>, Unresolved> {
        if state.under_way.len() >= MAX_LOOKUPS {
            return Err(Unresolved::Busy);
        }
        let flight = Arc::new(Flight::new(host, Progress::default()));
        self.begin(0, &flight, within).map_err(|_| Unresolved::Busy)?;
        state.under_way.push(Arc::clone(&flight));
        Ok(flight)
    }

    /// Asks in another way if the first is late. How long to wait for more.
    fn help(self: &Arc<Self>, flight: &Arc<Flight>, within: Duration, left: Duration) -> Duration {
        let late = LATE.min(within / 4).saturating_sub(flight.begun.elapsed());
        let begun = flight.progress().begun;
        if begun >= self.lookups.len() {
            return left;
        }
        // If there is no thread for it, there may be one in a moment.
        if late.is_zero() && self.begin(begun, flight, left).is_err() {
            return RESOLUTION_DELAY;
        }
        if late.is_zero() { left } else { late }
    }

    fn begin(self: &Arc<Self>, lookup: usize, flight: &Arc<Flight>, within: Duration) -> io::Result<()> {
        let (names, own) = (Arc::clone(self), Arc::clone(flight));
        let thread = thread::Builder::new().name("name-lookup".to_owned()).stack_size(STACK);
        flight.progress().begun += 1;
        let started = thread.spawn(move || names.run(lookup, &own, within));
        if started.is_err() {
            flight.progress().begun -= 1;
        }
        started.map(drop)
    }

    fn run(&self, lookup: usize, flight: &Arc<Flight>, within: Duration) {
        if let Some(lookup) = self.lookups.get(lookup) {
            lookup(&flight.host, within, &|addresses| {
                // Held, so that who has just looked is already waiting.
                let _state = self.lock();
                flight.progress().add(addresses);
                self.changed.notify_all();
            });
        }
        let mut state = self.lock();
        let mut progress = flight.progress();
        progress.ended += 1;
        if progress.is_over() {
            state.under_way.retain(|other| !Arc::ptr_eq(other, flight));
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    fn new(host: &str, told: Progress) -> Self {
        Flight { host: host.to_owned(), begun: Instant::now(), progress: Mutex::new(told) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be expected of a look-up.
enum Outlook {
    /// Addresses, enough to begin with.
    Found,
    /// There are some. For those of the other family it is worth to wait so long.
    MoreWithin(Duration),
    Open,
    /// It is over, without an address.
    Nothing,
}

impl Progress {
    fn add(&mut self, addresses: Vec<IpAddr>) {
        for address in addresses {
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
        if !self.addresses.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
    }

    fn is_over(&self) -> bool {
        self.ended >= self.begun
    }

    fn outlook(&self) -> Outlook {
        match self.since {
            None if self.is_over() => Outlook::Nothing,
            None => Outlook::Open,
            Some(_) if self.is_over() || self.addresses.iter().any(IpAddr::is_ipv6) => Outlook::Found,
            Some(since) => Outlook::MoreWithin(RESOLUTION_DELAY.saturating_sub(since.elapsed())),
        }
    }
}

/// The addresses of a name, while they come.
pub(super) struct Found {
    names: Arc<Names>,
    flight: Arc<Flight>,
    taken: usize,
}

impl Found {
    fn new(names: &Arc<Names>, flight: Arc<Flight>) -> Self {
        Found { names: Arc::clone(names), flight, taken: 0 }
    }

    /// Those known by now.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.flight.progress().addresses.clone()
    }
}

impl Addresses for Found {
    fn more(&mut self) -> Vec<IpAddr> {
        let progress = self.flight.progress();
        let more = progress.addresses.get(self.taken..).unwrap_or_default().to_vec();
        self.taken = progress.addresses.len();
        more
    }

    fn is_over(&self) -> bool {
        let progress = self.flight.progress();
        progress.is_over() && progress.addresses.len() <= self.taken
    }

    fn is_closed(&self) -> bool {
        self.names.lock().closed
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Found").field(&self.addresses()).finish()
    }
}

/// The C library's look-up: in its own time, and of both families at once.
fn system(host: &str, _: Duration, tell: &dyn Fn(Vec<IpAddr>)) {
    if let Ok(addresses) = (host, 0).to_socket_addrs() {
        tell(addresses.map(|address| address.ip()).collect());
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;

//! A connection: name look-up, TCP, TLS, all within one deadline.
//!
//! ureq asks its resolver before each request, even when it then takes a connection from its pool. Ours answers nothing there; the
//! name is looked up here, when a connection is really made. A device whose DNS fails goes on using the connection it has.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    Transport, TransportAdapter,
};
use ureq::{Error, Timeout};

use super::Proxies;
use super::error::NotConnected;
use super::probe::{self, Notes};
use super::resolve::{Found, Names};
use super::secured::Secured;
use super::socket::Socket as Tcp;
use super::tcp;

/// A connection to the target, be it through a proxy's tunnel.
type Socket = Box<dyn Transport>;

/// Makes connections.
#[derive(Debug, Clone)]
pub(super) struct HttpsConnector {
    tls: Arc<ClientConfig>,
    names: Arc<Names>,
    proxies: Arc<Proxies>,
    timeout: Duration,
    keepalive: Option<Duration>,
    notes: Notes,
}

impl HttpsConnector {
    /// `timeout` is for name look-up, TCP, a proxy's tunnel and TLS together.
    pub(super) fn new(
        tls: Arc<ClientConfig>,
        names: Arc<Names>,
        proxies: Arc<Proxies>,
        timeout: Duration,
    ) -> Self {
        HttpsConnector { tls, names, proxies, timeout, keepalive: None, notes: Notes::default() }
    }

    /// The same, with connections that are kept alive.
    pub(super) fn keepalive(self, keepalive: Option<Duration>) -> Self {
        HttpsConnector { keepalive, ..self }
    }

    /// The same, noting what happens.
    pub(super) fn noting(self, notes: Notes) -> Self {
        HttpsConnector { notes, ..self }
    }

    fn attempt(
        &self,
        details: &ConnectionDetails<'_>,
        deadline: &Arc<Deadline>,
    ) -> Result<Socket, NotConnected> {
        let place = Place::of(details.uri).ok_or_else(NotConnected::bad_url)?;
        Attempt { connector: self, details, place, deadline: Arc::clone(deadline) }.run()
    }
}

impl Connector for HttpsConnector {
    type Out = Socket;

    /// Each failure is a [`NotConnected`] in [`Error::Other`], which no other part of ureq uses: this is how the caller knows
    /// that nothing was sent.
    fn connect(&self, details: &ConnectionDetails, _chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        let deadline = Arc::new(Deadline::after(self.timeout));
        let socket = self.attempt(details, &deadline).map_err(|e| Error::Other(Box::new(e)))?;
        deadline.meet();
        Ok(Some(socket))
    }
}

/// One connection being made.
struct Attempt<'a> {
    connector: &'a HttpsConnector,
    details: &'a ConnectionDetails<'a>,
    place: Place<'a>,
    deadline: Arc<Deadline>,
}

impl Attempt<'_> {
    fn run(&self) -> Result<Socket, NotConnected> {
        let socket = match self.connector.proxies.config(self.details.uri) {
            Some(config) => self.tunnel(config)?,
            None => self.direct()?,
        };
        if !self.details.needs_tls() {
            return Ok(socket);
        }
        let name = ServerName::try_from(self.place.host.to_owned()).map_err(|_| NotConnected::bad_url())?;
        let insecure = |e: io::Error| NotConnected::insecure(e.into(), &self.place, self.connector.timeout);
        self.secure(socket, name).map(|tls| Box::new(tls) as Socket).map_err(insecure)
    }

    fn direct(&self) -> Result<Socket, NotConnected> {
        let mut found = self
            .connector
            .names
            .resolve(self.place.host, self.deadline.left())
            .map_err(|e| NotConnected::unresolved(e, self.place.host, self.connector.timeout))?;
        self.connector.notes.note(|notes| notes.resolved = Some(self.deadline.elapsed()));
        let unreachable = |e| NotConnected::unreachable(e, &self.place, self.connector.timeout);
        let tcp = self.reach(&mut found);
        self.connector.notes.note(|notes| notes.addresses = found.addresses());
        let tcp = tcp.map_err(unreachable)?;
        self.connector.notes.note(|notes| notes.connected = Some(self.deadline.elapsed()));
        Ok(Box::new(Bounded { tcp, deadline: Arc::clone(&self.deadline) }))
    }

    /// Through a proxy. ureq connects to it by calling this connector again, and asks it for a tunnel. The way to the proxy is
    /// direct: one that led through a proxy would have no end, or would show this proxy's password to another one.
    fn tunnel(&self, config: &Config) -> Result<Socket, NotConnected> {
        let proxy = config.proxy().map_or_else(String::new, |p| format!("{}:{}", p.host(), p.port()));
        let failed = |e| NotConnected::no_tunnel(e, &proxy, &self.place, self.connector.timeout);
        let direct = HttpsConnector { proxies: Arc::default(), ..self.connector.clone() };
        let deadline = Arc::clone(&self.deadline);
        let details = ConnectionDetails {
            config,
            addrs: self.details.addrs.clone(),
            timeout: self.timeout().map_err(failed)?,
            current_time: Arc::clone(&self.details.current_time),
            run_connector: Arc::new(move |details| {
                direct.attempt(details, &deadline).map_err(|e| Error::Other(Box::new(e)))
            }),
            register_shutdown: Arc::clone(&self.details.register_shutdown),
            ..*self.details
        };
        match ConnectProxyConnector::default().connect(&details, None::<Tcp>).map_err(failed)? {
            Some(Either::B(tunnel)) => {
                self.connector.notes.note(|notes| notes.tunnelled = Some(self.deadline.elapsed()));
                Ok(tunnel)
            }
            _ => Err(failed(Error::ConnectionFailed)),
        }
    }

    fn reach(&self, found: &mut Found) -> Result<Tcp, Error> {
        let (port, keepalive) = (self.place.port, self.connector.keepalive);
        let stream =
            tcp::connect(found, port, self.deadline.left(), keepalive).map_err(|e| match e.kind() {
                io::ErrorKind::TimedOut => Error::Timeout(Timeout::Connect),
                _ => e.into(),
            })?;
        let config = self.details.config;
        let tcp = Tcp::new(stream, LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()));
        (self.details.register_shutdown)(tcp.shutdown_handle())?;
        Ok(tcp)
    }

    fn secure(&self, socket: Socket, name: ServerName<'static>) -> io::Result<Secured> {
        let mut session =
            ClientConnection::new(Arc::clone(&self.connector.tls), name).map_err(io::Error::other)?;
        let mut socket = TransportAdapter::new(socket, Arc::clone(&self.details.current_time));
        socket.set_timeout(self.timeout().map_err(Error::into_io)?);
        session.complete_io(&mut socket)?;
        self.connector.notes.note(|notes| {
            notes.secured = Some(self.deadline.elapsed());
            notes.tls_version = session.protocol_version().and_then(probe::version);
        });
        Ok(Secured::new(session, socket, self.details.config.input_buffer_size()))
    }

    fn timeout(&self) -> Result<NextTimeout, Error> {
        self.deadline.cap(self.details.timeout)
    }
}

/// When an attempt to connect must have come to its end.
#[derive(Debug)]
struct Deadline {
    start: Instant,
    within: Duration,
    met: AtomicBool,
}

impl Deadline {
    fn after(within: Duration) -> Self {
        Deadline { start: Instant::now(), within, met: AtomicBool::new(false) }
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn left(&self) -> Duration {
        self.within.saturating_sub(self.elapsed())
    }

    /// The connection stands. From now on each request sets its own timeouts.
    fn meet(&self) {
        self.met.store(true, Ordering::Release);
    }

    fn cap(&self, timeout: NextTimeout) -> Result<NextTimeout, Error> {
        if self.met.load(Ordering::Acquire) {
            return Ok(timeout);
        }
        match self.left() {
            // ureq takes a timeout of zero for one of a second.
            Duration::ZERO => Err(Error::Timeout(Timeout::Connect)),
            left => Ok(NextTimeout { after: left.into(), reason: Timeout::Connect, ..timeout }),
        }
    }
}

/// A TCP connection on which nothing outlasts the deadline, until that is met. When ureq asks for a tunnel it waits the timeout anew
/// for each read: a proxy that drips its answer would hold it for ever.
#[derive(Debug)]
struct Bounded {
    tcp: Tcp,
    deadline: Arc<Deadline>,
}

impl Transport for Bounded {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.tcp.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.tcp.transmit_output(amount, self.deadline.cap(timeout)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.tcp.await_input(self.deadline.cap(timeout)?)
    }

    fn is_open(&mut self) -> bool {
        self.tcp.is_open()
    }
}

/// Where a URL leads.
pub(super) struct Place<'a> {
    /// Without the brackets of an IPv6 address.
    host: &'a str,
    port: u16,
    shown_port: Option<u16>,
}

impl<'a> Place<'a> {
    pub(super) fn of(uri: &'a Uri) -> Option<Self> {
        let default = match uri.scheme_str()? {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Place { host, port: uri.port_u16().unwrap_or(default), shown_port: uri.port_u16() })
    }

    pub(super) fn host(&self) -> &'a str {
        self.host
    }
}

/// As in a URL, without the user and password that it may hold.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(self.host)?
        }
        self.shown_port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Stands where ureq wants a resolver.
#[derive(Debug)]
pub(super) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addrs = self.empty();
        addrs.push(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0));
        Ok(addrs)
    }
}

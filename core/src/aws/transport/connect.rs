//! A connection: name look-up, TCP, TLS, all within one deadline.
//!
//! ureq asks its resolver before each request, even when it then takes a connection from its pool. Ours answers nothing there; the
//! name is looked up here, when a connection is really made. A device whose DNS fails goes on using the connection it has.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter, time,
};
use ureq::{Error, Timeout};

use super::Proxies;
use super::error::NotConnected;
use super::examine::{self, Notes};
use super::resolve::Names;

/// The most addresses of a name that are tried: two of each family. ureq's connector gives each half the time of the one before,
/// so that the fifth would have next to none.
const MAX_ADDRESSES: usize = 4;

type Tcp = <TcpConnector as Connector<()>>::Out;
/// A connection to the target, be it through a proxy's tunnel.
type Socket = Box<dyn Transport>;

/// Makes connections.
#[derive(Debug)]
pub(super) struct HttpsConnector {
    tcp: TcpConnector,
    tls: Arc<ClientConfig>,
    names: Arc<Names>,
    proxies: Arc<Proxies>,
    timeout: Duration,
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
        let notes = Notes::default();
        HttpsConnector { tcp: TcpConnector::default(), tls, names, proxies, timeout, notes }
    }

    /// The same, noting what happens.
    pub(super) fn noting(self, notes: Notes) -> Self {
        HttpsConnector { notes, ..self }
    }
}

impl Connector for HttpsConnector {
    type Out = Socket;

    /// Each failure is a [`NotConnected`] in [`Error::Other`], which no other part of ureq uses: this is how the caller knows
    /// that nothing was sent.
    fn connect(&self, details: &ConnectionDetails, _chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        let attempt = || {
            let place = Place::of(details.uri).ok_or_else(NotConnected::bad_url)?;
            Attempt { connector: self, details, place, start: Instant::now() }.run()
        };
        attempt().map(Some).map_err(|e| Error::Other(Box::new(e)))
    }
}

/// One connection being made.
struct Attempt<'a> {
    connector: &'a HttpsConnector,
    details: &'a ConnectionDetails<'a>,
    place: Place<'a>,
    start: Instant,
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
        let addresses = self
            .connector
            .names
            .resolve(self.place.host, self.left())
            .map_err(|e| NotConnected::unresolved(e, self.place.host, self.connector.timeout))?;
        self.connector.notes.note(|notes| {
            notes.resolved = Some(self.start.elapsed());
            notes.addresses = addresses.clone();
        });
        let unreachable = |e| NotConnected::unreachable(e, &self.place, self.connector.timeout);
        let tcp = self.reach(&addresses).map_err(unreachable)?;
        self.connector.notes.note(|notes| notes.connected = Some(self.start.elapsed()));
        Ok(Box::new(tcp))
    }

    /// Through a proxy. ureq connects to it by calling this connector again, and asks it for a tunnel.
    fn tunnel(&self, config: &Config) -> Result<Socket, NotConnected> {
        let proxy = config.proxy().map_or_else(String::new, |p| format!("{}:{}", p.host(), p.port()));
        let failed = |e| NotConnected::no_tunnel(e, &proxy, &self.place, self.connector.timeout);
        let details = ConnectionDetails {
            config,
            addrs: self.details.addrs.clone(),
            timeout: self.timeout().map_err(failed)?,
            current_time: Arc::clone(&self.details.current_time),
            run_connector: Arc::clone(&self.details.run_connector),
            register_shutdown: Arc::clone(&self.details.register_shutdown),
            ..*self.details
        };
        match ConnectProxyConnector::default().connect(&details, None::<Tcp>).map_err(failed)? {
            Some(Either::B(tunnel)) => {
                self.connector.notes.note(|notes| notes.tunnelled = Some(self.start.elapsed()));
                Ok(tunnel)
            }
            _ => Err(failed(Error::ConnectionFailed)),
        }
    }

    fn reach(&self, addresses: &[IpAddr]) -> Result<Tcp, Error> {
        let mut addrs = NoResolver.empty();
        for address in addresses.iter().take(MAX_ADDRESSES) {
            addrs.push(SocketAddr::new(*address, self.place.port));
        }
        let details = ConnectionDetails {
            addrs,
            now: time::Instant::now(),
            timeout: self.timeout()?,
            current_time: Arc::clone(&self.details.current_time),
            run_connector: Arc::clone(&self.details.run_connector),
            register_shutdown: Arc::clone(&self.details.register_shutdown),
            ..*self.details
        };
        self.connector.tcp.connect(&details, None::<()>)?.ok_or(Error::ConnectionFailed)
    }

    fn secure(&self, socket: Socket, name: ServerName<'static>) -> io::Result<Tls> {
        let config = self.details.config;
        let mut session =
            ClientConnection::new(Arc::clone(&self.connector.tls), name).map_err(io::Error::other)?;
        let mut socket = TransportAdapter::new(socket, Arc::clone(&self.details.current_time));
        socket.set_timeout(self.timeout().map_err(Error::into_io)?);
        session.complete_io(&mut socket)?;
        self.connector.notes.note(|notes| {
            notes.secured = Some(self.start.elapsed());
            notes.tls_version = session.protocol_version().and_then(examine::version);
        });
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Tls { session, socket, buffers })
    }

    fn left(&self) -> Duration {
        self.connector.timeout.saturating_sub(self.start.elapsed())
    }

    fn timeout(&self) -> Result<NextTimeout, Error> {
        match self.left() {
            // ureq takes a timeout of zero for one of a second.
            Duration::ZERO => Err(Error::Timeout(Timeout::Connect)),
            left => Ok(NextTimeout { after: left.into(), reason: Timeout::Connect, ..self.details.timeout }),
        }
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

/// A TLS connection on another one.
pub(super) struct Tls {
    session: ClientConnection,
    socket: TransportAdapter<Socket>,
    buffers: LazyBuffers,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.socket.get_ref())
    }
}

impl Transport for Tls {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.socket.set_timeout(timeout);
        let mut plain = &self.buffers.output()[..amount];
        // Not through `Stream`, which hides an error of the socket until the next write.
        while !plain.is_empty() {
            let taken = self.session.writer().write(plain)?;
            plain = &plain[taken..];
            while self.session.wants_write() {
                self.session.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.socket.set_timeout(timeout);
        let mut stream = Stream::new(&mut self.session, &mut self.socket);
        let amount = stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Whether the connection can carry another request: nothing more has come since the last answer, not even a farewell.
    fn is_open(&mut self) -> bool {
        let quiet = self
            .session
            .process_new_packets()
            .is_ok_and(|state| !state.peer_has_closed() && state.plaintext_bytes_to_read() == 0);
        let tcp = self.socket.get_mut();
        quiet && tcp.buffers().input().is_empty() && tcp.is_open()
    }

    fn is_tls(&self) -> bool {
        true
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

//! What an [`HttpsTransport`] is told before it is made.

use std::fmt;
#[cfg(any(test, feature = "testing"))]
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;

use super::Proxies;
use super::exchange::LONGEST;
use super::https::HttpsTransport;
use super::resolve::Names;
use super::tls::{OwnCas, Tls, TransportConfigError, public_cas};
use crate::clock::ServerClock;

/// Describes an [`HttpsTransport`].
#[must_use = "it connects nothing until it is built"]
pub struct HttpsTransportBuilder {
    clock: Option<Arc<ServerClock>>,
    cas: OwnCas,
    public_cas: fn() -> RootCertStore,
    client_certificate: Option<(PathBuf, PathBuf)>,
    proxies: Proxies,
    connect_timeout: Duration,
    keepalive: Option<Duration>,
    names: Arc<Names>,
}

impl HttpsTransport {
    /// Starts to describe a transport.
    pub fn builder() -> HttpsTransportBuilder {
        HttpsTransportBuilder {
            clock: None,
            cas: OwnCas::default(),
            public_cas,
            client_certificate: None,
            proxies: Proxies::default(),
            connect_timeout: Duration::from_secs(10),
            keepalive: None,
            names: Names::system(),
        }
    }
}

impl HttpsTransportBuilder {
    /// The clock that tells at which date certificates are checked. Default: the device's.
    pub fn clock(mut self, clock: Arc<ServerClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A PEM file of CA certificates to be trusted besides the built-in ones, which are those that browsers trust. It is read once, by
    /// [`HttpsTransportBuilder::build`].
    pub fn ca_file(mut self, path: PathBuf) -> Self {
        self.cas.file = Some(path);
        self
    }

    /// Trusts the CAs of [`ca_file`](Self::ca_file) alone, and none of the built-in ones: a server whose certificate any other CA has
    /// signed is refused. An error of [`build`](Self::build) where no CA file is named. Default: false.
    pub fn ca_only(mut self, only: bool) -> Self {
        self.cas.only = only;
        self
    }

    /// PEM files of a certificate (with its chain) and of its key (PKCS#8, PKCS#1 or SEC1), shown to servers that ask for one. Read
    /// once, by [`HttpsTransportBuilder::build`].
    pub fn client_certificate(mut self, certificate: PathBuf, key: PathBuf) -> Self {
        self.client_certificate = Some((certificate, key));
        self
    }

    /// The proxies on the way. Default: none; the environment is not looked at.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The longest time for name look-up, TCP connection and TLS handshake together. Default 10 s, at most an hour.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// After how much silence the kernel asks the other end of each connection for a sign of life, so that a NAT or a firewall on the
    /// way does not forget it, and that one that was forgotten is noticed: within a minute, by four that are not answered. It costs
    /// some 50 bytes each way, and a wake-up of the radio. From 1 s to an hour. Default: never.
    pub fn keepalive(mut self, idle: Duration) -> Self {
        self.keepalive = Some(idle.clamp(Duration::from_secs(1), LONGEST));
        self
    }

    /// Shares the look-ups of names with other transports of the same owner: one that hangs then holds one thread for all of them.
    /// The shutdown of one ends the look-ups of all.
    pub(in crate::aws) fn names(mut self, names: Arc<Names>) -> Self {
        self.names = names;
        self
    }

    /// Looks names up in the place of the system's resolver. It may block for as long as it likes.
    #[cfg(any(test, feature = "testing"))]
    pub fn lookup(
        mut self,
        lookup: impl Fn(&str) -> io::Result<Vec<std::net::IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.names = Names::of(lookup);
        self
    }

    /// Takes these CAs for the built-in ones.
    #[cfg(any(test, feature = "testing"))]
    pub fn public_cas(mut self, cas: fn() -> RootCertStore) -> Self {
        self.public_cas = cas;
        self
    }

    /// Reads the CA file. Connects to nothing yet.
    pub fn build(self) -> Result<HttpsTransport, TransportConfigError> {
        let clock = self.clock.unwrap_or_else(ServerClock::system);
        let tls = Tls::new(clock, (self.public_cas)(), &self.cas, self.client_certificate.as_ref())?;
        Ok(HttpsTransport::new(tls, self.names, self.proxies, self.connect_timeout, self.keepalive))
    }
}

impl fmt::Debug for HttpsTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsTransportBuilder")
            .field("cas", &self.cas)
            .field(
                "client_certificate",
                &self.client_certificate.as_ref().map(|(certificate, _)| certificate),
            )
            .field("proxies", &self.proxies)
            .field("connect_timeout", &self.connect_timeout)
            .field("keepalive", &self.keepalive)
            .finish_non_exhaustive()
    }
}

//! The way to the network that everything shares: which CAs, which proxies, which clock.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{HttpsTransport, Probe, Proxies, Transport, TransportConfigError, set_right};
use crate::clock::ServerClock;

/// What a transport needs to know of this device's network. Sources of credentials make transports of their own from it.
#[derive(Debug, Clone)]
pub struct Network {
    /// The clock that tells at which date certificates are checked.
    pub clock: Arc<ServerClock>,
    /// A PEM file of CAs to be trusted besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Trusts the CAs of `ca_file` alone, and no public ones.
    pub ca_only: bool,
    /// The proxies on the way.
    pub proxies: Proxies,
    /// PEM files of a certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// After how much silence a connection is kept alive; `None`: never. See [`HttpsTransportBuilder::keepalive`](super::HttpsTransportBuilder::keepalive).
    pub keepalive: Option<Duration>,
}

/// What is said of the network. What is left open, AWS' variables and the profile say. `Debug` shows no password of a proxy.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NetworkConfig {
    /// The proxy of all requests, as [`Proxies::new`] has it; an empty text: none. Default: `HTTPS_PROXY` and `HTTP_PROXY`.
    pub proxy: Option<String>,
    /// The hosts that need no proxy, as [`Proxies::new`] has them. Default: `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// A PEM file of CAs to be trusted besides the public ones. Default: `AWS_CA_BUNDLE`, or the profile's `ca_bundle`.
    pub ca_file: Option<PathBuf>,
    /// Trusts the CAs of that file alone, and no public ones.
    pub ca_only: bool,
    /// PEM files of a certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// After how much silence a connection is kept alive: see [`Network::keepalive`]. Zero: never. Default: 15 s.
    pub keepalive: Option<Duration>,
}

/// Some NATs forget a connection that is quiet for 20 s, and a poll is quiet for a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);

impl NetworkConfig {
    /// The network that it stands for on this machine. `ca_bundle`: the CA file that AWS' settings name.
    pub(in crate::aws) fn network(
        self,
        env: &dyn Fn(&str) -> Option<String>,
        ca_bundle: Option<PathBuf>,
    ) -> Result<Network, TransportConfigError> {
        let NetworkConfig { proxy, no_proxy, ca_file, ca_only, client_certificate, keepalive } = self;
        Ok(Network {
            clock: ServerClock::system(),
            ca_file: ca_file.or(ca_bundle),
            ca_only,
            proxies: Proxies::or_env(proxy, no_proxy, env)?,
            client_certificate,
            keepalive: Some(keepalive.unwrap_or(KEEPALIVE)).filter(|idle| !idle.is_zero()),
        })
    }
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NetworkConfig { proxy, no_proxy, ca_file, ca_only, client_certificate, keepalive } = self;
        f.debug_struct("NetworkConfig")
            .field("proxy", &proxy.as_ref().map(|url| url.rsplit('@').next()))
            .field("no_proxy", no_proxy)
            .field("ca_file", ca_file)
            .field("ca_only", ca_only)
            .field("client_certificate", client_certificate)
            .field("keepalive", keepalive)
            .finish()
    }
}

impl Network {
    /// A direct way, with the public CAs, and connections that are not kept alive.
    pub fn new(clock: Arc<ServerClock>) -> Self {
        Network {
            clock,
            ca_file: None,
            ca_only: false,
            proxies: Proxies::default(),
            client_certificate: None,
            keepalive: None,
        }
    }

    /// A transport that gives up a connection after `connect_timeout`.
    pub fn transport(&self, connect_timeout: Duration) -> Result<Arc<dyn Transport>, TransportConfigError> {
        Ok(Arc::new(self.https(connect_timeout)?))
    }

    /// Makes one connection to where `url` leads, sends a `HEAD` over it, unsigned, and tells how far that got. Of the URL only
    /// scheme, host and port count. It takes at most twice `connect_timeout`, and three times where a certificate's dates are wrong.
    pub fn probe(&self, url: &str, connect_timeout: Duration) -> Result<Probe, TransportConfigError> {
        Ok(self.https(connect_timeout)?.probe(url))
    }

    /// Asks the server at `url` for the date, as a call does where certificates seem outdated, and sets the clock right by it. Whether it
    /// did. It takes at most four times `connect_timeout`.
    pub fn set_clock_right(
        &self,
        url: &str,
        connect_timeout: Duration,
    ) -> Result<bool, TransportConfigError> {
        Ok(set_right(&self.clock, &self.https(connect_timeout)?, url))
    }

    fn https(&self, connect_timeout: Duration) -> Result<HttpsTransport, TransportConfigError> {
        let mut builder = HttpsTransport::builder()
            .clock(Arc::clone(&self.clock))
            .proxies(self.proxies.clone())
            .ca_only(self.ca_only)
            .connect_timeout(connect_timeout);
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file.clone());
        }
        if let Some((certificate, key)) = &self.client_certificate {
            builder = builder.client_certificate(certificate.clone(), key.clone());
        }
        if let Some(idle) = self.keepalive {
            builder = builder.keepalive(idle);
        }
        builder.build()
    }
}

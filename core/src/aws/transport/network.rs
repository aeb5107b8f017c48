//! The way to the network that everything shares: which CAs, which proxies, which clock.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Examination, HttpsTransport, Proxies, Transport, TransportConfigError};
use crate::clock::ServerClock;

/// What a transport needs to know of this device's network. Sources of credentials make transports of their own from it.
#[derive(Debug, Clone)]
pub struct Network {
    /// The clock that tells at which date certificates are checked.
    pub clock: Arc<ServerClock>,
    /// A PEM file of CAs to be trusted besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// The proxies on the way.
    pub proxies: Proxies,
    /// PEM files of a certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

impl Network {
    /// A direct way, with the public CAs.
    pub fn new(clock: Arc<ServerClock>) -> Self {
        Network { clock, ca_file: None, proxies: Proxies::default(), client_certificate: None }
    }

    /// A transport that gives up a connection after `connect_timeout`.
    pub fn transport(&self, connect_timeout: Duration) -> Result<Arc<dyn Transport>, TransportConfigError> {
        Ok(Arc::new(self.https(connect_timeout)?))
    }

    /// Makes one connection to where `url` leads, sends a `HEAD` over it, unsigned, and tells how far that got. Of the URL only
    /// scheme, host and port count. It takes at most twice `connect_timeout`, and three times where a certificate's dates are wrong.
    pub fn examine(&self, url: &str, connect_timeout: Duration) -> Result<Examination, TransportConfigError> {
        Ok(self.https(connect_timeout)?.examine(url))
    }

    fn https(&self, connect_timeout: Duration) -> Result<HttpsTransport, TransportConfigError> {
        let mut builder = HttpsTransport::builder()
            .clock(Arc::clone(&self.clock))
            .proxies(self.proxies.clone())
            .connect_timeout(connect_timeout);
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file.clone());
        }
        if let Some((certificate, key)) = &self.client_certificate {
            builder = builder.client_certificate(certificate.clone(), key.clone());
        }
        builder.build()
    }
}

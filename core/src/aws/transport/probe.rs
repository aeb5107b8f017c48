//! How far the way to a server leads, step by step, for a person who asks why nothing gets through.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerified;
use rustls::pki_types::UnixTime;
use rustls::{Error, ProtocolVersion};

use super::TransportError;
use super::verifying::{Judge, Showing};

/// One connection that was made to be looked at, with one unsigned request over it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Probe {
    /// The proxy on the way, without its password. Names and addresses are its own then.
    pub proxy: Option<String>,
    /// What the name stands for; empty if it could not be resolved.
    pub addresses: Vec<IpAddr>,
    /// How long the look-up of the name took.
    pub resolved: Option<Duration>,
    /// How long it took until one of the addresses had answered, the look-up included.
    pub connected: Option<Duration>,
    /// How long it took until the proxy had made its tunnel, all before included.
    pub tunnelled: Option<Duration>,
    /// How long it took until TLS stood, all before included.
    pub secured: Option<Duration>,
    /// The version of TLS, for instance `TLS 1.3`.
    pub tls_version: Option<&'static str>,
    /// The certificates that the server showed (DER), its own first, even if they were refused.
    pub certificates: Vec<Vec<u8>>,
    /// The `Date` of the answer; of one whose certificate was not checked for its dates, if those were what was wrong.
    pub date: Option<SystemTime>,
    /// Why it ended before an answer, if it did.
    pub failed: Option<(Stage, TransportError)>,
}

/// A part of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The look-up of the name: the server's, or the proxy's.
    Name,
    /// The TCP connection: to the server, or to the proxy.
    Connection,
    /// The proxy's consent to lead on.
    Tunnel,
    /// TLS.
    Tls,
    /// The answer.
    Answer,
}

impl Probe {
    /// The stage that an error belongs to: the first that was not passed.
    pub(super) fn stage(&self, secure: bool) -> Stage {
        match self {
            Probe { resolved: None, .. } => Stage::Name,
            Probe { connected: None, .. } => Stage::Connection,
            Probe { proxy: Some(_), tunnelled: None, .. } => Stage::Tunnel,
            Probe { secured: None, .. } if secure => Stage::Tls,
            _ => Stage::Answer,
        }
    }
}

/// Where a connection that is looked at notes what it sees; on all others nothing is noted.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Option<Arc<Mutex<Probe>>>);

impl Notes {
    pub(super) fn taken() -> Self {
        Notes(Some(Arc::default()))
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut Probe)) {
        if let Some(notes) = &self.0 {
            what(&mut notes.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(super) fn read(&self) -> Probe {
        let mut read = Probe::default();
        self.note(|notes| read = notes.clone());
        read
    }
}

/// What people call a version of TLS.
pub(super) fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
        _ => None,
    }
}

/// Notes the certificates, and leaves the judgement to another.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) notes: Notes,
}

impl Judge for Watched {
    fn below(&self) -> &WebPkiServerVerifier {
        &self.verifier
    }

    fn judge(&self, showing: Showing<'_>, now: UnixTime) -> Result<ServerCertVerified, Error> {
        let chain = showing.chain().map(|certificate| certificate.to_vec()).collect();
        self.notes.note(|notes| notes.certificates = chain);
        showing.check(&self.verifier, now)
    }
}

//! How far the way to a server leads, step by step, for a person who asks why nothing gets through.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};

use super::TransportError;

/// One connection that was made to be looked at, with one unsigned request over it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Examination {
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

impl Examination {
    /// The stage that an error belongs to: the first that was not passed.
    pub(super) fn stage(&self, secure: bool) -> Stage {
        match self {
            Examination { resolved: None, .. } => Stage::Name,
            Examination { connected: None, .. } => Stage::Connection,
            Examination { proxy: Some(_), tunnelled: None, .. } => Stage::Tunnel,
            Examination { secured: None, .. } if secure => Stage::Tls,
            _ => Stage::Answer,
        }
    }
}

/// Where a connection that is looked at notes what it sees; on all others nothing is noted.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Option<Arc<Mutex<Examination>>>);

impl Notes {
    pub(super) fn taken() -> Self {
        Notes(Some(Arc::default()))
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut Examination)) {
        if let Some(notes) = &self.0 {
            what(&mut notes.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(super) fn read(&self) -> Examination {
        let mut read = Examination::default();
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
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) notes: Notes,
}

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.to_vec()).collect();
        self.notes.note(|notes| notes.certificates = chain);
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

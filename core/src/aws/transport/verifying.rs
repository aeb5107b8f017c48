//! Verifiers of ours, which judge by rustls's own: they differ from it in what they make of a server's certificates, and in nothing
//! else. Signatures are always checked by the one below.

use std::fmt::Debug;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// What a server shows of itself.
#[derive(Clone, Copy)]
pub(super) struct Showing<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) name: &'a ServerName<'a>,
    ocsp_response: &'a [u8],
}

impl<'a> Showing<'a> {
    /// All certificates, the server's own first.
    pub(super) fn chain(self) -> impl Iterator<Item = &'a CertificateDer<'a>> {
        std::iter::once(self.end_entity).chain(self.intermediates)
    }

    /// Whether all of it is right at a date.
    pub(super) fn check(self, by: &WebPkiServerVerifier, at: UnixTime) -> Result<ServerCertVerified, Error> {
        by.verify_server_cert(self.end_entity, self.intermediates, self.name, self.ocsp_response, at)
    }
}

/// What a verifier makes of a server's certificates.
pub(super) trait Judge: Debug + Send + Sync {
    /// The verifier below.
    fn below(&self) -> &WebPkiServerVerifier;

    /// Whether it may be talked to, now.
    fn judge(&self, showing: Showing<'_>, now: UnixTime) -> Result<ServerCertVerified, Error>;
}

/// A judge, for rustls.
#[derive(Debug)]
pub(super) struct Judged<J>(pub(super) J);

impl<J: Judge> ServerCertVerifier for Judged<J> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.judge(Showing { end_entity, intermediates, name, ocsp_response }, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.below().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.below().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.below().supported_verify_schemes()
    }
}

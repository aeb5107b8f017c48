//! What is trusted, and at which date.
//!
//! TLS 1.2 and 1.3, the CAs that browsers trust (webpki-roots) and those of an own file. Certificates are checked at the date of
//! the [`ServerClock`], not at the device's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, WantsVerifier,
};

use super::examine::{Notes, Watched};
use crate::clock::ServerClock;

/// TLS sessions that are kept to be resumed, with which a new connection costs the device no public-key arithmetic. A worker
/// talks to one or two hosts; rustls keeps 8 tickets for each.
const SESSIONS: usize = 16;

/// Why there is no transport: what it was told is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportConfigError {
    /// The CA file can't be read.
    #[error("can't read the CA file {}: {reason}", path.display())]
    CaFileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The CA file holds no certificate, or something else in the place of one.
    #[error("the CA file {} can't be used: {reason}", path.display())]
    CaFileInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client certificate, or its key, is of no use.
    #[error("the client certificate of {} and {} can't be used: {reason}", certificate.display(), key.display())]
    ClientCertificate {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of its key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A proxy's URL is none. The URL is not shown: it may hold a password.
    #[error("the proxy's URL can't be used: {reason}")]
    Proxy {
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refuses its own defaults; a fault of the build.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// The TLS side of a transport.
#[derive(Debug)]
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    strict: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn new(
        clock: Arc<ServerClock>,
        ca_file: Option<&Path>,
        client: Option<&(PathBuf, PathBuf)>,
    ) -> Result<Self, TransportConfigError> {
        let broken = |e: &dyn std::fmt::Display| TransportConfigError::Tls(e.to_string());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = ca_file {
            add_ca_file(&mut roots, path)?;
        }
        let provider = Arc::new(ring::default_provider());
        let time: Arc<dyn TimeProvider> = Arc::new(ServiceTime(clock));
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|e| broken(&e))?;

        let strict =
            builder(&provider, &time).map_err(|e| broken(&e))?.with_webpki_verifier(Arc::clone(&verifier));
        let mut strict = match client {
            None => strict.with_no_client_auth(),
            Some((certificate, key)) => {
                let unusable = |reason: String| TransportConfigError::ClientCertificate {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    reason,
                };
                let (chain, secret) = client_certificate(certificate, key).map_err(unusable)?;
                strict.with_client_auth_cert(chain, secret).map_err(|e| unusable(mismatch(&e)))?
            }
        };
        strict.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Tls { provider, time, verifier, strict: Arc::new(strict) })
    }

    /// The strict side, noting the certificates that it is shown, and on a new session each time.
    pub(super) fn watched(&self, notes: Notes) -> Arc<ClientConfig> {
        let mut config = (*self.strict).clone();
        let verifier = Arc::clone(&self.verifier) as _;
        config.dangerous().set_certificate_verifier(Arc::new(Watched { verifier, notes }));
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    /// For everything but a probe.
    pub(super) fn strict(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.strict)
    }

    /// For a probe: the chain and the host are checked, at any date at which they hold. Its sessions are never resumed, lest the
    /// strict side takes one over.
    pub(super) fn dateless(&self) -> Result<Arc<ClientConfig>, Error> {
        let verifier = Arc::new(Dateless(Arc::clone(&self.verifier)));
        let builder =
            builder(&self.provider, &self.time)?.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_no_client_auth();
        // Some servers tell nothing to those who show no certificate. It is no secret, and what proves it is good for one handshake.
        config.client_auth_cert_resolver = Arc::clone(&self.strict.client_auth_cert_resolver);
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

fn builder(
    provider: &Arc<CryptoProvider>,
    time: &Arc<dyn TimeProvider>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_details(Arc::clone(provider), Arc::clone(time))
        .with_safe_default_protocol_versions()
}

fn add_ca_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TransportConfigError> {
    let unreadable =
        |reason: String| TransportConfigError::CaFileUnreadable { path: path.to_owned(), reason };
    let invalid = |reason: String| TransportConfigError::CaFileInvalid { path: path.to_owned(), reason };
    let failed = |e: pem::Error| match e {
        pem::Error::Io(e) => unreadable(e.to_string()),
        _ => invalid("it is not valid PEM".to_owned()),
    };
    let before = roots.len();
    for (index, certificate) in CertificateDer::pem_file_iter(path).map_err(failed)?.enumerate() {
        let certificate = certificate.map_err(failed)?;
        roots
            .add(certificate)
            .map_err(|e| invalid(format!("its certificate number {} is not valid: {e}", index + 1)))?;
    }
    if roots.len() == before {
        return Err(invalid("it holds no certificate".to_owned()));
    }
    Ok(())
}

fn client_certificate(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let in_words = |file: &Path, error: pem::Error| match error {
        pem::Error::Io(e) => format!("can't read {}: {e}", file.display()),
        pem::Error::NoItemsFound => {
            format!("{} holds no private key, or one that a passphrase protects", file.display())
        }
        _ => format!("{} is not valid PEM", file.display()),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| in_words(certificate, e))?;
    if chain.is_empty() {
        return Err(format!("{} holds no certificate", certificate.display()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| in_words(key, e))?;
    Ok((chain, key))
}

fn mismatch(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(_) => "the key is another certificate's".to_owned(),
        Error::General(_) => {
            "the key is of a kind that is not known here (RSA, EC P-256, P-384, Ed25519 are)".to_owned()
        }
        other => other.to_string(),
    }
}

/// The corrected date, for rustls.
#[derive(Debug)]
struct ServiceTime(Arc<ServerClock>);

impl TimeProvider for ServiceTime {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.now().duration_since(UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

/// Checks everything that [`WebPkiServerVerifier`] checks, only not *now* but at a date at which each certificate of the chain is
/// valid.
#[derive(Debug)]
struct Dateless(Arc<WebPkiServerVerifier>);

/// Each step leads to the edge of one certificate's validity; a chain has three or four certificates.
const STEPS: usize = 8;

impl ServerCertVerifier for Dateless {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut at = now;
        for _ in 0..STEPS {
            match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at) {
                Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                    at = not_after
                }
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before, ..
                })) => at = not_before,
                settled => return settled,
            }
        }
        // No date at which the whole chain was valid.
        Err(Error::InvalidCertificate(CertificateError::Expired))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

//! What is trusted, and at which date.
//!
//! TLS 1.2 and 1.3, the CAs that browsers trust (webpki-roots), those of an own file, or both. Certificates are checked at the date of
//! the [`ServerClock`], not at the device's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier};

use super::dates::Shown;
use super::probe::{Notes, Watched};
use super::verifying::{Judge, Judged, Showing};
use super::{pem, tls_words};
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
    /// Only the CAs of a CA file are to be trusted, and there is none.
    #[error(
        "only the CAs of a CA file are to be trusted (ca_only), and no CA file is named: nobody would be trusted"
    )]
    CaFileMissing,
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

/// CAs of one's own.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnCas {
    pub(super) file: Option<PathBuf>,
    /// In place of the public ones, not besides.
    pub(super) only: bool,
}

/// The CAs that browsers trust.
pub(super) fn public_cas() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// The TLS side of a transport.
#[derive(Debug)]
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    time: Arc<dyn TimeProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    shown: Arc<Judged<Shown>>,
    strict: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn new(
        clock: Arc<ServerClock>,
        public: RootCertStore,
        own: &OwnCas,
        client: Option<&(PathBuf, PathBuf)>,
    ) -> Result<Self, TransportConfigError> {
        let broken = |e: &dyn std::fmt::Display| TransportConfigError::Tls(e.to_string());
        let roots = roots(public, own)?;
        let provider = Arc::new(ring::default_provider());
        let time: Arc<dyn TimeProvider> = Arc::new(ServiceTime(Arc::clone(&clock)));
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|e| broken(&e))?;

        let shown = Arc::new(Judged(Shown::new(Arc::clone(&verifier), clock)));
        let strict = builder(&provider, &time)
            .map_err(|e| broken(&e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&shown) as _);
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
        Ok(Tls { provider, time, verifier, shown, strict: Arc::new(strict) })
    }

    /// The strict side, noting the certificates that it is shown, and on a new session each time.
    pub(super) fn watched(&self, notes: Notes) -> Arc<ClientConfig> {
        let mut config = (*self.strict).clone();
        let verifier = Arc::clone(&self.verifier);
        config.dangerous().set_certificate_verifier(Arc::new(Judged(Watched { verifier, notes })));
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    /// For all requests but those for a date.
    pub(super) fn strict(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.strict)
    }

    /// Whether a server can know that it is `date`.
    pub(super) fn can_say(&self, host: &str, date: SystemTime) -> bool {
        self.shown.0.can_say(host, date)
    }

    /// For a first look at the date: the chain and the host are checked, at any date at which they hold.
    pub(super) fn dateless(&self) -> Result<Arc<ClientConfig>, Error> {
        self.for_one_handshake(&self.time, Arc::new(Judged(Dateless(Arc::clone(&self.verifier)))))
    }

    /// For the proof of a date: everything is checked, at that date.
    pub(super) fn strict_at(&self, date: SystemTime) -> Result<Arc<ClientConfig>, Error> {
        let time: Arc<dyn TimeProvider> = Arc::new(At(date));
        self.for_one_handshake(&time, Arc::clone(&self.verifier) as _)
    }

    /// Its sessions are never resumed, lest the strict side takes one over.
    fn for_one_handshake(
        &self,
        time: &Arc<dyn TimeProvider>,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Result<Arc<ClientConfig>, Error> {
        let builder = builder(&self.provider, time)?.dangerous().with_custom_certificate_verifier(verifier);
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

/// The CAs that are trusted: `public` ones, unless only those of the file are wanted, and those of the file.
fn roots(public: RootCertStore, own: &OwnCas) -> Result<RootCertStore, TransportConfigError> {
    let Some(path) = &own.file else {
        return if own.only { Err(TransportConfigError::CaFileMissing) } else { Ok(public) };
    };
    let path = || path.clone();
    let file = pem::read(&path())
        .map_err(|e| TransportConfigError::CaFileUnreadable { path: path(), reason: e.to_string() })?;
    let invalid = |reason| TransportConfigError::CaFileInvalid { path: path(), reason };
    let mut roots = if own.only { RootCertStore::empty() } else { public };
    for certificate in pem::certificates(&file).map_err(invalid)? {
        roots.add(certificate).map_err(|e| invalid(tls_words::handshake(&e, "it")))?;
    }
    Ok(roots)
}

fn client_certificate(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let read = |path: &Path| pem::read(path).map_err(|e| format!("can't read {}: {e}", path.display()));
    let said = |path: &Path, why: String| match why.strip_prefix("it ") {
        Some(rest) => format!("{} {rest}", path.display()),
        None => format!("{}: {why}", path.display()),
    };
    let chain = pem::certificates(&read(certificate)?).map_err(|why| said(certificate, why))?;
    let key = pem::private_key(&read(key)?).map_err(|why| said(key, why))?;
    Ok((chain, key))
}

fn mismatch(error: &Error) -> String {
    match error {
        Error::InconsistentKeys(_) => "the key is another certificate's".to_owned(),
        Error::General(_) => {
            "the key is of a kind that is not known here (RSA, EC P-256, P-384, Ed25519 are)".to_owned()
        }
        other => tls_words::handshake(other, "the key"),
    }
}

/// The corrected date, for rustls.
#[derive(Debug)]
struct ServiceTime(Arc<ServerClock>);

impl TimeProvider for ServiceTime {
    fn current_time(&self) -> Option<UnixTime> {
        At(self.0.certificate_date()).current_time()
    }
}

/// One date, for rustls.
#[derive(Debug)]
struct At(SystemTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.duration_since(UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

/// Checks everything that [`WebPkiServerVerifier`] checks, only not *now* but at a date at which each certificate of the chain is
/// valid.
#[derive(Debug)]
struct Dateless(Arc<WebPkiServerVerifier>);

/// Each step leads to the edge of one certificate's validity; a chain has three or four certificates.
const STEPS: usize = 8;

impl Judge for Dateless {
    fn below(&self) -> &WebPkiServerVerifier {
        &self.0
    }

    fn judge(&self, showing: Showing<'_>, now: UnixTime) -> Result<ServerCertVerified, Error> {
        let mut at = now;
        for _ in 0..STEPS {
            match showing.check(&self.0, at) {
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
}

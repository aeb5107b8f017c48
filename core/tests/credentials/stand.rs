//! A server whose answers are told by a function of the request.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;

use crate::peer::{Certificate, Peer, Seen, Wire};
use crate::planted::{SECRET, TOKEN};

/// Status and body.
pub(crate) type Answer = (u16, String);

/// A server for plain HTTP.
pub(crate) fn plain(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Peer {
    Peer::plain(serve(answer))
}

/// A server for TLS.
pub(crate) fn tls(
    config: Arc<ServerConfig>,
    answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> Peer {
    Peer::tls(config, serve(answer))
}

fn serve(
    answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static {
    move |wire, seen| {
        while let Some(request) = seen.request(wire) {
            let (status, body) = answer(&Asked(request));
            let head = format!(
                "HTTP/1.1 {status} X\r\nx-amzn-requestid: 1\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if wire.write_all(format!("{head}{body}").as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked(pub(crate) String);

impl Asked {
    /// `GET /path`.
    pub(crate) fn line(&self) -> &str {
        self.0.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next()?;
        head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// All requests so far.
pub(crate) fn asked(peer: &Peer) -> Vec<Asked> {
    peer.seen.requests().into_iter().map(Asked).collect()
}

/// The first lines of all requests so far.
pub(crate) fn lines(peer: &Peer) -> Vec<String> {
    asked(peer).iter().map(|asked| asked.line().to_owned()).collect()
}

/// What a container's endpoint and the metadata service answer.
pub(crate) fn metadata(id: &str, end: &str) -> String {
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"{SECRET}","Token":"{TOKEN}","Expiration":"{end}"}}"#
    )
}

/// A file of a device: its certificate, or its key.
pub(crate) fn client(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transport/clients")).join(file)
}

/// A server that speaks only with those who show a certificate of one of these kinds.
pub(crate) fn for_clients(own: &Certificate, kinds: &[&str]) -> Arc<ServerConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for kind in kinds {
        roots.add(CertificateDer::from_pem_file(client(&format!("{kind}.pem"))).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let (chain, key) = (own.0.clone(), own.1.clone_key());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_client_cert_verifier(verifier.unwrap()).with_single_cert(chain, key).unwrap())
}

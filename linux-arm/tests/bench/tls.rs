//! Servers with certificates of our own CA: one before the emulator, AWS IoT's credentials provider, and a proxy that says no.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use activity_emulator::Credential;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::Service;

/// A certificate authority.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = lasting(CertificateParams::new([]).unwrap(), None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the test's CA");
        Ca(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, PEM.
    pub(crate) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = lasting(CertificateParams::new([name.to_owned()]).unwrap(), None);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server of 127.0.0.1. `clients`: it asks for a certificate of this CA.
    fn server(&self, until: Option<(i32, u8, u8)>, clients: bool) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = lasting(CertificateParams::new(["127.0.0.1".to_owned()]).unwrap(), until);
        let chain = vec![CertificateDer::from(params.signed_by(&key, &self.0).unwrap())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = match clients {
            true => {
                let asked = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(asked.build().unwrap())
            }
            false => builder.with_no_client_auth(),
        };
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

fn lasting(mut params: CertificateParams, until: Option<(i32, u8, u8)>) -> CertificateParams {
    let (year, month, day) = until.unwrap_or((2098, 1, 1));
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(year, month, day);
    params
}

/// A server on a loopback port, until the end of the test process.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Peer {
    /// TLS before the emulator.
    pub(crate) fn before(service: &Service, ca: &Ca, until: Option<(i32, u8, u8)>) -> Self {
        Self::leading_to(service, ca.server(until, false))
    }

    /// The same, and it asks for a certificate.
    pub(crate) fn asking(service: &Service, ca: &Ca) -> Self {
        Self::leading_to(service, ca.server(None, true))
    }

    fn leading_to(service: &Service, tls: Arc<ServerConfig>) -> Self {
        let target = service.emulator.address();
        Self::start(Some(tls), move |wire, request| {
            let mut inner = TcpStream::connect(target).unwrap();
            // One request for each connection is enough here.
            let (head, body) = request.split_once("\r\n").unwrap();
            let others = body.replace("\r\nconnection: close", "");
            inner.write_all(format!("{head}\r\nconnection: close\r\n{others}").as_bytes()).unwrap();
            let mut answer = Vec::new();
            inner.read_to_end(&mut answer).unwrap();
            let _ = wire.write_all(&answer);
        })
    }

    /// AWS IoT's credentials provider: to a device with a certificate it gives `credential`.
    pub(crate) fn iot(ca: &Ca, credential: &Credential, end: SystemTime) -> Self {
        let body = serde_json::json!({ "credentials": {
            "accessKeyId": credential.access_key_id,
            "secretAccessKey": credential.secret_access_key,
            "sessionToken": credential.session_token,
            "expiration": humantime::format_rfc3339_seconds(end).to_string(),
        }})
        .to_string();
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        Self::start(Some(ca.server(None, true)), move |wire, _| drop(wire.write_all(answer.as_bytes())))
    }

    /// A proxy that says no.
    pub(crate) fn refusing() -> Self {
        Self::start(None, |wire, _| {
            drop(wire.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"))
        })
    }

    fn start(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&mut dyn Wire, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, answer) = (Arc::clone(&peer.asked), Arc::new(answer));
        thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let (tls, asked, answer) = (tls.clone(), Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut raw = tcp.try_clone().unwrap();
                    let mut wire: Box<dyn Wire> = match tls {
                        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), tcp)),
                        None => Box::new(tcp),
                    };
                    let Some(request) = read(&mut *wire) else {
                        // What was said last, an alert, is lost if the client still writes to a closed connection.
                        let _ = raw.shutdown(Shutdown::Write);
                        let _ = raw.read_to_end(&mut Vec::new());
                        return;
                    };
                    asked.lock().unwrap().push(request.clone());
                    answer(&mut *wire, request);
                    let _ = wire.flush();
                });
            }
        });
        peer
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The requests so far, whole.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// One request with its body; `None`: the connection ended first.
fn read(wire: &mut dyn Wire) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        wire.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap();
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    wire.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

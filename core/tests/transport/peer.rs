//! Servers on loopback that behave as a test wants, and CAs that vouch for them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

/// A year, a month, a day.
pub(crate) type Day = (i32, u8, u8);

pub(crate) const LONG_AGO: Day = (2000, 1, 1);
pub(crate) const FAR_OFF: Day = (2098, 1, 1);

pub(crate) trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A certificate with its chain, and its key.
pub(crate) type Certificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A certificate authority.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What its servers show between their certificate and a root.
    chain: Vec<CertificateDer<'static>>,
}

impl Ca {
    pub(crate) fn root() -> Self {
        let issuer =
            CertifiedIssuer::self_signed(Self::params(LONG_AGO, FAR_OFF), KeyPair::generate().unwrap());
        Ca { issuer: issuer.unwrap(), chain: vec![] }
    }

    pub(crate) fn intermediate(&self, from: Day, until: Day) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(Self::params(from, until), key, &self.issuer).unwrap();
        let chain = vec![issuer.der().clone()];
        Ca { issuer, chain }
    }

    fn params(from: Day, until: Day) -> CertificateParams {
        let mut params = dated(CertificateParams::new([]).unwrap(), from, until);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // With a name in common two CAs would be told apart by their signatures only.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::SeqCst);
        params.distinguished_name.push(DnType::CommonName, format!("CA {number}"));
        params
    }

    /// Its certificate, in a file.
    pub(crate) fn file(&self) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), self.issuer.pem()).unwrap();
        file
    }

    /// A server of `host` that is valid for a century.
    pub(crate) fn server(&self, host: &str) -> Arc<ServerConfig> {
        self.server_dated(host, LONG_AGO, FAR_OFF)
    }

    pub(crate) fn server_dated(&self, host: &str, from: Day, until: Day) -> Arc<ServerConfig> {
        self.server_speaking(rustls::DEFAULT_VERSIONS, host, from, until)
    }

    pub(crate) fn server_speaking(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        host: &str,
        from: Day,
        until: Day,
    ) -> Arc<ServerConfig> {
        let (chain, key) = self.certificate_of(host, from, until);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }
}

impl Ca {
    /// A certificate of `host` with its chain, and its key.
    pub(crate) fn certificate(&self, host: &str) -> Certificate {
        self.certificate_of(host, LONG_AGO, FAR_OFF)
    }

    pub(crate) fn certificate_of(&self, host: &str, from: Day, until: Day) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let params = dated(CertificateParams::new([host.to_owned()]).unwrap(), from, until);
        let mut chain = vec![params.signed_by(&key, &self.issuer).unwrap().der().clone()];
        chain.extend(self.chain.iter().cloned());
        (chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }
}

fn dated(mut params: CertificateParams, from: Day, until: Day) -> CertificateParams {
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    params
}

/// A server on a loopback port, until the end of the test process.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

/// What a peer has seen.
#[derive(Default)]
pub(crate) struct Seen {
    connections: AtomicUsize,
    resumed: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Seen {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn resumed(&self) -> usize {
        self.resumed.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Reads one request from a connection; `None` at its end.
    pub(crate) fn request(&self, wire: &mut dyn Wire) -> Option<String> {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            wire.read_exact(&mut byte).ok()?;
            request.push(byte[0]);
        }
        let head = String::from_utf8(request.clone()).unwrap().to_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        wire.read_exact(&mut body).ok()?;
        request.extend(body);
        let request = String::from_utf8(request).unwrap();
        self.requests.lock().unwrap().push(request.clone());
        Some(request)
    }
}

impl Peer {
    /// Plain HTTP. `script` is run for each connection, on a thread of its own.
    pub(crate) fn plain(script: impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static) -> Self {
        Self::raw(move |mut tcp, seen| script(&mut tcp, seen))
    }

    /// The same with TLS.
    pub(crate) fn tls(
        config: Arc<ServerConfig>,
        script: impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static,
    ) -> Self {
        Self::raw(move |mut tcp, seen| {
            let mut session = ServerConnection::new(Arc::clone(&config)).unwrap();
            while session.is_handshaking() {
                if session.complete_io(&mut tcp).is_err() {
                    return;
                }
            }
            if session.handshake_kind() == Some(HandshakeKind::Resumed) {
                seen.resumed.fetch_add(1, Ordering::SeqCst);
            }
            let mut stream = StreamOwned::new(session, tcp);
            script(&mut stream, seen);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }

    /// Below everything.
    pub(crate) fn raw(script: impl Fn(TcpStream, &Seen) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// The same at another address.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(TcpStream, &Seen) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (script, shared) = (Arc::new(script), Arc::clone(&seen));
        thread::spawn(move || {
            for tcp in listener.incoming() {
                let (tcp, script, seen) = (tcp.unwrap(), Arc::clone(&script), Arc::clone(&shared));
                seen.connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || script(tcp, &seen));
            }
        });
        Peer { address, seen }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/", self.address)
    }
}

/// Answers each request of a connection with `{}`.
pub(crate) fn answering(wire: &mut dyn Wire, seen: &Seen) {
    answering_with("content-type: application/x-amz-json-1.0\r\n")(wire, seen);
}

/// The same, with more headers.
pub(crate) fn answering_with(headers: &str) -> impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static {
    let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\n{{}}");
    move |wire, seen| {
        while let Some(request) = seen.request(wire) {
            let end = if request.starts_with("HEAD") { answer.len() - 2 } else { answer.len() };
            if wire.write_all(&answer.as_bytes()[..end]).is_err() {
                return;
            }
        }
    }
}

/// Reads one request, writes `answer`, and ends the connection.
pub(crate) fn once(answer: &'static [u8]) -> impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static {
    move |wire, seen| {
        let _ = seen.request(wire);
        let _ = wire.write_all(answer);
    }
}

/// Does nothing until the client goes.
pub(crate) fn silent(wire: &mut dyn Wire, _: &Seen) {
    while wire.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
}

//! TLS in front of a plain HTTP server: one request after the other on each connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A proxy on loopback. Dropped, it closes its connections and refuses new ones.
pub(crate) struct TlsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    /// What it proves to be, and how often that changed.
    identity: Mutex<(Arc<ServerConfig>, u64)>,
    over: AtomicBool,
}

impl Shared {
    fn identity(&self) -> (Arc<ServerConfig>, u64) {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TlsProxy {
    /// Starts a proxy for `server`, an address and a port. Port 0 takes a free one.
    pub(crate) fn start(server: &str, port: u16, identity: Arc<ServerConfig>) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            identity: Mutex::new((identity, 0)),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the client's to notice.
                thread::spawn(move || drop(serve(client, &shared)));
            }
        });
        Ok(TlsProxy { address, shared })
    }

    /// Proves to be another one from now on; older connections end without another answer.
    pub(crate) fn present(&self, identity: Arc<ServerConfig>) {
        let mut current = self.shared.identity.lock().unwrap_or_else(PoisonError::into_inner);
        *current = (identity, current.1 + 1);
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// One that signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new one of this name, which nobody trusts yet.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let failed = |e: rcgen::Error| e.to_string();
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(failed)?;
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Authority { issuer: Issuer::new(params, key), pem })
    }

    /// Writes its certificate to a file, for those who are to trust it.
    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        std::fs::write(file, &self.pem).map_err(|e| format!("can't write {}: {e}", file.display()))
    }

    /// A certificate for `name` that began an hour ago and ends in so many days. Less than zero: it ended so many days ago.
    pub(crate) fn certificate(&self, name: &str, days: i64) -> Result<Arc<ServerConfig>, String> {
        let failed = |e: rcgen::Error| e.to_string();
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).map_err(failed)?;
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        let count = u32::try_from(days.unsigned_abs()).unwrap_or(u32::MAX);
        let (begin, end) = match days < 0 {
            true => (now - day * (count + 30), now - day * count),
            false => (now - Duration::from_secs(3600), now + day * count),
        };
        (leaf.not_before, leaf.not_after) = (begin.into(), end.into());
        let key = KeyPair::generate().map_err(failed)?;
        let leaf = leaf.signed_by(&key, &self.issuer).map_err(failed)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .map_err(|e| e.to_string())?;
        Ok(Arc::new(config))
    }
}

fn serve(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (config, at) = shared.identity();
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(connection, client);
    // Before a server is asked for: a client that breaks off has nothing to ask.
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock)?;
    }
    let mut server = TcpStream::connect(&shared.server)?;
    let is_over = || shared.over.load(Ordering::SeqCst) || shared.identity().1 != at;
    while !is_over() {
        let request = read_one(&mut client)?;
        if is_over() {
            break;
        }
        server.write_all(&request)?;
        let answer = read_one(&mut server)?;
        if is_over() {
            break;
        }
        client.write_all(&answer)?;
        client.flush()?;
    }
    Ok(())
}

/// One request or answer: its head, and as much of a body as Content-Length says.
fn read_one(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    let mut whole = usize::MAX;
    while bytes.len() < whole {
        let read = stream.read(&mut block)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&block[..read]);
        if whole == usize::MAX
            && let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n")
        {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            whole = head + 4 + length.unwrap_or(0);
        }
    }
    Ok(bytes)
}

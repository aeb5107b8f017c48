//! TLS in front of a plain HTTP server: one request after the other on each connection, every byte on the outside counted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A proxy on loopback. Dropped, it closes its connections and refuses new ones.
pub(crate) struct TlsProxy {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    bytes: AtomicU64,
    requests: AtomicU64,
    over: AtomicBool,
}

impl TlsProxy {
    /// Starts a proxy for `server`, an address and a port, and writes the certificate of its authority to `ca`.
    pub(crate) fn start(server: &str, ca: &Path) -> Result<Self, String> {
        let config = Arc::new(certificate(ca)?);
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let counts = Arc::new(Counts::default());
        let (shared, server) = (Arc::clone(&counts), server.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let (config, counts, server) = (Arc::clone(&config), Arc::clone(&shared), server.clone());
                // A connection that breaks is the client's to notice.
                thread::spawn(move || drop(serve(client, config, &counts, &server)));
            }
        });
        Ok(TlsProxy { address, counts })
    }

    /// What clients connect to.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Bytes in both directions, handshakes included.
    pub(crate) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::SeqCst)
    }

    /// Requests answered.
    pub(crate) fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::SeqCst)
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.counts.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

/// An authority and a certificate for `localhost`, good for this run.
fn certificate(ca: &Path) -> Result<ServerConfig, String> {
    let failed = |e: rcgen::Error| e.to_string();
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().map_err(failed)?;
    let authority_pem = authority.self_signed(&authority_key).map_err(failed)?.pem();
    std::fs::write(ca, authority_pem).map_err(|e| e.to_string())?;
    let key = KeyPair::generate().map_err(failed)?;
    let issuer = Issuer::new(authority, authority_key);
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).map_err(failed)?;
    let leaf = leaf.signed_by(&key, &issuer).map_err(failed)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .map_err(|e| e.to_string())
}

fn serve(client: TcpStream, config: Arc<ServerConfig>, counts: &Arc<Counts>, server: &str) -> io::Result<()> {
    client.set_nodelay(true)?;
    let counted = Counted { stream: client, counts: Arc::clone(counts) };
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(connection, counted);
    let mut server = TcpStream::connect(server)?;
    while !counts.over.load(Ordering::SeqCst) {
        let request = read_one(&mut client)?;
        server.write_all(&request)?;
        let answer = read_one(&mut server)?;
        if counts.over.load(Ordering::SeqCst) {
            break;
        }
        client.write_all(&answer)?;
        client.flush()?;
        counts.requests.fetch_add(1, Ordering::SeqCst);
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

/// A socket that counts.
struct Counted {
    stream: TcpStream,
    counts: Arc<Counts>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.counts.bytes.fetch_add(read as u64, Ordering::SeqCst);
        Ok(read)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.counts.bytes.fetch_add(written as u64, Ordering::SeqCst);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

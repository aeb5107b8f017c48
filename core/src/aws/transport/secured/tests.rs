use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use ureq::Timeout;
use ureq::unversioned::transport::time::{Duration, Instant};

use super::*;

/// What a record of the application begins with.
const DATA: u8 = 0x17;

/// A server in memory, and each write that led to it.
struct Wire {
    server: ServerConnection,
    /// What the server has read.
    came: Vec<u8>,
    writes: Vec<Vec<u8>>,
    /// The reasons that writes would have ended with, had they taken too long.
    reasons: Vec<Timeout>,
}

/// The client's end.
struct End {
    wire: Arc<Mutex<Wire>>,
    buffers: LazyBuffers,
}

impl Transport for End {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.buffers.output()[..amount].to_vec();
        let mut wire = self.wire.lock().unwrap();
        let mut left = output.as_slice();
        while !left.is_empty() {
            wire.server.read_tls(&mut left).unwrap();
            let came = wire.server.process_new_packets().unwrap().plaintext_bytes_to_read();
            let mut read = vec![0; came];
            wire.server.reader().read_exact(&mut read).unwrap();
            wire.came.extend(read);
        }
        wire.writes.push(output);
        wire.reasons.push(timeout.reason);
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let mut wire = self.wire.lock().unwrap();
        let mut said = Vec::new();
        while wire.server.wants_write() {
            wire.server.write_tls(&mut said).unwrap();
        }
        self.buffers.input_append_buf()[..said.len()].copy_from_slice(&said);
        self.buffers.input_appended(said.len());
        Ok(!said.is_empty())
    }

    fn is_open(&mut self) -> bool {
        true
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("End")
    }
}

fn connected(version: &'static SupportedProtocolVersion) -> (Secured, Arc<Mutex<Wire>>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["service.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConnection::new(Arc::new(server)).unwrap();
    let wire =
        Arc::new(Mutex::new(Wire { server, came: Vec::new(), writes: Vec::new(), reasons: Vec::new() }));
    let end = End { wire: Arc::clone(&wire), buffers: LazyBuffers::new(64 * 1024, WRITE) };
    let mut session = ClientConnection::new(Arc::new(client), "service.test".try_into().unwrap()).unwrap();
    let boxed: Box<dyn Transport> = Box::new(end);
    let mut socket = TransportAdapter::new(boxed, Arc::new(Instant::now));
    session.complete_io(&mut socket).unwrap();
    // The tickets that the server hands out.
    wire.lock().unwrap().writes.clear();
    wire.lock().unwrap().reasons.clear();
    (Secured::new(session, socket, 64 * 1024), wire)
}

fn within(seconds: u64, reason: Timeout) -> NextTimeout {
    NextTimeout { after: Duration::from_secs(seconds), reason, ..NextTimeout::default() }
}

/// As ureq does it: the head, the body in pieces as large as the buffer takes, then the answer. The request's bytes.
fn exchange(secured: &mut Secured, wire: &Mutex<Wire>, head: usize, body: usize) -> Vec<u8> {
    let mut sent = Vec::new();
    let mut hand_over = |secured: &mut Secured, bytes: &[u8], reason| {
        let mut left = bytes;
        while !left.is_empty() {
            let output = secured.buffers().tmp_and_output().1;
            assert!(output.len() >= LINE, "no room for a line");
            let amount = left.len().min(output.len());
            output[..amount].copy_from_slice(&left[..amount]);
            secured.transmit_output(amount, within(10, reason)).unwrap();
            left = &left[amount..];
        }
        sent.extend_from_slice(bytes);
    };
    hand_over(secured, &vec![b'h'; head], Timeout::SendRequest);
    hand_over(secured, &vec![b'b'; body], Timeout::SendBody);
    wire.lock().unwrap().server.writer().write_all(b"answer").unwrap();
    while !secured.buffers().input().ends_with(b"answer") {
        secured.await_input(within(65, Timeout::RecvResponse)).unwrap();
    }
    let came = secured.buffers().input().len();
    secured.buffers().input_consume(came);
    let got = std::mem::take(&mut wire.lock().unwrap().came);
    assert!(got == sent, "what came is not what was sent");
    sent
}

/// The lengths of the records in one write.
fn records(mut write: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [kind, _, _, high, low, rest @ ..] = write {
        assert_eq!(*kind, DATA);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        write = &rest[length..];
    }
    lengths
}

#[test]
fn p6_head_and_body_that_fit_into_a_record_are_one_record_and_one_write() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (mut secured, wire) = connected(version);
        // A poll, a report; one without a body; the largest that fits.
        for (head, body) in [(900, 120), (2200, 2600), (700, 0), (1384, RECORD - 1384)] {
            exchange(&mut secured, &wire, head, body);
            let writes = std::mem::take(&mut wire.lock().unwrap().writes);
            assert_eq!(writes.len(), 1, "{head} and {body} bytes: {} writes", writes.len());
            let records = records(&writes[0]);
            assert_eq!(records.len(), 1, "{version:?}: {head} and {body} bytes: {records:?}");
            assert!(secured.is_open());
        }
    }
}

#[test]
fn what_does_not_fit_goes_in_full_records_each_with_one_write() {
    let (mut secured, wire) = connected(&rustls::version::TLS13);
    for (head, body, most) in [(1384, RECORD, 2), (1384, 262_144, 17), (9000, 100, 2), (12_000, 300_000, 20)]
    {
        let sent = exchange(&mut secured, &wire, head, body).len();
        let writes = std::mem::take(&mut wire.lock().unwrap().writes);
        assert!(writes.len() <= most, "{sent} bytes: {} writes", writes.len());
        assert!(writes.iter().all(|write| records(write).len() == 1));
    }
}

#[test]
fn p9_what_is_gathered_has_the_time_of_a_write_and_not_that_of_an_answer() {
    let (mut secured, wire) = connected(&rustls::version::TLS13);
    exchange(&mut secured, &wire, 900, 120);
    exchange(&mut secured, &wire, 900, 0);
    let reasons = std::mem::take(&mut wire.lock().unwrap().reasons);
    assert_eq!(reasons, [Timeout::SendBody, Timeout::SendRequest]);
}

#[test]
fn a_connection_with_half_a_request_carries_no_other() {
    let (mut secured, _wire) = connected(&rustls::version::TLS13);
    assert!(secured.is_open());
    secured.buffers().output()[..4].copy_from_slice(b"POST");
    secured.transmit_output(4, within(10, Timeout::SendRequest)).unwrap();
    assert!(!secured.is_open());
}

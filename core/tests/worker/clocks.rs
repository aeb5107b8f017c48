//! P8 over real TLS: a device whose date is decades off polls, works and reports.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_emulator::Credential;
use activity_worker::aws::{ActivityClient, Credentials, Endpoint, HttpsTransport, StaticCredentials};
use activity_worker::clock::{Clock, ServerClock, SystemClock};
use activity_worker::worker::Stop;

use crate::peer::{Ca, Peer, Wire};
use crate::support::{Bench, echo};

/// The machine's monotonic clock, beside a date that is wrong and goes on.
#[derive(Debug)]
struct WrongDate(SystemTime, Duration);

impl WrongDate {
    fn starting_at(seconds: u64) -> Self {
        WrongDate(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), SystemClock.monotonic())
    }
}

impl Clock for WrongDate {
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn awake(&self) -> Duration {
        SystemClock.awake()
    }

    fn wall(&self) -> SystemTime {
        self.0 + (SystemClock.monotonic() - self.1)
    }
}

/// Hands one request after the other to the server behind, and its answers back.
fn relay(wire: &mut dyn Wire, server: &str) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    loop {
        let request = one(wire)?;
        server.write_all(&request)?;
        let answer = one(&mut server)?;
        wire.write_all(&answer)?;
        wire.flush()?;
    }
}

/// A head, and as much of a body as it says.
fn one(from: &mut (impl Read + ?Sized)) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    bytes.extend(body);
    Ok(bytes)
}

fn works_at(seconds: u64) {
    let bench = Bench::new();
    let ca = Ca::root();
    let server = bench.emulator.url().trim_start_matches("http://").to_owned();
    let config = ca.server_dated("127.0.0.1", (2026, 1, 1), (2090, 1, 1));
    let front = Peer::tls(config, move |wire: &mut dyn Wire, _: &crate::peer::Seen| {
        let _ = relay(wire, &server);
    });
    let file = ca.file();
    let clock = Arc::new(ServerClock::new(Arc::new(WrongDate::starting_at(seconds))));
    let transport =
        HttpsTransport::builder().clock(Arc::clone(&clock)).ca_file(file.path().to_owned()).build();
    let test = Credential::test();
    let keys = Credentials::new(&test.access_key_id, &test.secret_access_key, None, None);
    let client = ActivityClient::builder(bench.emulator.region())
        .endpoint(Endpoint::own(&front.url("https")).unwrap())
        .credentials(Arc::new(StaticCredentials::new(keys)))
        .transport(Arc::new(transport.unwrap()))
        .clock(Arc::clone(&clock))
        .build()
        .unwrap();
    let worker = bench.worker().client(client).activity(bench.handled(echo)).start().unwrap();
    let execution = bench.start("1");
    assert_eq!(bench.succeeds(&execution), r#"{"got":1}"#);
    let off = worker.snapshot().unwrap().clock_skew.unwrap().unsigned_abs();
    assert!(off > 20 * 365 * 86_400, "healed by {off} s");
    worker.stop(Stop::Now);
}

#[test]
fn p8_a_device_in_1970_works_over_tls() {
    works_at(0);
}

#[test]
fn p8_a_device_in_2099_works_over_tls() {
    works_at(4_070_908_800);
}

//! What a server can do that is no answer, done to every source that asks one.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::aws::CredentialsProvider;

use crate::peer::{Ca, Peer, Seen, Wire, silent};
use crate::planted::{SECRET, TOKEN, told};
use crate::{AMPLE, cognito, container, imds, iot, sso, sts};

type Make = fn(&Peer, &Ca) -> Arc<dyn CredentialsProvider>;

struct Kind {
    name: &'static str,
    tls: bool,
    make: Make,
    /// After so long without an answer it has given up.
    patience: Duration,
}

const NEAR: Duration = Duration::from_secs(3);
const FAR: Duration = Duration::from_secs(11);

const KINDS: [Kind; 7] = [
    Kind { name: "AWS IoT", tls: true, make: iot::source, patience: FAR },
    Kind { name: "container", tls: false, make: |p, _| container::source(&p.url("http")), patience: NEAR },
    Kind { name: "instance", tls: false, make: |p, _| imds::source(&p.url("http")), patience: NEAR },
    Kind { name: "Cognito", tls: false, make: |p, _| cognito::source(&p.url("http")), patience: FAR },
    Kind { name: "role", tls: false, make: |p, _| sts::assumed(&p.url("http")), patience: FAR },
    Kind { name: "role", tls: false, make: |p, _| sts::web_identity(&p.url("http")), patience: FAR },
    Kind { name: "single sign-on", tls: false, make: |p, _| sso::source(&p.url("http")), patience: FAR },
];

impl Kind {
    fn peer(&self, ca: &Ca, script: impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static) -> Peer {
        if self.tls { Peer::tls(ca.server("127.0.0.1"), script) } else { Peer::plain(script) }
    }

    /// What the source says of a server that does this, and how long it took.
    fn says(&self, script: impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static) -> (String, Duration) {
        let ca = Ca::root();
        let peer = self.peer(&ca, script);
        let source = (self.make)(&peer, &ca);
        let began = Instant::now();
        let error = told(source.credentials());
        assert!(error.contains(self.name), "{error}");
        (error, began.elapsed())
    }
}

fn answer(status: u16, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Answers each request with these bytes, then ends the connection.
fn always(bytes: Vec<u8>) -> impl Fn(&mut dyn Wire, &Seen) + Send + Sync + 'static {
    move |wire, seen| {
        let _ = seen.request(wire);
        let _ = wire.write_all(&bytes);
    }
}

const PAGE: &str =
    "<!DOCTYPE html><html><head><title>Log in</title></head><body>Accept our terms</body></html>";

#[test]
fn what_is_no_answer_gives_no_credentials() {
    let keys_cut = format!(r#"{{"AccessKeyId":"A","SecretAccessKey":"{SECRET}","Tok"#);
    let other = format!(r#"{{"credentials":"{SECRET}","roleCredentials":["{TOKEN}"],"Credentials":7}}"#);
    let empty = r#"{"AccessKeyId":"","SecretAccessKey":"","credentials":{"accessKeyId":"","secretAccessKey":"","sessionToken":"","expiration":"2030-01-02T03:04:05Z"},"roleCredentials":{"accessKeyId":"","secretAccessKey":"","sessionToken":"","expiration":1}}"#;
    let bodies = ["", "{}", "[]", "null", "\u{0}\u{7f}", PAGE, &keys_cut, &other, empty];
    for kind in &KINDS {
        for body in bodies {
            let (_, took) = kind.says(always(answer(200, "application/json", body)));
            assert!(took < AMPLE, "{}: {took:?}", kind.name);
        }
    }
}

#[test]
fn a_login_page_is_no_answer_and_is_not_followed() {
    for kind in &KINDS {
        kind.says(always(answer(200, "text/html", PAGE)));
        let moved = b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n".to_vec();
        let (error, _) = kind.says(always(moved));
        assert!(error.contains("302"), "{error}");
    }
}

#[test]
fn p7_a_refusal_is_told_with_its_status_and_without_secrets() {
    let quoted = format!(r#"{{"message":"no: {SECRET} {TOKEN}"}}"#);
    for kind in &KINDS {
        for status in [400, 403, 404, 405, 413, 429, 500, 502, 503, 504] {
            let (error, _) = kind.says(always(answer(status, "application/json", &quoted)));
            let is_said = error.contains(&status.to_string()) || error.contains("the instance has no role");
            assert!(is_said, "{error}");
        }
    }
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    for kind in &KINDS {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\ncontent-le",
            b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"AccessKeyId\":\"A\",\"Secret",
            b"\x16\x03\x01\x02\x00 what is this?\r\n\r\n",
        ] {
            kind.says(always(bytes.to_vec()));
        }
    }
}

#[test]
fn p6_an_answer_without_end_is_cut_off() {
    for kind in &KINDS {
        let (error, took) = kind.says(|wire, seen| {
            seen.request(wire);
            let _ = wire.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
            while wire.write_all(&chunk).is_ok() {}
        });
        assert!(error.contains("is larger than 65536 bytes"), "{error}");
        assert!(took < AMPLE, "{took:?}");
        let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_vec();
        kind.says(move |wire, seen| {
            seen.request(wire);
            let _ = wire.write_all(&huge);
            while wire.write_all(&[b'x'; 4096]).is_ok() {}
        });
        kind.says(|wire, seen| {
            seen.request(wire);
            let _ = wire.write_all(b"HTTP/1.1 200 OK\r\n");
            while wire.write_all(b"x-more: 0123456789abcdef\r\n").is_ok() {}
        });
    }
}

#[test]
fn a_refused_connection_is_told_at_once() {
    for kind in &KINDS {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let peer = Peer { address: free, seen: Arc::default() };
        let began = Instant::now();
        let error = told((kind.make)(&peer, &Ca::root()).credentials());
        assert!(error.contains(&format!("{free} refused the connection")), "{error}");
        assert!(began.elapsed() < AMPLE);
    }
}

/// All at once, since each takes its time.
#[test]
fn p9_a_server_that_hangs_or_dawdles_is_given_up() {
    thread::scope(|scope| {
        for kind in &KINDS {
            scope.spawn(|| {
                let (error, took) = kind.says(silent);
                assert!(took < kind.patience, "{}: {took:?}: {error}", kind.name);
            });
            // Connected, and not even a handshake.
            scope.spawn(|| {
                let peer = Peer::raw(hold);
                let began = Instant::now();
                told((kind.make)(&peer, &Ca::root()).credentials());
                assert!(began.elapsed() < kind.patience, "{}: {:?}", kind.name, began.elapsed());
            });
        }
        for kind in KINDS.iter().filter(|kind| kind.patience == NEAR) {
            scope.spawn(|| {
                let (error, took) = kind.says(|wire, seen| {
                    seen.request(wire);
                    let _ = wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n");
                    while wire.write_all(b" ").is_ok() {
                        thread::sleep(Duration::from_millis(50));
                    }
                });
                assert!(took < kind.patience + Duration::from_secs(2), "{}: {took:?}: {error}", kind.name);
            });
        }
    });
}

fn hold(mut tcp: TcpStream, _: &Seen) {
    while tcp.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
}

//! Requests and answers.

use std::io::Write;
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::aws::{Request, Transport};
use proptest::prelude::*;
use rustls::{ServerConnection, Stream};

use crate::peer::{Ca, Peer, answering, answering_with, once, silent};
use crate::{AMPLE, SHORT, post, transport, trusting};

#[test]
fn a_connection_serves_many_requests() {
    let ca = Ca::root();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let peer =
            Peer::tls(ca.server_speaking(&[version], "127.0.0.1", (2000, 1, 1), (2098, 1, 1)), answering);
        let transport = trusting(&ca);
        for _ in 0..5 {
            let answer = transport.send(&post(&peer.url("https"))).unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
        }
        assert_eq!(peer.seen.connections(), 1, "{version:?}");
    }
}

#[test]
fn a_request_says_no_more_than_it_must() {
    let peer = Peer::plain(answering);
    let transport = transport();
    transport.send(&post(&peer.url("http"))).unwrap();
    let get = Request { method: "GET", body: vec![], headers: vec![], ..post(&peer.url("http")) };
    transport.send(&get).unwrap();
    transport.send(&Request { method: "PUT", ..get.clone() }).unwrap();
    let agent = Request { headers: vec![("user-agent", "activity-worker/1".to_owned())], ..get };
    transport.send(&agent).unwrap();

    let host = peer.address;
    let said = peer.seen.requests();
    assert_eq!(
        said[0],
        format!(
            "POST / HTTP/1.1\r\ncontent-length: 2\r\nhost: {host}\r\nx-amz-target: AWSStepFunctions.Test\r\n\r\n{{}}"
        )
    );
    assert_eq!(said[1], format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    assert_eq!(said[2], format!("PUT / HTTP/1.1\r\ncontent-length: 0\r\nhost: {host}\r\n\r\n"));
    assert_eq!(said[3], format!("GET / HTTP/1.1\r\nhost: {host}\r\nuser-agent: activity-worker/1\r\n\r\n"));
}

#[test]
fn a_status_is_an_answer_and_a_redirect_is_not_followed() {
    let peer = Peer::plain(|wire, seen| {
        while let Some(request) = seen.request(wire) {
            let answer: &[u8] = match request.split(' ').nth(1) {
                Some("/moved") => b"HTTP/1.1 307 Moved\r\nLocation: /\r\ncontent-length: 0\r\n\r\n",
                _ => b"HTTP/1.1 503 No\r\nX-Amzn-RequestId: 7\r\ncontent-length: 4\r\n\r\nbusy",
            };
            wire.write_all(answer).unwrap();
        }
    });
    let transport = transport();
    let busy = transport.send(&post(&peer.url("http"))).unwrap();
    assert_eq!((busy.status, busy.body), (503, b"busy".to_vec()));
    assert!(busy.headers.contains(&("x-amzn-requestid".to_owned(), "7".to_owned())), "{:?}", busy.headers);
    let moved = transport.send(&post(&format!("{}moved", peer.url("http")))).unwrap();
    assert_eq!(moved.status, 307);
    assert_eq!(peer.seen.requests().len(), 2);
}

#[test]
fn closing_idle_connections_makes_the_next_request_connect_anew() {
    let peer = Peer::plain(answering);
    let transport = transport();
    transport.send(&post(&peer.url("http"))).unwrap();
    transport.close_idle();
    transport.send(&post(&peer.url("http"))).unwrap();
    transport.send(&post(&peer.url("http"))).unwrap();
    assert_eq!(peer.seen.connections(), 2);
}

#[test]
fn a_pooled_connection_that_the_server_has_closed_is_not_used() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("127.0.0.1"), once(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    let transport = trusting(&ca);
    for _ in 0..3 {
        transport.send(&post(&peer.url("https"))).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(peer.seen.connections(), 3);
}

#[test]
fn a_farewell_in_one_packet_with_the_answer_is_heeded() {
    let ca = Ca::root();
    let config = ca.server("127.0.0.1");
    let peer = Peer::raw(move |mut tcp, seen| {
        let mut session = ServerConnection::new(Arc::clone(&config)).unwrap();
        seen.request(&mut Stream::new(&mut session, &mut tcp));
        session.writer().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        session.send_close_notify();
        let mut packet = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut packet).unwrap();
        }
        tcp.write_all(&packet).unwrap();
        // The TCP connection stays.
        silent(&mut tcp, seen);
    });
    let transport = trusting(&ca);
    for _ in 0..2 {
        transport.send(&post(&peer.url("https"))).unwrap();
    }
    assert_eq!(peer.seen.connections(), 2);
}

#[test]
fn p1_a_request_whose_connection_breaks_counts_as_sent_and_is_not_sent_again() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("127.0.0.1"), |wire, seen| {
        seen.request(wire);
        wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        seen.request(wire);
    });
    let transport = trusting(&ca);
    transport.send(&post(&peer.url("https"))).unwrap();
    let error = transport.send(&post(&peer.url("https"))).err().unwrap();
    assert!(error.sent, "{error}");
    assert_eq!((peer.seen.connections(), peer.seen.requests().len()), (1, 2));
}

#[test]
fn an_answer_may_be_as_large_as_allowed_and_no_larger() {
    let peer = Peer::plain(|wire, seen| {
        while seen.request(wire).is_some() {
            wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").unwrap();
            wire.write_all(&[b'x'; 1000]).unwrap();
        }
    });
    let transport = transport();
    assert_eq!(transport.send(&post(&peer.url("http"))).unwrap().body.len(), 1000);
    let error = transport.send(&Request { max_response: 999, ..post(&peer.url("http")) }).err().unwrap();
    assert_eq!(error.reason, format!("the answer of {} is larger than 999 bytes", peer.address));
    assert!(error.sent);
}

#[test]
fn field_05_of_an_answer_that_is_too_large_both_ends_are_there_to_be_looked_at() {
    let (start, end) = (r#"{"input":""#, r#"","taskToken":"T"}"#);
    let body = format!("{start}{}{end}", "x".repeat(1900 - start.len() - end.len()));
    let peer = Peer::plain(move |wire, seen| {
        while seen.request(wire).is_some() {
            write!(
                wire,
                "HTTP/1.1 200 OK\r\nx-amzn-requestid: 7\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    let error = transport().send(&post(&peer.url("http"))).err().unwrap();
    let part = error.part.unwrap();
    assert_eq!((part.status, part.body.len()), (200, 1900));
    assert!(part.body.starts_with(start.as_bytes()) && part.body.ends_with(end.as_bytes()));
    assert!(part.headers.contains(&("x-amzn-requestid".to_owned(), "7".to_owned())));
}

#[test]
fn field_04_what_came_of_an_answer_before_it_broke_off_is_there_to_be_looked_at() {
    for answer in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"taskToken\":\"T\"".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"taskToken\":\"T\"\r\n",
    ] {
        let peer = Peer::plain(once(answer));
        let error = transport().send(&post(&peer.url("http"))).err().unwrap();
        assert_eq!(error.part.unwrap().body, b"{\"taskToken\":\"T\"", "{}", error.reason);
    }
    let peer = Peer::plain(once(b"HTTP/1.1 200 OK\r\ncontent-le"));
    assert!(transport().send(&post(&peer.url("http"))).err().unwrap().part.is_none());
}

#[test]
fn p6_an_answer_without_end_is_cut_off_while_it_is_read() {
    let peer = Peer::plain(|wire, seen| {
        seen.request(wire);
        wire.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        while wire.write_all(b"10\r\n0123456789abcdef\r\n").is_ok() {}
    });
    let error = transport().send(&post(&peer.url("http"))).err().unwrap();
    assert!(error.reason.ends_with("is larger than 1000 bytes"), "{error}");

    let peer = Peer::plain(|wire, seen| {
        seen.request(wire);
        let _ = wire.write_all(b"HTTP/1.1 200 OK\r\n");
        while wire.write_all(b"x: 0123456789abcdef\r\n").is_ok() {}
    });
    let error = transport().send(&post(&peer.url("http"))).err().unwrap();
    assert!(error.sent && !error.reason.contains("0123456789"), "{error}");
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let ca = Ca::root();
    let tls = trusting(&ca);
    for answer in [
        b"".as_slice(),
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"half\":",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let peers = [Peer::plain(once(answer)), Peer::tls(ca.server("127.0.0.1"), once(answer))];
        for (peer, scheme) in peers.iter().zip(["http", "https"]) {
            let error = tls.send(&post(&peer.url(scheme))).err().unwrap();
            let expected = format!("{} closed the connection before its whole answer had come", peer.address);
            assert_eq!((error.reason, error.sent), (expected, true));
            assert_eq!(peer.seen.connections(), 1, "a request is never sent twice");
        }
    }
}

#[test]
fn a_reset_connection_is_no_answer() {
    let peer = Peer::raw(|tcp, _| {
        // Closed with unread bytes: the kernel sends a reset.
        thread::sleep(Duration::from_millis(20));
        drop(tcp);
    });
    let error = transport().send(&post(&peer.url("http"))).err().unwrap();
    assert!(error.sent && error.reason.contains("closed the connection"), "{error}");
}

#[test]
fn a_refused_connection_sent_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = transport().send(&post(&format!("http://{free}/"))).err().unwrap();
    assert_eq!((error.reason, error.sent), (format!("{free} refused the connection"), false));
    for url in ["ftp://127.0.0.1/", "127.0.0.1", "http://", "http://user:pass@:80/", "\n"] {
        let error = transport().send(&post(url)).err().unwrap();
        assert_eq!(
            (error.reason.as_str(), error.sent),
            ("the endpoint is not a valid http:// or https:// URL", false),
            "{url}"
        );
    }
}

#[test]
fn p5_a_shutdown_ends_the_requests_in_flight_and_refuses_new_ones() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("127.0.0.1"), |wire, seen| {
        seen.request(wire);
        silent(wire, seen);
    });
    let transport = trusting(&ca);
    let poll = Request { read_timeout: Duration::from_secs(70), ..post(&peer.url("https")) };
    thread::scope(|scope| {
        let first = scope.spawn(|| transport.send(&poll));
        wait_until(|| peer.seen.requests().len() == 1);
        // A request on a retired pool is ended too.
        transport.close_idle();
        let second = scope.spawn(|| transport.send(&poll));
        wait_until(|| peer.seen.requests().len() == 2);
        let asked = Instant::now();
        transport.shutdown();
        for call in [first, second] {
            assert!(call.join().unwrap().err().unwrap().sent);
        }
        assert!(asked.elapsed() < Duration::from_secs(1));
    });
    let error = transport.send(&poll).err().unwrap();
    assert_eq!((error.reason.as_str(), error.sent), ("the transport is shut down", false));
    assert_eq!(transport.probe_date(&poll.url), None);
    assert_eq!(peer.seen.connections(), 2);
}

#[test]
fn p7_nothing_secret_reaches_the_log() {
    capture_log();
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("127.0.0.1"), answering_with("x-secret: sEcReT-answer\r\n"));
    let transport = trusting(&ca);
    let request = Request {
        headers: vec![
            ("x-amz-security-token", "sEcReT-token".to_owned()),
            ("authorization", "sEcReT-key".to_owned()),
        ],
        body: b"sEcReT-output".to_vec(),
        ..post(&format!("{}?sEcReT-query", peer.url("https")))
    };
    transport.send(&request).unwrap();
    let error = transport.send(&Request { max_response: 1, ..request.clone() }).err().unwrap();
    let torn = Peer::plain(once(b"HTTP/1.1 200 OK\r\nsEcReT header: \x01\r\n\r\n"));
    let garbage = transport.send(&Request { url: torn.url("http"), ..request }).err().unwrap();
    let log = LOG.0.lock().unwrap().join("\n");
    assert!(!log.is_empty());
    for text in [log, format!("{error:?}"), format!("{garbage:?}"), format!("{transport:?}")] {
        assert!(!text.contains("sEcReT"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn p9_whatever_bytes_come_back_the_request_ends(
        start in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let answer = [start.as_bytes(), &rest].concat();
        let peer = Peer::plain(move |wire, seen| {
            seen.request(wire);
            let _ = wire.write_all(&answer);
        });
        let asked = Instant::now();
        let result = transport_for_noise().send(&Request { read_timeout: SHORT, ..post(&peer.url("http")) });
        prop_assert!(asked.elapsed() < AMPLE);
        if let Err(error) = result {
            prop_assert!(error.sent);
        }
    }
}

fn transport_for_noise() -> &'static activity_worker::aws::HttpsTransport {
    static SHARED: std::sync::LazyLock<activity_worker::aws::HttpsTransport> =
        std::sync::LazyLock::new(transport);
    &SHARED
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < AMPLE, "waited in vain");
        thread::sleep(Duration::from_millis(2));
    }
}

struct Log(Mutex<Vec<String>>);

static LOG: Log = Log(Mutex::new(Vec::new()));

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

fn capture_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&LOG).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

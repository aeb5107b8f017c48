//! Every request ends within its deadlines.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::aws::{HttpsTransport, Request, Transport, TransportError};

use crate::peer::{Ca, Peer, Wire, silent};
use crate::{AMPLE, SHORT, post, transport, trusting};

/// The error of a request that must take `about` and little more.
fn failing_after(about: Duration, transport: &HttpsTransport, request: &Request) -> TransportError {
    let asked = Instant::now();
    let error = transport.send(request).err().unwrap();
    let took = asked.elapsed();
    assert!(took >= about && took < about + Duration::from_secs(2), "{took:?}: {error}");
    error
}

#[test]
fn p9_a_server_that_never_answers() {
    let ca = Ca::root();
    let peers = [(Peer::plain(silent), "http"), (Peer::tls(ca.server("127.0.0.1"), silent), "https")];
    for (peer, scheme) in peers {
        let request = Request { read_timeout: SHORT, ..post(&peer.url(scheme)) };
        let error = failing_after(SHORT, &trusting(&ca), &request);
        assert_eq!(
            (error.reason, error.sent),
            (format!("no answer from {} within 0.2 s", peer.address), true)
        );
    }
}

#[test]
fn p9_a_server_that_answers_byte_by_byte_for_ever() {
    for head in [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"] {
        let peer = Peer::plain(move |wire, seen| {
            seen.request(wire);
            let _ = wire.write_all(head);
            while wire.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let request = Request { read_timeout: SHORT, ..post(&peer.url("http")) };
        let error = failing_after(SHORT, &transport(), &request);
        assert!(error.sent, "{error}");
    }
}

#[test]
fn p9_a_server_that_stops_in_the_middle_of_its_answer() {
    let peer = Peer::plain(|wire, seen| {
        seen.request(wire);
        let _ = wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf");
        silent(wire, seen);
    });
    // Large enough that only the pause between two reads can end it in time.
    let request = Request { read_timeout: SHORT, max_response: 1_000_000, ..post(&peer.url("http")) };
    assert!(failing_after(SHORT, &transport(), &request).sent);
}

#[test]
fn p9_a_server_that_never_finishes_its_handshake() {
    let peer = Peer::raw(|mut tcp, seen| silent(&mut tcp, seen));
    let transport = HttpsTransport::builder().connect_timeout(SHORT).build().unwrap();
    let error = failing_after(SHORT, &transport, &post(&peer.url("https")));
    assert_eq!(
        (error.reason, error.sent),
        (format!("no TLS handshake with {} within 0.2 s", peer.address), false)
    );
    let asked = Instant::now();
    assert_eq!(transport.probe_date(&peer.url("https")), None);
    assert!(asked.elapsed() < AMPLE);
}

#[test]
fn p9_a_server_that_drips_its_handshake() {
    let peer = Peer::raw(|mut tcp, _| {
        // The head of a long TLS record, and then a byte now and then.
        let _ = tcp.write_all(&[22, 3, 3, 0x40, 0, 2]);
        while tcp.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let transport = HttpsTransport::builder().connect_timeout(SHORT).build().unwrap();
    let error = failing_after(SHORT, &transport, &post(&peer.url("https")));
    assert_eq!(
        (error.reason, error.sent),
        (format!("no TLS handshake with {} within 0.2 s", peer.address), false)
    );
}

#[test]
fn p9_a_server_that_takes_no_request() {
    let peer = Peer::raw(|tcp, _| {
        thread::sleep(AMPLE);
        drop(tcp);
    });
    let transport = HttpsTransport::builder().connect_timeout(SHORT).build().unwrap();
    // More than the kernel's buffers take.
    let request = Request { body: vec![b'x'; 32 * 1024 * 1024], ..post(&peer.url("http")) };
    let error = failing_after(SHORT, &transport, &request);
    assert_eq!((error.reason, error.sent), (format!("{} stopped taking the request", peer.address), true));
}

#[test]
fn p9_a_slow_request_holds_up_no_other() {
    let ca = Ca::root();
    let slow = Peer::tls(ca.server("127.0.0.1"), silent);
    let quick = Peer::tls(ca.server("127.0.0.1"), crate::peer::answering);
    let transport = Arc::new(trusting(&ca));
    thread::scope(|scope| {
        let held =
            scope.spawn(|| transport.send(&Request { read_timeout: AMPLE / 5, ..post(&slow.url("https")) }));
        while slow.seen.connections() == 0 {
            thread::yield_now();
        }
        let asked = Instant::now();
        transport.send(&post(&quick.url("https"))).unwrap();
        assert!(asked.elapsed() < AMPLE / 5 && !held.is_finished());
    });
}

/// Takes what comes at so many bytes a second, then answers.
fn slow_uplink(rate: usize) -> Peer {
    Peer::plain(move |wire, seen| {
        let mut wire = Slow { wire, rate, room: 0 };
        if seen.request(&mut wire).is_some() {
            let _ = wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
    })
}

/// A wire on which some twenty pieces a second arrive.
struct Slow<'a> {
    wire: &'a mut dyn Wire,
    rate: usize,
    room: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.room == 0 {
            thread::sleep(Duration::from_millis(50));
            self.room = self.rate / 20;
        }
        let most = into.len().min(self.room);
        let read = self.wire.read(&mut into[..most])?;
        self.room -= read;
        Ok(read)
    }
}

impl Write for Slow<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wire.flush()
    }
}

#[test]
fn field_07_a_body_on_a_slow_link_gets_through_however_long_the_kernel_holds_it() {
    // The kernel takes it all at once; what the link then needs is longer than the wait for an answer.
    thread::scope(|scope| {
        for (rate, size) in [(7_000, 28_000), (3_000, 12_000), (1_500, 7_000)] {
            scope.spawn(move || {
                let peer = slow_uplink(rate);
                let transport = HttpsTransport::builder().connect_timeout(SHORT).build().unwrap();
                let body = vec![b'x'; size];
                let request = Request { body, read_timeout: SHORT, ..post(&peer.url("http")) };
                let asked = Instant::now();
                assert_eq!(transport.send(&request).unwrap().status, 200, "{rate} bytes a second");
                assert!(asked.elapsed() > SHORT * 10, "{:?}", asked.elapsed());
            });
        }
    });
}

#[test]
fn field_07_an_answer_on_a_slow_link_gets_through() {
    let peer = Peer::plain(|wire, seen| {
        seen.request(wire);
        let _ = wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n");
        for _ in 0..30 {
            thread::sleep(Duration::from_millis(100));
            let _ = wire.write_all(&[b'x'; 300]);
        }
    });
    let request = Request { read_timeout: SHORT, max_response: 10_000, ..post(&peer.url("http")) };
    assert_eq!(transport().send(&request).unwrap().body.len(), 9000);
}

#[test]
fn field_07_a_body_larger_than_the_kernel_takes_moves_on_a_slow_link() {
    // The kernel tells of room once a third of what it holds has left it. At this pace that takes longer than a step may.
    let peer = slow_uplink(1_200_000);
    let transport = HttpsTransport::builder().connect_timeout(SHORT * 2).build().unwrap();
    let request = Request { body: vec![b'x'; 6_000_000], ..post(&peer.url("http")) };
    assert_eq!(transport.send(&request).map(|r| r.status).map_err(|e| e.reason), Ok(200));
}

#[test]
fn field_07_the_time_that_a_large_body_gets_has_an_end() {
    // 6 KiB: 4 s for its passage, and the wait for the answer after that. The peer has all of it, and says nothing.
    let peer = Peer::plain(silent);
    let request = Request { body: vec![b'x'; 6 * 1024], read_timeout: SHORT, ..post(&peer.url("http")) };
    let error = failing_after(Duration::from_secs(4) + SHORT, &transport(), &request);
    assert_eq!((error.reason, error.sent), (format!("no answer from {} within 4.2 s", peer.address), true));
}

//! Names and addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use activity_worker::aws::{HttpsTransport, Transport};

use crate::peer::{Ca, Peer, answering};
use crate::{AMPLE, SHORT, post};

const HOST: &str = "states.eu-west-1.amazonaws.com";

#[test]
fn a_name_is_looked_up_for_a_connection_not_for_a_request() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server(HOST), answering);
    let (lookups, dns_works) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let (count, works) = (Arc::clone(&lookups), Arc::clone(&dns_works));
    let transport = HttpsTransport::builder()
        .ca_file(ca.file().path().to_owned())
        .lookup(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            if works.load(Ordering::SeqCst) {
                Ok(vec![Ipv4Addr::LOCALHOST.into()])
            } else {
                Err(io::ErrorKind::Other.into())
            }
        })
        .build()
        .unwrap();
    let request = post(&format!("https://{HOST}:{}/", peer.address.port()));
    transport.send(&request).unwrap();
    dns_works.store(false, Ordering::SeqCst);
    transport.send(&request).unwrap();
    assert_eq!((lookups.load(Ordering::SeqCst), peer.seen.connections()), (1, 1));

    transport.close_idle();
    let error = transport.send(&request).err().unwrap();
    assert_eq!((error.reason, error.sent), (format!("could not resolve {HOST}"), false));
}

#[test]
fn p6_p9_a_hundred_requests_to_a_name_that_hangs_end_in_time_on_one_thread() {
    let (release, hangs) = mpsc::channel::<()>();
    let (hangs, begun) = (Mutex::new(hangs), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&begun);
    let transport = HttpsTransport::builder()
        .connect_timeout(Duration::from_millis(10))
        .lookup(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = hangs.lock().unwrap().recv();
            Err(io::ErrorKind::Other.into())
        })
        .build()
        .unwrap();
    let asked = Instant::now();
    for _ in 0..100 {
        let error = transport.send(&post("https://hangs.example/")).err().unwrap();
        assert_eq!(
            (error.reason.as_str(), error.sent),
            ("could not resolve hangs.example within 0.01 s", false)
        );
    }
    assert!(asked.elapsed() < AMPLE);
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    drop(release);
}

#[test]
fn the_next_address_is_tried_when_one_does_not_answer() {
    let peer = Peer::plain(answering);
    let addresses: Vec<IpAddr> = vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    let transport = HttpsTransport::builder().lookup(move |_| Ok(addresses.clone())).build().unwrap();
    transport.send(&post(&format!("http://{HOST}:{}/", peer.address.port()))).unwrap();
}

#[test]
fn p9_a_shutdown_ends_the_wait_for_a_name() {
    let (release, hangs) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let hangs = Mutex::new(hangs);
    let transport = HttpsTransport::builder()
        .lookup(move |_| {
            begin.send(()).unwrap();
            let _ = hangs.lock().unwrap().recv();
            Err(io::ErrorKind::Other.into())
        })
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| transport.send(&post("https://hangs.example/")));
        begun.recv().unwrap();
        let asked = Instant::now();
        transport.shutdown();
        let error = call.join().unwrap().err().unwrap();
        assert_eq!((error.reason.as_str(), error.sent), ("the transport is shut down", false));
        assert!(asked.elapsed() < AMPLE);
    });
    drop(release);
}

/// Listens, and answers no SYN: its queue is full.
#[cfg(target_os = "linux")]
fn silent_address(last: u8, port: u16) -> (std::os::fd::OwnedFd, Vec<std::os::fd::OwnedFd>) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket, socket_with};
    let address = std::net::SocketAddr::from(([127, 0, 0, last], port));
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &address).unwrap();
    listen(&listener, 0).unwrap();
    let fill = (0..4).map(|_| {
        let one = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
        let _ = connect(&one, &address);
        one
    });
    let fill = fill.collect();
    (listener, fill)
}

#[cfg(target_os = "linux")]
#[test]
fn field_12_addresses_that_do_not_answer_do_not_keep_a_request_from_the_one_that_does() {
    let peer = Peer::plain(answering);
    let port = peer.address.port();
    let _silent: Vec<_> = (2..=6).map(|last| silent_address(last, port)).collect();
    let addresses: Vec<IpAddr> = [2, 3, 4, 5, 6, 1].map(|last| Ipv4Addr::new(127, 0, 0, last).into()).into();
    let transport = HttpsTransport::builder()
        .lookup(move |_| Ok(addresses.clone()))
        .connect_timeout(AMPLE * 6)
        .build()
        .unwrap();
    let asked = Instant::now();
    transport.send(&post(&format!("http://{HOST}:{port}/"))).unwrap();
    assert!(asked.elapsed() < AMPLE, "{:?}", asked.elapsed());
    // Where nobody answers, that is what is said.
    let transport = HttpsTransport::builder()
        .lookup(|_| Ok(vec![Ipv4Addr::new(127, 0, 0, 2).into()]))
        .connect_timeout(SHORT)
        .build()
        .unwrap();
    let error = transport.send(&post(&format!("http://{HOST}:{port}/"))).err().unwrap();
    assert_eq!(error.reason, format!("could not connect to {HOST}:{port} within 0.2 s"));
}

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
        assert!(asked.elapsed() < SHORT * 5);
    });
    drop(release);
}

//! Whom the transport trusts.

use std::io::{Read, Write};
use std::path::Path;
use std::thread;

use activity_worker::aws::{HttpsTransport, Transport, TransportConfigError, TransportError};

use crate::peer::{Ca, FAR_OFF, LONG_AGO, Peer, answering, once};
use crate::{post, transport, trusting};

fn refused(transport: &HttpsTransport, peer: &Peer) -> TransportError {
    let error = transport.send(&post(&peer.url("https"))).err().unwrap();
    assert!(!error.sent, "{error}");
    assert!(peer.seen.requests().is_empty());
    error
}

#[test]
fn an_unknown_ca_is_refused() {
    let peer = Peer::tls(Ca::root().server("127.0.0.1"), answering);
    for transport in [transport(), trusting(&Ca::root())] {
        let error = refused(&transport, &peer);
        let expected = format!(
            "the certificate of {} comes from an unknown CA; set AWS_CA_BUNDLE if that CA is yours or your proxy's",
            peer.address
        );
        assert_eq!((error.reason, error.certificate_dates), (expected, false));
    }
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("other.example"), answering);
    let error = refused(&trusting(&ca), &peer);
    let expected = format!("the certificate of {} is for another host", peer.address);
    assert_eq!((error.reason, error.certificate_dates), (expected, false));
}

#[test]
fn a_certificate_outside_its_dates_is_refused_and_says_that_the_clock_may_be_wrong() {
    let ca = Ca::root();
    let expired = Peer::tls(ca.server_dated("127.0.0.1", LONG_AGO, (2020, 2, 3)), answering);
    let error = refused(&trusting(&ca), &expired);
    assert!(error.certificate_dates);
    let ended = "ended on Mon, 03 Feb 2020 00:00:00 GMT, and this device believes that it is ";
    assert!(error.reason.contains(ended), "{error}");

    let early = Peer::tls(ca.server_dated("127.0.0.1", (2097, 1, 1), FAR_OFF), answering);
    let error = refused(&trusting(&ca), &early);
    assert!(error.certificate_dates && error.reason.contains("begins on Tue, 01 Jan 2097"), "{error}");
}

#[test]
fn tls_1_1_is_refused() {
    // A ServerHello of TLS 1.1 with TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, and the alert of a server that knows nothing newer.
    let mut hello = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    let alert = vec![0x15, 3, 2, 0, 2, 2, 70];
    for bytes in [hello, alert] {
        let peer = Peer::raw(move |mut tcp, _| {
            let _ = tcp.read(&mut [0; 4096]);
            let _ = tcp.write_all(&bytes);
            while tcp.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        });
        let error = refused(&transport(), &peer);
        let expected = format!("{} does not offer TLS 1.2 or 1.3 as it is spoken here", peer.address);
        assert_eq!(error.reason, expected);
    }
}

#[test]
fn what_is_not_tls_is_refused() {
    let portal = Peer::raw(|mut tcp, _| {
        let _ = tcp.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n");
        while tcp.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    assert_eq!(refused(&transport(), &portal).reason, format!("{} does not speak TLS", portal.address));

    let hung_up = Peer::raw(|tcp, _| drop(tcp));
    let error = refused(&transport(), &hung_up);
    assert_eq!(error.reason, format!("{} closed the connection during the TLS handshake", hung_up.address));
}

#[test]
fn a_new_connection_resumes_the_tls_session() {
    let ca = Ca::root();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let answer = once(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}");
        let peer = Peer::tls(ca.server_speaking(&[version], "127.0.0.1", LONG_AGO, FAR_OFF), answer);
        let transport = trusting(&ca);
        for _ in 0..3 {
            transport.send(&post(&peer.url("https"))).unwrap();
            transport.close_idle();
        }
        assert_eq!((peer.seen.connections(), peer.seen.resumed()), (3, 2), "{version:?}");
    }
}

#[test]
fn a_ca_file_of_no_use_is_named() {
    let built = |path: &Path| HttpsTransport::builder().ca_file(path.to_owned()).build().err().unwrap();
    let missing = Path::new("/no/such/bundle.pem");
    let error = built(missing);
    assert!(matches!(error, TransportConfigError::CaFileUnreadable { .. }));
    assert!(
        error.to_string().starts_with("can't read the CA file /no/such/bundle.pem: No such file"),
        "{error}"
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    for content in [
        "",
        "hello",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
    ] {
        std::fs::write(file.path(), content).unwrap();
        let error = built(file.path());
        assert!(matches!(error, TransportConfigError::CaFileInvalid { .. }), "{content}: {error}");
        assert!(
            error.to_string().contains(&file.path().display().to_string())
                && !error.to_string().contains('\n')
        );
    }
}

#[test]
fn a_ca_file_may_hold_several_cas() {
    let (one, two) = (Ca::root(), Ca::root());
    let file = one.file();
    let both = [std::fs::read(file.path()).unwrap(), std::fs::read(two.file().path()).unwrap()].concat();
    std::fs::write(file.path(), both).unwrap();
    let transport = HttpsTransport::builder().ca_file(file.path().to_owned()).build().unwrap();
    thread::scope(|scope| {
        for ca in [&one, &two] {
            let peer = Peer::tls(ca.server("127.0.0.1"), answering);
            let transport = &transport;
            scope.spawn(move || transport.send(&post(&peer.url("https"))).unwrap());
        }
    });
}

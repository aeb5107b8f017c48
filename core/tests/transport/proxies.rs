//! Through proxies, and with certificates of our own.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use activity_worker::aws::{HttpsTransport, HttpsTransportBuilder, Proxies, Transport};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use crate::peer::{Ca, Peer, Seen, answering};
use crate::{AMPLE, SHORT, post};

const HOST: &str = "states.example";

/// A proxy that opens tunnels to this machine, whatever the host is called.
fn proxy() -> Peer {
    Peer::raw(|mut tcp, seen| {
        let Some(asked) = seen.request(&mut tcp) else { return };
        let port = asked.split(' ').nth(1).and_then(|target| target.rsplit(':').next());
        let target = TcpStream::connect((Ipv4Addr::LOCALHOST, port.unwrap().parse().unwrap())).unwrap();
        tcp.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let (from, to) = (tcp.try_clone().unwrap(), target.try_clone().unwrap());
        let up = std::thread::spawn(move || relay(from, to));
        relay(target, tcp);
        let _ = up.join();
    })
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A proxy that says no.
fn refusing(answer: &'static str) -> Peer {
    Peer::plain(move |wire, seen: &Seen| {
        let _ = seen.request(wire);
        let _ = wire.write_all(answer.as_bytes());
    })
}

/// Every name is this machine's.
fn builder(proxy: &str) -> HttpsTransportBuilder {
    HttpsTransport::builder()
        .connect_timeout(AMPLE)
        .lookup(|_| Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
        .proxies(Proxies::new(Some(proxy), Some(proxy), "").unwrap())
}

#[test]
fn a_request_goes_through_the_proxys_tunnel_with_tls_to_the_target() {
    let ca = Ca::root();
    let target = Peer::tls(ca.server(HOST), answering);
    let proxy = proxy();
    let url = format!("https://{HOST}:{}/", target.address.port());
    let through = format!("http://user:pass%40word@{}", proxy.address);
    let transport = builder(&through).ca_file(ca.file().path().to_owned()).build().unwrap();
    for _ in 0..3 {
        assert_eq!(transport.send(&post(&url)).unwrap().status, 200);
    }
    assert_eq!((proxy.seen.connections(), target.seen.connections()), (1, 1), "one tunnel for all");
    let asked = proxy.seen.requests().remove(0);
    assert!(asked.starts_with(&format!("CONNECT {HOST}:{} HTTP/1.1\r\n", target.address.port())), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic "), "{asked}");
    assert!(!asked.contains("x-amz-target"), "the request itself is for the target alone");
}

#[test]
fn a_plain_target_is_reached_through_a_tunnel_too() {
    let (target, proxy) = (Peer::plain(answering), proxy());
    let transport = builder(&proxy.address.to_string()).build().unwrap();
    let url = format!("http://{HOST}:{}/", target.address.port());
    assert_eq!(transport.send(&post(&url)).unwrap().status, 200);
    assert_eq!(proxy.seen.connections(), 1);
}

#[test]
fn a_proxy_that_says_no_is_an_outage_that_is_explained() {
    let cases = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
            "wants a user and a password",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            "does not let us through to states.example:443 (403)",
        ),
        ("<html>", "did not answer in HTTP/1.1"),
        ("", "did not answer in HTTP/1.1"),
    ];
    for (answer, said) in cases {
        let proxy = refusing(answer);
        let transport = builder(&format!("http://u:sEcReT@{}", proxy.address)).build().unwrap();
        let error = transport.send(&post(&format!("https://{HOST}:443/"))).err().unwrap();
        assert!(error.reason.contains(said), "{answer:?}: {error}");
        assert!(!error.sent, "nothing reached the service: {error}");
        assert!(!error.reason.contains("sEcReT"), "{error}");
    }
}

#[test]
fn p9_a_proxy_that_is_not_there_or_says_nothing_is_given_up() {
    let silent = Peer::raw(|mut tcp, _| while tcp.read(&mut [0; 64]).is_ok_and(|n| n > 0) {});
    let begun = Instant::now();
    let transport = builder(&silent.address.to_string()).connect_timeout(SHORT).build().unwrap();
    let error = transport.send(&post(&format!("https://{HOST}/"))).err().unwrap();
    assert!(begun.elapsed() < AMPLE && !error.sent, "{error}");
    assert!(error.reason.contains("did not answer within 0.2 s"), "{error}");

    let transport = builder("127.0.0.1:9").build().unwrap();
    let error = transport.send(&post(&format!("https://{HOST}/"))).err().unwrap();
    let said = format!("on the way to {HOST}: the proxy: 127.0.0.1:9 refused the connection");
    assert_eq!((error.reason, error.sent), (said, false));
}

#[test]
fn the_way_to_a_proxy_never_leads_through_a_proxy() {
    // However it is written: with a password, without a port, with TLS. Nobody listens at those without a port.
    let proxy = refusing("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    let port = proxy.address.port();
    let with_port = [
        format!("http://u:sEcReT@proxy.example:{port}"),
        format!("HTTP://Proxy.Example:{port}/"),
        format!("proxy.example:{port}"),
    ];
    for url in &with_port {
        let error = builder(url).build().unwrap().send(&post(&format!("http://{HOST}/"))).err().unwrap();
        assert!(error.reason.contains("(403)") && !error.reason.contains("sEcReT"), "{url}: {error}");
    }
    assert_eq!(proxy.seen.connections(), with_port.len(), "one connection a request");
    for url in ["http://proxy.example", "https://proxy.example", "http://u:sEcReT@proxy.example"] {
        let nobody = |_: &str| Ok(vec![IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77))]);
        for target in ["http", "https"] {
            let transport = builder(url).lookup(nobody).build().unwrap();
            let error = transport.send(&post(&format!("{target}://{HOST}/"))).err().unwrap();
            let port = if url.starts_with("https") { 443 } else { 80 };
            let said =
                format!("on the way to {HOST}: the proxy: proxy.example:{port} refused the connection");
            assert_eq!((error.reason, error.sent), (said, false), "{url}");
        }
    }
}

#[test]
fn p7_one_proxy_does_not_see_the_password_of_another() {
    let ca = Ca::root();
    let target = Peer::tls(ca.server(HOST), answering);
    let (ours, other) = (proxy(), proxy());
    let (a, b) = (
        format!("http://u:sEcReT@a.example:{}", ours.address.port()),
        format!("http://b.example:{}", other.address.port()),
    );
    let proxies = Proxies::new(Some(&a), Some(&b), "").unwrap();
    let transport = builder(&a).proxies(proxies).ca_file(ca.file().path().to_owned()).build().unwrap();
    let url = format!("https://{HOST}:{}/", target.address.port());
    assert_eq!(transport.send(&post(&url)).unwrap().status, 200);
    assert_eq!((ours.seen.connections(), other.seen.connections()), (1, 0));
}

#[test]
fn p9_a_proxy_that_drips_its_answer_is_given_up() {
    let dripping = Peer::raw(|mut tcp, seen| {
        let _ = seen.request(&mut tcp);
        let answer = b"HTTP/1.1 200 OK\r\nx: ".iter().chain(std::iter::repeat(&b'x'));
        for byte in answer.take(100) {
            if tcp.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let within = Duration::from_millis(500);
    let begun = Instant::now();
    let transport = builder(&dripping.address.to_string()).connect_timeout(within).build().unwrap();
    let error = transport.send(&post(&format!("https://{HOST}/"))).err().unwrap();
    assert!(begun.elapsed() < 6 * within, "{:?}", begun.elapsed());
    assert!(error.reason.contains("did not answer within 0.5 s") && !error.sent, "{error}");
}

#[test]
fn hosts_that_need_no_proxy_are_reached_without_one() {
    let target = Peer::plain(answering);
    let proxies = Proxies::new(None, Some("127.0.0.1:9"), "example").unwrap();
    let transport = builder("127.0.0.1:9").proxies(proxies).build().unwrap();
    assert_eq!(
        transport.send(&post(&format!("http://{HOST}:{}/", target.address.port()))).unwrap().status,
        200
    );
}

fn client(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transport/clients")).join(file)
}

/// A server that speaks only with those who show one of the test's own certificates.
fn for_clients(ca: &Ca) -> Arc<ServerConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for kind in ["rsa", "p256", "p384"] {
        roots.add(CertificateDer::from_pem_file(client(&format!("{kind}.pem"))).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let (chain, key): (_, PrivateKeyDer<'static>) = ca.certificate("127.0.0.1");
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_client_cert_verifier(verifier.unwrap()).with_single_cert(chain, key).unwrap())
}

#[test]
fn every_kind_of_client_certificate_is_shown_to_a_server_that_asks() {
    let ca = Ca::root();
    let peer = Peer::tls(for_clients(&ca), answering);
    let pairs = [
        ("rsa.pem", "rsa-pkcs1.key"),
        ("rsa.pem", "rsa-pkcs8.key"),
        ("p256.pem", "p256-sec1.key"),
        ("p256.pem", "p256-pkcs8.key"),
        ("p384.pem", "p384-sec1.key"),
    ];
    for (certificate, key) in pairs {
        let transport = HttpsTransport::builder()
            .ca_file(ca.file().path().to_owned())
            .client_certificate(client(certificate), client(key))
            .connect_timeout(AMPLE)
            .build()
            .unwrap();
        assert_eq!(transport.send(&post(&peer.url("https"))).unwrap().status, 200, "{key}");
    }
    let without = HttpsTransport::builder().ca_file(ca.file().path().to_owned()).build().unwrap();
    let error = without.send(&post(&peer.url("https"))).err().unwrap();
    // The alert that says why may be overtaken by the end of the connection.
    let said = ["asks for a certificate", "closed the connection", "broke"];
    assert!(said.iter().any(|said| error.reason.contains(said)), "{error}");
}

#[test]
fn a_client_certificate_of_no_use_is_named() {
    let cases = [
        ("rsa.pem", "p256-sec1.key", "the key is another certificate's"),
        ("rsa.pem", "missing.key", "missing.key: No such file"),
        ("missing.pem", "p256-sec1.key", "missing.pem: No such file"),
        ("rsa-pkcs1.key", "rsa-pkcs1.key", "rsa-pkcs1.key holds no certificate"),
        ("rsa.pem", "rsa.pem", "rsa.pem holds no private key"),
    ];
    for (certificate, key, said) in cases {
        let builder = HttpsTransport::builder().client_certificate(client(certificate), client(key));
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn field_14_a_proxy_gets_user_and_password_as_they_were_meant() {
    for (user, meant) in [
        ("user:pass", "dXNlcjpwYXNz"),
        ("user:pa%23ss", "dXNlcjpwYSNzcw=="),
        ("user:pa#ss", "dXNlcjpwYSNzcw=="),
        ("user:12#34", "dXNlcjoxMiMzNA=="),
        ("user:p@ss", "dXNlcjpwQHNz"),
        ("user:p%40ss", "dXNlcjpwQHNz"),
        ("user@corp.example:pass", "dXNlckBjb3JwLmV4YW1wbGU6cGFzcw=="),
        ("user:pa:ss", "dXNlcjpwYTpzcw=="),
        ("user:pa%3Ass", "dXNlcjpwYTpzcw=="),
        ("DOMAIN\\user:pass", "RE9NQUlOXHVzZXI6cGFzcw=="),
        ("DOMAIN%5Cuser:pass", "RE9NQUlOXHVzZXI6cGFzcw=="),
        ("user:100%", "dXNlcjoxMDAl"),
        ("user:100%sure", "dXNlcjoxMDAlc3VyZQ=="),
        ("user:100%25", "dXNlcjoxMDAl"),
        ("user:a/b?c", "dXNlcjphL2I/Yw=="),
        ("user:a+b c", "dXNlcjphK2IgYw=="),
        ("user:gr\u{fc}n", "dXNlcjpncsO8bg=="),
        ("user", "dXNlcjo="),
        ("user:", "dXNlcjo="),
        (":pass", "OnBhc3M="),
    ] {
        for scheme in ["http://", ""] {
            let proxy = refusing("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
            let through = format!("{scheme}{user}@{}", proxy.address);
            let transport = builder(&through).build().unwrap();
            let error = transport.send(&post(&format!("https://{HOST}/"))).err().unwrap();
            assert!(error.reason.contains(&format!("the proxy {} wants", proxy.address)), "{user}: {error}");
            let asked = proxy.seen.requests().remove(0);
            let header = format!("\r\nProxy-Authorization: Basic {meant}\r\n");
            assert!(asked.contains(&header), "{through}: {asked}");
        }
    }
}

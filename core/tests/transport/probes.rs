//! The way to a server, step by step.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Network, Probe, Proxies, Stage};
use activity_worker::clock::{ManualClock, RELEASE_DATE, ServerClock};

use crate::AMPLE;
use crate::peer::{Ca, LONG_AGO, Peer, answering_with};

fn network() -> Network {
    let today = SystemTime::UNIX_EPOCH + RELEASE_DATE;
    Network::new(Arc::new(ServerClock::new(Arc::new(ManualClock::new(today)))))
}

fn probe(network: &Network, url: &str) -> Probe {
    network.probe(url, AMPLE).unwrap()
}

fn failed(seen: &Probe) -> Option<(Stage, &str)> {
    seen.failed.as_ref().map(|(stage, e)| (*stage, e.reason.as_str()))
}

const DATED: &str = "date: Sat, 07 Nov 2026 00:00:00 GMT\r\n";

#[test]
fn a_way_that_leads_to_the_end_is_told_step_by_step() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("127.0.0.1"), answering_with(DATED));
    let file = ca.file();
    let network = Network { ca_file: Some(file.path().to_owned()), ..network() };
    let seen = probe(&network, &format!("https://{}/", peer.address));
    assert_eq!(failed(&seen), None);
    assert_eq!(seen.addresses, [peer.address.ip()]);
    assert!(seen.resolved <= seen.connected && seen.connected <= seen.secured && seen.resolved.is_some());
    assert_eq!((seen.tls_version, seen.certificates.len()), (Some("TLS 1.3"), 1));
    assert_eq!(seen.date, Some(SystemTime::UNIX_EPOCH + RELEASE_DATE + Duration::from_secs(6 * 86_400)));
    let head = &peer.seen.requests()[0];
    assert!(head.starts_with("HEAD / HTTP/1.1\r\n") && !head.contains("authorization"), "{head}");
}

#[test]
fn an_error_names_its_stage_and_a_refused_certificate_is_shown() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seen = probe(&network(), &format!("http://{closed}/"));
    let refused = format!("{closed} refused the connection");
    assert_eq!(failed(&seen), Some((Stage::Connection, refused.as_str())));
    assert!(seen.connected.is_none() && seen.resolved.is_some());

    let seen = probe(&network(), "http://no.such.name.invalid/");
    assert_eq!(failed(&seen), Some((Stage::Name, "could not resolve no.such.name.invalid")));

    let stranger = Peer::tls(Ca::root().server("127.0.0.1"), answering_with(DATED));
    let seen = probe(&network(), &format!("https://{}/", stranger.address));
    let (stage, reason) = failed(&seen).unwrap();
    assert!(stage == Stage::Tls && reason.contains("unknown CA"), "{reason}");
    assert_eq!((seen.certificates.len(), seen.secured, seen.date), (1, None, None));

    let no = Peer::plain(|wire, seen| {
        let _ = seen.request(wire);
        let _ = wire.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    let proxy = no.address.to_string();
    let network = Network { proxies: Proxies::new(Some(&proxy), None, "").unwrap(), ..network() };
    let seen = probe(&network, "https://states.example/");
    let (stage, reason) = failed(&seen).unwrap();
    assert!(stage == Stage::Tunnel && reason.contains("does not let us through"), "{reason}");
    assert_eq!((seen.proxy.as_deref(), seen.addresses), (Some(proxy.as_str()), vec![no.address.ip()]));
}

#[test]
fn p8_where_only_the_dates_are_wrong_the_server_is_asked_for_its_own() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server_dated("127.0.0.1", LONG_AGO, (2026, 1, 1)), answering_with(DATED));
    let file = ca.file();
    let network = Network { ca_file: Some(file.path().to_owned()), ..network() };
    let seen = probe(&network, &format!("https://{}/", peer.address));
    let (stage, reason) = failed(&seen).unwrap();
    assert!(stage == Stage::Tls && reason.contains("ended on"), "{reason}");
    assert!(seen.date.is_some());
}

//! P8: a device whose clock is wrong gets its credentials all the same. The true date here is the first of June 2030.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{
    AssumeRoleCredentials, Credentials, CredentialsProvider, Network, StaticCredentials, StsRole,
    WebIdentityCredentials,
};
use activity_worker::clock::{ManualClock, ServerClock};

use crate::peer::{Ca, Peer, Seen, Wire};
use crate::planted::{SECRET, told, watch_log};
use crate::stand::{Asked, for_clients};
use crate::sts::{given, refusal};
use crate::{AMPLE, iot};

const DATE: &str = "Sat, 01 Jun 2030 00:00:00 GMT";
const DAY: &str = "20300601T000";

fn in_2099() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(4_080_000_000)
}

/// STS, which refuses signatures of another hour.
fn sts(wire: &mut dyn Wire, seen: &Seen) {
    while let Some(request) = seen.request(wire).map(Asked) {
        let (status, body) = match request.header("x-amz-date") {
            Some(date) if !date.starts_with(DAY) => {
                refusal(403, "SignatureDoesNotMatch", "Signature expired: it is not of this hour")
            }
            _ => given("AssumeRole", "ROLE", "2030-06-01T01:00:00Z"),
        };
        let body = if request.line().starts_with("HEAD") { String::new() } else { body };
        let head = format!("HTTP/1.1 {status} X\r\ndate: {DATE}\r\ncontent-length: {}\r\n\r\n", body.len());
        if wire.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn device(wall: SystemTime, ca: &Ca) -> Network {
    watch_log();
    let clock = Arc::new(ServerClock::new(Arc::new(ManualClock::new(wall))));
    let file = ca.file().into_temp_path().keep().unwrap();
    let mut network = Network::new(clock);
    network.ca_file = Some(file);
    network
}

fn role(url: &str) -> StsRole {
    StsRole {
        region: "eu-west-1".to_owned(),
        endpoint_url: Some(url.to_owned()),
        role_arn: "arn:aws:iam::123456789012:role/worker".to_owned(),
        session_name: None,
        external_id: None,
        duration: None,
    }
}

fn assumed(network: &Network, url: &str) -> AssumeRoleCredentials {
    let keys = StaticCredentials::new(Credentials::new("AKIDSOURCE", SECRET, None, None));
    let transport = network.transport(AMPLE).unwrap();
    AssumeRoleCredentials::new(role(url), Arc::new(keys), transport, Arc::clone(&network.clock))
}

#[test]
fn p8_a_device_in_1970_or_2099_gets_credentials_over_tls() {
    let ca = Ca::root();
    for wall in [SystemTime::UNIX_EPOCH, in_2099()] {
        let peer = Peer::tls(ca.server_dated("127.0.0.1", (2030, 3, 1), (2030, 9, 1)), sts);
        let network = device(wall, &ca);
        let found = assumed(&network, &peer.url("https")).credentials().unwrap();
        assert_eq!(found.access_key_id, "ROLE");
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_906_502_400);
        assert_eq!(network.clock.now(), day);

        let token = tempfile::NamedTempFile::new().unwrap();
        let network = device(wall, &ca);
        let transport = network.transport(AMPLE).unwrap();
        let clock = Arc::clone(&network.clock);
        let url = peer.url("https");
        let web = WebIdentityCredentials::new(role(&url), token.path().to_owned(), transport, clock);
        assert_eq!(web.credentials().unwrap().access_key_id, "ROLE");
    }
}

#[test]
fn p8_a_signature_of_another_hour_is_made_again_with_the_date_of_the_refusal() {
    let ca = Ca::root();
    // Valid at both dates: nothing but the signature shows that the clock is wrong.
    let peer = Peer::tls(ca.server("127.0.0.1"), sts);
    let network = device(SystemTime::UNIX_EPOCH, &ca);
    assert_eq!(assumed(&network, &peer.url("https")).credentials().unwrap().access_key_id, "ROLE");
    assert_eq!(peer.seen.requests().len(), 2);
}

/// IoT Core speaks only with those who show a certificate, so the question for the date shows it too.
#[test]
fn p8_a_device_in_1970_shows_its_certificate_and_gets_credentials() {
    let ca = Ca::root();
    let config = for_clients(&ca.certificate_of("127.0.0.1", (2030, 3, 1), (2030, 9, 1)), &["p256"]);
    let peer = Peer::tls(config, |wire, seen| {
        while let Some(request) = seen.request(wire).map(Asked) {
            let body = if request.line().starts_with("HEAD") { String::new() } else { iot::good().1 };
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ndate: {DATE}\r\ncontent-length: {length}\r\n\r\n{body}");
            if wire.write_all(head.as_bytes()).is_err() {
                return;
            }
        }
    });
    let clock = device(SystemTime::UNIX_EPOCH, &ca).clock;
    assert_eq!(iot::source_at(&peer, &ca, clock).credentials().unwrap().access_key_id, "IOT");
}

#[test]
fn p8_a_refusal_for_another_reason_is_not_repeated() {
    let ca = Ca::root();
    let peer = Peer::tls(ca.server("127.0.0.1"), |wire, seen| {
        while seen.request(wire).is_some() {
            let (status, body) = refusal(403, "AccessDenied", "no");
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            wire.write_all(head.as_bytes()).unwrap();
        }
    });
    let network = device(SystemTime::UNIX_EPOCH, &ca);
    assert!(told(assumed(&network, &peer.url("https")).credentials()).contains("AccessDenied"));
    assert_eq!(peer.seen.requests().len(), 1);
}

#[test]
fn p8_the_word_of_a_stranger_on_the_date_counts_for_nothing() {
    let ca = Ca::root();
    let peer = Peer::tls(Ca::root().server_dated("127.0.0.1", (2030, 3, 1), (2030, 9, 1)), sts);
    let network = device(SystemTime::UNIX_EPOCH, &ca);
    let before = network.clock.now();
    told(assumed(&network, &peer.url("https")).credentials());
    assert_eq!(network.clock.now(), before);
}

/// Whoever holds the key of a certificate that ran out a week ago gets neither a signed request nor a token of an identity, once it is
/// known which day it is.
#[test]
fn field_09_no_source_shows_anything_to_an_expired_certificate() {
    let today = SystemTime::UNIX_EPOCH + Duration::from_secs(1_906_502_400 + 7 * 86_400);
    let ca = Ca::root();
    for on_disk in [false, true] {
        for wall in [SystemTime::UNIX_EPOCH, today, today - Duration::from_secs(10 * 86_400)] {
            let peer = Peer::tls(ca.server_dated("127.0.0.1", (2030, 3, 1), (2030, 6, 2)), sts);
            let network = device(wall, &ca);
            let clock = Arc::clone(&network.clock);
            match on_disk {
                true => clock.raise_floor(today),
                false => clock.learn(today, clock.clock().monotonic()),
            }
            told(assumed(&network, &peer.url("https")).credentials());

            let token = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(token.path(), SECRET).unwrap();
            let transport = network.transport(AMPLE).unwrap();
            let (url, file) = (peer.url("https"), token.path().to_owned());
            let web = WebIdentityCredentials::new(role(&url), file, transport, Arc::clone(&clock));
            told(web.credentials());

            let shown = peer.seen.requests().into_iter().filter(|r| !r.starts_with("HEAD / ")).count();
            assert_eq!((shown, clock.now() >= today), (0, true), "{wall:?} {on_disk}");
        }
    }
}

/// STS over plain HTTP may tell what hour it is for its own signatures; for certificates that counts for nothing.
#[test]
fn field_09_a_refusal_over_plain_http_does_not_move_the_date_of_certificates() {
    let ca = Ca::root();
    let network = device(in_2099(), &ca);
    let today = SystemTime::UNIX_EPOCH + Duration::from_secs(1_906_502_400 + 86_400);
    network.clock.learn(today, network.clock.clock().monotonic());
    let peer = Peer::plain(sts);
    assert_eq!(assumed(&network, &peer.url("http")).credentials().unwrap().access_key_id, "ROLE");
    assert_eq!(network.clock.certificate_date(), today);
}

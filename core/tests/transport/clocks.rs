//! A device whose clock is years off, over real TLS. The true date of these tests is the first of June 2030.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{HttpsTransport, Transport};
use activity_worker::clock::{ManualClock, ServerClock};

use crate::peer::{Ca, Day, FAR_OFF, LONG_AGO, Peer, answering_with};
use crate::{AMPLE, post};

const DATE: &str = "date: Sat, 01 Jun 2030 00:00:00 GMT\r\n";

fn today() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_906_502_400)
}

fn in_2099() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(4_080_000_000)
}

struct Device {
    clock: Arc<ServerClock>,
    transport: HttpsTransport,
}

fn device(wall: SystemTime, ca: &Ca) -> Device {
    let clock = Arc::new(ServerClock::new(Arc::new(ManualClock::new(wall))));
    let transport = HttpsTransport::builder()
        .clock(Arc::clone(&clock))
        .ca_file(ca.file().path().to_owned())
        .connect_timeout(AMPLE)
        .build()
        .unwrap();
    Device { clock, transport }
}

fn server(ca: &Ca, host: &str, from: Day, until: Day) -> Peer {
    Peer::tls(ca.server_dated(host, from, until), answering_with(DATE))
}

#[test]
fn p8_a_clock_in_1970_or_2099_heals_over_tls() {
    let ca = Ca::root();
    for wall in [SystemTime::UNIX_EPOCH, in_2099()] {
        let peer = server(&ca, "127.0.0.1", (2030, 3, 1), (2030, 9, 1));
        let Device { clock, transport } = device(wall, &ca);
        let url = format!("https://user:password@{}/path?query", peer.address);
        let error = transport.send(&post(&url)).err().unwrap();
        assert!(error.certificate_dates && !error.sent, "{error}");

        assert_eq!(transport.probe_date(&url), Some(today()));
        let probe = format!("HEAD / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", peer.address);
        assert_eq!(peer.seen.requests(), [probe]);

        // The probe's connection vouches for nothing: only a strict handshake does, and at the device's date it still fails.
        assert!(transport.send(&post(&url)).err().unwrap().certificate_dates);

        clock.learn(today(), clock.clock().monotonic());
        assert_eq!(transport.send(&post(&url)).unwrap().status, 200);
        assert_eq!(peer.seen.resumed(), 0);
    }
}

#[test]
fn p8_a_certificate_that_has_really_expired_stays_refused() {
    let ca = Ca::root();
    let peer = server(&ca, "127.0.0.1", LONG_AGO, (2028, 1, 1));
    let Device { clock, transport } = device(in_2099(), &ca);
    assert!(transport.send(&post(&peer.url("https"))).err().unwrap().certificate_dates);
    let date = transport.probe_date(&peer.url("https")).unwrap();
    clock.learn(date, clock.clock().monotonic());
    let error = transport.send(&post(&peer.url("https"))).err().unwrap();
    assert!(error.certificate_dates && !error.sent, "{error}");
}

#[test]
fn p8_a_probe_checks_the_ca_and_the_host() {
    let ca = Ca::root();
    let Device { transport, .. } = device(SystemTime::UNIX_EPOCH, &ca);
    let strangers = Ca::root();
    for (from, until) in [(LONG_AGO, FAR_OFF), ((2030, 3, 1), (2030, 9, 1)), (LONG_AGO, (2020, 1, 1))] {
        for peer in [server(&strangers, "127.0.0.1", from, until), server(&ca, "other.example", from, until)]
        {
            assert_eq!(transport.probe_date(&peer.url("https")), None);
            assert!(peer.seen.requests().is_empty());
        }
    }
}

#[test]
fn p8_a_probe_wants_a_date_at_which_the_whole_chain_holds() {
    let root = Ca::root();
    let Device { transport, .. } = device(SystemTime::UNIX_EPOCH, &root);
    let overlapping = root.intermediate((2030, 5, 1), (2035, 1, 1));
    let peer = server(&overlapping, "127.0.0.1", (2030, 3, 1), (2030, 9, 1));
    assert_eq!(transport.probe_date(&peer.url("https")), Some(today()));

    let never = root.intermediate((2031, 1, 1), (2035, 1, 1));
    let peer = server(&never, "127.0.0.1", (2030, 3, 1), (2030, 9, 1));
    assert_eq!(transport.probe_date(&peer.url("https")), None);
}

#[test]
fn p8_a_date_from_a_cache_without_a_date_or_without_tls_is_none() {
    let ca = Ca::root();
    let Device { transport, .. } = device(SystemTime::UNIX_EPOCH, &ca);
    for headers in [format!("{DATE}age: 0\r\n"), String::new(), "date: yesterday\r\n".to_owned()] {
        let peer = Peer::tls(ca.server("127.0.0.1"), answering_with(&headers));
        assert_eq!(transport.probe_date(&peer.url("https")), None);
        assert_eq!(peer.seen.requests().len(), 1);
    }
    let plain = Peer::plain(answering_with(DATE));
    assert_eq!(transport.probe_date(&plain.url("http")), None);
    assert_eq!(transport.probe_date("not a URL"), None);
}

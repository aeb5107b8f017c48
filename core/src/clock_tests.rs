//! The service's date over a manual clock.

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + RELEASE_DATE + Duration::from_secs(seconds)
}

#[test]
fn p8_a_device_in_1970_starts_at_the_floor_and_heals_with_the_first_answer() {
    let device = ManualClock::new(SystemTime::UNIX_EPOCH);
    let server = ServerClock::new(Arc::new(device.clone()));
    assert_eq!(server.now(), at(0));
    server.raise_floor(at(500));
    assert_eq!(server.now(), at(500));
    server.learn(at(9_000), device.monotonic());
    device.advance(Duration::from_secs(10));
    assert_eq!(server.now(), at(9_010));
    assert!(server.skew_seconds().unwrap() > 50 * 365 * 86_400);
}

#[test]
fn p8_a_jump_of_the_date_at_run_time_changes_nothing_once_the_service_has_answered() {
    let device = ManualClock::new(at(0));
    let server = ServerClock::new(Arc::new(device.clone()));
    server.learn(at(3), device.monotonic());
    device.set_wall(at(0) + 365 * DAY * 70);
    device.advance(Duration::from_secs(1));
    assert_eq!(server.now(), at(4));
}

#[test]
fn p8_an_answer_received_earlier_or_dated_before_the_floor_is_not_believed() {
    let device = ManualClock::new(at(0));
    let server = ServerClock::new(Arc::new(device.clone()));
    device.advance(DAY);
    server.learn(at(100), device.monotonic());
    server.learn(at(5), device.monotonic() - Duration::from_secs(1));
    assert_eq!(server.now(), at(100));
    server.learn(SystemTime::UNIX_EPOCH, device.monotonic());
    assert_eq!(server.now(), at(100));
}

const HOUR: Duration = Duration::from_secs(3600);

fn bench(wall: SystemTime) -> (ManualClock, ServerClock) {
    let device = ManualClock::new(wall);
    (device.clone(), ServerClock::new(Arc::new(device)))
}

/// An answer to a request that is sent and answered now.
fn hear(device: &ManualClock, server: &ServerClock, date: SystemTime) {
    server.learn_on_trial(date, device.monotonic(), device.monotonic());
}

#[test]
fn field_09_no_hint_lies_before_what_is_known() {
    let (device, server) = bench(at(0) + 1000 * DAY);
    assert!(!server.may_be(SystemTime::UNIX_EPOCH) && !server.may_be(at(0) - DAY), "before the release");
    assert!(server.may_be(at(0)), "the device's date may be wrong");
    server.raise_floor(at(500));
    assert!(!server.may_be(at(499)) && server.may_be(at(500)), "kept");
    server.learn(at(9_000), device.monotonic());
    assert!(!server.may_be(at(8_999)) && server.may_be(at(9_000)), "learnt");
    device.advance(DAY);
    assert!(!server.may_be(at(9_000)) && server.may_be(at(9_000) + DAY), "and carried forward");
    assert_eq!(server.floor(), at(9_000) + DAY);
}

#[test]
fn field_09_what_is_said_over_plain_http_moves_no_certificates_date() {
    let (device, server) = bench(at(7_000));
    server.learn_unproven(at(100), device.monotonic());
    assert_eq!((server.now(), server.certificate_date(), server.floor()), (at(100), at(7_000), at(0)));
    server.learn(at(8_000), device.monotonic());
    server.learn_unproven(at(100), device.monotonic());
    assert_eq!((server.now(), server.certificate_date(), server.floor()), (at(100), at(8_000), at(8_000)));
    assert!(!server.may_be(at(7_999)));
    device.advance(2 * HOUR);
    assert!(!server.wants_another_connection(), "nor is it ever kept");
}

#[test]
fn field_10_dates_before_the_release_or_after_2099_are_none() {
    let (device, server) = bench(at(0));
    let since_1970 = |date| SystemTime::UNIX_EPOCH + date;
    let far = [at(0) - DAY, since_1970(Duration::ZERO), since_1970(LATEST), since_1970(LAST_YEAR)];
    for date in far {
        server.learn(date, device.monotonic());
        server.learn_unproven(date, device.monotonic());
        server.raise_floor(date);
        assert_eq!((server.now(), server.learnt(), server.floor()), (at(0), None, at(0)), "{date:?}");
        assert!(!server.may_be(date));
    }
}

#[test]
fn field_10_no_clock_takes_a_date_beyond_what_a_signature_can_hold() {
    let end = SystemTime::UNIX_EPOCH + LAST_YEAR;
    let mad = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 60);
    for wall in [end, mad, SystemTime::UNIX_EPOCH - DAY] {
        let (device, server) = bench(wall);
        assert_eq!((server.now(), server.certificate_date()), (at(0), at(0)));
        server.raise_kept_floor(mad, true);
        server.raise_kept_floor(mad, false);
        server.learn(at(7), device.monotonic());
        assert!(server.skew_seconds().is_some());
        device.set_wall(SystemTime::UNIX_EPOCH);
        device.advance(Duration::from_secs(1 << 60));
        device.advance(Duration::from_secs(1 << 60));
        assert_eq!((server.now(), server.floor(), server.learnt()), (end, end, Some(end)));
        assert!(show(server.now()).contains("9999") && show(mad).contains("9999"));
    }
}

#[test]
fn field_10_two_answers_an_hour_apart_over_different_connections_confirm_a_date() {
    let (device, server) = bench(at(0));
    hear(&device, &server, at(0) + DAY);
    assert!(!server.wants_another_connection(), "not yet");
    device.advance(HOUR);
    hear(&device, &server, at(0) + DAY + HOUR);
    assert_eq!(server.confirmed(None), None, "over the same connection, for all that is known");
    let sent_before = device.monotonic();
    device.advance(HOUR);
    assert!(server.wants_another_connection());
    assert!(!server.wants_another_connection(), "once, not again and again");
    server.learn_on_trial(at(0) + DAY + 2 * HOUR, sent_before, device.monotonic());
    assert_eq!(server.confirmed(None), None, "a poll of before");
    device.advance(Duration::from_secs(60));
    hear(&device, &server, at(0) + DAY + 2 * HOUR);
    assert_eq!(server.confirmed(None), Some(at(0) + DAY + 2 * HOUR), "a minute off is near enough");

    let kept = Some(device.monotonic());
    assert_eq!(server.confirmed(kept), None, "no news since");
    device.advance(DAY);
    hear(&device, &server, at(0) + 2 * DAY + 2 * HOUR);
    assert_eq!(server.confirmed(kept), None);
    assert!(server.wants_another_connection());
    hear(&device, &server, at(0) + 2 * DAY + 2 * HOUR);
    assert_eq!(server.confirmed(kept), Some(at(0) + 2 * DAY + 2 * HOUR));
}

#[test]
fn field_10_a_lone_lie_is_never_confirmed_and_begins_the_trial_anew() {
    for lie in [at(0) + 37 * DAY, at(0) + DAY + 2 * HOUR + AGREE + Duration::from_secs(1), at(0)] {
        let (device, server) = bench(at(0));
        hear(&device, &server, at(0) + DAY);
        device.advance(2 * HOUR);
        assert!(server.wants_another_connection());
        hear(&device, &server, lie);
        assert_eq!((server.now(), server.confirmed(None)), (lie, None), "it steers, and no more");
        for _ in 0..3 {
            device.advance(Duration::from_secs(60));
            hear(&device, &server, at(0) + DAY + device.monotonic());
            assert_eq!((server.now(), server.confirmed(None)), (at(0) + DAY + device.monotonic(), None));
        }
        device.advance(HOUR);
        assert!(server.wants_another_connection());
        hear(&device, &server, at(0) + DAY + device.monotonic());
        assert_eq!(server.confirmed(None), Some(at(0) + DAY + device.monotonic()));
    }
}

#[test]
fn field_10_a_kept_date_that_one_answer_made_counts_only_behind_all_else() {
    let kept = |wall, date, confirmed| {
        let (_, server) = bench(wall);
        (server.raise_kept_floor(date, confirmed), server.floor())
    };
    let now = at(0) + 30 * DAY;
    for (wall, date) in [(now, now - DAY), (now, now + HOUR), (SystemTime::UNIX_EPOCH, now)] {
        assert_eq!(kept(wall, date, false), (true, date), "{wall:?} {date:?}");
    }
    for (wall, date) in [
        (now, now + 37 * DAY),
        (now, now + 5 * 365 * DAY),
        (SystemTime::UNIX_EPOCH, at(0) + 500 * DAY),
        (at(0) + 80 * 365 * DAY, at(0) + 500 * DAY),
    ] {
        assert_eq!(kept(wall, date, false), (false, at(0)), "{wall:?} {date:?}");
        assert_eq!(kept(wall, date, true), (true, date), "two answers agreed on it");
    }
    assert_eq!(kept(now, at(0) + 80 * 365 * DAY, true), (false, at(0)), "but that is no date");
}

#[test]
fn field_10_a_floor_that_lies_ahead_of_a_proven_date_is_dropped() {
    let (device, server) = bench(at(0) + DAY);
    assert!(server.raise_kept_floor(at(0) + 37 * DAY, true));
    assert_eq!(server.certificate_date(), at(0) + 37 * DAY);
    assert!(!server.may_be(at(0) + DAY), "a stranger's word does not do it");
    server.learn_unproven(at(0) + DAY, device.monotonic());
    assert_eq!((server.now(), server.certificate_date()), (at(0) + DAY, at(0) + 37 * DAY));
    server.learn(at(0) + DAY, device.monotonic());
    assert_eq!((server.certificate_date(), server.floor()), (at(0) + DAY, at(0) + DAY));
}

#[test]
fn field_10_one_answer_alone_ends_nothing_for_good() {
    let (device, server) = bench(at(0) + DAY);
    assert_eq!(server.beyond_doubt(), None);
    hear(&device, &server, at(0) + 37 * DAY);
    assert_eq!(server.beyond_doubt(), Some(at(0) + DAY), "the device's clock does not say so");
    device.set_wall(SystemTime::UNIX_EPOCH);
    device.advance(HOUR);
    assert!(server.wants_another_connection());
    hear(&device, &server, at(0) + 37 * DAY + HOUR);
    assert_eq!(server.beyond_doubt(), Some(at(0) + 37 * DAY + HOUR), "two answers do");
}

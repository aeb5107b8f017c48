//! Wrong clocks, dates that teach and dates that lie: the client over a transport that answers from a script.

use super::tests::{answer, answer_with, bench, bench_at, broken, refusal, server_time};
use super::*;

#[test]
fn p8_a_signature_with_a_wrong_time_is_corrected_by_the_answer_and_sent_again() {
    let bench = bench_at(
        SystemTime::UNIX_EPOCH,
        &["KEY1"],
        [refusal("InvalidSignatureException"), answer(200, "{}")],
    );
    bench.success().unwrap();
    assert_eq!(bench.header(0, "x-amz-date"), "20261101T000000Z");
    assert_eq!(bench.header(1, "x-amz-date"), "20261112T134640Z");
    assert!(bench.keys.refused.lock().unwrap().is_empty());
}

#[test]
fn p8_the_clock_is_corrected_once_per_call() {
    let stuck = [("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("x-amzn-errortype", "RequestExpired")];
    let bench = bench([answer_with(403, "", &stuck), answer_with(403, "", &stuck)]);
    assert_eq!(bench.success().unwrap_err().class, ErrorClass::Clock);
    assert_eq!(bench.requests(), 2);
}

#[test]
fn p8_a_signature_error_without_skew_or_without_a_date_is_a_refusal() {
    let cached = httpdate::fmt_http_date(server_time());
    let cached = [("date", cached.as_str()), ("age", "3"), ("x-amzn-errortype", "SignatureDoesNotMatch")];
    for (wall, answer) in [
        (server_time() - Duration::from_secs(239), refusal("SignatureDoesNotMatch")),
        (SystemTime::UNIX_EPOCH, answer_with(403, "", &cached)),
        (SystemTime::UNIX_EPOCH, answer_with(403, "", &cached[2..])),
    ] {
        let bench = bench_at(wall, &["KEY1"], [answer]);
        assert_eq!(bench.success().unwrap_err().class, ErrorClass::Denied);
        assert_eq!(bench.requests(), 1);
    }
}

#[test]
fn p8_every_answer_of_the_service_teaches_the_time_of_its_receipt() {
    let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1"], [refusal("TaskTimedOut")]);
    bench.device.advance(Duration::from_secs(7));
    bench.success().unwrap_err();
    bench.device.advance(Duration::from_secs(5));
    assert_eq!(bench.client.clock().now(), server_time() + Duration::from_secs(5));
}

#[test]
fn p8_a_certificate_out_of_date_makes_one_probe_whose_date_the_strict_handshake_must_confirm() {
    let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1"], [broken(false, true), answer(200, "{}")]);
    bench.script.hints.lock().unwrap().push_back(server_time() - Duration::from_secs(61));
    bench.script.proofs.lock().unwrap().push_back(server_time() - Duration::from_secs(60));
    bench.success().unwrap();
    let url = "https://states.eu-west-1.amazonaws.com/";
    let proof = format!("{url} at Thu, 12 Nov 2026 13:45:39 GMT");
    assert_eq!(*bench.script.probed.lock().unwrap(), [url, &proof]);
    assert_eq!(bench.header(1, "x-amz-date"), "20261112T134540Z");
    assert_eq!(bench.client.clock().now(), server_time());
}

#[test]
fn p8_a_certificate_that_stays_out_of_date_ends_the_call() {
    for second in [broken(false, true), broken(false, false)] {
        let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1"], [broken(false, true), second]);
        bench.script.hints.lock().unwrap().push_back(server_time());
        bench.script.proofs.lock().unwrap().push_back(server_time());
        let error = bench.success().unwrap_err();
        assert_eq!((error.class, error.maybe_taken), (ErrorClass::Network, false));
        assert_eq!(bench.script.probed.lock().unwrap().len(), 2, "one question and one proof");
    }
}

#[test]
fn field_09_a_hint_that_is_not_proven_leaves_no_trace_and_nothing_is_sent() {
    let day = Duration::from_secs(86_400);
    for proof in [None, Some(server_time() + day), Some(server_time() - day), Some(SystemTime::UNIX_EPOCH)] {
        let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1"], [broken(false, true)]);
        bench.script.hints.lock().unwrap().push_back(server_time());
        bench.script.proofs.lock().unwrap().extend(proof);
        let before = bench.client.clock().now();
        assert_eq!(bench.success().unwrap_err().class, ErrorClass::Network);
        assert_eq!((bench.requests(), bench.client.clock().learnt()), (1, None));
        assert_eq!((bench.client.clock().now(), bench.client.clock().certificate_date()), (before, before));
    }
}

#[test]
fn field_09_a_hint_before_what_was_learnt_is_not_tried() {
    let week = Duration::from_secs(7 * 86_400);
    for wall in [SystemTime::UNIX_EPOCH, server_time(), server_time() - week] {
        let bench = bench_at(wall, &["KEY1"], [answer(200, "{}"), broken(false, true)]);
        bench.success().unwrap();
        bench.script.hints.lock().unwrap().push_back(server_time() - week);
        bench.script.proofs.lock().unwrap().push_back(server_time() - week);
        bench.success().unwrap_err();
        assert_eq!(bench.requests(), 2);
        assert_eq!(*bench.script.probed.lock().unwrap(), ["https://states.eu-west-1.amazonaws.com/"]);
        assert_eq!(bench.client.clock().now(), server_time());
    }
}

#[test]
fn p8_the_date_of_an_answer_that_is_not_the_services_counts_for_nothing() {
    for (status, body) in [(200, "<html>Log in</html>"), (502, "<html>Bad gateway</html>")] {
        let bench = bench_at(server_time(), &["KEY1"], [answer(status, body)]);
        bench.success().unwrap_err();
        assert_eq!(bench.client.clock().learnt(), None, "{status}");
    }
    // Nor does it cost what was learnt before, be it a hint from someone else.
    let answers = [answer(200, "{}"), broken(false, true), broken(false, false)];
    let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1"], answers);
    bench.success().unwrap();
    bench.script.hints.lock().unwrap().push_back(server_time() + Duration::from_secs(86_400));
    bench.success().unwrap_err();
    assert_eq!(bench.client.clock().now(), server_time());
}

#[test]
fn p8_without_a_hint_or_with_one_before_the_floor_nothing_more_is_sent() {
    for hint in [None, Some(SystemTime::UNIX_EPOCH)] {
        let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1"], [broken(false, true)]);
        bench.script.hints.lock().unwrap().extend(hint);
        assert_eq!(bench.success().unwrap_err().class, ErrorClass::Network);
        assert_eq!((bench.requests(), bench.client.clock().learnt()), (1, None));
    }
}

#[test]
fn field_10_no_date_makes_a_call_panic_or_the_next_one() {
    let century = Duration::from_secs(100 * 365 * 86_400);
    for date in
        ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 2099 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"]
    {
        let expired = [("date", date), ("x-amzn-requestid", "1"), ("x-amzn-errortype", "RequestExpired")];
        let retry = [("date", date), ("retry-after", date), ("x-amzn-errortype", "ThrottlingException")];
        for (status, headers) in [(200, &expired[..2]), (400, &expired), (400, &retry)] {
            let bench = bench((0..8).map(|_| answer_with(status, "{}", headers)));
            for _ in 0..4 {
                let _ = bench.success();
                bench.device.advance(30 * century);
            }
        }
    }
}

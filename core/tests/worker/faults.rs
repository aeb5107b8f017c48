//! The network, the service and the clock at their worst.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use activity_emulator::{Credential, Fault};
use activity_worker::aws::{CachedCredentials, CallbackCredentials, Credentials};
use activity_worker::clock::ServerClock;
use activity_worker::worker::{Event, Stop, TaskContext};
use activity_worker::{Failure, Settlement};
use serde_json::json;

use crate::support::{Bench, echo, kept, wait_for};

fn settlement(event: &Event) -> Option<Settlement> {
    match event {
        Event::Settled { settlement, .. } => Some(*settlement),
        _ => None,
    }
}

#[test]
fn p1_the_network_goes_while_the_handler_runs_and_the_result_is_delivered_when_it_is_back() {
    let bench = Bench::with_state(json!({"HeartbeatSeconds": 30}));
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let events = worker.subscribe();
    assert!(bench.emulator.wait_polls(bench.arn.as_str(), 1, crate::support::SOON));
    bench.emulator.inject(Fault::half_open().on("SendTaskSuccess").times(1));
    let execution = bench.start("1");
    wait_for(&events, kept);
    bench.emulator.go_down();
    wait_for(&events, |e| matches!(e, Event::Offline { .. }).then_some(()));
    bench.emulator.clear_faults();
    bench.emulator.come_back();
    assert_eq!(bench.succeeds(&execution), r#"{"got":1}"#);
    assert_eq!(wait_for(&events, settlement), Settlement::Delivered);
    worker.stop(Stop::Now);
}

#[test]
fn p1_a_result_kept_while_offline_survives_the_end_of_the_worker() {
    let bench = Bench::with_state(json!({"HeartbeatSeconds": 60}));
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let events = worker.subscribe();
    bench.emulator.inject(Fault::close().on("SendTaskSuccess"));
    let execution = bench.start("1");
    wait_for(&events, kept);
    bench.emulator.go_down();
    let report = worker.stop(Stop::Now);
    assert_eq!((report.kept, report.lost), (1, 0));
    bench.emulator.clear_faults();
    bench.emulator.come_back();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    assert_eq!(bench.succeeds(&execution), r#"{"got":1}"#);
    worker.stop(Stop::Now);
}

#[test]
fn p1_an_answer_that_is_lost_leaves_the_settlement_unknown_and_the_result_taken_once() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let events = worker.subscribe();
    bench.emulator.inject(Fault::close().on("SendTaskSuccess").times(1).after_effect());
    let execution = bench.start("1");
    bench.succeeds(&execution);
    assert_eq!(wait_for(&events, settlement), Settlement::Unknown);
    worker.stop(Stop::Now);
}

#[test]
fn p1_no_answer_but_the_services_own_settles_a_result() {
    let faults = [
        Fault::close(),
        Fault::half_open(),
        Fault::status(500),
        Fault::status(503),
        Fault::throttle(),
        Fault::expired_token(),
        Fault::captive_portal(),
        Fault::truncated(),
        Fault::error(400, "SomethingNew", "a code of next year"),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let bench = Bench::new();
        let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
        let events = worker.subscribe();
        bench.emulator.inject(fault.on("SendTaskSuccess").times(2));
        let execution = bench.start("1");
        if n == 8 {
            wait_for(&events, |e| matches!(e, Event::Held { .. }).then_some(()));
            assert_eq!(worker.snapshot().unwrap().held.len(), 1, "kept, and tried in hours");
        } else {
            assert_eq!(bench.succeeds(&execution), r#"{"got":1}"#, "fault {n}");
            // The cut answer was the service's, whatever it said.
            let expected = if n == 7 { Settlement::Unknown } else { Settlement::Delivered };
            assert_eq!(wait_for(&events, settlement), expected, "fault {n}");
        }
        worker.stop(Stop::Now);
    }
}

#[test]
fn p9_a_connection_that_is_half_open_is_given_up_within_the_deadline() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    bench.emulator.inject(Fault::half_open().on("SendTaskSuccess").times(1));
    let start = std::time::Instant::now();
    let execution = bench.start("1");
    bench.succeeds(&execution);
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(8), "{took:?}");
    worker.stop(Stop::Now);
}

#[test]
fn p8_a_clock_that_is_years_off_heals_without_a_restart() {
    for years in [-50, 70] {
        let bench = Bench::new();
        let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
        let execution = bench.start("1");
        bench.succeeds(&execution);
        // The service's clock moves, which is the same as ours jumping the other way. Dates before the release are never
        // believed, so only the jump forward can be healed here.
        bench.emulator.set_clock_offset(if years > 0 { years * 365 * 86_400 } else { 3 * 86_400 });
        let execution = bench.start("2");
        assert_eq!(bench.succeeds(&execution), r#"{"got":2}"#);
        worker.stop(Stop::Now);
    }
}

#[test]
fn p4_a_slow_report_of_one_task_delays_no_heartbeat_of_another() {
    let bench = Bench::with_state(json!({"HeartbeatSeconds": 3}));
    let handler = |task: &TaskContext| {
        if task.input() == "\"slow\"" {
            assert_eq!(task.wait_cancelled(Duration::from_secs(6)), None, "its heartbeats were late");
        }
        Ok::<_, Failure>("{}".to_owned())
    };
    let worker = bench.worker().activity(bench.handled(handler).concurrency(8)).start().unwrap();
    bench.emulator.inject(Fault::delay(Duration::from_millis(1800)).on("SendTaskSuccess"));
    let slow = bench.start("\"slow\"");
    let fast: Vec<_> = (0..6).map(|_| bench.start("\"fast\"")).collect();
    for execution in fast.iter().chain([&slow]) {
        bench.succeeds(execution);
    }
    worker.stop(Stop::Now);
}

#[test]
fn p10_a_throttled_poll_backs_off_and_recovers() {
    let bench = Bench::new();
    bench.emulator.inject(Fault::throttle().on("GetActivityTask").times(4));
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let execution = bench.start("1");
    bench.succeeds(&execution);
    worker.stop(Stop::Now);
}

#[test]
fn credentials_that_do_not_work_are_said_once_and_nothing_is_lost_when_they_do_again() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let events = worker.subscribe();
    assert!(bench.emulator.wait_polls(bench.arn.as_str(), 1, crate::support::SOON));
    bench.emulator.set_credentials(vec![]);
    let execution = bench.start("1");
    wait_for(&events, |e| matches!(e, Event::CredentialsRefused { .. }).then_some(()));
    bench.emulator.set_credentials(vec![Credential::test()]);
    wait_for(&events, |e| matches!(e, Event::CredentialsAccepted).then_some(()));
    bench.succeeds(&execution);
    worker.stop(Stop::Now);
}

#[test]
fn when_the_app_changes_its_credentials_the_source_is_asked_for_them() {
    let bench = Bench::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let source = CallbackCredentials::new("the login", move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let Credential { access_key_id, secret_access_key, .. } = Credential::test();
        Ok(Credentials::new(access_key_id, secret_access_key, None, None))
    });
    let source = CachedCredentials::new(Arc::new(source), ServerClock::system());
    let client = bench.client_from(Arc::new(source));
    let worker = bench.worker().client(client).activity(bench.handled(echo)).start().unwrap();
    bench.succeeds(&bench.start("1"));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "they are good");
    worker.credentials_changed();
    bench.succeeds(&bench.start("2"));
    assert_eq!(asked.load(Ordering::SeqCst), 2, "good or not, the app has others");
    worker.stop(Stop::Now);
}

#[test]
fn an_activity_that_does_not_exist_is_said_once_and_polled_slowly() {
    let bench = Bench::new();
    let arn = bench.arn.as_str().replace("approve", "gone");
    let gone = activity_worker::aws::ActivityArn::parse(&arn).unwrap();
    let worker =
        bench.worker().activity(activity_worker::worker::Activity::handled(gone, echo)).start().unwrap();
    let events = worker.subscribe();
    let (activity, reason) = wait_for(&events, |e| match e {
        Event::PollRefused { activity, reason } => Some((activity.clone(), reason.clone())),
        _ => None,
    });
    assert_eq!(activity, "gone");
    assert!(reason.contains("ActivityDoesNotExist"), "{reason}");
    worker.stop(Stop::Now);
}

//! The way of a task, and its ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use activity_worker::worker::{Cancelled, Handler, StartError, Stop, TaskContext};
use activity_worker::{Failure, Settlement, TaskId};
use serde_json::json;

use crate::support::{Bench, echo, wait_for};
use activity_worker::worker::Event;

#[test]
fn a_task_is_worked_and_its_workflow_goes_on() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let events = worker.subscribe();
    let execution = bench.start(r#"{"n":1}"#);
    assert_eq!(bench.succeeds(&execution), r#"{"got":{"n":1}}"#);
    let settled = wait_for(&events, |e| match e {
        Event::Settled { settlement, request_id, .. } => Some((*settlement, request_id.clone())),
        _ => None,
    });
    assert_eq!(settled.0, Settlement::Delivered);
    assert!(settled.1.is_some(), "the receipt carries the request id");
    let report = worker.stop(Stop::Drain);
    assert_eq!((report.kept, report.dropped_polls, report.lost), (0, 0, 0));
}

#[test]
fn failures_reach_the_state_machine_by_name() {
    let bench = Bench::new();
    let handler = |task: &TaskContext| match task.input() {
        "1" => Err(Failure::new("Valve.Stuck", "turn it by hand")),
        "2" => panic!("a bug"),
        "3" => Ok("{".to_owned()),
        _ => Ok(format!("\"{}\"", "x".repeat(300_000))),
    };
    let worker = bench.worker().activity(bench.handled(handler)).start().unwrap();
    let expected = [
        ("Valve.Stuck", "turn it by hand"),
        ("Handler.Panicked", "a bug"),
        ("Worker.InvalidOutput", "the output is not JSON: line 1, column 1"),
        ("Worker.OutputTooLarge", "the output has 300002 bytes, the limit is 262144"),
    ];
    for (n, (error, cause)) in expected.into_iter().enumerate() {
        let execution = bench.start(&(n + 1).to_string());
        assert_eq!(bench.fails(&execution), (error.to_owned(), cause.to_owned()));
    }
    worker.stop(Stop::Now);
}

#[test]
fn field_05_an_input_over_the_limit_ends_by_name() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let large = format!("\"{}\"", "x".repeat(1_048_576));
    let cause = "the input has 1048578 bytes, the limit is 1048576";
    assert_eq!(bench.fails(&bench.start(&large)), ("Worker.InvalidInput".to_owned(), cause.to_owned()));
    assert_eq!(bench.succeeds(&bench.start("1")), r#"{"got":1}"#, "and the worker goes on");
    worker.stop(Stop::Now);
}

#[test]
fn the_largest_input_and_output_pass() {
    let bench = Bench::new();
    let handler = |task: &TaskContext| Ok::<_, Failure>(format!("\"{}\"", &task.input()[1..262_143]));
    let worker = bench.worker().activity(bench.handled(handler)).start().unwrap();
    let execution = bench.start(&format!("\"{}\"", "é".repeat(524_287)));
    assert_eq!(bench.succeeds(&execution).len(), 262_144);
    worker.stop(Stop::Now);
}

#[test]
fn p4_a_handler_longer_than_heartbeat_seconds_lives_by_heartbeats() {
    let bench = Bench::with_state(json!({"HeartbeatSeconds": 3}));
    let slow = |task: &TaskContext| {
        assert_eq!(task.wait_cancelled(Duration::from_secs(5)), None);
        Ok::<_, Failure>("{}".to_owned())
    };
    let worker = bench.worker().activity(bench.handled(slow)).start().unwrap();
    let execution = bench.start("{}");
    bench.succeeds(&execution);
    assert!(bench.emulator.calls().count("SendTaskHeartbeat") >= 4);
    worker.stop(Stop::Now);
}

#[test]
fn p4_a_task_that_the_service_gave_up_cancels_its_handler_and_is_told_as_too_late() {
    let bench = Bench::with_state(json!({"TimeoutSeconds": 2}));
    let cancelled = |task: &TaskContext| match task.wait_cancelled(Duration::from_secs(15)) {
        Some(Cancelled::TimedOut) => Ok::<_, Failure>("{}".to_owned()),
        other => panic!("{other:?}"),
    };
    let worker = bench.worker().activity(bench.handled(cancelled)).start().unwrap();
    let events = worker.subscribe();
    bench.start("{}");
    let settlement = wait_for(&events, |e| match e {
        Event::Settled { settlement, .. } => Some(*settlement),
        _ => None,
    });
    assert_eq!(settlement, Settlement::TooLate);
    assert_eq!(bench.emulator.calls().count("SendTaskSuccess"), 0);
    worker.stop(Stop::Now);
}

#[test]
fn p2_never_more_tasks_at_once_than_the_concurrency() {
    let bench = Bench::new();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now2, most2) = (Arc::clone(&now), Arc::clone(&most));
    let handler = move |task: &TaskContext| {
        most2.fetch_max(now2.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        task.wait_cancelled(Duration::from_millis(100));
        now2.fetch_sub(1, Ordering::SeqCst);
        Ok::<_, Failure>("{}".to_owned())
    };
    let worker = bench.worker().activity(bench.handled(handler).concurrency(4)).start().unwrap();
    let executions: Vec<_> = (0..30).map(|_| bench.start("{}")).collect();
    for execution in &executions {
        bench.succeeds(execution);
    }
    assert!((2..=4).contains(&most.load(Ordering::SeqCst)), "{most:?} at once");
    worker.wait_idle();
    let report = worker.stop(Stop::Drain);
    assert_eq!(report.kept, 0);
}

#[test]
fn p5_a_drain_lets_the_poll_end_and_hands_back_what_it_brings() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    assert!(bench.emulator.wait_polls(bench.arn.as_str(), 1, crate::support::SOON));
    let draining = {
        let worker = worker.clone();
        std::thread::spawn(move || worker.stop(Stop::Drain))
    };
    std::thread::sleep(Duration::from_millis(300));
    let execution = bench.start("{}");
    let (error, _) = bench.fails(&execution);
    assert_eq!(error, "Worker.Stopping", "a Retry hands it to another worker at once");
    let report = draining.join().unwrap();
    assert_eq!((report.dropped_polls, report.kept), (0, 0));
}

#[test]
fn p5_stop_now_says_what_it_dropped_and_is_quick() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    assert!(bench.emulator.wait_polls(bench.arn.as_str(), 1, crate::support::SOON));
    let start = Instant::now();
    let report = worker.stop(Stop::Now);
    assert_eq!(report.dropped_polls, 1);
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert_eq!(worker.stop(Stop::Drain), report, "a second stop answers at once");
    assert!(worker.deferred_tasks().is_empty());
}

/// A handler that never returns in time, and remembers what it was asked to reclaim.
struct Hanging(Arc<AtomicUsize>);

impl Handler for Hanging {
    fn handle(&self, _: &TaskContext) -> Result<String, Failure> {
        std::thread::sleep(Duration::from_secs(60));
        Ok("{}".into())
    }

    fn reclaim(&self, _: TaskId) -> std::io::Result<()> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err(std::io::Error::other("the old run does not end")),
            1 => panic!("a handler's bug"),
            _ => Ok(()),
        }
    }
}

#[test]
fn p3_a_task_whose_handler_died_with_the_worker_ends_as_worker_restarted() {
    let bench = Bench::new();
    let reclaimed = Arc::new(AtomicUsize::new(0));
    let hanging = || bench.handled(Hanging(Arc::clone(&reclaimed)));
    let worker = bench.worker().activity(hanging()).stop_grace(Duration::from_millis(100)).start().unwrap();
    let events = worker.subscribe();
    let execution = bench.start("{}");
    wait_for(&events, crate::support::accepted);
    let report = worker.stop(Stop::Now);
    assert_eq!(report.abandoned_handlers, 1);
    let worker = bench.worker().activity(hanging()).start().unwrap();
    assert_eq!(bench.fails(&execution).0, "Worker.Restarted");
    assert_eq!(reclaimed.load(Ordering::SeqCst), 3, "nothing is reported while an old run may go on");
    worker.stop(Stop::Now);
}

#[test]
fn one_state_folder_is_for_one_worker() {
    let bench = Bench::new();
    let worker = bench.worker().activity(bench.handled(echo)).start().unwrap();
    let Err(error) = bench.worker().activity(bench.handled(echo)).start() else { panic!("two workers") };
    assert!(matches!(error, StartError::Spool(_)));
    assert!(error.to_string().contains("state"), "{error}");
    worker.stop(Stop::Now);
    let again = bench.worker().activity(bench.handled(echo)).start();
    again.expect("free again once the first one has stopped").stop(Stop::Now);
}

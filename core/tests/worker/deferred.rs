//! Tasks that wait for the app.

use std::time::{Duration, Instant};

use activity_worker::worker::{Activity, Adopted, AnswerError, DeferredState, Event, Stop, Stopped};
use activity_worker::{Adoption, Scope, Settlement, TaskToken};
use serde_json::json;

use crate::support::{Bench, accepted, wait_for};

fn deferred(bench: &Bench) -> Activity {
    Activity::deferred(bench.arn.clone()).concurrency(8).heartbeat_interval(Duration::from_secs(1))
}

#[test]
fn a_person_answers_and_the_workflow_goes_on() {
    let bench = Bench::new();
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    let events = worker.subscribe();
    let (yes, no) = (bench.start(r#"{"order":7}"#), bench.start(r#"{"order":8}"#));
    wait_for(&events, accepted);
    wait_for(&events, accepted);
    for task in worker.deferred_tasks() {
        match worker.input(task.id).unwrap().as_str() {
            r#"{"order":7}"# => worker.succeed(task.id, r#"{"approved":true}"#).unwrap(),
            _ => worker.fail(task.id, "Refused", "too dear").unwrap(),
        }
        let again = worker.succeed(task.id, "{}").unwrap_err();
        assert!(matches!(again, AnswerError::AlreadyAnswered(_) | AnswerError::NoSuchTask(_)), "{again}");
    }
    assert_eq!(bench.succeeds(&yes), r#"{"approved":true}"#);
    assert_eq!(bench.fails(&no), ("Refused".to_owned(), "too dear".to_owned()));
    worker.stop(Stop::Now);
}

#[test]
fn p1_an_answer_given_offline_is_delivered_by_the_next_process() {
    let bench = Bench::with_state(json!({"HeartbeatSeconds": 30}));
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    let events = worker.subscribe();
    let (answered, open) = (bench.start("1"), bench.start("2"));
    wait_for(&events, accepted);
    wait_for(&events, accepted);
    bench.emulator.go_down();
    let first = worker.deferred_tasks().into_iter().find(|t| worker.input(t.id).unwrap() == "1").unwrap();
    worker.succeed(first.id, "\"kept\"").unwrap();
    assert_eq!(worker.stop(Stop::Now).kept, 1);
    bench.emulator.come_back();
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    assert_eq!(bench.succeeds(&answered), "\"kept\"");
    let mut tasks = worker.deferred_tasks();
    tasks.retain(|task| task.state == DeferredState::Open);
    assert_eq!(tasks.len(), 1, "the other one came back to the app");
    assert_eq!(worker.input(tasks[0].id).unwrap(), "2");
    worker.succeed(tasks[0].id, "2").unwrap();
    bench.succeeds(&open);
    worker.stop(Stop::Now);
}

#[test]
fn p3_a_list_that_nobody_looks_at_renews_no_lease() {
    let bench = Bench::new();
    let worker = bench.worker().activity(deferred(&bench)).lease(Duration::from_secs(2)).start().unwrap();
    let events = worker.subscribe();
    bench.start("1");
    let id = wait_for(&events, accepted);
    wait_for(&events, |event| {
        assert_eq!(worker.peek_deferred_tasks()[0].id, id);
        matches!(event, Event::HeartbeatsStopped { .. }).then_some(())
    });
    worker.stop(Stop::Now);
}

#[test]
fn p3_a_request_whose_input_is_damaged_on_disk_is_failed_when_the_app_asks_for_it() {
    let bench = Bench::new();
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    let events = worker.subscribe();
    let execution = bench.start(&format!("\"{}\"", "x".repeat(500)));
    let id = wait_for(&events, accepted);
    rot(&bench.dir.path().join("state/log"), &[b'x'; 400]);
    let error = worker.input(id).unwrap_err();
    assert!(matches!(error, AnswerError::Unreadable(_)), "{error}");
    assert_eq!(bench.fails(&execution).0, "Worker.Damaged");
    assert!(bench.dir.path().join(format!("state/quarantine/{id}.record")).exists(), "nothing is deleted");
    worker.stop(Stop::Now);
}

/// A bit flips in the log, within these bytes.
fn rot(log: &std::path::Path, within: &[u8]) {
    use std::os::unix::fs::FileExt;
    let found = std::fs::read_dir(log).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        Some((path, bytes.windows(within.len()).position(|there| there == within)?))
    });
    let (path, at) = found.unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&[within[0] ^ 1], at as u64).unwrap();
}

#[test]
fn p9_drain_within_ends_in_its_time_on_a_dead_network_and_at_once_when_all_is_delivered() {
    let bench = Bench::new();
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    let events = worker.subscribe();
    let execution = bench.start("{}");
    let id = wait_for(&events, accepted);
    bench.emulator.go_down();
    worker.succeed(id, "{}").unwrap();
    let start = Instant::now();
    let report = worker.drain_within(Duration::from_secs(1)).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(900) && start.elapsed() < Duration::from_secs(3));
    assert_eq!((report.settled, report.left), (0, 1));
    assert!(report.next_try.is_some());
    bench.emulator.come_back();
    let start = Instant::now();
    let report = worker.drain_within(Duration::from_secs(15)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((report.settled, report.left), (1, 0));
    bench.succeeds(&execution);
    worker.stop(Stop::Now);
}

#[test]
fn p9_a_drain_is_told_what_is_left_when_the_worker_ends_and_an_ended_worker_claims_nothing() {
    let bench = Bench::new();
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    let events = worker.subscribe();
    bench.start("{}");
    let id = wait_for(&events, accepted);
    bench.emulator.go_down();
    worker.succeed(id, "{}").unwrap();
    let (begin, begun) = std::sync::mpsc::channel();
    let draining = std::thread::spawn({
        let worker = worker.clone();
        move || {
            begin.send(()).unwrap();
            worker.drain_within(Duration::from_secs(600))
        }
    });
    begun.recv().unwrap();
    // Nothing shows that a drain is under way.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(worker.stop(Stop::Now).kept, 1);
    let report = draining.join().unwrap().unwrap();
    assert_eq!((report.settled, report.left, report.next_try), (0, 1, None));
    assert_eq!(worker.drain_within(Duration::from_secs(600)), Err(Stopped));
    assert!(matches!(worker.snapshot(), Err(Stopped)));
    assert_eq!(worker.settlement(id), Err(Stopped));
}

#[test]
fn a_task_that_timed_out_while_the_person_thought_is_told_as_too_late() {
    let bench = Bench::with_state(json!({"TimeoutSeconds": 2}));
    let worker = bench.worker().activity(deferred(&bench)).start().unwrap();
    let events = worker.subscribe();
    bench.start("{}");
    let id = wait_for(&events, accepted);
    let settled = wait_for(&events, |e| match e {
        Event::Settled { id, settlement, .. } => Some((*id, *settlement)),
        _ => None,
    });
    assert_eq!(settled, (id, Settlement::TooLate));
    assert_eq!(worker.succeed(id, "{}"), Err(AnswerError::NoSuchTask(id)));
    worker.stop(Stop::Now);
}

#[test]
fn a_token_that_came_by_another_way_is_one_task_however_often_it_comes() {
    let bench = Bench::new();
    // Another program polled; its token is handed over.
    let client = bench.client();
    let execution = bench.start("{}");
    let name = activity_worker::WorkerName::new("other").unwrap();
    let polled = client.get_activity_task(&bench.arn, &name).unwrap().unwrap();
    let worker = bench.worker().origin(client.origin(&bench.arn)).start().unwrap();
    let events = worker.subscribe();
    let adoption = || Adoption::new(TaskToken::new(polled.token.expose()).unwrap());
    let Adopted::New(id) = worker.adopt(adoption()).unwrap() else { panic!() };
    assert_eq!(worker.adopt(adoption()).unwrap(), Adopted::Known(id));
    worker.succeed(id, r#"{"by":"phone"}"#).unwrap();
    assert_eq!(bench.succeeds(&execution), r#"{"by":"phone"}"#);
    wait_for(&events, |e| matches!(e, Event::Settled { .. }).then_some(()));
    let over = loop {
        // The tombstone is written after the event.
        match worker.adopt(adoption()).unwrap() {
            Adopted::Known(_) => std::thread::yield_now(),
            over => break over,
        }
    };
    assert_eq!(over, Adopted::Over(id, Settlement::Delivered));
    assert_eq!(worker.settlement(id), Ok(Some(Settlement::Delivered)));
    assert!(worker.deferred_tasks().is_empty());
    worker.stop(Stop::Now);
}

#[test]
fn an_output_that_the_service_would_refuse_is_refused_at_once() {
    let bench = Bench::new();
    let worker = bench.worker().activity(deferred(&bench).max_output(10)).start().unwrap();
    let events = worker.subscribe();
    bench.start("{}");
    let id = wait_for(&events, accepted);
    assert!(matches!(worker.succeed(id, "not json"), Err(AnswerError::BadOutput(_))));
    assert!(matches!(worker.succeed(id, "\"longer than ten bytes\""), Err(AnswerError::BadOutput(_))));
    worker.succeed(id, "{}").unwrap();
    worker.stop(Stop::Now);
}

#[test]
fn p1_what_belongs_to_another_user_or_machine_waits_and_comes_back() {
    let bench = Bench::new();
    let scoped = |user: &str, machine: &str| {
        let worker = bench.worker().activity(deferred(&bench)).scope(Scope(user.to_owned()));
        worker.machine_id(machine).start().unwrap()
    };
    let worker = scoped("ann", "phone");
    let events = worker.subscribe();
    let (answered, open) = (bench.start("1"), bench.start("2"));
    let first = wait_for(&events, accepted);
    let second = wait_for(&events, accepted);
    let input = worker.input(first).unwrap();
    bench.emulator.go_down();
    worker.succeed(first, "\"kept\"").unwrap();
    worker.stop(Stop::Now);
    bench.emulator.come_back();

    let worker = scoped("bob", "phone");
    assert_eq!(
        (worker.snapshot().unwrap().deferred, worker.snapshot().unwrap().foreign.len()),
        (0, 2),
        "another user's"
    );
    assert_eq!(worker.succeed(second, "{}"), Err(AnswerError::NoSuchTask(second)));
    worker.stop(Stop::Now);
    assert_eq!(bench.emulator.calls().count("SendTaskSuccess"), 0);

    let worker = scoped("ann", "copy of the phone");
    let (one, other) = if input == "1" { (&answered, &open) } else { (&open, &answered) };
    assert_eq!(bench.succeeds(one), "\"kept\"", "a kept result is sent by a copy too");
    assert_eq!(
        (worker.snapshot().unwrap().deferred, worker.snapshot().unwrap().foreign.len()),
        (0, 1),
        "an open task is not"
    );
    worker.stop(Stop::Now);

    let worker = scoped("ann", "phone");
    assert_eq!(worker.snapshot().unwrap().deferred, 1);
    worker.succeed(second, "2").unwrap();
    assert_eq!(bench.succeeds(other), "2");
    worker.stop(Stop::Now);
}

//! Requests and answers, on a good day and on others.

use std::time::{Duration, Instant};

use activity_worker_ffi::*;
use serde_json::json;

use crate::support::{Phone, SOON, app, eventually, start};

#[test]
fn c01_a_request_is_answered_and_the_workflow_goes_on() {
    let phone = Phone::new();
    let (worker, ear) = phone.start_worker();
    let execution = phone.start(r#"{"order":7}"#);
    let id = ear.accepted();
    let task = worker.pending_tasks().unwrap().remove(0);
    assert_eq!((task.id.as_str(), task.state), (id.as_str(), TaskState::Open));
    assert_eq!(task.activity_arn.as_deref(), Some(phone.arn.as_str()));
    assert_eq!(worker.input(id.clone()).unwrap(), r#"{"order":7}"#);
    worker.succeed(id.clone(), r#"{"approved":true}"#.into()).unwrap();
    assert_eq!(phone.succeeds(&execution), r#"{"approved":true}"#);
    assert_eq!(ear.settled(), (id, Settlement::Delivered));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c02_a_request_is_refused_with_error_and_cause() {
    let phone = Phone::new();
    let (worker, ear) = phone.start_worker();
    let execution = phone.start("{}");
    worker.fail(ear.accepted(), "Refused".into(), "too dear".into()).unwrap();
    assert_eq!(phone.fails(&execution), ("Refused".to_owned(), "too dear".to_owned()));
    worker.stop(StopMode::Now).unwrap();

    let catcher = json!({"ErrorEquals": ["Refused"], "ResultPath": "$.problem", "Next": "Done"});
    let phone = Phone::with_state(json!({"Catch": [catcher]}));
    let (worker, ear) = phone.start_worker();
    let execution = phone.start("{}");
    worker.fail(ear.accepted(), "Refused".into(), "too dear".into()).unwrap();
    let output: serde_json::Value = serde_json::from_str(&phone.succeeds(&execution)).unwrap();
    assert_eq!(output["problem"], json!({"Error": "Refused", "Cause": "too dear"}));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c03_an_answer_given_offline_is_kept_shown_and_delivered_later() {
    let phone = Phone::new();
    let (worker, ear) = phone.start_worker();
    let execution = phone.start("{}");
    let id = ear.accepted();
    phone.emulator.go_down();
    worker.set_link(LinkState::Down).unwrap();
    worker.succeed(id.clone(), "\"yes\"".into()).unwrap();
    let task = worker.pending_tasks().unwrap().remove(0);
    assert_eq!((task.id, task.state), (id.clone(), TaskState::Answered));
    assert_eq!(worker.snapshot().unwrap().answered, 1);
    phone.emulator.come_back();
    worker.set_link(LinkState::Up).unwrap();
    assert_eq!(phone.succeeds(&execution), "\"yes\"");
    assert_eq!(ear.settled(), (id, Settlement::Delivered));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c05_an_open_request_is_there_after_a_restart_and_its_workflow_lives() {
    let phone = Phone::with_state(json!({"HeartbeatSeconds": 4}));
    let (worker, ear) = phone.start_worker();
    let execution = phone.start("\"still here\"");
    let id = ear.accepted();
    worker.stop(StopMode::Now).unwrap();
    let (worker, _) = phone.start_worker();
    assert_eq!(worker.pending_tasks().unwrap().len(), 1);
    assert_eq!(worker.input(id.clone()).unwrap(), "\"still here\"");
    let beats = |n| phone.emulator.wait_calls(SOON, |calls| calls.count("SendTaskHeartbeat") >= n);
    let so_far = phone.emulator.calls().count("SendTaskHeartbeat");
    assert!(beats(so_far + 6), "one a second, for longer than HeartbeatSeconds");
    worker.succeed(id, "1".into()).unwrap();
    assert_eq!(phone.succeeds(&execution), "1");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c06_an_answer_to_a_task_that_timed_out_is_told_as_too_late() {
    let phone = Phone::with_state(json!({"TimeoutSeconds": 2}));
    let (worker, ear) = phone.start_worker();
    phone.start("{}");
    let id = ear.accepted();
    assert_eq!(ear.settled(), (id.clone(), Settlement::TooLate), "a heartbeat learns it");
    assert_eq!(worker.succeed(id.clone(), "1".into()), Err(AnswerError::NotOpen { id: id.clone() }));
    worker.stop(StopMode::Now).unwrap();
    let (worker, _) = phone.start_worker();
    assert_eq!(worker.settlement(id).unwrap(), Some(Settlement::TooLate));
    worker.stop(StopMode::Now).unwrap();

    // Without heartbeats the answer itself learns it.
    let phone = Phone::with_state(json!({"TimeoutSeconds": 1}));
    let (execution, pushed) = phone.push("{}");
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
    phone.ends(&execution);
    worker.succeed(id.clone(), "1".into()).unwrap();
    assert_eq!(ear.settled(), (id, Settlement::TooLate));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c07_of_two_answers_the_first_one_counts() {
    let phone = Phone::new();
    let (worker, ear) = phone.start_worker();
    let execution = phone.start("{}");
    let id = ear.accepted();
    phone.emulator.go_down();
    worker.succeed(id.clone(), "\"first\"".into()).unwrap();
    let again = worker.fail(id.clone(), "Second".into(), String::new());
    assert_eq!(again, Err(AnswerError::AlreadyAnswered { id: id.clone() }));
    phone.emulator.come_back();
    assert_eq!(phone.succeeds(&execution), "\"first\"");
    ear.settled();
    let late = worker.succeed(id.clone(), "\"third\"".into());
    assert_eq!(late, Err(AnswerError::NotOpen { id: id.clone() }));
    let bad = worker.succeed("no id".into(), "1".into());
    assert_eq!(bad, Err(AnswerError::NotOpen { id: "no id".into() }));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c08_a_pushed_token_is_one_task_however_often_it_comes() {
    let phone = Phone::new();
    let (execution, pushed) = phone.push(r#"{"from":"push"}"#);
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let id = task_id(pushed.token.clone()).unwrap();
    assert_eq!(worker.adopt(pushed.clone()).unwrap(), Adopted::New { id: id.clone() });
    assert_eq!(worker.adopt(pushed.clone()).unwrap(), Adopted::Known { id: id.clone() });
    assert_eq!(worker.input(id.clone()).unwrap(), r#"{"from":"push"}"#);
    worker.succeed(id.clone(), "1".into()).unwrap();
    assert_eq!(phone.succeeds(&execution), "1");
    ear.settled();
    eventually("the tombstone", || matches!(worker.adopt(pushed.clone()).unwrap(), Adopted::Over { .. }));
    assert_eq!(worker.settlement(id).unwrap(), Some(Settlement::Delivered));
    let nonsense = PushedTask { token: String::new(), ..pushed.clone() };
    assert!(matches!(worker.adopt(nonsense), Err(AdoptError::Invalid { .. })));
    let nowhere = PushedTask { origin: Some("eu-west-1".into()), ..pushed };
    assert!(matches!(worker.adopt(nowhere), Err(AdoptError::Invalid { .. })));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c09_a_drain_ends_in_its_time_and_at_once_when_all_is_delivered() {
    let phone = Phone::new();
    let (worker, ear) = phone.start_worker();
    let execution = phone.start("{}");
    let id = ear.accepted();
    phone.emulator.go_down();
    worker.succeed(id, "1".into()).unwrap();
    let begun = Instant::now();
    let report = worker.drain_within(Duration::from_secs(1)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((report.delivered, report.left), (0, 1));
    phone.emulator.come_back();
    let begun = Instant::now();
    let report = worker.drain_within(Duration::from_secs(600)).unwrap();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!((report.delivered, report.left, report.next_try), (1, 0, None));
    assert_eq!(phone.succeeds(&execution), "1");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c09_a_drain_ends_in_its_time_where_nobody_answers() {
    let phone = Phone::new();
    let (execution, pushed) = phone.push("{}");
    let (worker, _) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
    phone.emulator.inject(activity_emulator::Fault::half_open());
    worker.succeed(id, "1".into()).unwrap();
    let begun = Instant::now();
    let report = worker.drain_within(Duration::from_secs(1)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((report.delivered, report.left), (0, 1));
    worker.stop(StopMode::Now).unwrap();
    phone.emulator.clear_faults();
    let (worker, _) = start(app(&phone.state_dir(), &phone.emulator.url()));
    assert_eq!(worker.drain_within(Duration::from_secs(600)).unwrap().left, 0);
    assert_eq!(phone.succeeds(&execution), "1");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c09_an_ended_worker_does_not_claim_that_all_is_delivered() {
    let phone = Phone::new();
    let (worker, ear) = phone.start_worker();
    phone.start("{}");
    let id = ear.accepted();
    phone.emulator.go_down();
    worker.succeed(id.clone(), "1".into()).unwrap();
    assert_eq!(worker.stop(StopMode::Now).unwrap().kept, 1);
    assert_eq!(worker.drain_within(SOON), Err(WorkerError::Stopped));
    assert_eq!(worker.snapshot(), Err(WorkerError::Stopped));
    assert_eq!(worker.settlement(id), Err(WorkerError::Stopped));
}

#[test]
fn c10_one_poll_is_refused_where_it_can_lose_a_task_unless_the_risk_is_named() {
    let phone = Phone::new();
    let config = WorkerConfig { activities: vec![phone.activity(true)], ..phone.config() };
    let (worker, _) = start(config.clone());
    let poll = |seconds, risk| worker.poll_once(phone.arn.clone(), Duration::from_secs(seconds), risk);
    assert_eq!(poll(69, PollRisk::Refuse), Err(PollError::WindowTooShort));
    assert_eq!(poll(70, PollRisk::Refuse), Ok(PollResult::Nothing));
    assert_eq!(phone.emulator.calls().count("GetActivityTask"), 1, "and no other poll");
    let execution = phone.start("{}");
    let Ok(PollResult::Task { id }) = poll(20, PollRisk::MayLoseTask) else { panic!() };
    worker.stop(StopMode::Now).unwrap();
    let (worker, _) = start(config);
    assert_eq!(worker.pending_tasks().unwrap()[0].id, id, "it was on stable storage");
    worker.succeed(id, "1".into()).unwrap();
    assert_eq!(phone.succeeds(&execution), "1");
    let other = format!("{}-other", phone.arn);
    let unknown = worker.poll_once(other, Duration::from_secs(90), PollRisk::Refuse);
    assert!(matches!(unknown, Err(PollError::NoSuchActivity { .. })), "{unknown:?}");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c12_of_two_users_on_one_phone_neither_sees_or_delivers_what_is_the_others() {
    let phone = Phone::new();
    let user = |name: &str| start(WorkerConfig { scope: name.into(), ..phone.config() });
    let (ann, ear) = user("ann");
    let (answered, open) = (phone.start("1"), phone.start("2"));
    let (first, second) = (ear.accepted(), ear.accepted());
    phone.emulator.go_down();
    ann.succeed(first.clone(), "\"ann\"".into()).unwrap();
    ann.stop(StopMode::Now).unwrap();
    phone.emulator.come_back();

    let (bob, _) = user("bob");
    assert_eq!(bob.pending_tasks().unwrap(), []);
    assert_eq!(bob.snapshot().unwrap().foreign.len(), 2);
    assert_eq!(bob.succeed(second.clone(), "1".into()), Err(AnswerError::NotOpen { id: second.clone() }));
    assert!(phone.emulator.wait_polls(&phone.arn, 1, SOON), "bob's own polls work");
    let beats = phone.emulator.calls().count("SendTaskHeartbeat");
    std::thread::sleep(Duration::from_secs(2));
    let calls = phone.emulator.calls();
    assert_eq!(calls.count("SendTaskHeartbeat"), beats, "ann's request does not beat");
    assert_eq!(calls.count("SendTaskSuccess"), 0, "nor is it delivered");
    bob.stop(StopMode::Now).unwrap();

    let (ann, _) = user("ann");
    ann.succeed(second, "\"ann too\"".into()).unwrap();
    let mut outputs = [phone.succeeds(&answered), phone.succeeds(&open)];
    outputs.sort();
    assert_eq!(outputs, ["\"ann too\"", "\"ann\""]);
    ann.stop(StopMode::Now).unwrap();
}

#[test]
fn c18_a_request_that_is_taken_back_is_gone() {
    let phone = Phone::new();
    let (_, pushed) = phone.push("{}");
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let Adopted::New { id } = worker.adopt(pushed.clone()).unwrap() else { panic!() };
    worker.retract(id.clone()).unwrap();
    assert_eq!(ear.settled(), (id.clone(), Settlement::Retracted));
    assert_eq!(worker.pending_tasks().unwrap(), []);
    let late = Adopted::Over { id: id.clone(), settlement: Settlement::Retracted };
    eventually("a late push", || worker.adopt(pushed.clone()).unwrap() == late);
    assert_eq!(worker.retract(id.clone()), Err(AnswerError::NotOpen { id }));
    worker.stop(StopMode::Now).unwrap();
    let calls = phone.emulator.calls();
    assert_eq!(calls.count("SendTaskFailure") + calls.count("SendTaskSuccess"), 0);
}

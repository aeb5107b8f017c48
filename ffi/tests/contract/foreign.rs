//! Tasks that are not a worker's to go on with, through the bridge.

use std::collections::BTreeMap;

use activity_emulator::{Fault, Status};
use activity_worker_ffi::*;

use crate::support::{Ear, Phone, SOON, app, eventually, start};

/// What `config` leaves behind: an answer that never got out, and an open request. Both executions wait.
fn left_behind(phone: &Phone, config: WorkerConfig) -> [(String, PushedTask, String); 2] {
    let (answered, open) = (phone.push("1"), phone.push("2"));
    let (worker, _ear) = start(config);
    let adopt = |pushed: &PushedTask| match worker.adopt(pushed.clone()).unwrap() {
        Adopted::New { id } => id,
        other => panic!("{other:?}"),
    };
    let ids = [adopt(&answered.1), adopt(&open.1)];
    phone.emulator.go_down();
    worker.succeed(ids[0].clone(), "\"first\"".into()).unwrap();
    worker.stop(StopMode::Now).unwrap();
    phone.emulator.come_back();
    let [first, second] = ids;
    [(answered.0, answered.1, first), (open.0, open.1, second)]
}

fn user(phone: &Phone, name: &str) -> WorkerConfig {
    WorkerConfig { scope: name.into(), ..app(&phone.state_dir(), &phone.emulator.url()) }
}

/// The events of so many foreign tasks, in whatever order they come, by their ids: whose each is, whether it is answered, and why it
/// waits.
#[track_caller]
fn told(ear: &Ear, tasks: usize) -> BTreeMap<String, (String, String, bool, ForeignWhy)> {
    let one = || {
        ear.hear(|event| match event {
            WorkerEvent::Foreign { id, origin, here, has_answer, why } => {
                Some((id.clone(), (origin.clone(), here.clone(), *has_answer, *why)))
            }
            _ => None,
        })
    };
    (0..tasks).map(|_| one()).collect()
}

#[test]
fn c28_field_01_another_users_requests_are_listed_adopted_by_a_call_and_delivered() {
    let phone = Phone::new();
    let [(first, _, answered), (second, _, open)] = left_behind(&phone, user(&phone, "ann"));
    let (bob, ear) = start(user(&phone, "bob"));
    let heard = told(&ear, 2);
    for (id, has_answer) in [(&answered, true), (&open, false)] {
        let (origin, here, answer, why) = &heard[id];
        assert_eq!((origin, *answer, *why), (here, has_answer, ForeignWhy::User));
    }
    let listed = bob.foreign_tasks().unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    for task in &listed {
        let origin = format!("aws/eu-west-1/123456789012/{}", phone.emulator.url());
        assert_eq!((task.origin.trim_end_matches('/'), task.scope.as_str()), (origin.as_str(), "ann"));
        assert_eq!((task.why, task.activity_arn.as_deref()), (ForeignWhy::User, None));
        assert_eq!(task.has_answer, task.id == answered);
    }
    assert_eq!(bob.snapshot().unwrap().foreign, listed);
    assert_eq!(bob.status().unwrap().foreign, 2);
    assert_eq!(bob.pending_tasks().unwrap(), []);
    assert_eq!(phone.emulator.execution(&first).unwrap().status, Status::Running, "nothing is delivered");

    bob.adopt_foreign(open.clone()).unwrap();
    assert_eq!(ear.accepted(), open, "who shows a list hears of one more");
    assert_eq!(bob.input(open.clone()).unwrap(), "2");
    bob.succeed(open.clone(), "\"bob\"".into()).unwrap();
    assert_eq!(phone.succeeds(&second), "\"bob\"");
    // Both were accepted within one second, where ids order the list: either may stand first.
    let left: Vec<_> = listed.into_iter().filter(|task| task.id == answered).collect();
    assert_eq!(bob.stop(StopMode::Now).unwrap().foreign, left, "the end tells what is left");

    let (bob, _ear) = start(user(&phone, "bob"));
    bob.adopt_foreign(answered.clone()).unwrap();
    assert_eq!(phone.succeeds(&first), "\"first\"", "as ann had answered");
    eventually("the end", || bob.settlement(answered.clone()).unwrap() == Some(Settlement::Delivered));
    for id in [answered, open, "none".to_owned()] {
        assert_eq!(bob.adopt_foreign(id.clone()), Err(ForeignError::NoSuchTask { id }));
    }
    let end = bob.stop(StopMode::Now).unwrap();
    assert_eq!((end.foreign, end.kept, end.open), (Vec::new(), 0, 0));
}

#[test]
fn c28_field_01_an_endpoint_that_got_another_name_strands_nothing_in_silence() {
    let phone = Phone::new();
    let [(first, _, answered), _] = left_behind(&phone, user(&phone, ""));
    let url = phone.emulator.url().replace("127.0.0.1", "localhost");
    let (worker, ear) = start(app(&phone.state_dir(), &url));
    let heard = told(&ear, 2);
    let (origin, here, has_answer, why) = &heard[&answered];
    assert!(origin.contains("127.0.0.1") && here.contains("localhost"), "{origin} {here}");
    assert_eq!((*has_answer, *why), (true, ForeignWhy::Origin));
    let report = worker.drain_within(SOON).unwrap();
    assert_eq!((report.left, report.left_for.foreign), (0, 1), "it is no answer of this worker's");
    worker.adopt_foreign(answered).unwrap();
    assert_eq!(phone.succeeds(&first), "\"first\"");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c28_field_01_a_folder_that_came_from_another_phone_waits_for_a_decision() {
    let phone = Phone::new();
    let installed = |id: &str| WorkerConfig { installation_id: Some(id.into()), ..user(&phone, "") };
    let [(first, ..), (second, _, open)] = left_behind(&phone, installed("old phone"));
    let (worker, ear) = start(installed("new phone"));
    assert_eq!(told(&ear, 1)[&open].3, ForeignWhy::Copied);
    assert_eq!(phone.succeeds(&first), "\"first\"", "what was answered is sent");
    worker.adopt_foreign(open.clone()).unwrap();
    worker.stop(StopMode::Now).unwrap();
    let (worker, _ear) = start(installed("new phone"));
    worker.succeed(open, "2".into()).unwrap();
    assert_eq!(phone.succeeds(&second), "2");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c28_field_01_what_is_discarded_ends_for_good_and_is_told_as_discarded() {
    let phone = Phone::new();
    let [(first, pushed, answered), (_, _, open)] = left_behind(&phone, user(&phone, "ann"));
    let (bob, ear) = start(user(&phone, "bob"));
    for id in [&answered, &open] {
        bob.discard(id.clone()).unwrap();
        assert_eq!(ear.settled(), (id.clone(), Settlement::Discarded));
        assert_eq!(bob.discard(id.clone()), Err(ForeignError::NoSuchTask { id: id.clone() }));
    }
    assert_eq!(bob.foreign_tasks().unwrap(), []);
    // A request of one's own is taken back, not discarded.
    let (_, own) = phone.push("3");
    let own = bob.adopt(own).unwrap();
    let Adopted::New { id } = own else { panic!("{own:?}") };
    assert_eq!(bob.discard(id.clone()), Err(ForeignError::NoSuchTask { id: id.clone() }));
    bob.retract(id).unwrap();
    bob.stop(StopMode::Now).unwrap();
    assert_eq!(bob.foreign_tasks(), Err(WorkerError::Stopped));
    for refused in [bob.adopt_foreign(open.clone()), bob.discard(open.clone())] {
        assert_eq!(refused, Err(ForeignError::Stopped));
    }

    let (ann, _ear) = start(user(&phone, "ann"));
    assert_eq!(ann.pending_tasks().unwrap(), []);
    assert_eq!(ann.settlement(open).unwrap(), Some(Settlement::Discarded));
    let late = Adopted::Over { id: answered, settlement: Settlement::Discarded };
    assert_eq!(ann.adopt(pushed).unwrap(), late, "a late push");
    assert_eq!(phone.emulator.execution(&first).unwrap().status, Status::Running, "nothing is reported");
    ann.stop(StopMode::Now).unwrap();
}

#[test]
fn c28_field_01_an_answer_that_the_service_rejects_can_be_discarded() {
    let phone = Phone::new();
    let (_, pushed) = phone.push("{}");
    let (worker, ear) = start(user(&phone, ""));
    phone.emulator.inject(Fault::error(400, "InvalidToken", "of another account").on("SendTaskSuccess"));
    let adopted = worker.adopt(pushed).unwrap();
    let Adopted::New { id } = adopted else { panic!("{adopted:?}") };
    worker.succeed(id.clone(), "1".into()).unwrap();
    ear.hear(|event| matches!(event, WorkerEvent::Held { .. }).then_some(()));
    worker.discard(id.clone()).unwrap();
    assert_eq!(ear.settled(), (id, Settlement::Discarded));
    assert_eq!(worker.stop(StopMode::Now).unwrap().held, Vec::<String>::new());
}

#[test]
fn c28_field_01_others_requests_that_take_all_places_are_named_as_the_reason() {
    let phone = Phone::new();
    left_behind(&phone, user(&phone, "ann"));
    let activity = ActivityConfig { concurrency: Some(1), ..phone.activity(false) };
    let config = WorkerConfig { activities: vec![activity], max_tasks: Some(2), ..user(&phone, "bob") };
    let (bob, ear) = start(config);
    let full = ear.hear(|event| match event {
        WorkerEvent::Full { foreign, held } => Some((*foreign, *held)),
        _ => None,
    });
    assert_eq!(full, (2, 0));
    assert!(bob.status().unwrap().full);
    for task in bob.foreign_tasks().unwrap() {
        bob.discard(task.id).unwrap();
    }
    ear.hear(|event| (*event == WorkerEvent::RoomAgain).then_some(()));
    assert!(phone.emulator.wait_polls(&phone.arn, 1, SOON), "it polls again");
    bob.stop(StopMode::Now).unwrap();
}

#[test]
fn c28_field_01_damaged_files_and_letters_are_counted() {
    let phone = Phone::new();
    let log = phone.dir.path().join("state/log");
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join("050"), "nothing").unwrap();
    let inbox = TaskInbox::new(InboxPlace::StateDir { path: phone.state_dir() }).unwrap();
    inbox.leave_success("1".repeat(32), "1".into()).unwrap();
    let (worker, _ear) = start(user(&phone, ""));
    eventually("the letter", || worker.snapshot().unwrap().letters == 1);
    let now = worker.snapshot().unwrap();
    assert_eq!((now.quarantined.len(), now.unreadable.len()), (1, 0), "{now:?}");
    worker.set_link(LinkState::Down).unwrap();
    let (_, pushed) = phone.push("{}");
    worker.adopt(pushed).unwrap();
    let end = worker.stop(StopMode::Now).unwrap();
    assert_eq!((end.quarantined, end.letters, end.open), (now.quarantined, 1, 1));
}

#[test]
fn c28_field_01_every_refusal_says_what_to_do() {
    let (id, reason) = (|| "id".to_owned(), || "the disk is full".to_owned());
    for (error, what_to_do) in [
        (ForeignError::NoSuchTask { id: id() }, "list"),
        (ForeignError::UnderWay { id: id() }, "try again"),
        (ForeignError::NotKept { reason: reason() }, "try again"),
        (ForeignError::Unknown { reason: reason() }, "discard it again"),
        (ForeignError::Stopped, "start another one"),
    ] {
        let line = error.to_string();
        assert!(line.contains(what_to_do) && !line.contains('\n'), "{line}");
    }
}

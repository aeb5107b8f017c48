//! What apps on phones ran into: what they can read, complete, and must not be able to adopt.

use std::time::{Duration, Instant, SystemTime};

use activity_worker::worker::{
    Activity, AdoptError, Adopted, AnswerError, CancelWait, Event, PollRisk, PolledOnce, Stop, Warning,
};
use activity_worker::{Adoption, Inbox, Origin, Outcome, Output, Scope, TaskToken};

use crate::apps::{alone, app, pushed, token};
use crate::support::{Bench, SOON, wait_for};

#[test]
fn field_22_an_answered_request_shows_what_was_asked_until_it_is_settled() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    let (execution, adoption) = pushed(&bench);
    let asked = format!("{{\"order\":\"{}\"}}", "x".repeat(20_000));
    let id = worker.adopt(adoption.input(&asked)).unwrap().id();
    bench.emulator.go_down();
    let answer = format!("\"{}\"", "y".repeat(9_000));
    worker.succeed(id, &answer).unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok(asked.as_str()));
    worker.stop(Stop::Now);

    let worker = app(&bench).start().unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok(asked.as_str()), "after a restart");
    bench.emulator.come_back();
    assert_eq!(bench.succeeds(&execution), answer);
    worker.stop(Stop::Now);
    drop(events);
}

#[test]
fn field_23_a_later_input_completes_a_request_that_came_without_one() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let id = worker.adopt(alone(&token(1))).unwrap().id();
    let end = SystemTime::now() + Duration::from_secs(3600);
    worker.adopt(alone(&token(1)).input("{\"order\":7}").expires(end)).unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok("{\"order\":7}"));
    assert!(worker.deferred_tasks()[0].expires.is_some());
    worker.adopt(alone(&token(1))).unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok("{\"order\":7}"), "a token alone erases nothing");
    worker.adopt(alone(&token(1)).input("{\"order\":8}")).unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok("{\"order\":7}"), "the first input counts");
    worker.stop(Stop::Now);

    let worker = app(&bench).start().unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok("{\"order\":7}"), "after a restart");
    assert!(worker.deferred_tasks()[0].expires.is_some());
    worker.stop(Stop::Now);
}

#[test]
fn field_23_a_second_letter_completes_what_the_first_one_left_out() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench.dir.path().join("state"));
    let id = inbox.leave_token(&alone(&token(1))).unwrap();
    inbox.leave_token(&alone(&token(1)).input("{\"order\":7}")).unwrap();
    inbox.leave_token(&alone(&token(1)).input("{\"order\":8}")).unwrap();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    worker.drain_within(Duration::from_secs(5)).unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok("{\"order\":7}"));
    // One that comes when the task is held.
    let id = worker.adopt(alone(&token(2))).unwrap().id();
    inbox.leave_token(&alone(&token(2)).input("[2]")).unwrap();
    worker.drain_within(Duration::from_secs(5)).unwrap();
    assert_eq!(worker.input(id).as_deref(), Ok("[2]"));
    worker.stop(Stop::Now);
    drop(events);
}

#[test]
fn field_23_a_user_who_is_named_later_gets_the_request() {
    let bench = Bench::new();
    let worker = app(&bench).scope(Scope("ann".into())).start().unwrap();
    let id = worker.adopt(alone(&token(1))).unwrap().id();
    worker.adopt(alone(&token(1)).scope(Scope("bob".into())).input("1")).unwrap();
    assert!(worker.deferred_tasks().is_empty(), "it is bob's");
    // One that was said to be ann's stays hers.
    worker.adopt(alone(&token(2)).scope(Scope("ann".into()))).unwrap();
    worker.adopt(alone(&token(2)).scope(Scope("bob".into()))).unwrap();
    assert_eq!(worker.deferred_tasks().len(), 1);
    worker.stop(Stop::Now);

    let worker = app(&bench).scope(Scope("bob".into())).start().unwrap();
    assert_eq!(worker.deferred_tasks().len(), 1);
    assert_eq!(worker.input(id).as_deref(), Ok("1"));
    worker.stop(Stop::Now);
}

#[test]
fn field_26_what_is_no_token_no_input_and_no_origin_is_not_adopted() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let inbox = Inbox::of(&bench.dir.path().join("state"));
    let text = |text: &str| TaskToken::new(text).map(Adoption::new);
    let bad = [
        text(" "),
        text("AAAA\n"),
        text(" AAAA"),
        text("AA\0AA"),
        text("AA\u{7f}"),
        text("Ünicode"),
        text("\"AAAA\""),
        text("{\"token\":1}"),
        Ok(alone(&token(1)).input("")),
        Ok(alone(&token(1)).input("no JSON")),
        Ok(alone(&token(1)).input("{\"order\":7} trailing")),
        Ok(alone(&token(1)).scope(Scope("u".repeat(1000)))),
    ];
    for origin in [
        "aws/eu-west-1/1234-5678-9012",
        "aws/eu-west-1/",
        "aws/Ireland/123456789012",
        "gcp/eu-west-1/123456789012",
    ] {
        assert!(origin.parse::<Origin>().is_err(), "{origin}");
    }
    for (n, adoption) in bad.into_iter().enumerate() {
        let Ok(adoption) = adoption else { continue };
        let refused = worker.adopt(adoption.clone());
        assert!(refused.is_err(), "{n}: {refused:?}");
        assert!(!refused.unwrap_err().to_string().contains('\n'));
        assert!(inbox.leave_token(&adoption).is_err(), "{n}: as a letter");
    }
    assert!(worker.deferred_tasks().is_empty());
    assert_eq!(worker.snapshot().unwrap().foreign.len(), 0);
    for good in ["{}", "[]", "\"\\ud83d\"", " null ", "1e400"] {
        worker.adopt(alone(&token(good.len() as u32 + 10)).input(good)).unwrap();
    }
    worker.stop(Stop::Now);
}

#[test]
fn field_26_an_account_that_is_none_does_not_start() {
    let bench = Bench::new();
    for account in ["1234-5678-9012", "", "12345678901", "12345678901x", " 123456789012"] {
        let origin = format!("aws/eu-west-1/{account}/{}", bench.emulator.url()).parse::<Origin>();
        let error = origin.expect_err(account).to_string();
        assert!(error.contains("12 digits"), "{error}");
    }
}

#[test]
fn field_26_a_letter_with_a_bad_input_is_told_and_set_aside() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    let dir = bench.dir.path().join("state/inbox");
    std::fs::create_dir_all(&dir).unwrap();
    let id = token(1).id();
    std::fs::write(dir.join(format!("{id}.token")), r#"{"version":1,"token":"pushed-1","input":"no JSON"}"#)
        .unwrap();
    worker.wake();
    let told = wait_for(&events, |e| match e {
        Event::Warning(warning @ Warning::LetterRefused { .. }) => Some(warning.to_string()),
        _ => None,
    });
    assert!(told.contains("JSON") && told.contains("quarantine"), "{told}");
    assert!(worker.deferred_tasks().is_empty());
    worker.stop(Stop::Now);
}

#[test]
fn field_26_what_is_adopted_for_another_user_is_told_foreign() {
    let bench = Bench::new();
    let worker = app(&bench).scope(Scope("ann".into())).start().unwrap();
    let bobs = || alone(&token(1)).scope(Scope("bob".into()));
    for time in ["first", "second"] {
        let told = worker.adopt(bobs()).unwrap();
        assert!(!matches!(told, Adopted::New(_) | Adopted::Known(_)), "{time}: {told:?}");
    }
    worker.stop(Stop::Now);
}

#[test]
fn field_22_an_answer_can_be_read_until_it_is_settled() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    let (execution, adoption) = pushed(&bench);
    let id = worker.adopt(adoption).unwrap().id();
    assert_eq!(worker.answer(id), Ok(None), "it is open");
    let (other, adoption) = pushed(&bench);
    let large = worker.adopt(adoption).unwrap().id();
    bench.emulator.go_down();
    worker.fail(id, "Refused", "too dear").unwrap();
    let output = format!("\"{}\"", "y".repeat(9_000));
    worker.succeed(large, &output).unwrap();
    for process in ["the first", "the next"] {
        let worker = if process == "the first" { worker.clone() } else { app(&bench).start().unwrap() };
        assert_eq!(worker.answer(id), Ok(Some(Outcome::failure("Refused", "too dear"))), "{process}");
        assert_eq!(worker.answer(large), Ok(Some(Outcome::from(Output::parse(&output)))), "{process}");
        worker.stop(Stop::Now);
    }
    bench.emulator.come_back();
    let worker = app(&bench).start().unwrap();
    assert_eq!(bench.fails(&execution).0, "Refused");
    assert_eq!(bench.succeeds(&other), output);
    worker.drain_within(SOON).unwrap();
    assert_eq!(worker.answer(id), Err(AnswerError::NoSuchTask(id)));
    assert_eq!(worker.input(id), Err(AnswerError::NoSuchTask(id)));
    worker.stop(Stop::Now);
    assert_eq!(worker.answer(id), Err(AnswerError::Stopped));
    drop(events);
}

#[test]
fn field_23_what_is_new_of_a_request_is_told() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    let id = worker.adopt(alone(&token(1))).unwrap().id();
    assert!(!worker.deferred_tasks()[0].has_input);
    assert_eq!(worker.adopt(alone(&token(1)).input("1")), Ok(Adopted::Completed(id)));
    wait_for(&events, |e| matches!(e, Event::Completed { id: told } if *told == id).then_some(()));
    assert!(worker.deferred_tasks()[0].has_input);
    assert_eq!(worker.adopt(alone(&token(1)).input("2")), Ok(Adopted::Known(id)));
    let elsewhere = "aws/us-east-1/999999999999".parse::<Origin>().unwrap();
    assert_eq!(worker.adopt(alone(&token(1)).origin(elsewhere)), Ok(Adopted::Foreign(id)));
    // An answered one is complete.
    bench.emulator.go_down();
    let id = worker.adopt(alone(&token(2))).unwrap().id();
    worker.succeed(id, "1").unwrap();
    assert_eq!(worker.adopt(alone(&token(2)).input("2")), Ok(Adopted::Known(id)));
    worker.stop(Stop::Now);
}

#[test]
fn field_23_a_request_of_nobody_comes_to_the_user_who_is_named_and_logged_in() {
    let bench = Bench::new();
    let (execution, adoption) = pushed(&bench);
    let scoped = |user: &str| app(&bench).scope(Scope(user.to_owned())).start().unwrap();
    let ann = scoped("ann");
    let id = ann.adopt(adoption.clone()).unwrap().id();
    ann.stop(Stop::Now);
    let bob = scoped("bob");
    assert_eq!(bob.snapshot().unwrap().foreign.len(), 1, "it was taken for ann's");
    assert_eq!(bob.adopt(adoption.scope(Scope("bob".into()))), Ok(Adopted::Completed(id)));
    assert_eq!((bob.snapshot().unwrap().foreign.len(), bob.deferred_tasks().len()), (0, 1));
    bob.succeed(id, "\"bob\"").unwrap();
    assert_eq!(bench.succeeds(&execution), "\"bob\"");
    bob.stop(Stop::Now);
}

#[test]
fn field_25_a_drain_and_a_poll_can_be_given_up() {
    let bench = Bench::new();
    let activity = Activity::deferred(bench.arn.clone()).on_request(true).concurrency(2);
    let worker = bench.worker().activity(activity).start().unwrap();
    let given_up = |wait: &(dyn Fn(&CancelWait) + Sync)| {
        for before in [true, false] {
            let cancel = CancelWait::default();
            let begun = Instant::now();
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| {
                    if before {
                        worker.cancel(&cancel);
                    }
                    wait(&cancel);
                });
                if !before {
                    // Nothing shows that it waits.
                    std::thread::sleep(Duration::from_millis(200));
                    worker.cancel(&cancel);
                }
                waiting.join().unwrap();
            });
            assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        }
    };
    let long = Duration::from_secs(600);
    given_up(&|cancel| {
        let polled = worker.poll_once_until(&bench.arn, long, PollRisk::Refuse, cancel).unwrap();
        assert_eq!(polled, PolledOnce::UnderWay);
    });
    bench.emulator.go_down();
    let id = worker.adopt(alone(&token(1))).unwrap().id();
    worker.succeed(id, "1").unwrap();
    given_up(&|cancel| assert_eq!(worker.drain_until(long, cancel).unwrap().left, 1));
    // Others wait on.
    assert_eq!(worker.drain_within(Duration::from_millis(50)).unwrap().left, 1);
    worker.stop(Stop::Now);
}

#[test]
fn field_27_a_refusal_says_which_limit_is_reached() {
    let bench = Bench::new();
    let worker = app(&bench).max_tasks(1).start().unwrap();
    worker.adopt(alone(&token(1))).unwrap();
    let Err(AdoptError::Full(why)) = worker.adopt(alone(&token(2))) else { panic!() };
    assert!(why.contains("max_tasks") && why.contains('1'), "{why}");
    worker.stop(Stop::Now);

    let bytes = activity_worker::Worker::room_of_task(1000);
    let small =
        app(&bench).state_dir(bench.dir.path().join("small")).adopted_max_output(1000).max_bytes(bytes);
    let worker = small.start().unwrap();
    let id = worker.adopt(alone(&token(1))).unwrap().id();
    let refused = (2..9).find_map(|n| worker.adopt(alone(&token(n))).err());
    let Some(AdoptError::Full(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("max_bytes") && why.contains(&bytes.to_string()), "{why}");
    let Err(AnswerError::BadOutput(why)) = worker.succeed(id, format!("\"{}\"", "x".repeat(1000))) else {
        panic!()
    };
    assert!(why.contains("adopted_max_output") && why.contains("1000"), "{why}");
    worker.stop(Stop::Now);
}

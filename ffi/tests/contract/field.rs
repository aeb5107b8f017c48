//! What apps ran into, through the bridge.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use activity_emulator::{Credential, Fault};
use activity_worker_ffi::*;

use crate::support::{Phone, SOON, app, eventually, start};

/// A request for a worker that nobody reaches.
fn pushed(n: usize, input: Option<&str>) -> PushedTask {
    let token = format!("AAAAKgAAAAIAAAAA-{n}");
    PushedTask { token, input: input.map(str::to_owned), origin: None, scope: None, expires_at: None }
}

#[test]
fn c22_field_22_an_answered_request_shows_what_was_asked_and_answered() {
    let phone = Phone::new();
    let (execution, pushed) = phone.push(r#"{"order":7}"#);
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
    assert!(worker.answer(id.clone()).unwrap().is_none());
    phone.emulator.go_down();
    worker.succeed(id.clone(), "\"yes\"".into()).unwrap();
    worker.stop(StopMode::Now).unwrap();
    drop(ear);
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    assert_eq!(worker.input(id.clone()).unwrap(), r#"{"order":7}"#);
    let answer = worker.answer(id.clone()).unwrap();
    assert!(matches!(answer, Some(TaskAnswer::Success { output }) if output == "\"yes\""));
    phone.emulator.come_back();
    assert_eq!(phone.succeeds(&execution), "\"yes\"");
    ear.settled();
    assert_eq!(worker.input(id.clone()), Err(AnswerError::NotOpen { id: id.clone() }));
    assert!(matches!(worker.answer(id), Err(AnswerError::NotOpen { .. })));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c23_field_23_a_later_push_completes_a_request() {
    let phone = Phone::new();
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let id = task_id(pushed(1, None).token).unwrap();
    assert_eq!(worker.adopt(pushed(1, None)).unwrap(), Adopted::New { id: id.clone() });
    assert!(!worker.pending_tasks().unwrap()[0].has_input);
    assert_eq!(worker.adopt(pushed(1, Some("[1]"))).unwrap(), Adopted::Completed { id: id.clone() });
    ear.hear(|event| matches!(event, WorkerEvent::Completed { id: told } if *told == id).then_some(()));
    for late in [None, Some("[2]")] {
        assert_eq!(worker.adopt(pushed(1, late)).unwrap(), Adopted::Known { id: id.clone() });
    }
    assert_eq!(worker.input(id).unwrap(), "[1]");
    assert!(worker.pending_tasks().unwrap()[0].has_input);
    // From another process.
    let inbox = TaskInbox::new(InboxPlace::StateDir { path: phone.state_dir() }).unwrap();
    let id = inbox.leave_task(pushed(2, None)).unwrap();
    inbox.leave_task(pushed(2, Some("[2]"))).unwrap();
    worker.wake().unwrap();
    eventually("the letters", || worker.input(id.clone()).is_ok_and(|input| input == "[2]"));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c24_field_24_who_comes_late_learns_the_state_and_its_reasons() {
    let phone = Phone::new();
    let (execution, pushed) = phone.push("{}");
    let (worker, ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
    let status = |wanted: &dyn Fn(&WorkerStatus) -> bool| {
        ear.hear(|event| match event {
            WorkerEvent::Status { status } if wanted(status) => Some(status.clone()),
            _ => None,
        })
    };
    phone.emulator.go_down();
    worker.succeed(id.clone(), "1".into()).unwrap();
    let told = status(&|status| status.offline.is_some());
    assert_eq!((told.answered, told.open), (1, 0));
    assert!(!told.offline.unwrap().reason.is_empty());
    assert!(worker.status().unwrap().offline.is_some(), "and whoever asks later");
    let report = worker.drain_within(Duration::from_millis(100)).unwrap();
    assert_eq!((report.left, report.left_for.offline), (1, 1));

    phone.emulator.set_credentials(Vec::new());
    phone.emulator.come_back();
    let told = status(&|status| status.credentials.is_some());
    assert!(!told.credentials.unwrap().reason.is_empty());
    let report = worker.drain_within(Duration::from_millis(100)).unwrap();
    assert_eq!((report.left, report.left_for.credentials), (1, 1), "{report:?}");

    phone
        .emulator
        .inject(Fault::error(400, "InvalidToken", "of another account").on("SendTaskSuccess").times(1));
    phone.emulator.set_credentials(vec![Credential::test()]);
    worker.credentials_changed().unwrap();
    let told = status(&|status| !status.held.is_empty());
    assert_eq!((&told.credentials, told.held[0].id.as_str()), (&None, id.as_str()));
    assert!(told.held[0].reason.contains("InvalidToken"), "{told:?}");
    assert_eq!(worker.snapshot().unwrap().status.held, told.held);
    let report = worker.drain_within(SOON).unwrap();
    assert_eq!((report.left, report.left_for.held), (1, 1));
    worker.credentials_changed().unwrap();
    assert_eq!(phone.succeeds(&execution), "1");
    let told = status(&|status| status.held.is_empty() && status.answered == 0);
    assert_eq!(told.offline, None);
    worker.stop(StopMode::Now).unwrap();
    assert_eq!(worker.status(), Err(WorkerError::Stopped));
}

#[test]
fn c25_field_25_a_wait_that_is_given_up_ends_at_once() {
    let phone = Phone::new();
    let config = WorkerConfig { activities: vec![phone.activity(true)], ..phone.config() };
    let (worker, _ear) = start(config);
    let long = Duration::from_secs(600);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let (polls, drains) = (WaitCancel::new(), WaitCancel::new());
        let polling = scope.spawn({
            let (worker, polls) = (&worker, polls.clone());
            move || worker.poll_once_until(phone.arn.clone(), long, PollRisk::Refuse, polls)
        });
        worker.cancel(polls).unwrap();
        assert_eq!(polling.join().unwrap(), Ok(PollResult::UnderWay));
        worker.adopt(pushed(1, None)).unwrap();
        worker.set_link(LinkState::Down).unwrap();
        phone.emulator.go_down();
        worker.succeed(task_id(pushed(1, None).token).unwrap(), "1".into()).unwrap();
        worker.cancel(drains.clone()).unwrap();
        assert_eq!(
            worker.drain_until(long, drains).unwrap().left,
            1,
            "one that was given up before it began"
        );
    });
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    worker.stop(StopMode::Now).unwrap();
}

/// Hands out these.
struct Given(AwsCredentials);

impl AwsCredentialsProvider for Given {
    fn credentials(&self) -> Result<AwsCredentials, CallbackError> {
        Ok(self.0.clone())
    }
}

#[test]
fn c25_field_25_keys_that_can_not_be_sent_are_told_as_what_they_are() {
    let good = || AwsCredentials {
        access_key_id: "AKID".into(),
        secret_access_key: "sEcReT".into(),
        session_token: None,
        expires_at: None,
    };
    let bad = [
        ("access key id", AwsCredentials { access_key_id: "AK\nID".into(), ..good() }),
        ("access key id", AwsCredentials { access_key_id: String::new(), ..good() }),
        ("secret access key", AwsCredentials { secret_access_key: "sEcReT\0".into(), ..good() }),
        ("session token", AwsCredentials { session_token: Some("sEcReT\u{fffd}".into()), ..good() }),
        ("session token", AwsCredentials { session_token: Some(" sEcReT".into()), ..good() }),
    ];
    for (what, given) in bad {
        let phone = Phone::new();
        let config = app(&phone.state_dir(), &phone.emulator.url());
        let worker = ActivityWorker::start(config, std::sync::Arc::new(Given(given)), None).unwrap();
        worker.adopt(pushed(1, None)).unwrap();
        worker.succeed(task_id(pushed(1, None).token).unwrap(), "1".into()).unwrap();
        eventually("its own reason", || worker.status().unwrap().credentials.is_some());
        let reason = worker.status().unwrap().credentials.unwrap().reason;
        assert!(reason.contains(what) && !reason.contains("sEcReT"), "{reason}");
        assert_eq!(worker.stop(StopMode::Now).unwrap().kept, 1);
    }
}

#[test]
fn c25_field_25_every_error_says_what_to_do_in_one_line() {
    let id = || "id".to_owned();
    let reason = || "the disk is full".to_owned();
    let lines = [
        WorkerError::Stopped.to_string(),
        AnswerError::NotOpen { id: id() }.to_string(),
        AnswerError::AlreadyAnswered { id: id() }.to_string(),
        AnswerError::NotKept { reason: reason() }.to_string(),
        AnswerError::Unknown { reason: reason() }.to_string(),
        AnswerError::Stopped.to_string(),
        AdoptError::NotKept { reason: reason() }.to_string(),
        AdoptError::Stopped.to_string(),
        PollError::WindowTooShort.to_string(),
        PollError::NotPolled { reason: reason() }.to_string(),
        PollError::Stopped.to_string(),
        InboxError::Full.to_string(),
        CallbackError::Unexpected.to_string(),
    ];
    for line in lines {
        assert!(line.len() > 15 && !line.contains('\n'), "{line}");
    }
}

#[test]
fn c26_field_26_what_can_be_no_request_is_refused_with_a_code() {
    let phone = Phone::new();
    let (worker, _ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let good = || pushed(1, Some("{}"));
    for token in ["", " ", "AAAA\n", "AA\0AA", "Ü", "\"AAAA\"", &"A".repeat(2049)] {
        let refused = worker.adopt(PushedTask { token: token.into(), ..good() });
        assert!(matches!(refused, Err(AdoptError::Invalid { .. })), "{token:?}: {refused:?}");
        assert!(matches!(task_id(token.into()), Err(WorkerError::Invalid { .. })));
    }
    for input in ["", "no JSON", "{", &format!("\"{}\"", "x".repeat(1 << 20))] {
        let refused = worker.adopt(pushed(1, Some(input)));
        assert!(matches!(refused, Err(AdoptError::BadInput { .. })), "{refused:?}");
        let inbox = TaskInbox::new(InboxPlace::StateDir { path: phone.state_dir() }).unwrap();
        assert!(matches!(inbox.leave_task(pushed(1, Some(input))), Err(InboxError::Invalid { .. })));
    }
    for origin in [
        "eu-west-1",
        "aws/eu-west-1/1234-5678-9012",
        "aws/Ireland/123456789012",
        "aws/cn-north-1/123456789012",
    ] {
        let refused = worker.adopt(PushedTask { origin: Some(origin.into()), ..good() });
        assert!(matches!(refused, Err(AdoptError::Invalid { .. })), "{origin}: {refused:?}");
    }
    let refused = worker.adopt(PushedTask { scope: Some("u".repeat(257)), ..good() });
    assert!(matches!(refused, Err(AdoptError::Invalid { .. })), "{refused:?}");
    // The worker's own origin, spelt in another way.
    let origin = format!("aws/eu-west-1/123456789012/{}/", phone.emulator.url().replace("http", "HTTP"));
    assert!(matches!(worker.adopt(PushedTask { origin: Some(origin), ..good() }), Ok(Adopted::New { .. })));
    let bobs = PushedTask { scope: Some("bob".into()), ..pushed(2, None) };
    assert!(matches!(worker.adopt(bobs), Ok(Adopted::Foreign { .. })));
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c26_field_26_an_account_or_a_region_that_is_none_does_not_start() {
    let phone = Phone::new();
    let wrong = |change: &dyn Fn(&mut WorkerConfig)| {
        let mut config = app(&phone.state_dir(), &phone.emulator.url());
        change(&mut config);
        let error = ActivityWorker::start(config, std::sync::Arc::new(crate::support::Login), None).err();
        let error = error.expect("refused");
        assert!(matches!(error, StartError::Config { .. }), "{error}");
        error.to_string()
    };
    let accounts = ["1234-5678-9012", "", "123456789012 ", "arn:aws:iam::123456789012:root"];
    for account in accounts.into_iter().chain(["123456789012/", "123456789012/https://elsewhere.example"]) {
        assert!(wrong(&|config| config.account = Some(account.into())).contains("12 digits"));
        let of_aws = |config: &mut WorkerConfig| {
            (config.account, config.endpoint_url) = (Some(account.into()), None);
        };
        assert!(wrong(&of_aws).contains("12 digits"), "{account}");
    }
    for region in ["Ireland", "eu-west", "eu-west-1 ", "eu_west_1", ""] {
        assert!(
            wrong(&|config| (config.region, config.endpoint_url) = (region.into(), None)).contains("region")
        );
    }
    wrong(&|config| config.scope = "u".repeat(257));
}

/// The bytes that a folder takes on its disk.
fn on_disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = entries.map(|entry| {
        let meta = entry.metadata().unwrap();
        let below = if meta.is_dir() { on_disk(&entry.path()) } else { 0 };
        meta.blocks() * 512 + below
    });
    bytes.sum()
}

#[test]
fn c27_field_27_five_hundred_requests_fit_thirty_two_megabytes_by_default() {
    let phone = Phone::new();
    phone.emulator.go_down();
    let (worker, _ear) = start(app(&phone.state_dir(), &phone.emulator.url()));
    let folder = phone.dir.path().join("state");
    assert!(on_disk(&folder) < 4 << 20, "{} before the first request", on_disk(&folder));
    let input = format!("\"{}\"", "x".repeat(2048));
    let ids: Vec<_> = (0..500)
        .map(|n| match worker.adopt(pushed(n, Some(&input))) {
            Ok(Adopted::New { id }) => id,
            refused => panic!("{n}: {refused:?}"),
        })
        .collect();
    assert!(on_disk(&folder) <= 32 << 20, "{} with 500 requests", on_disk(&folder));
    for id in &ids[..50] {
        worker.succeed(id.clone(), format!("\"{}\"", "y".repeat(4096))).unwrap();
    }
    let long = worker.succeed(ids[60].clone(), format!("\"{}\"", "y".repeat(16 << 10)));
    let Err(AnswerError::BadOutput { reason }) = long else { panic!("{long:?}") };
    assert!(reason.contains("16384") && reason.contains("adopted_max_output"), "{reason}");
    let refused = (500..1001).find_map(|n| worker.adopt(pushed(n, None)).err());
    let Some(AdoptError::Full { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("1000") && reason.contains("max_tasks"), "{reason}");
    assert_eq!(worker.snapshot().unwrap().open + worker.snapshot().unwrap().answered, 1000);
    worker.stop(StopMode::Now).unwrap();
}

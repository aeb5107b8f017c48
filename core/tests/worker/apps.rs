//! What apps on phones need beyond deferred tasks: pushed tokens, letters of other processes, one poll.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use activity_worker::worker::{
    Activity, AdoptError, Adopted, AnswerError, DeferredState, Event, PollOnceError, PollRisk, PolledOnce,
    Stop, WorkerBuilder,
};
use activity_worker::{
    Adoption, Inbox, InboxError, Origin, Scope, Settlement, TaskId, TaskToken, WorkerName,
};

use crate::support::{Bench, SOON, accepted, kept, wait_for};

/// A token that another program polled, as a push message would bring it.
pub(crate) fn pushed(bench: &Bench) -> (String, Adoption) {
    let execution = bench.start("{}");
    let name = WorkerName::new("other").unwrap();
    let polled = bench.client().get_activity_task(&bench.arn, &name).unwrap().unwrap();
    (execution, Adoption::new(polled.token).input(polled.input))
}

/// A worker without activities, as an app that lives by pushes has it.
pub(crate) fn app(bench: &Bench) -> WorkerBuilder {
    bench.worker().origin(bench.client().origin(&bench.arn))
}

/// A push that says nothing but the token.
pub(crate) fn alone(token: &TaskToken) -> Adoption {
    Adoption::new(token.clone())
}

pub(crate) fn token(n: u32) -> TaskToken {
    TaskToken::new(format!("pushed-{n}")).unwrap()
}

fn settled(event: &Event) -> Option<(TaskId, Settlement)> {
    match event {
        Event::Settled { id, settlement, .. } => Some((*id, *settlement)),
        _ => None,
    }
}

#[test]
fn a_request_that_is_taken_back_is_gone_and_stays_gone() {
    let bench = Bench::new();
    let (_, adoption) = pushed(&bench);
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    let id = worker.adopt(adoption.clone()).unwrap().id();
    worker.retract(id).unwrap();
    let written = std::fs::read(bench.dir.path().join("state/settled.a")).unwrap();
    assert_eq!(written[..16], id.as_bytes()[..], "when it is said, it is on disk");
    assert_eq!(wait_for(&events, settled), (id, Settlement::Retracted));
    assert_eq!(worker.succeed(id, "{}"), Err(AnswerError::NoSuchTask(id)));
    assert_eq!(worker.retract(id), Err(AnswerError::NoSuchTask(id)));
    worker.stop(Stop::Now);

    let worker = app(&bench).start().unwrap();
    assert_eq!(worker.adopt(adoption).unwrap(), Adopted::Over(id, Settlement::Retracted), "a late push");
    assert_eq!(worker.settlement(id), Ok(Some(Settlement::Retracted)));
    worker.stop(Stop::Now);
    assert_eq!(bench.emulator.calls().count("SendTaskFailure"), 0, "nothing is reported");
}

#[test]
fn p1_an_answered_request_can_not_be_taken_back() {
    let bench = Bench::new();
    let (execution, adoption) = pushed(&bench);
    let worker = app(&bench).start().unwrap();
    bench.emulator.go_down();
    let id = worker.adopt(adoption).unwrap().id();
    worker.succeed(id, "\"yes\"").unwrap();
    assert_eq!(worker.retract(id), Err(AnswerError::AlreadyAnswered(id)));
    assert_eq!(worker.deferred_tasks()[0].state, DeferredState::Answered);
    bench.emulator.come_back();
    assert_eq!(bench.succeeds(&execution), "\"yes\"");
    worker.stop(Stop::Now);
}

#[test]
fn a_request_whose_end_has_passed_by_the_services_time_is_let_go() {
    let bench = Bench::new();
    let (_, adoption) = pushed(&bench);
    let ago = |minutes: u64| SystemTime::now() - Duration::from_secs(60 * minutes);
    let activity = Activity::deferred(bench.arn.clone());
    bench.emulator.go_down();
    let worker = bench.worker().activity(activity).start().unwrap();
    let events = worker.subscribe();
    let id = worker.adopt(adoption.expires(ago(5))).unwrap().id();
    let shown = worker.deferred_tasks();
    assert_eq!(shown.len(), 1, "the device's own clock proves nothing");
    assert!(shown[0].expires.unwrap() < ago(4));
    bench.emulator.come_back();
    assert_eq!(wait_for(&events, settled), (id, Settlement::TooLate));
    worker.stop(Stop::Now);
}

#[test]
fn what_is_pushed_for_another_user_or_account_is_kept_for_them() {
    let bench = Bench::new();
    let (execution, adoption) = pushed(&bench);
    let worker = app(&bench).scope(Scope("ann".into())).start().unwrap();
    let id = worker.adopt(adoption.scope(Scope("bob".into()))).unwrap().id();
    assert!(worker.deferred_tasks().is_empty());
    assert_eq!(worker.succeed(id, "{}"), Err(AnswerError::NoSuchTask(id)));
    let (_, other) = pushed(&bench);
    let elsewhere = "aws/us-east-1/999999999999".parse::<Origin>().unwrap();
    worker.adopt(other.origin(elsewhere)).unwrap();
    assert_eq!(worker.snapshot().unwrap().foreign.len(), 2);
    worker.stop(Stop::Now);

    let worker = app(&bench).scope(Scope("bob".into())).start().unwrap();
    assert_eq!(worker.deferred_tasks().len(), 1);
    worker.succeed(id, "\"bob\"").unwrap();
    assert_eq!(bench.succeeds(&execution), "\"bob\"");
    assert_eq!(worker.snapshot().unwrap().foreign.len(), 1);
    worker.stop(Stop::Now);
}

/// A letter is removed soon after it was taken in.
fn until_empty(inbox: &Path) {
    let asked = Instant::now();
    while std::fs::read_dir(inbox).unwrap().count() > 0 {
        assert!(asked.elapsed() < SOON, "all letters are taken in");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn p1_letters_of_other_processes_are_taken_in_once_and_the_first_answer_counts() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench.dir.path().join("state"));
    let (answered, adoption) = pushed(&bench);
    // Before there is any worker: the extension has the token, and the person answers from the notification.
    let id = inbox.leave_token(&adoption).unwrap();
    assert_eq!(inbox.leave_token(&adoption).unwrap(), id);
    inbox.leave_success(id, "\"from the notification\"").unwrap();
    assert!(matches!(inbox.leave_failure(id, "No", ""), Err(InboxError::AlreadyAnswered(_))));
    assert!(matches!(inbox.leave_success(id, "{"), Err(InboxError::Invalid(_))));
    let worker = app(&bench).start().unwrap();
    assert_eq!(bench.succeeds(&answered), "\"from the notification\"");

    // While it runs: it is woken.
    let events = worker.subscribe();
    let (open, adoption) = pushed(&bench);
    let id = inbox.leave_token(&adoption).unwrap();
    worker.wake();
    assert_eq!(wait_for(&events, accepted), id);
    worker.succeed(id, "\"from the app\"").unwrap();
    inbox.leave_failure(id, "Refused", "too late").unwrap();
    worker.drain_within(SOON).unwrap();
    assert_eq!(bench.succeeds(&open), "\"from the app\"");
    // An answer to a task that is over, and a letter that makes no sense, are told and do not stay.
    let dir = bench.dir.path().join("state/inbox");
    std::fs::write(dir.join(format!("{id}.token")), "{}").unwrap();
    worker.wake();
    wait_for(&events, |e| matches!(e, Event::Quarantined { .. }).then_some(()));
    // The answer may come after the letter that makes no sense.
    until_empty(&dir);
    worker.stop(Stop::Now);
}

#[test]
fn p1_letters_are_taken_from_an_inbox_apart_and_from_the_one_in_the_state_folder() {
    let bench = Bench::new();
    let apart = bench.dir.path().join("group/inbox");
    let worker = app(&bench).inbox_dir(&apart).start().unwrap();
    let events = worker.subscribe();
    // An old version of the app left this one.
    let (old, adoption) = pushed(&bench);
    let id = Inbox::of(&bench.dir.path().join("state")).leave_token(&adoption).unwrap();
    Inbox::at(&apart).leave_success(id, "\"old\"").unwrap();
    let (new, adoption) = pushed(&bench);
    let id = Inbox::at(&apart).leave_token(&adoption).unwrap();
    Inbox::at(&apart).leave_success(id, "\"new\"").unwrap();
    std::fs::write(apart.join(format!("{}.token", TaskId::from_bytes([7; 16]))), "{}").unwrap();
    worker.wake();
    assert_eq!((bench.succeeds(&old), bench.succeeds(&new)), ("\"old\"".into(), "\"new\"".into()));
    let aside = wait_for(&events, |e| match e {
        Event::Quarantined { path } => Some(path.clone()),
        _ => None,
    });
    assert!(aside.starts_with(bench.dir.path().join("state/quarantine")) && aside.exists());
    assert_eq!(worker.drain_within(SOON).unwrap().left, 0);
    until_empty(&apart);
    worker.stop(Stop::Now);
}

#[test]
fn p9_a_drain_takes_in_the_letters_before_it_says_that_nothing_is_left() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench.dir.path().join("state"));
    let (execution, adoption) = pushed(&bench);
    let worker = app(&bench).start().unwrap();
    let id = worker.adopt(adoption).unwrap().id();
    inbox.leave_success(id, "\"from the notification\"").unwrap();
    let report = worker.drain_within(SOON).unwrap();
    assert_eq!((report.settled, report.left), (1, 0));
    assert_eq!(bench.succeeds(&execution), "\"from the notification\"");
    worker.stop(Stop::Now);
}

#[test]
fn p1_a_letter_stays_until_there_is_room_for_its_task() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench.dir.path().join("state"));
    let worker = app(&bench).max_tasks(1).start().unwrap();
    let (first, adoption) = pushed(&bench);
    let id = worker.adopt(adoption).unwrap().id();
    let (second, adoption) = pushed(&bench);
    assert!(matches!(worker.adopt(adoption.clone()), Err(AdoptError::Full(_))));
    let other = inbox.leave_token(&adoption).unwrap();
    worker.wake();
    worker.succeed(id, "1").unwrap();
    bench.succeeds(&first);
    let end = Instant::now() + SOON;
    while worker.deferred_tasks().iter().all(|t| t.id != other) && Instant::now() < end {
        worker.wake();
        std::thread::sleep(Duration::from_millis(20));
    }
    worker.succeed(other, "2").unwrap();
    assert_eq!(bench.succeeds(&second), "2");
    worker.stop(Stop::Now);
}

#[test]
fn p1_an_answer_is_taken_in_while_there_is_no_place_for_a_token() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench.dir.path().join("state"));
    let worker = app(&bench).max_tasks(1).start().unwrap();
    let (first, adoption) = pushed(&bench);
    let id = worker.adopt(adoption).unwrap().id();
    let (_, adoption) = pushed(&bench);
    inbox.leave_token(&adoption).unwrap();
    inbox.leave_success(id, "\"from the notification\"").unwrap();
    worker.wake();
    assert_eq!(bench.succeeds(&first), "\"from the notification\"");
    worker.stop(Stop::Now);
}

#[test]
fn p6_half_a_letter_of_a_process_that_was_ended_does_not_stay() {
    let bench = Bench::new();
    let dir = bench.dir.path().join("group");
    let inbox = Inbox::at(&dir);
    let (_, adoption) = pushed(&bench);
    inbox.leave_token(&adoption).unwrap();
    let (old, new) = (dir.join("a.token.1.1.new"), dir.join("a.token.1.2.new"));
    for half in [&old, &new] {
        std::fs::write(half, "{").unwrap();
    }
    let week = Duration::from_secs(7 * 24 * 3600);
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(SystemTime::now() - week).unwrap();
    inbox.leave_token(&adoption).unwrap();
    assert!(!old.exists() && new.exists(), "one that is being written stays");
}

#[test]
fn p5_one_poll_is_refused_where_it_can_lose_a_task_unless_the_risk_is_named() {
    let bench = Bench::new();
    let activity = || Activity::deferred(bench.arn.clone()).on_request(true).concurrency(2);
    let worker = bench.worker().activity(activity()).start().unwrap();
    let events = worker.subscribe();
    let poll = |within, risk| worker.poll_once(&bench.arn, Duration::from_secs(within), risk);
    assert_eq!(poll(69, PollRisk::Refuse), Err(PollOnceError::WindowTooShort));
    assert_eq!(poll(70, PollRisk::Refuse), Ok(PolledOnce::Nothing));
    assert_eq!(bench.emulator.calls().count("GetActivityTask"), 1, "and no other poll");
    let execution = bench.start("{}");
    let Ok(PolledOnce::Task(id)) = poll(20, PollRisk::MayLoseTask) else { panic!() };
    assert_eq!(worker.deferred_tasks()[0].id, id);
    worker.succeed(id, "1").unwrap();
    bench.succeeds(&execution);
    wait_for(&events, kept);
    // The time is over before the poll is.
    assert_eq!(poll(1, PollRisk::MayLoseTask), Ok(PolledOnce::UnderWay));
    let late = bench.start("{}");
    let id = wait_for(&events, accepted);
    worker.succeed(id, "2").unwrap();
    bench.succeeds(&late);
    // No network.
    bench.emulator.go_down();
    let failed = poll(1, PollRisk::MayLoseTask);
    assert!(matches!(failed, Err(PollOnceError::Failed(_) | PollOnceError::NotPolled(_))), "{failed:?}");
    worker.stop(Stop::Now);
    assert_eq!(poll(90, PollRisk::Refuse), Err(PollOnceError::Stopped));
    let token = Adoption::new(TaskToken::new("t").unwrap());
    assert_eq!(worker.adopt(token), Err(AdoptError::Stopped));
}

#[test]
fn a_wait_may_be_as_long_as_a_duration_can_be() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    assert_eq!(worker.drain_within(Duration::MAX).unwrap().left, 0);
    let waiting = std::thread::spawn(move || events.next_within(Duration::MAX));
    let other = worker.clone();
    let polling = Activity::deferred(bench.arn.clone()).on_request(true);
    let second = bench.worker().state_dir(bench.dir.path().join("other")).activity(polling).start().unwrap();
    assert_eq!(second.poll_once(&bench.arn, Duration::MAX, PollRisk::Refuse), Ok(PolledOnce::Nothing));
    second.stop(Stop::Now);
    other.stop(Stop::Now);
    waiting.join().unwrap();
}

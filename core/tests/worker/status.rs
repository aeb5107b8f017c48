//! What a worker is up against is a state: who asks later learns it too.

use std::time::{Duration, Instant};

use activity_emulator::{Credential, Fault};
use activity_worker::worker::{Activity, Event, Events, Link, PollRisk, Status, Stop, Worker};
use activity_worker::{Scope, TaskId};

use crate::apps::{alone, app, pushed, token};
use crate::support::{Bench, SOON};

/// Adopts and answers.
fn answered(bench: &Bench, worker: &Worker) -> TaskId {
    answered_push(bench, worker).1
}

/// The same, with the execution that waits for it.
fn answered_push(bench: &Bench, worker: &Worker) -> (String, TaskId) {
    let (execution, adoption) = pushed(bench);
    let id = worker.adopt(adoption).unwrap().id();
    worker.succeed(id, "1").unwrap();
    (execution, id)
}

/// Waits for a status, as an app that observes it does: it asks when it is told.
#[track_caller]
fn until(worker: &Worker, events: &Events, wanted: impl Fn(&Status) -> bool) -> Status {
    let end = Instant::now() + SOON;
    let mut status = worker.status().unwrap();
    while !wanted(&status) {
        assert!(Instant::now() < end, "not within {SOON:?}: {status:?}");
        let told = events.next_within(Duration::from_secs(5));
        if let Some(Event::StatusChanged | Event::Missed { .. }) = told {
            status = worker.status().unwrap();
        }
    }
    status
}

#[test]
fn field_24_who_comes_later_learns_that_and_why_there_is_no_network() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    assert_eq!(worker.status().unwrap(), Status::default());
    let execution = bench.start("{}");
    bench.emulator.go_down();
    let down = worker.adopt(alone(&token(1))).unwrap().id();
    worker.succeed(down, "1").unwrap();
    let status = until(&worker, &events, |status| status.offline.is_some());
    assert!(!status.offline.unwrap().reason.is_empty());
    assert_eq!((status.waiting, status.open), (1, 0));
    let report = worker.drain_within(Duration::from_millis(100)).unwrap();
    assert_eq!((report.left, report.left_for.offline), (1, 1), "{report:?}");
    // One that comes later.
    assert!(worker.status().unwrap().offline.is_some());
    assert!(worker.snapshot().unwrap().status.offline.is_some());
    bench.emulator.come_back();
    let status = until(&worker, &events, |status| status.offline.is_none());
    assert!(status.credentials.is_none());
    worker.set_link(Link::Down);
    let status = until(&worker, &events, |status| status.offline.is_some());
    assert!(status.offline.unwrap().reason.contains("no network"), "its own reason, not an old one");
    worker.stop(Stop::Now);
    assert!(worker.status().is_err());
    drop(execution);
}

#[test]
fn field_24_who_comes_later_learns_that_the_user_must_log_in() {
    let wrong = Credential { secret_access_key: "another".into(), ..Credential::test() };
    for bad in [Vec::new(), vec![wrong]] {
        let bench = Bench::new();
        let worker = app(&bench).start().unwrap();
        let events = worker.subscribe();
        let (execution, adoption) = pushed(&bench);
        let id = worker.adopt(adoption).unwrap().id();
        bench.emulator.set_credentials(bad);
        worker.succeed(id, "1").unwrap();
        // A key that is wrong, rather than unknown, is told as what it keeps from being done.
        let status =
            until(&worker, &events, |status| status.credentials.is_some() || !status.denied.is_empty());
        let reasons = status.credentials.iter().map(|trouble| &trouble.reason);
        let reasons: String =
            reasons.chain(status.denied.iter().map(|denied| &denied.reason)).cloned().collect();
        assert!(reasons.contains("security token") || reasons.contains("Secret Access Key"), "{reasons}");
        let report = worker.drain_within(Duration::from_millis(100)).unwrap();
        let for_them = report.left_for.credentials + report.left_for.denied;
        assert_eq!((report.left, for_them), (1, 1), "{report:?}");
        bench.emulator.set_credentials(vec![Credential::test()]);
        worker.credentials_changed();
        until(&worker, &events, |status| *status == Status::default());
        bench.succeeds(&execution);
        worker.stop(Stop::Now);
    }
}

#[test]
fn field_24_who_comes_later_learns_what_is_held_and_denied_and_why() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    worker.status().unwrap();
    let denying = bench.emulator.inject(Fault::access_denied().on("SendTaskSuccess"));
    let denied = answered(&bench, &worker);
    let status = until(&worker, &events, |status| !status.denied.is_empty());
    assert_eq!(status.denied[0].id, denied);
    assert!(status.denied[0].reason.contains("AccessDenied"), "{status:?}");
    let report = worker.drain_within(Duration::from_millis(100)).unwrap();
    assert_eq!((report.left, report.left_for.denied), (1, 1), "{report:?}");
    bench.emulator.clear_fault(denying);
    let rejecting =
        bench.emulator.inject(Fault::error(400, "InvalidToken", "of another account").on("SendTaskSuccess"));
    let mut held: Vec<_> = (0..3).map(|_| answered(&bench, &worker)).collect();
    held.sort();
    let status = until(&worker, &events, |status| status.held.len() >= 3 && status.reports_paused);
    assert!(held.iter().all(|id| status.held.iter().any(|refusal| refusal.id == *id)));
    assert!(status.held.iter().all(|refusal| refusal.reason.contains("InvalidToken")), "{status:?}");
    answered(&bench, &worker);
    let report = worker.drain_within(Duration::from_millis(100)).unwrap();
    let left = report.left_for;
    assert_eq!(left.held + left.denied + left.paused, report.left, "{report:?}");
    assert!(left.held >= 3 && left.paused >= 1, "{report:?}");
    bench.emulator.clear_fault(rejecting);
    worker.credentials_changed();
    until(&worker, &events, |status| status.held.is_empty() && !status.reports_paused && status.waiting == 0);
    worker.stop(Stop::Now);
}

#[test]
fn field_24_answers_of_others_are_counted_apart() {
    let bench = Bench::new();
    let scoped = |user: &str| app(&bench).scope(Scope(user.to_owned())).start().unwrap();
    let ann = scoped("ann");
    bench.emulator.go_down();
    let id = ann.adopt(alone(&token(1))).unwrap().id();
    ann.succeed(id, "1").unwrap();
    ann.stop(Stop::Now);
    let bob = scoped("bob");
    let report = bob.drain_within(Duration::from_millis(100)).unwrap();
    assert_eq!((report.left, report.left_for.foreign), (0, 1), "{report:?}");
    assert_eq!(bob.status().unwrap().foreign, 1);
    bob.stop(Stop::Now);
}

#[test]
fn field_24_throttled_and_full_are_states_that_end() {
    let bench = Bench::new();
    let worker = app(&bench).max_tasks(1).start().unwrap();
    let events = worker.subscribe();
    worker.status().unwrap();
    bench.emulator.inject(Fault::throttle().on("SendTaskSuccess").times(2));
    let (execution, adoption) = pushed(&bench);
    let id = worker.adopt(adoption).unwrap().id();
    until(&worker, &events, |status| status.full && status.open == 1);
    worker.succeed(id, "1").unwrap();
    until(&worker, &events, |status| status.throttled);
    bench.succeeds(&execution);
    until(&worker, &events, |status| !status.full);
    worker.stop(Stop::Now);
}

/// A worker that lives by pushes has no call to make while nothing is answered: none that could end a state.
#[test]
fn field_24_a_network_that_is_back_by_the_platforms_word_is_no_state_any_more() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    for hint in [Link::Up, Link::Unknown] {
        worker.set_link(Link::Down);
        until(&worker, &events, |status| status.offline.is_some());
        assert!(worker.snapshot().unwrap().offline_for.is_some());
        worker.set_link(hint);
        until(&worker, &events, |status| *status == Status::default());
        assert_eq!(worker.snapshot().unwrap().offline_for, None);
    }
    // The platform may be wrong: the next call says so.
    let (execution, adoption) = pushed(&bench);
    worker.set_link(Link::Down);
    bench.emulator.go_down();
    worker.set_link(Link::Up);
    assert_eq!(worker.status().unwrap().offline, None);
    let id = worker.adopt(adoption).unwrap().id();
    worker.succeed(id, "1").unwrap();
    let status = until(&worker, &events, |status| status.offline.is_some());
    assert!(status.offline.unwrap().reason.contains("SendTaskSuccess"));
    bench.emulator.come_back();
    bench.succeeds(&execution);
    until(&worker, &events, |status| *status == Status::default());
    worker.stop(Stop::Now);
}

#[test]
fn field_24_who_has_logged_in_is_not_told_to_until_a_call_is_refused_again() {
    let bench = Bench::new();
    let activity = Activity::deferred(bench.arn.clone()).on_request(true);
    let worker = bench.worker().activity(activity).start().unwrap();
    let events = worker.subscribe();
    let poll = || worker.poll_once(&bench.arn, Duration::from_secs(5), PollRisk::MayLoseTask);
    bench.emulator.set_credentials(Vec::new());
    for _ in 0..2 {
        assert!(poll().is_err());
        until(&worker, &events, |status| status.credentials.is_some());
        // Nothing is left to be sent.
        worker.credentials_changed();
        until(&worker, &events, |status| status.credentials.is_none());
    }
    worker.stop(Stop::Now);
}

#[test]
fn field_24_what_was_slow_or_paused_is_so_no_more_when_nothing_of_it_is_left() {
    let bench = Bench::new();
    let worker = app(&bench).start().unwrap();
    let events = worker.subscribe();
    bench.emulator.inject(Fault::throttle().on("SendTaskSuccess").times(2));
    let (execution, _) = answered_push(&bench, &worker);
    until(&worker, &events, |status| status.throttled);
    bench.succeeds(&execution);
    until(&worker, &events, |status| *status == Status::default());
    // Three answers that the service does not know of.
    let wrong: Vec<_> = (0..3).map(|n| worker.adopt(alone(&token(n))).unwrap().id()).collect();
    for id in &wrong {
        worker.succeed(*id, "1").unwrap();
    }
    until(&worker, &events, |status| status.reports_paused && status.held.len() == 3);
    for id in wrong {
        assert!(worker.status().unwrap().reports_paused);
        worker.discard(id).unwrap();
    }
    until(&worker, &events, |status| !status.reports_paused && status.held.is_empty());
    // The next answer has nothing to do with them.
    let (execution, _) = answered_push(&bench, &worker);
    bench.succeeds(&execution);
    worker.stop(Stop::Now);
}

#[test]
fn field_24_no_time_is_too_long() {
    let bench = Bench::new();
    let long = || app(&bench).lease(Duration::MAX).max_backoff(Duration::MAX).comeback_window(Duration::MAX);
    let worker = long().adopted_heartbeat(Duration::MAX).start().unwrap();
    worker.adopt(alone(&token(1))).unwrap();
    worker.set_link(Link::Down);
    worker.set_link(Link::Up);
    assert_eq!(worker.deferred_tasks().len(), 1);
    worker.stop(Stop::Now);
}

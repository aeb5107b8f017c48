//! What each class of error does: to the call, to its task, to all calls of its kind, and to those who listen.

use super::*;

const BEAT: Action = Action::Call { id: TaskId::from_bytes([1; 16]), call: Call::Beat };
const REPORT: Action = Action::Call { id: TaskId::from_bytes([1; 16]), call: Call::Report };

/// A task whose result lies on disk, and whose report is under way. It has no heartbeats.
fn quiet() -> World {
    let mut world = World::new(config(&[]));
    let state = FoundState::Outcome;
    world.tell(Input::Found { id: id(1), activity: None, adopted: true, deferred: true, state });
    assert_eq!(world.wait(10 * S), [REPORT]);
    world
}

/// A task that waits for the app, and has a heartbeat under way.
fn deferred_beating() -> World {
    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    assert_eq!(world.wait(30 * S), [BEAT]);
    world
}

/// How long the report waits before it is tried again.
fn pause(world: &World) -> Duration {
    world.engine.slots.find(id(1)).unwrap().report.due - world.now
}

fn wish(class: ErrorClass, pause: Duration) -> Result<(), CallFailure> {
    Err(CallFailure { class, maybe_taken: false, retry_after: Some(pause) })
}

#[test]
fn p6_what_is_rejected_or_not_allowed_is_tried_more_and_more_slowly() {
    let hour = 60 * MINUTE;
    let cases = [
        (ErrorClass::Held, hour, 12 * hour),
        (ErrorClass::NoActivity, hour, 12 * hour),
        (ErrorClass::Denied, 30 * S, 15 * MINUTE),
    ];
    for (class, first, longest) in cases {
        let mut world = quiet();
        for failures in 0..8 {
            world.report_ends(1, failed(class, false));
            let most = (first * 2u32.pow(failures)).min(longest);
            let pause = pause(&world);
            assert!(pause >= most / 2 && pause <= most, "{class:?} after {failures}: {pause:?}");
        }
        world.report_ends(1, wish(class, 24 * hour));
        assert_eq!(pause(&world), 24 * hour, "{class:?}: the service's wish counts");
    }
}

#[test]
fn p6_what_was_rejected_stays_slow_whatever_else_goes_wrong() {
    for class in [ErrorClass::Server, ErrorClass::Network, ErrorClass::Throttled] {
        let mut world = quiet();
        world.report_ends(1, failed(ErrorClass::Held, false));
        world.report_ends(1, failed(class, false));
        assert!(
            pause(&world) >= 30 * MINUTE && pause(&world) <= 60 * MINUTE,
            "{class:?}: {:?}",
            pause(&world)
        );
    }
}

#[test]
fn a_rejected_report_is_told_once_and_so_is_one_that_is_not_allowed() {
    for (class, notice) in
        [(ErrorClass::Held, Notice::Held(id(1))), (ErrorClass::Denied, Notice::Denied(id(1)))]
    {
        let mut world = quiet();
        world.report_ends(1, failed(class, false));
        assert_eq!(world.notices(), [notice]);
        world.report_ends(1, failed(class, false));
        assert_eq!(world.notices(), []);
    }
    // Allowed, but for another error: that it is not allowed any more is worth a word.
    let mut world = quiet();
    world.report_ends(1, failed(ErrorClass::Denied, false));
    world.report_ends(1, failed(ErrorClass::Server, false));
    world.notices();
    world.report_ends(1, failed(ErrorClass::Denied, false));
    assert_eq!(world.notices(), [Notice::Denied(id(1))]);
}

#[test]
fn a_heartbeat_that_is_not_allowed_is_told_once_and_again_after_one_that_was() {
    let mut world = deferred_beating();
    let denied = failed(ErrorClass::Denied, false);
    let mut told = Vec::new();
    for answer in [denied, denied, Ok(()), denied, denied] {
        world.beat_ends(1, answer);
        told.push(world.notices().len());
    }
    assert_eq!(told, [1, 0, 0, 1, 0]);
}

#[test]
fn p1_an_output_that_the_service_refuses_gives_way_to_a_failure_and_a_failure_to_none() {
    let mut world = quiet();
    world.report_ends(1, failed(ErrorClass::BadOutput, false));
    let which = Which::Own(OwnFailure::InvalidOutput);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert_eq!(world.actions(), [REPORT]);
    world.report_ends(1, failed(ErrorClass::BadOutput, false));
    assert_eq!(world.notices(), [Notice::Held(id(1))]);
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Waiting));
}

#[test]
fn p4_a_beat_that_is_told_that_the_task_is_over_ends_an_open_request_and_hurries_a_result() {
    let mut world = deferred_beating();
    world.beat_ends(1, failed(ErrorClass::Settled, false));
    assert_eq!(world.actions()[0], Action::Forget { id: id(1), settlement: Settlement::TooLate });

    // Its report waits for its turn: only a report's answer says whether the result was taken.
    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Denied, false));
    while !world.wait(MINUTE).contains(&BEAT) {}
    let reports = |world: &mut World| world.actions().contains(&REPORT);
    assert!(!reports(&mut world) && pause(&world) > S);
    world.beat_ends(1, failed(ErrorClass::Settled, false));
    assert!(reports(&mut world), "at once");
    world.report_ends(1, failed(ErrorClass::Denied, false));
    assert!(!world.wait(30 * MINUTE).contains(&BEAT), "and no beat more");
}

#[test]
fn p5_a_handler_that_is_told_to_stop_is_not_told_again_that_its_task_is_over() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    assert_eq!(world.wait(30 * S), [BEAT]);
    world.tell(Input::Stop(Stop::Now));
    world.actions();
    world.beat_ends(1, failed(ErrorClass::Settled, false));
    assert_eq!(world.actions(), []);
    world.tell(Input::OutcomeReady { id: id(1), success: false });
    let which = Which::Own(OwnFailure::Stopping);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
}

#[test]
fn p1_only_an_open_request_is_taken_back_and_only_what_can_not_be_delivered_is_discarded() {
    let over = |world: &mut World, settlement| {
        world.tell(Input::Withdraw { id: id(1), settlement });
        world.actions().contains(&Action::Forget { id: id(1), settlement })
    };
    let (retracted, discarded) = (Settlement::Retracted, Settlement::Discarded);
    let mut open = deferred_beating();
    assert!(!over(&mut open, discarded) && over(&mut open, retracted));

    let state = FoundState::Foreign;
    let mut foreign = World::new(config(&[]));
    foreign.tell(Input::Found { id: id(1), activity: None, adopted: false, deferred: false, state });
    assert!(!over(&mut foreign, retracted) && over(&mut foreign, discarded));

    let mut waits = quiet();
    waits.report_ends(1, failed(ErrorClass::Server, false));
    assert!(!over(&mut waits, discarded), "it can still be delivered");
    waits.report_ends(1, failed(ErrorClass::Held, false));
    assert!(!over(&mut waits, retracted) && over(&mut waits, discarded));
}

#[test]
fn p2_only_calls_that_were_answered_say_how_long_calls_take() {
    for (class, fast) in
        [(ErrorClass::Network, true), (ErrorClass::Credentials, true), (ErrorClass::Server, false)]
    {
        let mut world = quiet();
        for _ in 0..50 {
            world.tell(Input::CallEnded {
                id: id(1),
                call: Call::Report,
                answer: failed(class, false),
                took: 10 * S,
            });
        }
        assert_eq!(world.engine.lanes.can_pay_for(5.0), fast, "{class:?}");
    }
}

#[test]
fn p10_no_error_but_that_the_task_is_over_brings_the_pace_back() {
    let mut world = quiet();
    for _ in 0..5 {
        world.report_ends(1, failed(ErrorClass::Throttled, false));
    }
    for class in [ErrorClass::Server, ErrorClass::Denied, ErrorClass::Held] {
        for _ in 0..100 {
            world.report_ends(1, failed(class, false));
        }
        assert!(world.engine.is_throttled(), "{class:?}");
    }
    for _ in 0..100 {
        world.report_ends(9, failed(ErrorClass::Settled, false));
    }
    assert!(!world.engine.is_throttled());
}

#[test]
fn field_11_a_wish_for_a_pause_holds_all_reports_and_of_heartbeats_only_as_far_as_they_bear_it() {
    // A heartbeat bears half the shortest interval.
    for (heartbeat, call, bearable) in
        [(10, Call::Report, 8), (10, Call::Beat, 5), (30, Call::Beat, 8), (30, Call::Report, 8)]
    {
        let mut world = World::new(config(&[ActivityRules { heartbeat: heartbeat * S, ..rules() }]));
        world.actions();
        world.take_task(1);
        let answer = wish(ErrorClass::Throttled, 8 * S);
        world.tell(Input::CallEnded { id: id(9), call, answer, took: S });
        assert!(world.notices().contains(&Notice::Throttled(call)));
        assert_eq!(world.engine.lanes.opens_at(call), world.now + bearable * S, "{call:?} at {heartbeat}");
    }
    // A task that beats no more has nothing to fear.
    let mut world = deferred_beating();
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.report_ends(1, failed(ErrorClass::Held, false));
    world.tell(Input::CallEnded {
        id: id(9),
        call: Call::Beat,
        answer: wish(ErrorClass::Throttled, 9 * S),
        took: S,
    });
    assert_eq!(world.engine.lanes.opens_at(Call::Beat), world.now + 9 * S);
}

#[test]
fn p6_a_dead_network_is_told_once_and_its_end_too() {
    let mut world = deferred_beating();
    let mut told = Vec::new();
    let dead = failed(ErrorClass::Network, false);
    for answer in [dead, dead, failed(ErrorClass::Server, false), Ok(()), dead] {
        world.beat_ends(1, answer);
        told.push(world.notices());
        assert_eq!(world.engine.link().offline_since().is_some(), answer == dead);
    }
    assert_eq!(told, [vec![Notice::Offline], vec![], vec![Notice::Online], vec![], vec![Notice::Offline]]);
}

#[test]
fn p6_a_report_that_probes_a_dead_network_is_followed_by_another() {
    let mut world = quiet();
    for n in 0..20 {
        world.report_ends(1, failed(ErrorClass::Network, false));
        assert_eq!(world.wait(3 * MINUTE), [REPORT], "probe {n}");
    }
}

#[test]
fn p8_credentials_that_do_not_work_hold_reports_and_polls_and_are_told_as_their_end_is() {
    let mut world = World::reporting();
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    world.report_ends(1, failed(ErrorClass::Credentials, false));
    let asked: Vec<_> = std::iter::from_fn(|| world.next()).collect();
    assert_eq!(asked, [Action::Notify(Notice::CredentialsRefused)], "and no poll");
    world.beat_ends(1, failed(ErrorClass::Credentials, false));
    assert_eq!(world.notices(), [], "once");
    assert_eq!(world.engine.link().offline_since(), None, "no word on the network");
    world.beat_ends(1, Ok(()));
    assert_eq!(world.notices()[0], Notice::CredentialsAccepted);
    world.beat_ends(1, failed(ErrorClass::Clock, false));
    assert_eq!(world.notices(), [Notice::ClockRefused]);
}

#[test]
fn p10_a_poll_that_failed_is_tried_after_a_pause_and_what_an_operator_must_mend_is_told_once() {
    let mut world = World::new(config(&[rules()]));
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    for (class, told) in [
        (ErrorClass::Server, vec![]),
        (ErrorClass::NoActivity, vec![Notice::PollRefused(0, ErrorClass::NoActivity)]),
        (ErrorClass::NoActivity, vec![]),
    ] {
        let failure = failed(class, false).unwrap_err();
        world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Failed(failure), took: S });
        assert_eq!(world.notices(), told);
        assert_eq!(world.actions(), [], "{class:?}: not at once");
        assert_eq!(world.wait(5 * MINUTE), [Action::Poll { activity: 0 }]);
    }
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert!(world.notices().contains(&Notice::PollAccepted(0)));
}

//! Polls, stops and bounds: P2, P5, P6.

use super::*;

#[test]
fn p2_no_poll_without_a_slot_room_on_disk_or_time_for_beats() {
    let mut world = World::new(config(&[rules()]));
    world.tell(Input::Room { tasks: 0 });
    assert_eq!(world.wait(10 * MINUTE), [], "no room on disk");
    world.tell(Input::Room { tasks: 1 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    assert_eq!(world.take_task(1), [Action::Run { id: id(1), run: 1 }], "its only slot is taken");

    let two = [rules(), rules()];
    let mut world = World::new(config(&two));
    world.tell(Input::Room { tasks: 1 });
    assert_eq!(world.actions().len(), 1, "room for one task is room for one poll");

    let mut world = World::new(Config { max_tasks: 1, ..config(&two) });
    assert_eq!(world.actions().len(), 1, "a place for one task is a place for one poll");

    let fast = ActivityRules { concurrency: 8, heartbeat: S, ..rules() };
    let mut world = World::new(config(&[fast]));
    world.actions();
    world.take_task(1);
    for _ in 0..60 {
        if world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Beat }) {
            world.now += 9 * S;
            world.tell(Input::CallEnded { id: id(1), call: Call::Beat, answer: Ok(()), took: 9 * S });
        }
        if world.engine.polls_in_flight() > 0 {
            world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
        }
    }
    assert!(!world.wait(MINUTE).contains(&Action::Poll { activity: 0 }), "one beat a second takes 9 s");
}

#[test]
fn p5_a_drain_drops_no_poll_and_fails_what_the_last_poll_brings() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Input::Stop(Stop::Drain));
    assert_eq!(world.actions(), [], "the poll goes on");
    assert!(!world.notices().contains(&Notice::Stopped));
    let actions = world.take_task(1);
    assert_eq!(actions, [Action::KeepOutcome { id: id(1), which: Which::Own(OwnFailure::Stopping) }]);
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert_eq!(world.actions(), [Action::Call { id: id(1), call: Call::Report }]);
    world.report_ends(1, Ok(()));
    world.actions();
    world.tell(Input::Forgotten { id: id(1) });
    assert!(world.notices().contains(&Notice::Stopped));
}

#[test]
fn p5_a_drain_without_a_network_ends_with_the_result_kept() {
    let mut world = World::reporting();
    world.tell(Input::Stop(Stop::Drain));
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert!(!world.notices().contains(&Notice::Stopped), "its report is under way");
    world.report_ends(1, failed(ErrorClass::Network, false));
    assert!(world.notices().contains(&Notice::Stopped));
    assert!(world.engine.knows(id(1)));
}

#[test]
fn p5_a_drain_on_a_dead_network_waits_for_no_heartbeat_that_follows_another() {
    let mut world = World::new(config(&[]));
    for n in 1..=3 {
        let state = FoundState::Deferred;
        let found = Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state };
        world.engine.config.adopted_heartbeat = Some(30 * S);
        world.tell(found);
    }
    let beats = |actions: Vec<Action>| actions.iter().filter(|a| matches!(a, Action::Call { .. })).count();
    let mut under_way = 0;
    while under_way < 3 {
        under_way += beats(world.wait(MINUTE));
    }
    world.tell(Input::Stop(Stop::Drain));
    for n in 1..=2 {
        world.now += 10 * S;
        world.beat_ends(n, failed(ErrorClass::Network, true));
        assert_eq!(beats(world.wait(MINUTE)), 0, "none follows");
    }
    world.beat_ends(3, failed(ErrorClass::Network, true));
    assert!(world.notices().contains(&Notice::Stopped));
}

#[test]
fn p5_stop_now_cancels_and_keeps_what_the_handlers_leave() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Stop(Stop::Now));
    assert_eq!(
        world.actions(),
        [Action::DropCalls, Action::Cancel { id: id(1), why: Cancelled::Stopping }],
        "and nothing goes to the network any more"
    );
    world.tell(Input::OutcomeReady { id: id(1), success: false });
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which: Which::Own(OwnFailure::Stopping) }]);
    assert!(!world.notices().contains(&Notice::Stopped), "not before it is kept");
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.notices().contains(&Notice::Stopped));
}

#[test]
fn p6_three_rejections_in_a_row_pause_reporting_until_the_credentials_change() {
    let mut world = World::new(config(&[]));
    for n in 1..=8 {
        world.tell(Input::Found {
            id: id(n),
            activity: None,
            adopted: true,
            deferred: true,
            state: FoundState::Outcome,
        });
    }
    world.now += 10 * S;
    let first = world.actions();
    assert_eq!(first.len(), 3, "{first:?}");
    for action in first {
        let Action::Call { id: task, call: Call::Report } = action else { panic!("{action:?}") };
        world.report_ends(task.as_bytes()[0], failed(ErrorClass::Held, false));
    }
    assert_eq!(world.actions(), []);
    assert!(world.engine.reports_paused());
    assert_eq!(world.wait(29 * MINUTE), []);
    world.tell(Input::CredentialsChanged);
    assert!(!world.actions().is_empty());
}

#[test]
fn idle_is_told_once_polls_came_back_empty_and_only_held_results_are_left() {
    let mut world = World::reporting();
    world.tell(Input::UntilIdle);
    world.report_ends(1, failed(ErrorClass::Held, false));
    assert!(!world.notices().contains(&Notice::Idle), "a poll is under way");
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert!(world.notices().contains(&Notice::Idle));
    assert_eq!(world.wait(10 * MINUTE), [], "and not polled again");
}

#[test]
fn a_token_that_is_adopted_never_takes_the_place_set_aside_for_a_poll() {
    let mut world = World::new(Config { max_tasks: 1, ..config(&[rules()]) });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Input::Adopt { id: id(2), foreign: false });
    assert_eq!(world.actions(), [Action::Refuse { id: id(2) }]);
    assert_eq!(world.take_task(1), [Action::Run { id: id(1), run: 1 }]);
}

#[test]
fn p2_room_that_tasks_not_yet_on_disk_will_take_is_not_given_away_again() {
    let many = ActivityRules { concurrency: 8, ..rules() };
    let mut world = World::new(config(&[many]));
    world.tell(Input::Room { tasks: 2 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    assert_eq!(world.actions(), [Action::KeepTask { id: id(1) }, Action::Poll { activity: 0 }]);
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(2)), took: S });
    assert_eq!(world.actions(), [Action::KeepTask { id: id(2) }], "both places are spoken for");
    world.tell(Input::Adopt { id: id(3), foreign: false });
    assert_eq!(world.actions(), [Action::Refuse { id: id(3) }]);
    world.tell(Input::TaskKept { id: id(1) });
    assert_eq!(world.actions(), [Action::Run { id: id(1), run: 1 }], "though the spool has not counted yet");
    world.tell(Input::Room { tasks: 2 });
    assert_eq!(world.actions(), [], "the last one is left to the token, for a while");
    world.tell(Input::Room { tasks: 3 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
}

#[test]
fn p2_calls_that_no_one_answered_do_not_stop_polls_for_good() {
    let mut world = World::new(config(&[ActivityRules { heartbeat: S, ..rules() }]));
    world.actions();
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    world.actions();
    world.tell(Input::TaskKept { id: id(1) });
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.actions();
    for _ in 0..100 {
        world.now += 10 * S;
        world.tell(Input::CallEnded {
            id: id(1),
            call: Call::Report,
            answer: failed(ErrorClass::Server, true),
            took: 10 * S,
        });
        while !world.wait(120 * S).contains(&Action::Call { id: id(1), call: Call::Report }) {
            world.tell(Input::CallEnded {
                id: id(1),
                call: Call::Beat,
                answer: failed(ErrorClass::Network, true),
                took: 10 * S,
            });
        }
    }
    world.report_ends(1, Ok(()));
    world.actions();
    world.tell(Input::Forgotten { id: id(1) });
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert_eq!(world.wait(10 * MINUTE), [Action::Poll { activity: 0 }], "one task can always be paid for");
}

#[test]
fn p5_a_drain_waits_neither_for_an_old_run_that_will_not_end_nor_for_files_that_cannot_be_read() {
    let mut world = World::new(config(&[rules()]));
    let state = FoundState::Begun { runs: 0 };
    world.tell(Input::Found { id: id(1), activity: Some(0), adopted: false, deferred: false, state });
    world.actions();
    world.tell(Input::NotReclaimed { id: id(1) });
    let again = std::iter::from_fn(|| Some(world.wait(10 * MINUTE)));
    let again = again.take(100).find(|actions| actions.contains(&Action::Reclaim { id: id(1) }));
    assert!(again.is_some(), "P3: it is asked to end once more");
    world.tell(Input::CallEnded { id: id(1), call: Call::Beat, answer: Ok(()), took: S });
    world.tell(Input::NotReclaimed { id: id(1) });
    world.tell(Input::Stop(Stop::Drain));
    assert!(world.notices().contains(&Notice::Stopped), "the next start asks again");

    // Its input can't be read when it is to be run again.
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Unreadable { id: id(1) });
    world.tell(Input::Stop(Stop::Drain));
    let which = Which::Own(OwnFailure::Stopping);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);

    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Stop(Stop::Drain));
    world.tell(Input::Unreadable { id: id(1) });
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);

    // Its outcome can't be read when it is to be sent.
    let mut world = World::reporting();
    world.tell(Input::Stop(Stop::Drain));
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    world.tell(Input::Unreadable { id: id(1) });
    assert!(world.notices().contains(&Notice::Stopped));
}

#[test]
fn p6_results_that_are_held_in_every_place_leave_nothing_to_wait_for() {
    let mut world = World::new(Config { max_tasks: 1, ..config(&[rules()]) });
    world.actions();
    world.take_task(1);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.actions();
    world.tell(Input::UntilIdle);
    assert!(!world.notices().contains(&Notice::Idle), "its report is under way");
    world.report_ends(1, failed(ErrorClass::Held, false));
    assert!(world.notices().contains(&Notice::Idle));
}

#[test]
fn p2_a_task_that_was_refused_by_disk_and_service_stops_the_polls_of_no_other() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    world.actions();
    world.tell(Input::TaskNotKept { id: id(1) });
    assert_eq!(world.actions(), [Action::Call { id: id(1), call: Call::Report }]);
    world.report_ends(1, failed(ErrorClass::Held, false));
    assert_eq!(world.wait(MINUTE), [], "not before the disk says that it takes tasks again");
    world.tell(Input::Room { tasks: 5 });
    assert_eq!(world.wait(MINUTE), [Action::Poll { activity: 0 }]);
}

#[test]
fn p5_an_activity_that_is_polled_on_request_is_polled_once_for_each() {
    let mut world = World::new(config(&[ActivityRules { on_request: true, deferred: true, ..rules() }]));
    assert_eq!(world.wait(10 * MINUTE), []);
    world.tell(Input::PollOnce { activity: 0 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert_eq!(world.wait(10 * MINUTE), []);
    world.tell(Input::Room { tasks: 0 });
    world.tell(Input::PollOnce { activity: 0 });
    assert_eq!(world.wait(MINUTE), [], "P2 holds for it too");
    world.tell(Input::NoPoll { activity: 0 });
    world.tell(Input::Room { tasks: 1 });
    assert_eq!(world.wait(MINUTE), [], "no one waits for it any more");
    world.tell(Input::UntilIdle);
    assert!(world.notices().contains(&Notice::Idle), "it is nothing to wait for");
}

#[test]
fn p5_whoever_asks_for_a_poll_that_is_under_way_is_answered_by_it_and_leaves_no_other_behind() {
    let mut world = World::new(config(&[ActivityRules { on_request: true, deferred: true, ..rules() }]));
    world.tell(Input::PollOnce { activity: 0 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Input::PollOnce { activity: 0 });
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert_eq!(world.wait(10 * MINUTE), []);
}

#[test]
fn p1_only_a_task_without_an_answer_can_be_withdrawn() {
    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.actions();
    world.tell(Input::Withdraw { id: id(1), settlement: Settlement::Retracted });
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Ended));
}

#[test]
fn p3_a_token_that_found_no_place_gets_the_next_one_before_a_poll_does() {
    let mut world = World::new(Config { max_tasks: 1, ..config(&[rules()]) });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    let adopt = Input::Adopt { id: id(2), foreign: false };
    world.tell(adopt.clone());
    assert_eq!(world.actions(), [Action::Refuse { id: id(2) }]);
    let empty = Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE };
    world.tell(empty.clone());
    assert_eq!(world.wait(MINUTE), [], "the place is left free");
    assert!(world.engine.has_place());
    world.tell(adopt);
    assert_eq!(world.actions(), [Action::KeepTask { id: id(2) }]);

    let mut world = World::new(Config { max_tasks: 1, ..config(&[rules()]) });
    world.actions();
    world.tell(Input::Adopt { id: id(2), foreign: false });
    world.actions();
    world.tell(empty);
    assert_eq!(world.wait(5 * MINUTE), [Action::Poll { activity: 0 }], "but not for ever");
}

#[test]
fn field_01_a_held_result_is_discarded_but_for_one_that_is_under_way() {
    let discard = Input::Withdraw { id: id(1), settlement: Settlement::Discarded };
    let forget = Action::Forget { id: id(1), settlement: Settlement::Discarded };
    let mut world = World::reporting();
    world.tell(discard.clone());
    assert!(!world.actions().contains(&forget), "it is on its way");
    world.report_ends(1, failed(ErrorClass::Held, false));
    world.tell(discard.clone());
    assert!(world.actions().contains(&forget));
    world.tell(Input::Forgotten { id: id(1) });
    assert!(!world.engine.knows(id(1)));

    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(discard);
    assert!(!world.actions().contains(&forget), "an open request is taken back, not discarded");
}

#[test]
fn field_01_a_foreign_task_that_is_adopted_goes_on_as_one_that_was_found() {
    let mut world = World::new(config(&[rules()]));
    let found = |state| Input::Found { id: id(1), activity: Some(0), adopted: false, deferred: false, state };
    world.tell(found(FoundState::Foreign));
    assert!(!world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Report }));
    world.tell(found(FoundState::Outcome));
    assert!(world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Report }));
    assert_eq!(world.engine.tasks().count(), 1);
}

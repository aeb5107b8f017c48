//! Tasks and results: P1 and P3.

use super::*;

#[test]
fn p1_the_order_of_a_task_is_keep_run_keep_report_forget() {
    let mut world = World::new(config(&[rules()]));
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    assert_eq!(world.actions(), [Action::KeepTask { id: id(1) }], "no handler before the task is kept");
    world.tell(Input::TaskKept { id: id(1) });
    assert_eq!(world.actions(), [Action::Run { id: id(1), run: 1 }]);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    assert_eq!(
        world.actions(),
        [Action::KeepOutcome { id: id(1), which: Which::Theirs }],
        "no report before it is kept"
    );
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    let actions = world.actions();
    assert!(actions.contains(&Action::Call { id: id(1), call: Call::Report }), "{actions:?}");
    assert!(actions.contains(&Action::Poll { activity: 0 }), "a kept outcome does not stop the next poll");
    world.report_ends(1, Ok(()));
    assert_eq!(world.actions(), [Action::Forget { id: id(1), settlement: Settlement::Delivered }]);
    assert!(world.engine.knows(id(1)), "its place is taken until the tombstone is written");
    world.tell(Input::Forgotten { id: id(1) });
    assert!(!world.engine.knows(id(1)));
}

#[test]
fn p1_no_error_but_the_services_word_that_the_task_is_over_lets_go_of_a_result() {
    let classes = [
        ErrorClass::Network,
        ErrorClass::Server,
        ErrorClass::Throttled,
        ErrorClass::Credentials,
        ErrorClass::Clock,
        ErrorClass::Denied,
        ErrorClass::Held,
        ErrorClass::NoActivity,
    ];
    for class in classes {
        let mut world = World::reporting();
        let mut tries = 0;
        let mut answer = failed(class, false);
        for _ in 0..400 {
            world.report_ends(1, answer);
            tries += 1;
            let mut actions = world.actions();
            while !actions.contains(&Action::Call { id: id(1), call: Call::Report }) {
                assert!(
                    !actions.iter().any(|a| matches!(a, Action::Forget { .. })),
                    "{class:?} lost the result"
                );
                if actions.contains(&Action::Call { id: id(1), call: Call::Beat }) {
                    world.beat_ends(1, answer);
                }
                for action in &actions {
                    if matches!(action, Action::Poll { .. }) {
                        let failure = answer.unwrap_err();
                        world.tell(Input::PollEnded {
                            activity: 0,
                            answer: PollAnswer::Failed(failure),
                            took: S,
                        });
                    }
                }
                actions = world.wait(13 * 60 * MINUTE);
                assert!(!actions.is_empty(), "{class:?}: never tried again after {tries}");
            }
            answer = failed(class, tries % 2 == 0);
        }
        world.report_ends(1, Ok(()));
        assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
    }
}

#[test]
fn p1_too_late_is_only_said_when_no_earlier_report_may_have_been_taken() {
    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::TooLate }));

    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Network, true));
    world.wait(5 * MINUTE);
    world.report_ends(1, failed(ErrorClass::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Unknown }));

    let mut world = World::new(config(&[]));
    world.tell(Input::Found {
        id: id(1),
        activity: None,
        adopted: false,
        deferred: false,
        state: FoundState::Outcome,
    });
    assert!(world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Report }));
    world.report_ends(1, failed(ErrorClass::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Unknown }));
}

#[test]
fn p1_a_result_that_the_disk_refuses_is_reported_from_memory_tried_on_disk_again_and_stops_polling() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.actions();
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::No });
    assert_eq!(world.actions(), [Action::Call { id: id(1), call: Call::Report }], "and no poll");
    world.report_ends(1, failed(ErrorClass::Server, true));
    let mut kept_again = false;
    for _ in 0..20 {
        let actions = world.wait(MINUTE);
        assert!(!actions.contains(&Action::Poll { activity: 0 }));
        kept_again |= actions.contains(&Action::KeepOutcome { id: id(1), which: Which::Theirs });
        if kept_again {
            break;
        }
    }
    assert!(kept_again);
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.wait(MINUTE).contains(&Action::Poll { activity: 0 }), "the disk works again");
}

#[test]
fn p1_an_app_whose_answer_the_disk_refuses_still_has_its_task() {
    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.actions();
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::No });
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Deferred));
    assert!(world.wait(30 * S).contains(&Action::Call { id: id(1), call: Call::Beat }), "and it beats");
}

#[test]
fn p3_a_task_whose_handler_died_with_the_process_is_reclaimed_first_then_failed_or_run_again() {
    let mut world = World::new(config(&[rules()]));
    world.tell(Input::Found {
        id: id(1),
        activity: Some(0),
        adopted: false,
        deferred: false,
        state: FoundState::Begun { runs: 0 },
    });
    assert_eq!(world.actions(), [Action::Reclaim { id: id(1) }], "and no poll: its slot is taken");
    let beat = world.wait(30 * S);
    assert_eq!(beat, [Action::Call { id: id(1), call: Call::Beat }], "beats go on, nothing is reported");
    world.beat_ends(1, Ok(()));
    world.tell(Input::Reclaimed { id: id(1) });
    let which = Which::Own(OwnFailure::Restarted);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);

    let safe = ActivityRules { safe_to_repeat: true, ..rules() };
    for runs in 0..=RUNS_MAX {
        let mut world = World::new(config(std::slice::from_ref(&safe)));
        world.tell(Input::Found {
            id: id(1),
            activity: Some(0),
            adopted: false,
            deferred: false,
            state: FoundState::Begun { runs },
        });
        world.actions();
        world.tell(Input::Reclaimed { id: id(1) });
        if runs == RUNS_MAX {
            assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
        } else {
            assert_eq!(world.actions(), [Action::CountRun { id: id(1) }], "counted on disk before it runs");
            world.tell(Input::RunCounted { id: id(1), runs: Some(runs + 1) });
            assert_eq!(world.actions(), [Action::Run { id: id(1), run: runs + 2 }]);
        }
    }
}

#[test]
fn p3_a_task_that_the_disk_refuses_is_failed_from_memory() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    world.actions();
    world.tell(Input::TaskNotKept { id: id(1) });
    assert_eq!(
        world.actions(),
        [Action::Call { id: id(1), call: Call::Report }],
        "never run, and no poll meanwhile"
    );
    world.report_ends(1, Ok(()));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
}

#[test]
fn field_04_a_task_whose_input_cant_be_used_is_kept_with_its_failure_and_never_begun() {
    for stop in [None, Some(Stop::Drain)] {
        for deferred in [false, true] {
            let mut world = World::new(config(&[ActivityRules { deferred, ..rules() }]));
            world.actions();
            world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Unusable(id(1)), took: S });
            assert!(world.actions().contains(&Action::KeepTask { id: id(1) }));
            if let Some(stop) = stop {
                world.tell(Input::Stop(stop));
            }
            world.tell(Input::TaskKept { id: id(1) });
            let actions = world.actions();
            assert!(actions.contains(&Action::Call { id: id(1), call: Call::Report }), "{actions:?}");
            let begun = |a: &Action| matches!(a, Action::Run { .. } | Action::KeepOutcome { .. });
            assert!(!actions.iter().any(begun), "{actions:?}");
            world.report_ends(
                1,
                Err(CallFailure { class: ErrorClass::Network, maybe_taken: true, retry_after: None }),
            );
            let mut again = Vec::new();
            while stop.is_none() && !again.contains(&Action::Call { id: id(1), call: Call::Report }) {
                again = world.wait(MINUTE);
                assert!(!again.is_empty(), "it is not tried again");
            }
        }
    }
}

#[test]
fn field_04_a_task_whose_input_cant_be_used_and_that_the_disk_refuses_is_failed_from_memory() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Unusable(id(1)), took: S });
    world.actions();
    world.tell(Input::TaskNotKept { id: id(1) });
    assert_eq!(world.actions(), [Action::Call { id: id(1), call: Call::Report }]);
}

#[test]
fn a_file_that_cannot_be_read_now_is_read_again_and_a_damaged_one_fails_its_task() {
    let mut world = World::reporting();
    world.tell(Input::Unreadable { id: id(1) });
    let mut again = Vec::new();
    while !again.contains(&Action::Call { id: id(1), call: Call::Report }) {
        again = world.wait(MINUTE);
        assert!(!again.is_empty());
        if again.contains(&Action::Call { id: id(1), call: Call::Beat }) {
            world.beat_ends(1, Ok(()));
        }
    }
    world.tell(Input::Damaged { id: id(1) });
    let which = Which::Own(OwnFailure::Damaged);
    assert!(world.actions().contains(&Action::KeepOutcome { id: id(1), which }));
}

#[test]
fn p3_a_task_of_which_only_the_token_is_left_is_failed_and_never_shown_or_run() {
    let mut world = World::new(config(&[rules()]));
    let state = FoundState::Broken(OwnFailure::Damaged);
    world.tell(Input::Found { id: id(1), activity: None, adopted: false, deferred: false, state });
    let which = Which::Own(OwnFailure::Damaged);
    assert_eq!(world.actions()[0], Action::KeepOutcome { id: id(1), which });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.actions().contains(&Action::Call { id: id(1), call: Call::Report }));
}

/// Found by the simulator: an outcome was taken, its answer lost with the process, and its file damaged.
#[test]
fn p1_what_was_found_damaged_is_never_told_too_late_since_it_may_have_been_taken() {
    let mut world = World::new(config(&[rules()]));
    let state = FoundState::Broken(OwnFailure::Damaged);
    world.tell(Input::Found { id: id(1), activity: None, adopted: false, deferred: false, state });
    world.actions();
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.actions();
    world.report_ends(1, failed(ErrorClass::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Unknown }));
}

#[test]
fn p3_an_input_that_is_damaged_when_the_app_asks_for_it_fails_the_task_while_it_is_open() {
    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Damaged { id: id(1) });
    let which = Which::Own(OwnFailure::Damaged);
    assert!(world.actions().contains(&Action::KeepOutcome { id: id(1), which }));
    world.tell(Input::Damaged { id: id(1) });
    assert_eq!(world.actions(), [], "once");
}

#[test]
fn p1_a_task_that_finds_no_place_is_left_alone() {
    let mut world = World::new(Config { max_tasks: 1, ..config(&[rules()]) });
    world.tell(Input::Found {
        id: id(1),
        activity: None,
        adopted: true,
        deferred: true,
        state: FoundState::Deferred,
    });
    let state = FoundState::Begun { runs: 0 };
    world.tell(Input::Found { id: id(2), activity: Some(0), adopted: false, deferred: false, state });
    assert_eq!(world.actions(), []);
    assert!(!world.engine.knows(id(2)));
}

#[test]
fn p3_a_handler_that_was_taken_out_of_the_configuration_leaves_no_task_running_for_ever() {
    let deferred = ActivityRules { deferred: true, safe_to_repeat: true, ..rules() };
    let mut world = World::new(config(&[deferred]));
    let state = FoundState::Begun { runs: 0 };
    world.tell(Input::Found { id: id(1), activity: Some(0), adopted: false, deferred: false, state });
    world.actions();
    world.tell(Input::Reclaimed { id: id(1) });
    let which = Which::Own(OwnFailure::Restarted);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
}

#[test]
fn p1_new_credentials_bring_back_at_once_what_the_old_ones_were_refused() {
    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Held, false));
    assert!(world.engine.next_report().is_none(), "held");
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    world.tell(Input::CredentialsChanged);
    assert!(world.actions().contains(&Action::Call { id: id(1), call: Call::Report }));

    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    let beat = Action::Call { id: id(1), call: Call::Beat };
    assert_eq!(world.wait(30 * S), [beat]);
    world.beat_ends(1, failed(ErrorClass::Held, false));
    assert_eq!(world.wait(10 * MINUTE), [], "a token that is not known beats no more");
    world.tell(Input::CredentialsChanged);
    assert_eq!(world.wait(30 * S), [beat], "P4: with the right account it does");
}

#[test]
fn p10_what_waited_goes_first_when_the_network_is_back() {
    let mut world = World::reporting();
    for _ in 0..9 {
        world.report_ends(1, failed(ErrorClass::Server, true));
        let again = std::iter::from_fn(|| Some(world.wait(MINUTE)));
        let report = Action::Call { id: id(1), call: Call::Report };
        assert!(again.take(20).any(|actions| actions.contains(&report)), "tried again");
        world.beat_ends(1, Ok(()));
    }
    world.report_ends(1, failed(ErrorClass::Server, true));
    assert!(!world.actions().contains(&Action::Call { id: id(1), call: Call::Report }), "a pause");
    world.tell(Input::Link(Link::Down));
    world.beat_ends(1, Ok(()));
    assert!(world.actions().contains(&Action::Call { id: id(1), call: Call::Report }), "back, and at once");
}

#[test]
fn p6_a_network_that_is_back_hurries_no_report_that_was_not_allowed() {
    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Denied, false));
    let due = world.engine.next_report().unwrap();
    assert!(due >= world.now + 15 * S, "an administrator must act");
    for _ in 0..10 {
        world.tell(Input::Link(Link::Down));
        world.beat_ends(1, Ok(()));
        assert!(world.notices().contains(&Notice::Online));
    }
    assert_eq!(world.engine.next_report(), Some(due), "the network was not what it waited for");
}

#[test]
fn p10_a_hint_brings_a_report_into_the_window_however_long_its_own_pause_is() {
    let (window, offline) = (config(&[]).comeback_window, failed(ErrorClass::Network, false));
    for hours in 1..20 {
        let mut world = World::reporting();
        let end = world.now + hours * 60 * MINUTE;
        world.report_ends(1, offline);
        while world.now < end {
            for action in world.wait(MINUTE) {
                match action {
                    Action::Call { call: Call::Report, .. } => world.report_ends(1, offline),
                    Action::Call { call: Call::Beat, .. } => world.beat_ends(1, offline),
                    Action::Poll { activity } => {
                        let answer = PollAnswer::Failed(offline.unwrap_err());
                        world.tell(Input::PollEnded { activity, answer, took: S });
                    }
                    _ => {}
                }
            }
        }
        world.tell(Input::Link(Link::Up));
        let last = world.now + window;
        let report = Action::Call { id: id(1), call: Call::Report };
        // A poll may probe first. The service holds it, and the report does not wait for it.
        let mut actions = Vec::new();
        while world.now < last && !actions.contains(&report) {
            actions = world.wait(last - world.now);
            if actions.contains(&Action::Call { id: id(1), call: Call::Beat }) {
                world.beat_ends(1, offline);
            }
        }
        assert!(actions.contains(&report), "after {hours} h: no report within the window");
    }
}

//! What a stop ends, and when a worker that is told to stop has stopped.

use super::*;

/// A result that lies on disk and has not been tried.
fn untried(n: u8) -> Input {
    Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state: FoundState::Outcome }
}

fn stopped(world: &mut World) -> bool {
    world.notices().contains(&Notice::Stopped)
}

#[test]
fn p5_a_drain_waits_until_each_result_was_tried_or_can_not_be_now() {
    type Hindrance = (&'static str, fn(&mut World));
    let hindrances: [Hindrance; 5] = [
        ("no network", |world| world.tell(Input::Link(Link::Down))),
        ("no credentials", |world| world.beat_ends(9, failed(ErrorClass::Credentials, false))),
        ("tried", |world| world.report_ends(1, failed(ErrorClass::Server, false))),
        ("rejected", |world| world.report_ends(1, failed(ErrorClass::Held, false))),
        ("reports pause", |world| {
            (0..3).for_each(|_| world.report_ends(2, failed(ErrorClass::Held, false)));
        }),
    ];
    for (name, hinder) in hindrances {
        let mut world = World::new(config(&[]));
        world.tell(untried(1));
        if name == "reports pause" {
            world.tell(untried(2));
        }
        world.tell(Input::Stop(Stop::Drain));
        assert!(!stopped(&mut world), "{name}: not yet");
        hinder(&mut world);
        assert!(stopped(&mut world), "{name}");
        assert_eq!(world.engine.stage(id(1)), Some(Stage::Waiting), "{name}: left to the next start");
    }
}

#[test]
fn p5_a_drain_waits_for_polls_and_handlers_and_not_for_apps_and_others() {
    let found = |state| Input::Found { id: id(1), activity: Some(0), adopted: false, deferred: false, state };
    for (state, waits) in [
        (FoundState::Deferred, false),
        (FoundState::Foreign, false),
        (FoundState::Begun { runs: 0 }, true),
        (FoundState::Broken(OwnFailure::Damaged), true),
    ] {
        let mut world = World::new(config(&[rules()]));
        world.tell(found(state));
        world.tell(Input::Stop(Stop::Drain));
        assert_eq!(stopped(&mut world), !waits, "{state:?}");
    }
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Input::Stop(Stop::Drain));
    assert!(!stopped(&mut world), "a poll is under way");
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert!(stopped(&mut world));
}

#[test]
fn p5_to_stop_now_waits_for_the_disk_and_for_handlers_alone() {
    let mut world = World::new(config(&[rules()]));
    let state = FoundState::Begun { runs: 0 };
    world.tell(Input::Found { id: id(1), activity: Some(0), adopted: false, deferred: false, state });
    world.tell(untried(2));
    world.tell(Input::Stop(Stop::Now));
    assert!(stopped(&mut world), "what is left is the next start's");

    // A task that is being kept, one whose result is, and one that is being forgotten.
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    world.tell(Input::Stop(Stop::Now));
    assert!(!stopped(&mut world), "the task is being kept");
    world.tell(Input::TaskKept { id: id(1) });
    assert!(!stopped(&mut world), "its failure is being kept");
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::No });
    assert!(stopped(&mut world), "the disk has refused it, and is not waited for");

    let mut world = World::reporting();
    world.report_ends(1, Ok(()));
    world.tell(Input::Stop(Stop::Now));
    assert!(!stopped(&mut world), "its end is being written");
    world.tell(Input::Forgotten { id: id(1) });
    assert!(stopped(&mut world));
}

#[test]
fn p5_to_stop_now_sends_no_beat_beside_a_report_that_is_under_way() {
    let mut world = World::reporting();
    world.tell(Input::Stop(Stop::Now));
    assert_eq!(world.wait(10 * MINUTE), [Action::DropCalls]);
    assert_eq!(world.wait(10 * MINUTE), []);
}

#[test]
fn p1_a_handler_that_ends_well_though_it_was_told_to_stop_has_its_result_kept() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Stop(Stop::Now));
    world.actions();
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which: Which::Theirs }]);
}

#[test]
fn p5_to_stop_now_cancels_running_handlers_alone_and_is_not_taken_back() {
    let many = ActivityRules { concurrency: 3, ..rules() };
    let mut world = World::new(config(&[many]));
    world.actions();
    for n in 1..=3 {
        world.take_task(n);
    }
    // One waits to be reported, the service gave one up, one runs.
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.beat_ends(2, failed(ErrorClass::Settled, false));
    world.actions();
    world.report_ends(1, failed(ErrorClass::Server, false));
    world.tell(Input::Stop(Stop::Now));
    let why = Cancelled::Stopping;
    assert_eq!(world.actions(), [Action::DropCalls, Action::Cancel { id: id(3), why }]);
    for again in [Stop::Drain, Stop::Now] {
        world.tell(Input::Stop(again));
        assert_eq!(world.wait(10 * MINUTE), [], "{again:?}: no report, and nothing is dropped twice");
    }
}

#[test]
fn p5_that_it_has_drained_is_told_once_however_often_it_is_asked_to() {
    let mut world = World::new(config(&[]));
    for told in [vec![Notice::Stopped], vec![]] {
        world.tell(Input::Stop(Stop::Drain));
        assert_eq!(world.notices(), told);
    }
}

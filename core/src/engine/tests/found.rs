//! What an earlier process left, what is handed over, and what the disk or an old run refuses.

use super::*;

fn found(activity: Option<usize>, state: FoundState) -> Input {
    Input::Found { id: id(1), activity, adopted: false, deferred: false, state }
}

fn slot(world: &World) -> &Slot {
    world.engine.slots.find(id(1)).unwrap()
}

#[test]
fn p10_results_of_an_earlier_process_are_reported_within_a_tenth_of_the_comeback_window() {
    let pauses: Vec<_> = (0..100)
        .map(|seed| {
            let mut world = World::new(Config { seed, ..config(&[rules()]) });
            world.tell(found(Some(0), FoundState::Outcome));
            assert!(!slot(&world).troubles_the_disk(), "it lies there");
            slot(&world).report.due - world.now
        })
        .collect();
    assert!(pauses.iter().all(|pause| *pause <= 3 * S));
    assert!(pauses.iter().filter(|pause| **pause < 3 * S / 2).count().abs_diff(50) < 25, "{pauses:?}");
}

#[test]
fn p3_a_token_that_is_handed_over_waits_for_the_app_or_for_whom_it_belongs_to() {
    for (foreign, stage) in [(false, Stage::Deferred), (true, Stage::Foreign)] {
        let mut world = World::new(config(&[]));
        world.tell(Input::Adopt { id: id(1), foreign });
        assert_eq!(world.actions(), [Action::KeepTask { id: id(1) }]);
        world.tell(Input::TaskKept { id: id(1) });
        let told = world.notices();
        assert_eq!(told.contains(&Notice::Foreign(id(1))), foreign, "{told:?}");
        assert_eq!(world.engine.stage(id(1)), Some(stage));
    }
}

#[test]
fn p3_an_old_run_that_will_not_end_is_asked_more_and_more_slowly() {
    let mut world = World::new(config(&[rules()]));
    world.tell(found(Some(0), FoundState::Begun { runs: 0 }));
    for refusals in 0..6 {
        world.tell(Input::NotReclaimed { id: id(1) });
        let most = (30 * S * (1 + refusals)).min(120 * S);
        let pause = slot(&world).try_again.unwrap() - world.now;
        assert!(pause >= most / 2 && pause <= most, "after {refusals}: {pause:?}");
    }
}

#[test]
fn p5_a_run_that_was_counted_while_the_worker_stops_does_not_begin() {
    let mut world = World::new(config(&[ActivityRules { safe_to_repeat: true, ..rules() }]));
    world.tell(found(Some(0), FoundState::Begun { runs: 0 }));
    world.actions();
    world.tell(Input::Reclaimed { id: id(1) });
    assert_eq!(world.actions(), [Action::CountRun { id: id(1) }]);
    world.tell(Input::Stop(Stop::Drain));
    world.tell(Input::RunCounted { id: id(1), runs: Some(1) });
    let which = Which::Own(OwnFailure::Restarted);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
}

#[test]
fn p6_a_disk_that_refuses_a_result_is_asked_more_and_more_slowly() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        world.tell(Input::OutcomeKept { id: id(1), kept: Kept::No });
        let pause = slot(&world).keep_again.unwrap() - world.now;
        longest = longest.max(pause);
    }
    assert!(longest > 60 * S && longest <= 120 * S, "{longest:?}");
}

#[test]
fn p3_a_file_that_can_not_be_read_now_is_read_again_within_half_a_minute() {
    let mut world = World::reporting();
    world.tell(Input::Unreadable { id: id(1) });
    let pause = slot(&world).report.due - world.now;
    assert!(pause >= 15 * S && pause <= 30 * S, "{pause:?}");

    let mut world = World::new(config(&[rules()]));
    world.actions();
    assert_eq!(world.take_task(1), [Action::Run { id: id(1), run: 1 }]);
    world.tell(Input::Unreadable { id: id(1) });
    let pause = slot(&world).try_again.unwrap() - world.now;
    assert!(pause >= 15 * S && pause <= 30 * S, "{pause:?}");
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Running), "and starts then");

    // Its app asks for it again, or the next start does.
    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Stop(Stop::Drain));
    world.tell(Input::Unreadable { id: id(1) });
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Deferred));
}

#[test]
fn p10_beats_that_the_app_renews_are_spread_over_a_quarter_of_the_interval() {
    let deferred = ActivityRules { deferred: true, concurrency: 8, ..rules() };
    let mut world = World::new(Config { lease: MINUTE, ..config(&[deferred]) });
    world.actions();
    for n in 1..=6 {
        world.take_task(n);
    }
    world.now += MINUTE;
    assert!(world.notices().contains(&Notice::BeatsStopped(id(6), BeatsStopped::Lease)));
    world.tell(Input::Touched);
    let pauses: Vec<_> = world.engine.tasks().map(|slot| slot.beat.due.saturating_sub(world.now)).collect();
    assert!(pauses.iter().all(|pause| *pause > Duration::ZERO && *pause <= 30 * S / 4), "{pauses:?}");
}

#[test]
fn p6_a_wake_hurries_what_waits_for_time_and_not_what_was_rejected() {
    for (class, hurried) in [(ErrorClass::Server, true), (ErrorClass::Held, false)] {
        let mut world = World::reporting();
        world.report_ends(1, failed(class, false));
        assert!(slot(&world).report.due > world.now);
        world.tell(Input::Wake);
        assert_eq!(slot(&world).report.due <= world.now, hurried, "{class:?}");
    }
}

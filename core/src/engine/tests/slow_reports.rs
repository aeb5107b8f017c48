//! Heartbeats beside a report that takes its time: a large output over a slow link is under way for longer than
//! `HeartbeatSeconds`.

use super::*;

const BEAT: Action = Action::Call { id: TaskId::from_bytes([1; 16]), call: Call::Beat };
const REPORT: Action = Action::Call { id: TaskId::from_bytes([1; 16]), call: Call::Report };

fn report_ends_after(world: &mut World, took: Duration, answer: Result<(), CallFailure>) {
    world.tell(Input::CallEnded { id: id(1), call: Call::Report, answer, took });
}

#[test]
fn field_07_due_beats_go_out_beside_their_own_report() {
    let mut world = World::reporting();
    let mut last = world.now;
    for n in 0..20 {
        assert_eq!(world.wait(31 * S).first(), Some(&BEAT), "beat {n}, with the report under way");
        assert!(world.now - last <= 30 * S, "{:?} of silence", world.now - last);
        last = world.now;
        world.beat_ends(1, Ok(()));
    }
    report_ends_after(&mut world, 10 * MINUTE, Ok(()));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
    assert_eq!(world.wait(5 * MINUTE), [], "and none after it");
}

#[test]
fn field_07_reports_that_fill_their_lanes_leave_one_to_their_beats() {
    let many = ActivityRules { concurrency: 8, ..rules() };
    let mut world = World::new(config(&[many]));
    world.actions();
    (1..=5).for_each(|n| world.keep_result(n));
    let mut last: HashMap<TaskId, Time> = (1..=5).map(|n| (id(n), world.now)).collect();
    let end = world.now + 10 * MINUTE;
    while world.now < end {
        for action in world.wait(MINUTE) {
            if let Action::Call { id: task, call: Call::Beat } = action {
                let gap = world.now - last.insert(task, world.now).unwrap_or_default();
                assert!(gap <= 31 * S, "{task}: {gap:?} of silence");
                world.beat_ends(task.as_bytes()[0], Ok(()));
            }
        }
    }
    assert!(last.values().all(|at| world.now - *at <= 31 * S));
}

/// Three that share a slow link fail together, and would again and again.
#[test]
fn field_07_reports_that_failed_after_long_go_one_by_one_until_one_is_quick() {
    let many = ActivityRules { concurrency: 8, ..rules() };
    let mut world = World::new(config(&[many]));
    world.actions();
    (1..=4).for_each(|n| world.keep_result(n));
    // Beats are answered; what is under way afterwards is what counts.
    let reports = |world: &mut World, long: Duration| -> Vec<TaskId> {
        let end = world.now + long;
        while world.now < end {
            for action in world.wait(end - world.now) {
                if let Action::Call { id, call: Call::Beat } = action {
                    world.beat_ends(id.as_bytes()[0], Ok(()));
                }
            }
        }
        world.engine.tasks().filter(|slot| slot.report.in_flight).map(|slot| slot.id).collect()
    };
    let ends = |world: &mut World, id, took, answer| {
        world.tell(Input::CallEnded { id, call: Call::Report, answer, took });
    };
    let together = reports(&mut world, 4 * MINUTE);
    assert_eq!(together.len(), 3);
    for id in together {
        ends(&mut world, id, 4 * MINUTE, failed(ErrorClass::Network, true));
    }
    // One by one, while each takes its time.
    for _ in 0..2 {
        let alone = reports(&mut world, 10 * MINUTE);
        assert_eq!(alone.len(), 1);
        ends(&mut world, alone[0], 2 * MINUTE, Ok(()));
    }
    let quick = reports(&mut world, 10 * MINUTE);
    ends(&mut world, quick[0], S, Ok(()));
    world.actions();
    (5..=7).for_each(|n| world.keep_result(n));
    assert_eq!(reports(&mut world, MINUTE).len(), 3, "together again");
}

#[test]
fn field_07_a_beat_beside_its_report_settles_nothing_and_the_reports_own_answer_does() {
    let ends = [(Ok(()), Settlement::Delivered), (failed(ErrorClass::Settled, false), Settlement::TooLate)];
    for (answer, settlement) in ends {
        let mut world = World::reporting();
        assert_eq!(world.wait(31 * S).first(), Some(&BEAT));
        // It is over: by our own report perhaps, whose answer is still under way.
        world.beat_ends(1, failed(ErrorClass::Settled, false));
        assert!(world.wait(MINUTE).iter().all(|a| !matches!(a, Action::Forget { .. })));
        report_ends_after(&mut world, MINUTE, answer);
        assert!(world.actions().contains(&Action::Forget { id: id(1), settlement }), "{settlement:?}");
    }
    // Its answer is lost: whether it was taken is not known.
    let mut world = World::reporting();
    assert_eq!(world.wait(31 * S).first(), Some(&BEAT));
    world.beat_ends(1, failed(ErrorClass::Settled, false));
    report_ends_after(&mut world, MINUTE, failed(ErrorClass::Network, true));
    assert!(world.wait(5 * MINUTE).contains(&REPORT));
    report_ends_after(&mut world, S, failed(ErrorClass::Settled, false));
    let settlement = Settlement::Unknown;
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement }));
}

#[test]
fn field_07_a_beat_that_is_rejected_beside_its_report_is_no_word_on_the_task() {
    for class in [ErrorClass::Held, ErrorClass::NoActivity, ErrorClass::BadOutput] {
        let mut world = World::reporting();
        assert_eq!(world.wait(31 * S).first(), Some(&BEAT));
        // The service may know the token no more because it has just taken the report.
        world.beat_ends(1, failed(class, false));
        assert_eq!(world.notices(), []);
        report_ends_after(&mut world, 40 * S, failed(ErrorClass::Server, true));
        let mut beats = false;
        for _ in 0..40 {
            let actions = world.wait(30 * S);
            beats |= actions.contains(&BEAT);
            if actions.contains(&REPORT) {
                world.report_ends(1, failed(ErrorClass::Server, true));
            }
        }
        assert!(beats, "{class:?}: it was not taken, and beats no more");
    }
}

#[test]
fn field_07_a_beat_whose_answer_comes_after_its_reports_says_nothing_any_more() {
    for class in [ErrorClass::Settled, ErrorClass::Held, ErrorClass::Network] {
        let mut world = World::reporting();
        assert_eq!(world.wait(31 * S).first(), Some(&BEAT));
        report_ends_after(&mut world, 31 * S, Ok(()));
        assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
        world.beat_ends(1, failed(class, false));
        let told = world.notices();
        assert!(
            !told.iter().any(|n| matches!(n, Notice::BeatsStopped(..) | Notice::Settled(..))),
            "{told:?}"
        );
        world.tell(Input::Forgotten { id: id(1) });
        assert!(!world.engine.knows(id(1)));
    }
}

#[test]
fn field_07_a_drain_that_waits_for_a_report_goes_on_beating_and_ends_with_it() {
    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Network, true));
    while !world.wait(MINUTE).contains(&REPORT) {
        world.beat_ends(1, Ok(()));
    }
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    world.tell(Input::Stop(Stop::Drain));
    for _ in 0..5 {
        assert_eq!(world.wait(31 * S), [BEAT]);
        world.beat_ends(1, failed(ErrorClass::Network, false));
    }
    report_ends_after(&mut world, 5 * MINUTE, failed(ErrorClass::Network, true));
    assert!(world.notices().contains(&Notice::Stopped), "no beat follows another on a dead network");
    assert_eq!(world.wait(10 * MINUTE), []);
}

#[test]
fn p4_of_a_beat_and_a_report_that_are_due_the_more_overdue_goes_first() {
    let beat = Action::Call { id: id(2), call: Call::Beat };
    for (beat_overdue, report_overdue, first) in [(2, 1, beat), (1, 2, REPORT), (1, 1, REPORT)] {
        let mut world = World::new(Config { adopted_heartbeat: Some(30 * S), ..config(&[]) });
        for (n, state) in [(1, FoundState::Outcome), (2, FoundState::Deferred)] {
            world.tell(Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state });
        }
        let now = world.now;
        world.engine.slots.change(id(1), |slot| {
            (slot.report.due, slot.beat.due) = (now - report_overdue * S, now + MINUTE);
        });
        world.engine.slots.change(id(2), |slot| slot.beat.due = now - beat_overdue * S);
        let actions = world.actions();
        assert_eq!((actions[0], actions.len()), (first, 2), "{beat_overdue} s, {report_overdue} s");
    }
}

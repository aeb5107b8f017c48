//! Heartbeats, sleep and the stampede: P4, P8, P10.

use super::*;

#[test]
fn p4_beats_hold_from_acceptance_and_a_failed_one_is_tried_within_a_quarter_of_the_interval() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    let mut last = world.now;
    let beat = Action::Call { id: id(1), call: Call::Beat };
    assert_eq!(world.wait(30 * S / 4), [beat], "the first one within a quarter");
    for (n, class) in [
        ErrorClass::Network,
        ErrorClass::Server,
        ErrorClass::Throttled,
        ErrorClass::Denied,
        ErrorClass::Credentials,
    ]
    .into_iter()
    .cycle()
    .take(100)
    .enumerate()
    {
        world.beat_ends(1, Ok(()));
        last = world.now;
        assert_eq!(world.wait(30 * S), [beat]);
        world.beat_ends(1, failed(class, false));
        let failed_at = world.now;
        assert_eq!(world.wait(30 * S), [beat], "after {class:?}, round {n}");
        assert!(world.now - failed_at <= 30 * S / 4 + 10 * S, "{class:?}: {:?}", world.now - failed_at);
        assert!(class == ErrorClass::Throttled || world.now - failed_at <= 30 * S / 4);
    }
    assert!(world.now - last < 2 * 30 * S);
}

#[test]
fn p4_one_task_whose_beats_fail_or_hang_stops_no_other_tasks_beats() {
    let many = ActivityRules { concurrency: 8, ..rules() };
    let mut world = World::new(config(&[many]));
    world.actions();
    for n in 1..=7 {
        world.take_task(n);
    }
    // Task 1 never gets an answer, task 2 only errors; the others must beat at least every 30 s.
    let mut last: HashMap<TaskId, Time> = HashMap::new();
    let end = world.now + 10 * MINUTE;
    while world.now < end {
        for action in world.wait(MINUTE) {
            if let Action::Call { id: task, call: Call::Beat } = action {
                let n = task.as_bytes()[0];
                let gap = world.now - last.insert(task, world.now).unwrap_or(world.now);
                assert!(n <= 2 || gap <= 31 * S, "task {n} did not beat for {gap:?}");
                match n {
                    1 => {}
                    2 => world.beat_ends(2, failed(ErrorClass::Network, true)),
                    n => world.beat_ends(n, Ok(())),
                }
            }
        }
    }
    assert_eq!(last.len(), 7);
}

/// Found by the simulator: the pace made all beats due at one moment, and the lowest ids won each time.
#[test]
fn p4_throttling_that_lasts_starves_no_tasks_beats() {
    let many = ActivityRules { concurrency: 8, heartbeat: 15 * S, ..rules() };
    let mut world = World::new(config(&[many]));
    world.actions();
    for n in 1..=5 {
        world.take_task(n);
    }
    let mut beats = HashMap::new();
    for _ in 0..100 {
        for action in world.wait(MINUTE) {
            if let Action::Call { id: task, call: Call::Beat } = action {
                *beats.entry(task).or_insert(0) += 1;
                world.beat_ends(task.as_bytes()[0], failed(ErrorClass::Throttled, false));
            }
        }
    }
    assert!(beats.len() == 5 && beats.values().all(|tries| *tries >= 10), "{beats:?}");
}

#[test]
fn p4_the_service_gives_a_task_up_by_a_beat() {
    // While its handler runs: it is told, and its late result goes nowhere.
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.wait(30 * S);
    world.beat_ends(1, failed(ErrorClass::Settled, false));
    assert_eq!(world.actions(), [Action::Cancel { id: id(1), why: Cancelled::TimedOut }]);
    assert_eq!(world.wait(10 * MINUTE), [], "no beat and no poll while the handler ends");
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    assert_eq!(world.actions()[0], Action::Forget { id: id(1), settlement: Settlement::TooLate });

    // Once a report has begun only a report's answer settles.
    let mut world = World::reporting();
    world.report_ends(1, failed(ErrorClass::Server, true));
    loop {
        let actions = world.wait(MINUTE);
        if actions.contains(&Action::Call { id: id(1), call: Call::Report }) {
            world.report_ends(1, failed(ErrorClass::Server, true));
        }
        if actions.contains(&Action::Call { id: id(1), call: Call::Beat }) {
            world.beat_ends(1, failed(ErrorClass::Settled, false));
            break;
        }
    }
    let actions = world.actions();
    assert!(!actions.iter().any(|a| matches!(a, Action::Forget { .. })), "{actions:?}");
}

#[test]
fn p4_an_unknown_token_stops_its_beats_and_settles_nothing() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.wait(30 * S);
    world.beat_ends(1, failed(ErrorClass::Held, false));
    assert_eq!(world.wait(10 * MINUTE), []);
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Running));
}

#[test]
fn p3_a_lease_that_the_app_does_not_renew_ends_the_beats_until_it_asks_again() {
    let lease = 10 * MINUTE;
    let deferred = ActivityRules { deferred: true, ..rules() };
    let mut world = World::new(Config { lease, ..config(&[deferred]) });
    world.actions();
    world.take_task(1);
    let end = world.now + 11 * MINUTE;
    let mut last = world.now;
    while world.now < end {
        if !world.wait(end - world.now).is_empty() {
            last = world.now;
            world.beat_ends(1, Ok(()));
        }
    }
    assert!(last <= end - MINUTE && last > end - 2 * MINUTE);
    world.tell(Input::Touched);
    assert_eq!(world.wait(30 * S / 4), [Action::Call { id: id(1), call: Call::Beat }]);
}

#[test]
fn p10_throttled_reports_go_on_with_growing_jittered_pauses() {
    let mut firsts = HashSet::new();
    for seed in 0..20 {
        let mut world = World::reporting();
        world.engine.rng = fastrand::Rng::with_seed(seed);
        for _ in 0..6 {
            world.report_ends(1, failed(ErrorClass::Throttled, false));
            let before = world.now;
            let again = Action::Call { id: id(1), call: Call::Report };
            while !world.wait(5 * MINUTE).contains(&again) {
                if world.engine.slots.find(id(1)).is_some_and(|s| s.beat.in_flight) {
                    world.beat_ends(1, Ok(()));
                }
            }
            firsts.insert((world.now - before).as_millis());
        }
    }
    assert!(firsts.len() > 100, "pauses are spread: {} different ones of 120", firsts.len());
}

#[test]
fn p8_a_machine_that_slept_closes_its_connections_before_overdue_beats_go() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.now += 10 * 60 * MINUTE;
    world.tell(Input::Slept);
    assert_eq!(world.actions(), [Action::CloseConnections, Action::Call { id: id(1), call: Call::Beat }]);
}

#[test]
fn p3_a_result_that_is_denied_for_an_hour_beats_no_more_and_is_still_sent_later() {
    let mut world = World::reporting();
    let (beat, report) =
        (Action::Call { id: id(1), call: Call::Beat }, Action::Call { id: id(1), call: Call::Report });
    world.report_ends(1, failed(ErrorClass::Denied, false));
    let start = world.now;
    let (mut last_beat, mut reports) = (start, 0);
    while world.now < start + 3 * 60 * MINUTE {
        for action in world.wait(60 * MINUTE) {
            if action == beat {
                last_beat = world.now;
                world.beat_ends(1, Ok(()));
            } else if action == report {
                reports += 1;
                world.report_ends(1, failed(ErrorClass::Denied, false));
            } else if let Action::Poll { activity } = action {
                world.tell(Input::PollEnded { activity, answer: PollAnswer::Empty, took: MINUTE });
            }
        }
    }
    assert!(last_beat > start + 58 * MINUTE && last_beat <= start + 60 * MINUTE, "{:?}", last_beat - start);
    assert!((8..200).contains(&reports), "{reports} reports in three hours");
    while !world.wait(60 * MINUTE).contains(&report) {}
    world.report_ends(1, Ok(()));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
}

#[test]
fn p3_a_task_whose_activity_is_no_longer_configured_beats_no_more_and_waits_for_the_app() {
    let mut world = World::new(config(&[]));
    world.tell(Input::Found {
        id: id(1),
        activity: None,
        adopted: false,
        deferred: false,
        state: FoundState::Deferred,
    });
    assert_eq!(world.notices(), [Notice::BeatsStopped(id(1), BeatsStopped::NotConfigured)]);
    assert_eq!(world.wait(24 * 60 * MINUTE), []);
    assert_eq!(world.engine.stage(id(1)), Some(Stage::Deferred));
}

#[test]
fn p1_a_task_of_another_origin_is_neither_run_nor_beaten_nor_reported() {
    let mut world = World::new(config(&[rules()]));
    world.tell(Input::Found {
        id: id(1),
        activity: Some(0),
        adopted: false,
        deferred: false,
        state: FoundState::Foreign,
    });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }], "it takes no slot of the activity");
    assert_eq!(world.wait(24 * 60 * MINUTE), []);
    assert!(world.engine.knows(id(1)));
}

/// Found by the simulator: a device whose tasks all timed out in a storm of throttling heard of nothing else afterwards, stayed slow,
/// and went on to take tasks whose beats it could not send in time.
#[test]
fn p4_the_pace_comes_back_though_every_answer_is_that_the_task_is_over() {
    let mut world = World::new(config(&[rules()]));
    let answer =
        |class| Input::CallEnded { id: id(9), call: Call::Beat, answer: failed(class, false), took: S };
    for _ in 0..10 {
        world.tell(answer(ErrorClass::Throttled));
    }
    assert!(!world.engine.lanes.can_pay_for(0.5), "no task is asked for whose beats would wait for the pace");
    for _ in 0..100 {
        world.tell(answer(ErrorClass::Settled));
    }
    assert!(world.engine.lanes.can_pay_for(0.5));
}

#[test]
fn p4_the_time_that_a_beat_takes_is_not_added_to_the_interval() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    let beat = Action::Call { id: id(1), call: Call::Beat };
    assert_eq!(world.wait(30 * S / 4), [beat]);
    for _ in 0..20 {
        let sent = world.now;
        world.now += 9 * S;
        world.tell(Input::CallEnded { id: id(1), call: Call::Beat, answer: Ok(()), took: 9 * S });
        assert_eq!(world.wait(30 * S), [beat]);
        assert!(world.now - sent <= 30 * S, "{:?} from one to the next", world.now - sent);
    }
}

#[test]
fn field_11_no_wish_for_a_pause_keeps_a_heartbeat_from_its_time() {
    for class in [ErrorClass::Throttled, ErrorClass::Server] {
        // The pace that many refusals lead to is another matter: at 1 s one is enough.
        for (interval, times) in [(1, 1), (30, 40), (60, 40)] {
            let mut world = World::new(config(&[ActivityRules { heartbeat: interval * S, ..rules() }]));
            world.actions();
            world.take_task(1);
            let (mut last, mut asked) = (world.now, 0);
            for _ in 0..3 * times {
                let beats = world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Beat });
                assert!(world.now - last <= interval * S, "{class:?}: silent for {:?}", world.now - last);
                if beats {
                    last = world.now;
                    let retry_after = Some(Duration::from_secs(300));
                    asked += 1;
                    if asked > times {
                        break;
                    }
                    world.beat_ends(1, Err(CallFailure { class, maybe_taken: false, retry_after }));
                }
            }
        }
    }
}

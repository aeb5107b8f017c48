//! A dead network: one call probes for all tasks, and what waited goes when it is answered.

use super::*;

/// A worker with so many results that wait, whose tasks beat every 30 s.
fn waiting(results: u8) -> World {
    let config = config(&[rules()]);
    let mut world = World::new(Config { max_tasks: 300, adopted_heartbeat: Some(30 * S), ..config });
    for n in 1..=results {
        let state = FoundState::Outcome;
        world.tell(Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state });
    }
    world
}

/// Lets time pass on a dead network. When calls went, and how often the worker woke up.
fn dead(world: &mut World, time: Duration) -> (Vec<(Time, Call)>, u32) {
    let (end, mut calls, mut wakes) = (world.now + time, Vec::new(), 0);
    while world.now < end {
        wakes += 1;
        for action in world.wait(end - world.now) {
            let lost = CallFailure { class: ErrorClass::Network, maybe_taken: false, retry_after: None };
            match action {
                Action::Call { id, call } => {
                    calls.push((world.now, call));
                    let took = Duration::from_millis(10);
                    world.tell(Input::CallEnded { id, call, answer: Err(lost), took });
                }
                Action::Poll { activity } => {
                    let answer = PollAnswer::Failed(lost);
                    world.tell(Input::PollEnded { activity, answer, took: S });
                }
                _ => {}
            }
        }
    }
    (calls, wakes)
}

#[test]
fn p6_offline_a_worker_calls_as_often_for_two_hundred_results_as_for_one() {
    for results in [1, 200] {
        let mut world = waiting(results);
        dead(&mut world, 5 * MINUTE);
        let (calls, wakes) = dead(&mut world, 60 * MINUTE);
        assert!((120..=200).contains(&calls.len()), "{results} results: {} calls in an hour", calls.len());
        assert!(wakes <= 400, "{results} results: the worker woke up {wakes} times in an hour");
    }
}

#[test]
fn p4_offline_a_call_goes_at_least_once_in_the_shortest_interval_and_reports_and_heartbeats_take_turns() {
    let mut world = waiting(50);
    let from = world.now;
    let (calls, _) = dead(&mut world, 60 * MINUTE);
    let times = std::iter::once(from).chain(calls.iter().map(|(at, _)| *at)).collect::<Vec<_>>();
    let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    assert!(longest <= 31 * S, "{longest:?} without a call");
    let reports = calls.iter().filter(|(_, call)| *call == Call::Report).count();
    assert!(reports.abs_diff(calls.len() / 2) <= calls.len() / 8, "{reports} of {}", calls.len());
}

#[test]
fn p4_no_one_tasks_calls_are_the_probe_again_and_again() {
    let mut world = waiting(20);
    dead(&mut world, 60 * MINUTE);
    assert!(world.engine.tasks().all(|slot| slot.beat.failures > 0), "each may be the one that gets through");
}

#[test]
fn p4_once_a_probe_is_answered_the_beats_that_are_due_go_at_once_the_most_overdue_first() {
    let mut world = waiting(20);
    dead(&mut world, 20 * MINUTE);
    let call = loop {
        if let Some(Action::Call { id, call }) = world.wait(MINUTE).pop() {
            break Input::CallEnded { id, call, answer: Ok(()), took: S };
        }
    };
    let mut overdue: Vec<_> = world.engine.tasks().map(|slot| (slot.beat.due, slot.id)).collect();
    overdue.sort_unstable();
    let Input::CallEnded { id: probed, .. } = call else { unreachable!() };
    overdue.retain(|(_, id)| *id != probed);
    world.tell(call);
    let mut beaten = Vec::new();
    let came_back = world.now;
    while beaten.len() < 15 {
        for action in world.actions() {
            if let Action::Call { id, call: Call::Beat } = action {
                beaten.extend((id != probed).then_some(id));
                let took = Duration::from_millis(1);
                world.tell(Input::CallEnded { id, call: Call::Beat, answer: Ok(()), took });
            }
        }
    }
    assert_eq!(world.now, came_back, "none waits");
    let first: Vec<_> = overdue.iter().take(15).map(|(_, id)| *id).collect();
    assert_eq!(beaten, first);
}

#[test]
fn p4_a_task_with_a_shorter_interval_that_comes_while_offline_makes_the_probes_come_sooner() {
    let mut world = waiting(5);
    dead(&mut world, 20 * MINUTE);
    world.tell(Input::Found {
        id: id(100),
        activity: None,
        adopted: true,
        deferred: true,
        state: FoundState::Deferred,
    });
    world.engine.slots.change(id(100), |slot| slot.beat.interval = Some(5 * S));
    let (calls, _) = dead(&mut world, 10 * MINUTE);
    let longest = calls.windows(2).map(|two| two[1].0 - two[0].0).max().unwrap();
    assert!(longest <= 6 * S, "{longest:?} without a call");
}

#[test]
fn p10_a_service_that_throttles_all_is_called_at_one_slow_pace_whatever_is_held() {
    for results in [10, 200] {
        let mut world = waiting(results);
        let mut calls = 0;
        let warm = world.now + 10 * MINUTE;
        while world.now < warm + 60 * MINUTE {
            for action in world.wait(MINUTE) {
                match action {
                    Action::Call { id, call } => {
                        calls += u32::from(world.now > warm);
                        let (answer, took) = (failed(ErrorClass::Throttled, false), S / 10);
                        world.tell(Input::CallEnded { id, call, answer, took });
                    }
                    Action::Poll { activity } => {
                        world.now += MINUTE;
                        world.tell(Input::PollEnded { activity, answer: PollAnswer::Empty, took: MINUTE });
                    }
                    _ => {}
                }
            }
        }
        assert!(calls <= 60 * 18, "{results} results: {calls} calls in an hour");
    }
}

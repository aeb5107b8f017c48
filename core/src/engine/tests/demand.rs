//! How much is asked for at once: as many tasks as their heartbeats can be paid for.

use super::*;

/// Of such tasks three fit the lanes, and no fourth: a call takes 0.3 s until it is known better, and 1.8 lanes may be taken.
const HEARTBEAT: Duration = Duration::from_millis(550);
const FIT: u8 = 3;

#[test]
fn p2_no_more_tasks_are_taken_than_the_lanes_can_keep_alive() {
    let many = ActivityRules { concurrency: 8, heartbeat: HEARTBEAT, ..rules() };
    let mut world = World::new(config(&[many]));
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    for n in 1..=FIT {
        assert!(world.engine.is_polling(0), "{n}");
        world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(n)), took: S });
        let asked = world.actions();
        assert_eq!(
            asked.contains(&Action::Poll { activity: 0 }),
            n < FIT,
            "{n}: it counts before it is kept"
        );
        world.tell(Input::TaskKept { id: id(n) });
        world.actions();
    }
    assert_eq!(world.engine.tasks().count(), usize::from(FIT));
    assert!(!world.engine.is_polling(0));
}

#[test]
fn p2_a_poll_under_way_counts_as_the_task_that_it_may_bring() {
    let one = ActivityRules { heartbeat: HEARTBEAT, ..rules() };
    let mut world = World::new(Config { max_tasks: 16, ..config(&vec![one; 8]) });
    assert_eq!(world.actions().len(), usize::from(FIT));
}

#[test]
fn p2_a_task_without_heartbeats_costs_no_lane() {
    let slow = ActivityRules { concurrency: 8, heartbeat: HEARTBEAT, ..rules() };
    let mut world = World::new(Config { max_tasks: 16, ..config(&[slow]) });
    for n in 1..=9 {
        let state = FoundState::Deferred;
        world.tell(Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state });
    }
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
}

#[test]
fn p4_p10_first_beats_are_spread_over_a_quarter_of_the_interval() {
    let pauses: Vec<_> = (0..100)
        .map(|seed| {
            let mut world = World::new(Config { seed, ..config(&[rules()]) });
            world.actions();
            world.take_task(1);
            world.engine.slots.find(id(1)).unwrap().beat.due.saturating_sub(world.now)
        })
        .collect();
    assert!(pauses.iter().all(|pause| *pause <= 30 * S / 4));
    assert!(pauses.iter().filter(|pause| **pause < 30 * S / 8).count().abs_diff(50) < 25, "{pauses:?}");
}

#[test]
fn field_02_what_was_seen_of_the_disk_a_second_ago_is_looked_at_again() {
    for (ago, looks) in [(Duration::from_millis(999), false), (S, true)] {
        let mut world = World::new(config(&[rules()]));
        world.slow_disk = true;
        world.tell(Input::Room { tasks: 1 });
        world.now += ago;
        assert_eq!(world.actions(), [if looks { Action::LookAtRoom } else { Action::Poll { activity: 0 } }]);
    }
}

#[test]
fn p2_each_of_several_polls_has_a_place_of_its_own() {
    let many = ActivityRules { concurrency: 5, pollers: 4, ..rules() };
    let mut world = World::new(Config { max_tasks: 16, ..config(&[many]) });
    let mut n = 0;
    let mut brings = |world: &mut World| {
        n += 1;
        world.take_task(n);
        world.engine.polls_in_flight()
    };
    world.actions();
    assert_eq!(world.engine.polls_in_flight(), 1, "one waits while the queue is empty");
    assert_eq!(brings(&mut world), 2);
    assert_eq!(brings(&mut world), 3);
    assert_eq!(brings(&mut world), 2, "three tasks and two polls are five");
    assert_eq!(brings(&mut world), 1);
    assert_eq!(brings(&mut world), 0);
}

#[test]
fn p2_while_handlers_cant_be_started_one_poll_brings_one_task() {
    let many = ActivityRules { concurrency: 5, pollers: 4, ..rules() };
    let mut world = World::new(Config { max_tasks: 16, ..config(&[many]) });
    world.actions();
    world.take_task(1);
    assert_eq!(world.engine.polls_in_flight(), 2);
    world.tell(Input::NotStarted { id: id(1) });
    world.tell(Input::OutcomeReady { id: id(1), success: false });
    let empty = Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE };
    world.now += MINUTE;
    world.tell(empty.clone());
    world.actions();
    assert_eq!(world.engine.polls_in_flight(), 1, "the other is still under way");
    world.tell(empty);
    world.actions();
    assert_eq!(world.engine.polls_in_flight(), 1);
}

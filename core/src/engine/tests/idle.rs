//! A worker that goes on only until nothing is left to do.

use super::*;

fn empty(world: &mut World, activity: usize) {
    world.now += MINUTE;
    world.tell(Input::PollEnded { activity, answer: PollAnswer::Empty, took: MINUTE });
}

#[test]
fn an_activity_that_was_empty_is_polled_again_only_after_something_ended() {
    let poll = |activity| Action::Poll { activity };
    let mut world = World::new(config(&[rules(), rules()]));
    world.tell(Input::UntilIdle);
    assert_eq!(world.actions(), [poll(0), poll(1)]);
    empty(&mut world, 1);
    assert_eq!(world.wait(10 * MINUTE), []);
    world.take_task(1);
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.actions().contains(&poll(0)), "it had a task, and may have another");
    empty(&mut world, 0);
    world.report_ends(1, Ok(()));
    assert!(!world.notices().contains(&Notice::Idle), "its end is not written yet");
    world.tell(Input::Forgotten { id: id(1) });
    // A workflow that goes on may ask for more.
    assert_eq!(world.actions(), [poll(1), poll(0)]);
    empty(&mut world, 0);
    assert!(!world.notices().contains(&Notice::Idle));
    empty(&mut world, 1);
    assert!(world.notices().contains(&Notice::Idle));
    assert!(!world.notices().contains(&Notice::Idle), "told once");
    world.tell(Input::Tick);
    assert!(world.notices().contains(&Notice::Idle), "and again after each event");
}

/// What is held, is another's, or fills the disk leaves nothing to do; what waits for a try does not.
#[test]
fn what_is_left_when_nothing_is_to_do() {
    let found = |n, state| Input::Found { id: id(n), activity: None, adopted: true, deferred: true, state };
    let idle = |world: &mut World| world.notices().contains(&Notice::Idle);

    let mut world = World::new(config(&[]));
    world.tell(found(1, FoundState::Foreign));
    assert!(!idle(&mut world), "nobody asked");
    world.tell(Input::UntilIdle);
    assert!(idle(&mut world), "another's");
    world.tell(found(2, FoundState::Outcome));
    assert!(!idle(&mut world), "a result waits to be tried");
    world.wait(10 * S);
    world.report_ends(2, failed(ErrorClass::Server, false));
    assert!(!idle(&mut world), "and to be tried again");
    world.report_ends(2, failed(ErrorClass::Held, false));
    assert!(idle(&mut world), "held");
    world.tell(found(3, FoundState::Deferred));
    assert!(!idle(&mut world), "the app may answer");
}

#[test]
fn p2_a_disk_without_room_is_no_reason_to_wait_for_polls_once_it_holds_something() {
    let state = FoundState::Foreign;
    let found = Input::Found { id: id(1), activity: None, adopted: false, deferred: false, state };
    for (tasks, holds, idle) in [(0, false, false), (0, true, true), (1, true, false)] {
        let mut world = World::new(config(&[rules()]));
        world.slow_disk = true;
        world.tell(Input::Room { tasks });
        if holds {
            world.tell(found.clone());
        }
        world.tell(Input::UntilIdle);
        let told = world.notices();
        assert_eq!(told.contains(&Notice::Idle), idle, "room for {tasks}: {told:?}");
    }
}

//! Room on disk, which others fill too: it is looked at before each poll.

use super::*;

const POLL: Action = Action::Poll { activity: 0 };

/// An idle worker whose test answers when the room is looked at.
fn idle() -> World {
    let mut world = World::new(config(&[rules()]));
    world.slow_disk = true;
    world
}

fn ends_empty(world: &mut World) {
    world.now += MINUTE;
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
}

#[test]
fn field_02_an_idle_worker_looks_at_the_room_before_each_poll() {
    let mut world = idle();
    for round in 0..50 {
        assert_eq!(world.actions(), [Action::LookAtRoom], "round {round}");
        world.tell(Input::Room { tasks: 3 });
        assert_eq!(world.actions(), [POLL]);
        ends_empty(&mut world);
    }
    // Meanwhile others have filled the disk.
    assert_eq!(world.actions(), [Action::LookAtRoom]);
    world.tell(Input::Room { tasks: 0 });
    assert_eq!(world.wait(60 * MINUTE), [], "no poll, and nothing spins");
    world.tell(Input::Room { tasks: 1 });
    assert_eq!(world.actions(), [POLL]);
}

#[test]
fn field_02_nothing_is_polled_until_the_disk_has_answered() {
    let mut world = idle();
    assert_eq!(world.actions(), [Action::LookAtRoom]);
    assert_eq!(world.wait(60 * MINUTE), [], "asked once, and waited for");
    world.tell(Input::Wake);
    assert_eq!(world.actions(), []);
    world.tell(Input::Room { tasks: 1 });
    assert_eq!(world.actions(), [POLL]);
}

#[test]
fn field_02_what_was_seen_just_now_is_not_looked_at_again() {
    let mut world = idle();
    world.actions();
    world.tell(Input::Room { tasks: 9 });
    assert_eq!(world.actions(), [POLL]);
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    assert_eq!(world.actions(), [Action::KeepTask { id: id(1) }]);
    world.tell(Input::TaskKept { id: id(1) });
    world.tell(Input::Room { tasks: 8 });
    world.tell(Input::OutcomeReady { id: id(1), success: true });
    world.actions();
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.actions().contains(&POLL), "a busy worker pays nothing for it");
}

#[test]
fn field_02_a_poll_on_request_looks_too() {
    let mut world = World::new(config(&[ActivityRules { on_request: true, ..rules() }]));
    world.slow_disk = true;
    assert_eq!(world.actions(), []);
    world.tell(Input::PollOnce { activity: 0 });
    assert_eq!(world.actions(), [Action::LookAtRoom]);
    world.tell(Input::Room { tasks: 0 });
    assert_eq!(world.wait(MINUTE), []);
}

#[test]
fn field_02_of_several_activities_each_poll_has_its_own_room() {
    let mut world = World::new(config(&[rules(), rules(), rules()]));
    world.slow_disk = true;
    assert_eq!(world.actions(), [Action::LookAtRoom]);
    world.tell(Input::Room { tasks: 2 });
    assert_eq!(world.actions().len(), 2, "polls under way may each bring one");
}

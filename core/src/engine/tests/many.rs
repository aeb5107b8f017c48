//! Many tasks: what a step costs does not grow with them.

use super::*;
use crate::engine::table::looked;

fn id_of(n: usize) -> TaskId {
    let mut bytes = [0; 16];
    // Spread as real ids are.
    let spread = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bytes[..8].copy_from_slice(&spread.to_be_bytes());
    bytes[8..].copy_from_slice(&(n as u64).to_be_bytes());
    TaskId::from_bytes(bytes)
}

/// A worker that holds so many tasks: open ones that beat once in an hour, results that wait, another's.
fn holding(tasks: usize) -> World {
    let rules = ActivityRules { concurrency: 8, ..rules() };
    let mut world =
        World::new(Config { max_tasks: tasks + 8, adopted_heartbeat: Some(60 * MINUTE), ..config(&[rules]) });
    for n in 0..tasks {
        let state = match n % 20 {
            0 => FoundState::Outcome,
            1 => FoundState::Foreign,
            _ => FoundState::Deferred,
        };
        world.tell(Input::Found { id: id_of(n), activity: None, adopted: true, deferred: true, state });
    }
    world.tell(Input::Room { tasks: tasks + 8 });
    world
}

/// Everything that can happen to tasks, one after the other, for so many steps; gives the most looks at tasks that one step took.
fn live(world: &mut World, tasks: usize, steps: usize) -> usize {
    let mut open = VecDeque::new();
    let (mut fresh, mut most, mut done) = (tasks, 0, HashSet::new());
    let classes = [ErrorClass::Server, ErrorClass::Denied, ErrorClass::Throttled];
    for step in 0..steps {
        looked();
        while let Some(action) = world.engine.next(world.now) {
            most = most.max(looked());
            open.extend((!matches!(action, Action::Notify(_))).then_some(action));
        }
        let at = world.engine.wake_at();
        most = most.max(looked());
        let took = Duration::from_millis(50);
        let input = match open.pop_front() {
            None => {
                world.now = at.unwrap_or(world.now + S).max(world.now);
                Input::Tick
            }
            Some(Action::LookAtRoom) => Input::Room { tasks: 100 },
            Some(Action::Poll { activity }) => {
                fresh += 1;
                Input::PollEnded { activity, answer: PollAnswer::Task(id_of(fresh)), took: S }
            }
            Some(Action::KeepTask { id }) => Input::TaskKept { id },
            Some(Action::Run { id, .. }) if step % 3 == 0 => Input::Unreadable { id },
            Some(Action::Run { id, .. }) if step % 5 == 0 => Input::NotStarted { id },
            Some(Action::Run { id, .. }) => Input::OutcomeReady { id, success: true },
            Some(Action::KeepOutcome { id, .. }) => {
                let kept = if step % 7 == 0 { Kept::No } else { Kept::Yes };
                Input::OutcomeKept { id, kept }
            }
            Some(Action::Call { id, call }) => {
                let fails = step % 4 == 0;
                let answer = if fails { failed(classes[step % 3], false) } else { Ok(()) };
                Input::CallEnded { id, call, answer, took }
            }
            Some(Action::Forget { id, .. }) => Input::Forgotten { id },
            Some(_) => continue,
        };
        done.insert(std::mem::discriminant(&input));
        world.now += took;
        looked();
        world.tell(input);
        most = most.max(looked());
    }
    assert!(done.len() >= 9, "little happened: {}", done.len());
    most
}

#[test]
fn p6_a_step_looks_at_a_handful_of_tasks_however_many_are_held() {
    for tasks in [100, 10_000, 100_000] {
        let mut world = holding(tasks);
        assert_eq!(world.engine.tasks_held(), tasks);
        let most = live(&mut world, tasks, 2_000);
        assert!(most <= 8, "{tasks} tasks held: {most} were looked at in one step");
        world.engine.slots.check();
    }
}

#[test]
fn p6_what_is_shown_of_the_tasks_held_is_counted_and_not_looked_for() {
    let world = holding(1_000);
    looked();
    let engine = &world.engine;
    let shown = (engine.in_stage(Stage::Deferred), engine.waiting(), engine.in_stage(Stage::Foreign));
    assert_eq!(shown, (900, 50, 50));
    assert_eq!((engine.rejected(), engine.troubling_the_disk(), engine.open(0)), (0, 0, 0));
    assert!(engine.has_calls_to_make() && engine.next_report().is_some());
    assert_eq!(looked(), 0);
}

//! What the engine shows of itself, to its driver and to people.

use super::*;

#[test]
fn a_place_that_a_poll_may_fill_is_not_shown_as_free() {
    let mut world = World::new(Config { max_tasks: 2, ..config(&[rules(), rules()]) });
    let shown = |world: &World| {
        let engine = &world.engine;
        (
            [0, 1].map(|activity| engine.is_polling(activity)),
            engine.polls_in_flight(),
            engine.has_free_place(),
        )
    };
    assert_eq!(shown(&world), ([false, false], 0, true));
    world.actions();
    assert_eq!(shown(&world), ([true, true], 2, false), "both polls may bring a task");
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert_eq!(shown(&world), ([false, true], 1, true));
}

#[test]
fn what_is_slow_paused_or_about_to_end_is_shown_and_nothing_else() {
    let shown = |world: &World| {
        let engine = &world.engine;
        let starts = [0, 1].map(|activity| engine.starts_fail(activity));
        (engine.is_throttled(), engine.reports_paused(), starts, engine.is_stopping())
    };
    let well = || {
        let mut world = World::new(config(&[rules(), rules()]));
        world.actions();
        world.take_task(1);
        assert_eq!(shown(&world), (false, false, [false, false], false));
        world
    };
    for call in [Call::Beat, Call::Report] {
        let mut world = well();
        let answer = failed(ErrorClass::Throttled, false);
        world.tell(Input::CallEnded { id: id(9), call, answer, took: S });
        assert_eq!(shown(&world), (true, false, [false, false], false), "{call:?}");
    }
    let mut world = well();
    world.tell(Input::NotStarted { id: id(1) });
    assert_eq!(shown(&world), (false, false, [true, false], false));
    let mut world = well();
    world.tell(Input::Stop(Stop::Drain));
    assert_eq!(shown(&world), (false, false, [false, false], true));
}

#[test]
fn why_a_handler_was_ended_and_why_beats_ended_is_said_in_words() {
    assert_eq!(Cancelled::TimedOut.to_string(), "the service gave the task up");
    assert_eq!(BeatsStopped::NotConfigured.to_string(), "its activity is no longer configured");
}

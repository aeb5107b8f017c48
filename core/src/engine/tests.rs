//! The whole engine against a scripted world with a clock of its own.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::*;
use crate::{Class, Settlement, TaskId};

const S: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn id(n: u8) -> TaskId {
    TaskId::from_bytes([n; 16])
}

fn rules() -> ActivityRules {
    ActivityRules { concurrency: 1, heartbeat: 30 * S, deferred: false, safe_to_repeat: false }
}

fn config(rules: &[ActivityRules]) -> Config {
    Config {
        activities: rules.iter().cloned().collect(),
        max_tasks: 8,
        comeback_window: 30 * S,
        max_backoff: 120 * S,
        lease: 24 * 60 * MINUTE,
        adopted_heartbeat: None,
        seed: 42,
    }
}

fn failed(class: Class, maybe_taken: bool) -> Result<(), CallFailure> {
    Err(CallFailure { class, maybe_taken, retry_after: None })
}

/// An engine, its time, and what it has asked for.
struct World {
    engine: Engine,
    now: Time,
}

impl World {
    fn new(config: Config) -> Self {
        let now = 1000 * S;
        let mut world = World { engine: Engine::new(config, now), now };
        world.tell(Event::Room { tasks: 100 });
        world.now += 10 * S;
        world
    }

    fn tell(&mut self, event: Event) {
        self.engine.handle(self.now, event);
    }

    /// Everything that is due now, notices left out.
    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.engine.next(self.now))
            .filter(|a| !matches!(a, Action::Notify(_)))
            .collect()
    }

    fn notices(&mut self) -> Vec<Notice> {
        let notice = |a| match a {
            Action::Notify(notice) => Some(notice),
            _ => None,
        };
        std::iter::from_fn(|| self.engine.next(self.now)).filter_map(notice).collect()
    }

    /// Goes forward to what is due next, at most for `within`, and gives what is asked for then.
    fn wait(&mut self, within: Duration) -> Vec<Action> {
        let end = self.now + within;
        loop {
            let actions = self.actions();
            if !actions.is_empty() {
                return actions;
            }
            match self.engine.wake_at() {
                Some(at) if at <= end => self.now = at.max(self.now + Duration::from_millis(1)),
                _ => {
                    self.now = end;
                    return Vec::new();
                }
            }
        }
    }

    fn report_ends(&mut self, n: u8, answer: Result<(), CallFailure>) {
        let took = Duration::from_millis(100);
        self.now += took;
        self.tell(Event::CallEnded { id: id(n), call: Call::Report, answer, took });
    }

    fn beat_ends(&mut self, n: u8, answer: Result<(), CallFailure>) {
        let took = Duration::from_millis(100);
        self.now += took;
        self.tell(Event::CallEnded { id: id(n), call: Call::Beat, answer, took });
    }

    /// A poll brings task `n`, and it is kept.
    fn take_task(&mut self, n: u8) -> Vec<Action> {
        self.tell(Event::PollEnded { activity: 0, answer: PollAnswer::Task(id(n)), took: S });
        assert_eq!(self.actions()[0], Action::KeepTask { id: id(n) });
        self.tell(Event::TaskKept { id: id(n) });
        self.actions()
    }

    /// A task whose outcome is kept, and whose first report is under way.
    fn reporting() -> Self {
        let mut world = World::new(config(&[rules()]));
        assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
        world.take_task(1);
        world.tell(Event::OutcomeReady { id: id(1), success: true });
        world.actions();
        world.tell(Event::OutcomeKept { id: id(1), kept: Kept::Yes });
        assert!(world.actions().contains(&Action::Call { id: id(1), call: Call::Report }));
        world
    }
}

#[test]
fn p1_the_order_of_a_task_is_keep_run_keep_report_forget() {
    let mut world = World::new(config(&[rules()]));
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Event::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    assert_eq!(world.actions(), [Action::KeepTask { id: id(1) }], "no handler before the task is kept");
    world.tell(Event::TaskKept { id: id(1) });
    assert_eq!(world.actions(), [Action::Run { id: id(1), run: 1 }]);
    world.tell(Event::OutcomeReady { id: id(1), success: true });
    assert_eq!(
        world.actions(),
        [Action::KeepOutcome { id: id(1), which: Which::Theirs }],
        "no report before it is kept"
    );
    world.tell(Event::OutcomeKept { id: id(1), kept: Kept::Yes });
    let actions = world.actions();
    assert!(actions.contains(&Action::Call { id: id(1), call: Call::Report }), "{actions:?}");
    assert!(actions.contains(&Action::Poll { activity: 0 }), "a kept outcome does not stop the next poll");
    world.report_ends(1, Ok(()));
    assert_eq!(world.actions(), [Action::Forget { id: id(1), settlement: Settlement::Delivered }]);
    assert!(world.engine.knows(id(1)), "its place is taken until the tombstone is written");
    world.tell(Event::Forgotten { id: id(1) });
    assert!(!world.engine.knows(id(1)));
}

#[test]
fn p1_no_error_but_the_services_word_that_the_task_is_over_lets_go_of_a_result() {
    let classes = [
        Class::Network,
        Class::Server,
        Class::Throttled,
        Class::Credentials,
        Class::Clock,
        Class::Denied,
        Class::Held,
        Class::NoActivity,
    ];
    for class in classes {
        let mut world = World::reporting();
        let mut tries = 0;
        let mut answer = failed(class, false);
        for _ in 0..400 {
            world.report_ends(1, answer);
            tries += 1;
            let mut actions = world.actions();
            while !actions.contains(&Action::Call { id: id(1), call: Call::Report }) {
                assert!(
                    !actions.iter().any(|a| matches!(a, Action::Forget { .. })),
                    "{class:?} lost the result"
                );
                if actions.contains(&Action::Call { id: id(1), call: Call::Beat }) {
                    world.beat_ends(1, answer);
                }
                for action in &actions {
                    if matches!(action, Action::Poll { .. }) {
                        let failure = answer.unwrap_err();
                        world.tell(Event::PollEnded {
                            activity: 0,
                            answer: PollAnswer::Failed(failure),
                            took: S,
                        });
                    }
                }
                actions = world.wait(13 * 60 * MINUTE);
                assert!(!actions.is_empty(), "{class:?}: never tried again after {tries}");
            }
            answer = failed(class, tries % 2 == 0);
        }
        world.report_ends(1, Ok(()));
        assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
    }
}

#[test]
fn p1_too_late_is_only_said_when_no_earlier_report_may_have_been_taken() {
    let mut world = World::reporting();
    world.report_ends(1, failed(Class::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::TooLate }));

    let mut world = World::reporting();
    world.report_ends(1, failed(Class::Network, true));
    world.wait(5 * MINUTE);
    world.report_ends(1, failed(Class::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Unknown }));

    let mut world = World::new(config(&[]));
    world.tell(Event::Found { id: id(1), activity: None, adopted: false, state: FoundState::Outcome });
    assert!(world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Report }));
    world.report_ends(1, failed(Class::Settled, false));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Unknown }));
}

#[test]
fn p1_a_result_that_the_disk_refuses_is_reported_from_memory_tried_on_disk_again_and_stops_polling() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Event::OutcomeReady { id: id(1), success: true });
    world.actions();
    world.tell(Event::OutcomeKept { id: id(1), kept: Kept::No });
    assert_eq!(world.actions(), [Action::Call { id: id(1), call: Call::Report }], "and no poll");
    world.report_ends(1, failed(Class::Server, true));
    let mut kept_again = false;
    for _ in 0..20 {
        let actions = world.wait(MINUTE);
        assert!(!actions.contains(&Action::Poll { activity: 0 }));
        kept_again |= actions.contains(&Action::KeepOutcome { id: id(1), which: Which::Theirs });
        if kept_again {
            break;
        }
    }
    assert!(kept_again);
    world.tell(Event::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.wait(MINUTE).contains(&Action::Poll { activity: 0 }), "the disk works again");
}

#[test]
fn p1_an_app_whose_answer_the_disk_refuses_still_has_its_task() {
    let mut world = World::new(config(&[ActivityRules { deferred: true, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(Event::OutcomeReady { id: id(1), success: true });
    world.actions();
    world.tell(Event::OutcomeKept { id: id(1), kept: Kept::No });
    assert_eq!(world.engine.stage(id(1)), Some(slots::Stage::Deferred));
    assert!(world.wait(30 * S).contains(&Action::Call { id: id(1), call: Call::Beat }), "and it beats");
}

#[test]
fn p2_no_poll_without_a_slot_room_on_disk_or_time_for_beats() {
    let mut world = World::new(config(&[rules()]));
    world.tell(Event::Room { tasks: 0 });
    assert_eq!(world.wait(10 * MINUTE), [], "no room on disk");
    world.tell(Event::Room { tasks: 1 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    assert_eq!(world.take_task(1), [Action::Run { id: id(1), run: 1 }], "its only slot is taken");

    let two = [rules(), rules()];
    let mut world = World::new(config(&two));
    world.tell(Event::Room { tasks: 1 });
    assert_eq!(world.actions().len(), 1, "room for one task is room for one poll");

    let mut world = World::new(Config { max_tasks: 1, ..config(&two) });
    assert_eq!(world.actions().len(), 1, "a place for one task is a place for one poll");

    let fast = ActivityRules { concurrency: 8, heartbeat: S, ..rules() };
    let mut world = World::new(config(&[fast]));
    world.actions();
    world.take_task(1);
    for _ in 0..60 {
        if world.wait(MINUTE).contains(&Action::Call { id: id(1), call: Call::Beat }) {
            world.now += 9 * S;
            world.tell(Event::CallEnded { id: id(1), call: Call::Beat, answer: Ok(()), took: 9 * S });
        }
        if world.engine.polls_in_flight() > 0 {
            world.tell(Event::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
        }
    }
    assert!(!world.wait(MINUTE).contains(&Action::Poll { activity: 0 }), "one beat a second takes 9 s");
}

#[test]
fn p3_a_task_whose_handler_died_with_the_process_is_reclaimed_first_then_failed_or_run_again() {
    let mut world = World::new(config(&[rules()]));
    world.tell(Event::Found {
        id: id(1),
        activity: Some(0),
        adopted: false,
        state: FoundState::Begun { runs: 0 },
    });
    assert_eq!(world.actions(), [Action::Reclaim { id: id(1) }], "and no poll: its slot is taken");
    let beat = world.wait(30 * S);
    assert_eq!(beat, [Action::Call { id: id(1), call: Call::Beat }], "beats go on, nothing is reported");
    world.beat_ends(1, Ok(()));
    world.tell(Event::Reclaimed { id: id(1) });
    let which = Which::Own(OwnFailure::Restarted);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);

    let safe = ActivityRules { safe_to_repeat: true, ..rules() };
    for runs in 0..=RUNS_MAX {
        let mut world = World::new(config(std::slice::from_ref(&safe)));
        world.tell(Event::Found {
            id: id(1),
            activity: Some(0),
            adopted: false,
            state: FoundState::Begun { runs },
        });
        world.actions();
        world.tell(Event::Reclaimed { id: id(1) });
        if runs == RUNS_MAX {
            assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
        } else {
            assert_eq!(world.actions(), [Action::CountRun { id: id(1) }], "counted on disk before it runs");
            world.tell(Event::RunCounted { id: id(1), runs: Some(runs + 1) });
            assert_eq!(world.actions(), [Action::Run { id: id(1), run: runs + 2 }]);
        }
    }
}

#[test]
fn p3_a_task_that_the_disk_refuses_is_failed_from_memory() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Event::PollEnded { activity: 0, answer: PollAnswer::Task(id(1)), took: S });
    world.actions();
    world.tell(Event::TaskNotKept { id: id(1) });
    assert_eq!(
        world.actions(),
        [Action::Call { id: id(1), call: Call::Report }],
        "never run, and no poll meanwhile"
    );
    world.report_ends(1, Ok(()));
    assert!(world.actions().contains(&Action::Forget { id: id(1), settlement: Settlement::Delivered }));
}

#[test]
fn p4_beats_hold_from_acceptance_and_a_failed_one_is_tried_within_a_quarter_of_the_interval() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    let mut last = world.now;
    let beat = Action::Call { id: id(1), call: Call::Beat };
    assert_eq!(world.wait(30 * S / 4), [beat.clone()], "the first one within a quarter");
    for (n, class) in [Class::Network, Class::Server, Class::Throttled, Class::Denied, Class::Credentials]
        .into_iter()
        .cycle()
        .take(100)
        .enumerate()
    {
        world.beat_ends(1, Ok(()));
        last = world.now;
        assert_eq!(world.wait(30 * S), [beat.clone()]);
        world.beat_ends(1, failed(class, false));
        let failed_at = world.now;
        assert_eq!(world.wait(30 * S), [beat.clone()], "after {class:?}, round {n}");
        assert!(world.now - failed_at <= 30 * S / 4 + 10 * S, "{class:?}: {:?}", world.now - failed_at);
        assert!(class == Class::Throttled || world.now - failed_at <= 30 * S / 4);
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
                    2 => world.beat_ends(2, failed(Class::Network, true)),
                    n => world.beat_ends(n, Ok(())),
                }
            }
        }
    }
    assert_eq!(last.len(), 7);
}

#[test]
fn p4_the_service_gives_a_task_up_by_a_beat() {
    // While its handler runs: it is told, and its late result goes nowhere.
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.wait(30 * S);
    world.beat_ends(1, failed(Class::Settled, false));
    assert_eq!(world.actions(), [Action::Cancel { id: id(1), why: CancelReason::TimedOut }]);
    assert_eq!(world.wait(10 * MINUTE), [], "no beat and no poll while the handler ends");
    world.tell(Event::OutcomeReady { id: id(1), success: true });
    assert_eq!(world.actions()[0], Action::Forget { id: id(1), settlement: Settlement::TooLate });

    // Once a report has begun only a report's answer settles.
    let mut world = World::reporting();
    world.report_ends(1, failed(Class::Server, true));
    loop {
        let actions = world.wait(MINUTE);
        if actions.contains(&Action::Call { id: id(1), call: Call::Report }) {
            world.report_ends(1, failed(Class::Server, true));
        }
        if actions.contains(&Action::Call { id: id(1), call: Call::Beat }) {
            world.beat_ends(1, failed(Class::Settled, false));
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
    world.beat_ends(1, failed(Class::Held, false));
    assert_eq!(world.wait(10 * MINUTE), []);
    assert_eq!(world.engine.stage(id(1)), Some(slots::Stage::Running));
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
    world.tell(Event::Touched);
    assert_eq!(world.wait(30 * S / 4), [Action::Call { id: id(1), call: Call::Beat }]);
}

#[test]
fn p5_a_drain_drops_no_poll_and_fails_what_the_last_poll_brings() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.tell(Event::Stop(Stop::Drain));
    assert_eq!(world.actions(), [], "the poll goes on");
    assert!(!world.notices().contains(&Notice::Stopped));
    let actions = world.take_task(1);
    assert_eq!(actions, [Action::KeepOutcome { id: id(1), which: Which::Own(OwnFailure::Stopping) }]);
    world.tell(Event::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert_eq!(world.actions(), [Action::Call { id: id(1), call: Call::Report }]);
    world.report_ends(1, Ok(()));
    world.actions();
    world.tell(Event::Forgotten { id: id(1) });
    assert!(world.notices().contains(&Notice::Stopped));
}

#[test]
fn p5_a_drain_without_a_network_ends_with_the_result_kept() {
    let mut world = World::reporting();
    world.tell(Event::Stop(Stop::Drain));
    world.tell(Event::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert!(!world.notices().contains(&Notice::Stopped), "its report is under way");
    world.report_ends(1, failed(Class::Network, false));
    assert!(world.notices().contains(&Notice::Stopped));
    assert!(world.engine.knows(id(1)));
}

#[test]
fn p5_stop_now_cancels_and_keeps_what_the_handlers_leave() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Event::Stop(Stop::Now));
    assert_eq!(
        world.actions(),
        [Action::DropCalls, Action::Cancel { id: id(1), why: CancelReason::Stopping }],
        "and nothing goes to the network any more"
    );
    world.tell(Event::OutcomeReady { id: id(1), success: false });
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which: Which::Own(OwnFailure::Stopping) }]);
    assert!(!world.notices().contains(&Notice::Stopped), "not before it is kept");
    world.tell(Event::OutcomeKept { id: id(1), kept: Kept::Yes });
    assert!(world.notices().contains(&Notice::Stopped));
}

#[test]
fn p6_three_rejections_in_a_row_pause_reporting_until_the_credentials_change() {
    let mut world = World::new(config(&[]));
    for n in 1..=8 {
        world.tell(Event::Found { id: id(n), activity: None, adopted: true, state: FoundState::Outcome });
    }
    world.now += 10 * S;
    let first = world.actions();
    assert_eq!(first.len(), 3, "{first:?}");
    for action in first {
        let Action::Call { id: task, call: Call::Report } = action else { panic!("{action:?}") };
        world.report_ends(task.as_bytes()[0], failed(Class::Held, false));
    }
    assert_eq!(world.actions(), []);
    assert!(world.engine.reports_paused());
    assert_eq!(world.wait(29 * MINUTE), []);
    world.tell(Event::CredentialsChanged);
    assert!(!world.actions().is_empty());
}

#[test]
fn p10_throttled_reports_go_on_with_growing_jittered_pauses() {
    let mut firsts = HashSet::new();
    for seed in 0..20 {
        let mut world = World::reporting();
        world.engine.rng = fastrand::Rng::with_seed(seed);
        for _ in 0..6 {
            world.report_ends(1, failed(Class::Throttled, false));
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
fn idle_is_told_once_polls_came_back_empty_and_only_held_results_are_left() {
    let mut world = World::reporting();
    world.tell(Event::UntilIdle);
    world.report_ends(1, failed(Class::Held, false));
    assert!(!world.notices().contains(&Notice::Idle), "a poll is under way");
    world.tell(Event::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    assert!(world.notices().contains(&Notice::Idle));
    assert_eq!(world.wait(10 * MINUTE), [], "and not polled again");
}

#[test]
fn a_token_that_is_adopted_never_takes_the_place_set_aside_for_a_poll() {
    let mut world = World::new(Config { max_tasks: 1, ..config(&[rules()]) });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.tell(Event::Adopt { id: id(2) });
    assert_eq!(world.actions(), [Action::Refuse { id: id(2) }]);
    assert_eq!(world.take_task(1), [Action::Run { id: id(1), run: 1 }]);
}

#[test]
fn a_file_that_cannot_be_read_now_is_read_again_and_a_damaged_one_fails_its_task() {
    let mut world = World::reporting();
    world.tell(Event::Unreadable { id: id(1) });
    let mut again = Vec::new();
    while !again.contains(&Action::Call { id: id(1), call: Call::Report }) {
        again = world.wait(MINUTE);
        assert!(!again.is_empty());
        if again.contains(&Action::Call { id: id(1), call: Call::Beat }) {
            world.beat_ends(1, Ok(()));
        }
    }
    world.tell(Event::Damaged { id: id(1) });
    let which = Which::Own(OwnFailure::Damaged);
    assert!(world.actions().contains(&Action::KeepOutcome { id: id(1), which }));
}

#[test]
fn p8_a_machine_that_slept_closes_its_connections_before_overdue_beats_go() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.now += 10 * 60 * MINUTE;
    world.tell(Event::Slept);
    assert_eq!(world.actions(), [Action::CloseConnections, Action::Call { id: id(1), call: Call::Beat }]);
}

//! Handlers that can't be started: they must not eat the queue.

use super::*;

/// A queue that never ends, and a device that takes from it for `time`. How many tasks it took, and what it told.
struct Queue {
    world: World,
    taken: u8,
    told: Vec<Notice>,
    /// The most tasks at work at once whose start is not proven.
    most: usize,
}

fn queue(rules: &[ActivityRules]) -> Queue {
    Queue {
        world: World::new(Config { max_tasks: 200, ..config(rules) }),
        taken: 0,
        told: Vec::new(),
        most: 0,
    }
}

impl Queue {
    /// `starts`: whether a handler that is to be started now is; `takes`: how long it works.
    fn run(&mut self, time: Duration, starts: impl Fn(Time) -> bool, takes: Duration) -> usize {
        let (end, before) = (self.world.now + time, self.taken);
        let mut ends: Vec<(Time, TaskId)> = Vec::new();
        let mut notices = Vec::new();
        while self.world.now < end {
            self.world.now += Duration::from_millis(50);
            let now = self.world.now;
            for (_, id) in ends.extract_if(.., |(at, _)| *at <= now) {
                self.world.tell(Input::OutcomeReady { id, success: true });
            }
            while let Some(action) = self.world.next() {
                match action {
                    Action::Poll { activity } => {
                        self.taken += 1;
                        let answer = PollAnswer::Task(id(self.taken));
                        self.world.tell(Input::PollEnded { activity, answer, took: S });
                    }
                    Action::KeepTask { id } => self.world.tell(Input::TaskKept { id }),
                    Action::Run { id, .. } if starts(now) => ends.push((now + takes, id)),
                    Action::Run { id, .. } => self.world.tell(Input::NotStarted { id }),
                    Action::KeepOutcome { id, .. } => {
                        self.world.tell(Input::OutcomeKept { id, kept: Kept::Yes })
                    }
                    Action::Call { id, call } => {
                        self.world.tell(Input::CallEnded { id, call, answer: Ok(()), took: Duration::ZERO })
                    }
                    Action::Forget { id, .. } => self.world.tell(Input::Forgotten { id }),
                    Action::Notify(notice) => notices.push(notice),
                    _ => {}
                }
            }
            self.most = self.most.max(ends.len());
        }
        let told = |n: &Notice| matches!(n, Notice::StartsFail(_) | Notice::StartsAgain(_));
        self.told.extend(notices.into_iter().filter(told));
        usize::from(self.taken - before)
    }
}

#[test]
fn field_06_a_program_that_is_gone_for_a_moment_costs_a_handful_of_tasks_and_is_told_once() {
    let mut queue = queue(&[ActivityRules { concurrency: 4, ..rules() }]);
    let back = queue.world.now + 5 * S;
    let failed = queue.run(5 * S, |_| false, S);
    assert!((1..=5).contains(&failed), "{failed} tasks failed within 5 s");
    assert_eq!(queue.told, [Notice::StartsFail(0)]);
    let worked = queue.run(20 * S, |now| now > back, S);
    assert_eq!(queue.told, [Notice::StartsFail(0), Notice::StartsAgain(0)]);
    assert!(worked > 20, "all is as before: {worked}");
}

#[test]
fn field_06_a_device_that_can_start_nothing_leaves_the_queue_to_others() {
    let mut queue = queue(&[ActivityRules { concurrency: 8, ..rules() }]);
    let first = queue.run(60 * MINUTE, |_| false, S);
    assert!((20..=80).contains(&first), "{first} tasks in an hour: pauses of up to two minutes");
    assert_eq!(queue.told, [Notice::StartsFail(0)], "once in an hour");
}

#[test]
fn field_06_until_a_start_works_no_second_task_is_taken() {
    let mut queue = queue(&[ActivityRules { concurrency: 8, ..rules() }]);
    queue.run(MINUTE, |_| false, S);
    // It works again, and handlers take long: the first one counts as started after a while, and the others follow.
    let took = queue.run(5 * S, |_| true, 60 * MINUTE);
    assert!(took <= 1, "{took} at once, of which none is proven");
    queue.run(2 * MINUTE + 15 * S, |_| true, 60 * MINUTE);
    assert_eq!(queue.told.last(), Some(&Notice::StartsAgain(0)));
    assert!(queue.most > 1);
}

#[test]
fn field_06_only_the_activity_whose_starts_fail_is_slowed() {
    let mut queue = queue(&[rules(), rules()]);
    queue.run(S, |_| true, 10 * MINUTE);
    assert_eq!(queue.taken, 2);
    queue.world.tell(Input::NotStarted { id: id(1) });
    queue.world.tell(Input::OutcomeReady { id: id(2), success: true });
    let mut polled = Vec::new();
    for _ in 0..40 {
        while let Some(action) = queue.world.next() {
            match action {
                Action::Poll { activity } => polled.push(activity),
                Action::KeepOutcome { id, .. } => {
                    queue.world.tell(Input::OutcomeKept { id, kept: Kept::Yes })
                }
                _ => {}
            }
        }
        queue.world.now += Duration::from_millis(10);
    }
    assert_eq!(polled, [1]);
}

#[test]
fn field_06_what_ended_well_that_began_before_proves_nothing() {
    let mut queue = queue(&[ActivityRules { concurrency: 4, ..rules() }]);
    queue.run(S, |_| true, 60 * MINUTE);
    assert_eq!(queue.taken, 4);
    queue.world.now += S;
    queue.world.tell(Input::NotStarted { id: id(4) });
    queue.world.tell(Input::OutcomeReady { id: id(1), success: true });
    assert!(queue.world.engine.starts_fail(0));
    // Fifty that fail together are one failure.
    queue.world.tell(Input::NotStarted { id: id(2) });
    queue.world.tell(Input::NotStarted { id: id(3) });
    let told = queue.world.notices();
    assert_eq!(told.iter().filter(|n| **n == Notice::StartsFail(0)).count(), 1, "{told:?}");
}

#[test]
fn field_06_neither_a_wake_nor_a_network_that_is_back_hurries_what_can_not_be_started() {
    for event in [Input::Wake, Input::Link(Link::Up), Input::Slept, Input::CredentialsChanged] {
        let mut queue = queue(&[rules()]);
        queue.run(5 * MINUTE, |_| false, S);
        let before = queue.taken;
        for _ in 0..20 {
            queue.world.tell(event.clone());
            queue.run(Duration::from_millis(50), |_| false, S);
        }
        assert!(queue.taken - before <= 1, "{event:?}: {} tasks", queue.taken - before);
    }
}

#[test]
fn field_06_a_poll_on_request_waits_as_well() {
    let mut world = World::new(config(&[ActivityRules { on_request: true, ..rules() }]));
    world.tell(Input::PollOnce { activity: 0 });
    assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
    world.take_task(1);
    world.tell(Input::NotStarted { id: id(1) });
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which: Which::Theirs }], "failed by name");
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.actions();
    world.tell(Input::PollOnce { activity: 0 });
    assert_eq!(world.actions(), []);
    assert!(world.wait(4 * S).contains(&Action::Poll { activity: 0 }), "and goes when the pause is over");
}

#[test]
fn field_06_a_start_that_fails_while_the_worker_stops_is_a_stop() {
    let mut world = World::new(config(&[rules()]));
    world.actions();
    world.take_task(1);
    world.tell(Input::Stop(Stop::Now));
    world.actions();
    world.tell(Input::NotStarted { id: id(1) });
    let which = Which::Own(OwnFailure::Stopping);
    assert_eq!(world.actions(), [Action::KeepOutcome { id: id(1), which }]);
}

#[test]
fn field_06_a_handler_that_is_at_work_for_ten_seconds_was_started() {
    let poll = Action::Poll { activity: 0 };
    let mut world = World::new(config(&[ActivityRules { concurrency: 4, ..rules() }]));
    world.actions();
    world.take_task(1);
    world.tell(Input::NotStarted { id: id(1) });
    world.tell(Input::OutcomeKept { id: id(1), kept: Kept::Yes });
    world.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Empty, took: MINUTE });
    while !world.wait(MINUTE).contains(&poll) {}
    assert_eq!(world.take_task(2), [Action::Run { id: id(2), run: 1 }], "and no poll beside it");
    let began = world.now;
    while world.engine.starts_fail(0) {
        world.now += Duration::from_millis(100);
        assert_eq!(world.actions().contains(&poll), world.now - began >= 10 * S, "{:?}", world.now - began);
    }
    assert_eq!(world.now - began, 10 * S);
}

//! One task from its poll to its end, as far as the engine decides it, while others are held.

use std::time::Duration;

use activity_worker::engine::{
    Action, ActivityRules, Config, Engine, FoundState, Input, Kept, PollAnswer, TASKS_MAX,
};
use activity_worker_benches::{HELD, token};

const TOOK: Duration = Duration::from_millis(50);

fn main() {
    divan::main();
}

/// An engine whose held tasks wait for an app.
struct World {
    engine: Engine,
    now: Duration,
    next: usize,
}

impl World {
    fn holding(held: usize) -> Self {
        let rules = |deferred| ActivityRules {
            concurrency: if deferred { TASKS_MAX } else { 1 },
            heartbeat: Duration::from_secs(86_400),
            deferred,
            safe_to_repeat: false,
            on_request: deferred,
        };
        let config = Config {
            activities: [rules(false), rules(true)].into_iter().collect(),
            max_tasks: TASKS_MAX,
            comeback_window: Duration::ZERO,
            max_backoff: Duration::from_secs(120),
            lease: Duration::from_secs(86_400),
            adopted_heartbeat: None,
            seed: 42,
        };
        let now = Duration::from_secs(1_000);
        let mut world = World { engine: Engine::new(config, now), now, next: held };
        world.tell(Input::Room { tasks: 100 });
        for number in 0..held {
            let id = token(number).id();
            let state = FoundState::Deferred;
            world.tell(Input::Found { id, activity: Some(1), adopted: false, deferred: true, state });
        }
        world
    }

    fn tell(&mut self, input: Input) {
        self.engine.apply(self.now, input);
    }

    /// Carries out all that is asked for, at once, until a task is forgotten. Each poll brings a new one.
    fn work_one(&mut self) {
        loop {
            let Some(action) = self.engine.next(self.now) else {
                // As a driver does: asked after each step, and slept until then.
                self.now = self.engine.wake_at().expect("a task under way").max(self.now + TOOK);
                continue;
            };
            if self.carry_out(action) {
                return;
            }
        }
    }

    /// Whether the task is over.
    fn carry_out(&mut self, action: Action) -> bool {
        let answer = match action {
            Action::LookAtRoom => Input::Room { tasks: 100 },
            Action::Poll { activity } => {
                self.next += 1;
                let answer = PollAnswer::Task(token(self.next).id());
                Input::PollEnded { activity, answer, took: TOOK }
            }
            Action::KeepTask { id } => Input::TaskKept { id },
            Action::Run { id, .. } => Input::OutcomeReady { id, success: true },
            Action::KeepOutcome { id, .. } => Input::OutcomeKept { id, kept: Kept::Yes },
            Action::Call { id, call } => Input::CallEnded { id, call, answer: Ok(()), took: TOOK },
            Action::Forget { id, .. } => Input::Forgotten { id },
            _ => return false,
        };
        let is_over = matches!(answer, Input::Forgotten { .. });
        self.tell(answer);
        is_over
    }
}

#[divan::bench(args = HELD)]
fn task(bencher: divan::Bencher, held: usize) {
    let mut world = World::holding(held);
    bencher.bench_local(move || world.work_one());
}

/// What a driver asks after each step: when the next thing is due.
#[divan::bench(args = HELD)]
fn wake_at(bencher: divan::Bencher, held: usize) {
    let mut world = World::holding(held);
    world.work_one();
    bencher.bench_local(|| world.engine.wake_at());
}

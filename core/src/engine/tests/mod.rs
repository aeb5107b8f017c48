//! The whole engine against a scripted world with a clock of its own.

mod beats;
mod chaos;
// It holds more states in memory than 32 bits can name, and none of them knows of a machine.
#[cfg(target_pointer_width = "64")]
mod model;
mod results;
mod stops;

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
    ActivityRules {
        concurrency: 1,
        heartbeat: 30 * S,
        deferred: false,
        safe_to_repeat: false,
        on_request: false,
    }
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
    waits: u32,
}

impl World {
    fn new(config: Config) -> Self {
        let now = 1000 * S;
        let mut world = World { engine: Engine::new(config, now), now, waits: 0 };
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
        self.waits += 1;
        assert!(self.waits < 100_000, "what is waited for never comes");
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

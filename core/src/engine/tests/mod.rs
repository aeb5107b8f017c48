//! The whole engine against a scripted world with a clock of its own.

mod answers;
mod beats;
mod chaos;
mod demand;
mod ends;
// It holds more states in memory than 32 bits can name, and none of them knows of a machine.
mod found;
mod idle;
mod many;
#[cfg(target_pointer_width = "64")]
mod model;
mod offline;
mod results;
mod room;
mod sight;
mod slow_reports;
mod starts;
mod stops;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::slots::{Slot, Stage};
use super::*;
use crate::{ErrorClass, Settlement, TaskId};

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

fn failed(class: ErrorClass, maybe_taken: bool) -> Result<(), CallFailure> {
    Err(CallFailure { class, maybe_taken, retry_after: None })
}

/// An engine, its time, and what it has asked for.
struct World {
    engine: Engine,
    now: Time,
    waits: u32,
    /// The test itself answers when the room is looked at.
    slow_disk: bool,
}

impl World {
    fn new(config: Config) -> Self {
        let now = 1000 * S;
        let mut world = World { engine: Engine::new(config, now), now, waits: 0, slow_disk: false };
        world.tell(Input::Room { tasks: 100 });
        world.now += 10 * S;
        world
    }

    fn tell(&mut self, input: Input) {
        self.engine.apply(self.now, input);
    }

    /// Everything that is due now, notices left out.
    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.next()).filter(|a| !matches!(a, Action::Notify(_))).collect()
    }

    /// The disk is as it was, unless a test says something else.
    fn next(&mut self) -> Option<Action> {
        loop {
            match self.engine.next(self.now)? {
                Action::LookAtRoom if !self.slow_disk => {
                    let tasks = self.engine.room;
                    self.tell(Input::Room { tasks });
                }
                action => return Some(action),
            }
        }
    }

    fn notices(&mut self) -> Vec<Notice> {
        let notice = |a| match a {
            Action::Notify(notice) => Some(notice),
            _ => None,
        };
        std::iter::from_fn(|| self.next()).filter_map(notice).collect()
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
        self.tell(Input::CallEnded { id: id(n), call: Call::Report, answer, took });
    }

    fn beat_ends(&mut self, n: u8, answer: Result<(), CallFailure>) {
        let took = Duration::from_millis(100);
        self.now += took;
        self.tell(Input::CallEnded { id: id(n), call: Call::Beat, answer, took });
    }

    /// A poll brings task `n`, and it is kept.
    fn take_task(&mut self, n: u8) -> Vec<Action> {
        self.tell(Input::PollEnded { activity: 0, answer: PollAnswer::Task(id(n)), took: S });
        assert_eq!(self.actions()[0], Action::KeepTask { id: id(n) });
        self.tell(Input::TaskKept { id: id(n) });
        self.actions()
    }

    /// A poll brings task `n`, its handler succeeds, and its outcome is kept.
    fn keep_result(&mut self, n: u8) {
        self.take_task(n);
        self.tell(Input::OutcomeReady { id: id(n), success: true });
        self.actions();
        self.tell(Input::OutcomeKept { id: id(n), kept: Kept::Yes });
    }

    /// A task whose outcome is kept, and whose first report is under way.
    fn reporting() -> Self {
        let mut world = World::new(config(&[rules()]));
        assert_eq!(world.actions(), [Action::Poll { activity: 0 }]);
        world.keep_result(1);
        assert!(world.actions().contains(&Action::Call { id: id(1), call: Call::Report }));
        world
    }
}

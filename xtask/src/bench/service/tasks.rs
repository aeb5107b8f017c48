//! The tasks that the service has to give, and when each was handed out and reported.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Begins every token, as the emulator's do: what prints one has told a secret of the tests.
const PREFIX: &str = concat!("AAAAKgAAAAI", "AAAAAAAAAA");
/// Follows the number in a token, so that it is as long as the service's are.
const FILL: usize = 512;
/// How often the bench looks whether tasks are through: rarely, since to count them is work too.
const GLANCE: Duration = Duration::from_millis(5);

/// All tasks, by number.
#[derive(Default)]
pub(super) struct Tasks {
    state: Mutex<State>,
    /// For polls: a task was given, or they are to end.
    given: Condvar,
}

#[derive(Default)]
struct State {
    /// By activity: those that nobody has taken yet.
    waiting: BTreeMap<String, VecDeque<usize>>,
    all: Vec<Task>,
    /// How often all polls were ended.
    era: u64,
}

#[derive(Default)]
struct Task {
    handed: Option<Instant>,
    reported: Option<Instant>,
}

impl Tasks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New tasks of an activity, there at once.
    pub(super) fn give(&self, activity: &str, count: usize) -> Range<usize> {
        let mut state = self.state();
        let first = state.all.len();
        let range = first..first + count;
        state.all.extend(range.clone().map(|_| Task::default()));
        state.waiting.entry(activity.to_owned()).or_default().extend(range.clone());
        self.given.notify_all();
        range
    }

    /// The next task of an activity; `None` if none came within this time, or polls were ended.
    pub(super) fn take(&self, activity: &str, at_most: Duration) -> Option<usize> {
        let end = Instant::now() + at_most;
        let mut state = self.state();
        let era = state.era;
        loop {
            if state.era != era {
                return None;
            }
            if let Some(number) = state.waiting.get_mut(activity).and_then(VecDeque::pop_front) {
                return Some(number);
            }
            let left = end.checked_duration_since(Instant::now())?;
            state = self.given.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends every poll that waits.
    pub(super) fn end_polls(&self) {
        self.state().era += 1;
        self.given.notify_all();
    }

    /// The answer that brings a task is about to be written.
    pub(super) fn handed(&self, number: usize) {
        self.mark(number, |task| &mut task.handed);
    }

    /// A task's result was taken.
    pub(super) fn reported(&self, number: usize) {
        self.mark(number, |task| &mut task.reported);
    }

    fn mark(&self, number: usize, of: fn(&mut Task) -> &mut Option<Instant>) {
        if let Some(task) = self.state().all.get_mut(number) {
            of(task).get_or_insert_with(Instant::now);
        }
    }

    /// Waits until each of these was handed out, and says when.
    pub(super) fn wait_handed(
        &self,
        range: &Range<usize>,
        at_most: Duration,
    ) -> Result<Vec<Instant>, String> {
        self.wait(range, at_most, "handed out", |task| task.handed)
    }

    /// Waits until each of these was reported, and says when.
    pub(super) fn wait_reported(
        &self,
        range: &Range<usize>,
        at_most: Duration,
    ) -> Result<Vec<Instant>, String> {
        self.wait(range, at_most, "reported", |task| task.reported)
    }

    fn wait(
        &self,
        range: &Range<usize>,
        at_most: Duration,
        what: &str,
        of: fn(&Task) -> Option<Instant>,
    ) -> Result<Vec<Instant>, String> {
        let end = Instant::now() + at_most;
        let mut state = self.state();
        loop {
            let tasks = state.all.get(range.clone()).unwrap_or_default();
            let times: Vec<Instant> = tasks.iter().filter_map(of).collect();
            if times.len() == range.len() {
                return Ok(times);
            }
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                let (some, all) = (times.len(), range.len());
                return Err(format!("{some} of {all} tasks {what} within {} s", at_most.as_secs()));
            };
            drop(state);
            std::thread::sleep(left.min(GLANCE));
            state = self.state();
        }
    }
}

/// The token of a task.
pub(super) fn token(number: usize) -> String {
    format!("{PREFIX}{number:016x}{}", "b".repeat(FILL))
}

/// The number of the task that has this token.
pub(super) fn number(token: &str) -> Option<usize> {
    usize::from_str_radix(token.strip_prefix(PREFIX)?.get(..16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_given_once_and_known_by_its_token() {
        let tasks = Tasks::default();
        let range = tasks.give("a", 2);
        assert_eq!(tasks.take("b", Duration::ZERO), None);
        assert_eq!(tasks.take("a", Duration::ZERO), Some(0));
        assert_eq!(tasks.take("a", Duration::ZERO), Some(1));
        assert_eq!(tasks.take("a", Duration::ZERO), None);
        assert_eq!(number(&token(77)), Some(77));
        assert_eq!(number("77"), None);
        tasks.reported(0);
        assert!(tasks.wait_reported(&range, Duration::ZERO).unwrap_err().starts_with("1 of 2 tasks"));
        tasks.reported(1);
        assert_eq!(tasks.wait_reported(&range, Duration::ZERO).unwrap().len(), 2);
    }
}

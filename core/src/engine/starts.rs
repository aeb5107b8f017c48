//! Whether an activity's handlers can be started. A device that can start nothing fails each task as fast as it gets one: it would
//! eat a queue that other devices could work. So a start that fails slows the polls of its activity, and until one works there is
//! no second task whose start is not proven.

use std::time::Duration;

use super::jitter;
use super::protocol::{ACTIVITIES_MAX, Time};
use super::slots::{Slot, Stage};

/// The longest pause after a first failure.
const BASE: Duration = Duration::from_secs(2);
/// A start that fails says so sooner: a handler that is at work for so long was started.
const PROVEN: Duration = Duration::from_secs(10);

/// The starts of all activities.
#[derive(Debug, Clone)]
pub struct Starts {
    activities: heapless::Vec<Option<Failing>, ACTIVITIES_MAX>,
}

/// The last start failed.
#[derive(Debug, Clone, Copy)]
struct Failing {
    failures: u32,
    last: Time,
    /// No poll before.
    due: Time,
}

impl Starts {
    /// Nothing has failed yet.
    pub fn new(activities: usize) -> Self {
        Starts { activities: std::iter::repeat_n(None, activities.min(ACTIVITIES_MAX)).collect() }
    }

    /// Whether handlers of this activity can't be started.
    pub fn fail(&self, activity: usize) -> bool {
        self.failing(activity).is_some()
    }

    /// A start failed that was begun at `began`. True if it is the first.
    pub fn failed(
        &mut self,
        activity: usize,
        began: Time,
        now: Time,
        max_backoff: Duration,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let Some(place) = self.activities.get_mut(activity) else { return false };
        let failures = place.map_or(0, |failing| failing.failures);
        // Starts that were under way together are one failure, not fifty.
        if place.is_none_or(|failing| began > failing.last) {
            let most = BASE.saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX)).min(max_backoff);
            let due = now + jitter::half(rng, most);
            *place = Some(Failing { failures: failures + 1, last: now, due });
        }
        failures == 0
    }

    /// A handler that began at `began` was started. True if starts failed before.
    pub fn worked(&mut self, activity: usize, began: Time) -> bool {
        let news = self.failing(activity).is_some_and(|failing| began > failing.last);
        if news && let Some(place) = self.activities.get_mut(activity) {
            *place = None;
        }
        news
    }

    /// From when on the activity may be polled; `None` while the start of a task that came since is not proven.
    pub fn opens_at<'a>(&self, activity: usize, slots: impl Iterator<Item = &'a Slot>) -> Option<Time> {
        let Some(failing) = self.failing(activity) else { return Some(Time::ZERO) };
        let mut slots = slots.filter(|slot| slot.activity == Some(activity));
        let unproven = |slot: &Slot| {
            slot.stage == Stage::Accepting || slot.runs_since().is_some_and(|began| began > failing.last)
        };
        (!slots.any(unproven)).then_some(failing.due)
    }

    /// When this handler counts as started, if that is news.
    pub fn proven_at(&self, slot: &Slot) -> Option<Time> {
        let (failing, began) = self.failing(slot.activity?).zip(slot.runs_since())?;
        (began > failing.last).then_some(began + PROVEN)
    }

    fn failing(&self, activity: usize) -> Option<Failing> {
        self.activities.get(activity).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskId;

    const S: Duration = Duration::from_secs(1);

    fn failing() -> (Starts, fastrand::Rng) {
        let (mut starts, mut rng) = (Starts::new(2), fastrand::Rng::with_seed(1));
        assert!(starts.failed(0, S, 2 * S, 120 * S, &mut rng), "the first");
        (starts, rng)
    }

    fn running(activity: usize, began: Time) -> Slot {
        let began = Some(began);
        Slot { began, ..Slot::new(TaskId::from_bytes([1; 16]), Some(activity), Stage::Running, S) }
    }

    #[test]
    fn field_06_pauses_after_starts_that_fail_grow_to_the_longest() {
        let (mut starts, mut rng) = failing();
        for failures in 1..10 {
            let now = 1000 * failures * S;
            assert!(!starts.failed(0, now - S, now, 120 * S, &mut rng));
            let (pause, most) =
                (starts.opens_at(0, [].iter()).unwrap() - now, (BASE * 2u32.pow(failures)).min(120 * S));
            assert!(pause >= most / 2 && pause <= most, "after {failures}: {pause:?}");
        }
        assert!(!starts.fail(1) && !starts.failed(9, S, S, S, &mut rng), "of its activity alone");
    }

    #[test]
    fn field_06_what_began_before_the_last_failure_was_known_is_the_same_failure_and_proves_nothing() {
        let (mut starts, mut rng) = failing();
        let due = starts.opens_at(0, [].iter());
        for began in [S, 2 * S] {
            assert!(!starts.failed(0, began, 100 * S, 120 * S, &mut rng));
            assert_eq!(starts.opens_at(0, [running(0, began)].iter()), due, "nor is it waited for");
            assert_eq!(starts.proven_at(&running(0, began)), None);
            assert!(!starts.worked(0, began) && starts.fail(0));
        }
        assert_eq!(starts.opens_at(0, [running(0, 3 * S)].iter()), None, "what began since is");
        assert_eq!(starts.opens_at(0, [running(1, 3 * S)].iter()), due, "if it is the activity's");
        assert_eq!(starts.proven_at(&running(0, 3 * S)), Some(3 * S + PROVEN));
        assert!(starts.worked(0, 3 * S) && !starts.fail(0));
        assert!(!starts.worked(0, 4 * S), "no news");
    }

    #[test]
    fn field_06_a_task_that_is_being_kept_is_waited_for() {
        let (starts, _) = failing();
        let keeping = Slot { stage: Stage::Accepting, began: None, ..running(0, S) };
        assert_eq!(starts.opens_at(0, [keeping].iter()), None);
    }
}

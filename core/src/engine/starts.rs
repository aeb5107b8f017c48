//! Whether an activity's handlers can be started. A device that can start nothing fails each task as fast as it gets one: it would
//! eat a queue that other devices could work. So a start that fails slows the polls of its activity, and until one works there is
//! no second task whose start is not proven.

use std::time::Duration;

use super::jitter;
use super::protocol::{ACTIVITIES_MAX, Time};

/// The longest pause after a first failure.
const BASE: Duration = Duration::from_secs(2);
/// A start that fails says so sooner: a handler that is at work for so long was started.
pub(super) const PROVEN: Duration = Duration::from_secs(10);

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

    /// From when on the activity may be polled; `None` while it has an `unproven` start: of a task that is being accepted, or began
    /// after the [last failure](Self::last_failure).
    pub fn opens_at(&self, activity: usize, unproven: bool) -> Option<Time> {
        let Some(failing) = self.failing(activity) else { return Some(Time::ZERO) };
        (!unproven).then_some(failing.due)
    }

    /// When a start of the activity last failed, if none has worked since. Handlers that began later count as started, and that is
    /// news, once they were at work for ten seconds.
    pub fn last_failure(&self, activity: usize) -> Option<Time> {
        self.failing(activity).map(|failing| failing.last)
    }

    fn failing(&self, activity: usize) -> Option<Failing> {
        self.activities.get(activity).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn failing() -> (Starts, fastrand::Rng) {
        let (mut starts, mut rng) = (Starts::new(2), fastrand::Rng::with_seed(1));
        assert!(starts.failed(0, S, 2 * S, 120 * S, &mut rng), "the first");
        (starts, rng)
    }

    #[test]
    fn field_06_pauses_after_starts_that_fail_grow_to_the_longest() {
        let (mut starts, mut rng) = failing();
        for failures in 1..10 {
            let now = 1000 * failures * S;
            assert!(!starts.failed(0, now - S, now, 120 * S, &mut rng));
            let (pause, most) =
                (starts.opens_at(0, false).unwrap() - now, (BASE * 2u32.pow(failures)).min(120 * S));
            assert!(pause >= most / 2 && pause <= most, "after {failures}: {pause:?}");
        }
        assert!(!starts.fail(1) && !starts.failed(9, S, S, S, &mut rng), "of its activity alone");
    }

    #[test]
    fn field_06_what_began_before_the_last_failure_was_known_is_the_same_failure_and_proves_nothing() {
        let (mut starts, mut rng) = failing();
        let due = starts.opens_at(0, false);
        for began in [S, 2 * S] {
            assert!(!starts.failed(0, began, 100 * S, 120 * S, &mut rng));
            assert_eq!(starts.opens_at(0, false), due, "nor is it waited for");
            assert!(starts.last_failure(0) >= Some(began));
            assert!(!starts.worked(0, began) && starts.fail(0));
        }
        assert_eq!(starts.opens_at(0, true), None, "what began since is");
        assert_eq!((starts.opens_at(1, true), starts.last_failure(1)), (Some(Time::ZERO), None));
        assert!(starts.last_failure(0) < Some(3 * S));
        assert!(starts.worked(0, 3 * S) && !starts.fail(0));
        assert!(!starts.worked(0, 4 * S), "no news");
    }
}

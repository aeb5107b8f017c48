//! When an activity may be polled, and by how many polls at once. One waits while the queue is empty. A poll that brings a task opens
//! one more, up to what the activity was told, since an answer takes a round trip; one that comes back empty leaves a single one.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::jitter;
use super::protocol::{ACTIVITIES_MAX, Time};
use crate::ErrorClass;
use crate::plants::planted;

/// How many polls of one activity there may be at once. More are of no use to a device.
pub const POLLERS: RangeInclusive<usize> = 1..=16;
/// A poll that comes back empty sooner did not wait as the service does: pause, or it spins.
const HONEST_POLL: Duration = Duration::from_secs(5);
/// The first pause after a failed poll.
const BASE: Duration = Duration::from_secs(1);
/// The longest pause where only an operator can mend it (no such activity, not allowed).
const SLOW: Duration = Duration::from_secs(300);

/// The polls of all activities.
#[derive(Debug, Clone)]
pub struct Polls {
    activities: heapless::Vec<One, ACTIVITIES_MAX>,
}

#[derive(Debug, Clone)]
struct One {
    in_flight: usize,
    /// So many at once; and the most.
    wanted: usize,
    most: usize,
    requested: bool,
    due: Time,
    failures: u32,
    refused: bool,
    empty: bool,
}

impl Polls {
    /// An activity for each number: the most polls of it at once. The first polls go at `first`.
    pub fn new(most: impl Iterator<Item = usize>, first: Time) -> Self {
        let one = |most: usize| One {
            in_flight: 0,
            wanted: 1,
            most: most.max(1),
            requested: false,
            due: first,
            failures: 0,
            refused: false,
            empty: false,
        };
        Polls { activities: most.take(ACTIVITIES_MAX).map(one).collect() }
    }

    /// How many are under way.
    pub fn in_flight(&self) -> usize {
        self.activities.iter().map(|a| a.in_flight).sum()
    }

    /// How many of this activity are under way.
    pub fn in_flight_of(&self, activity: usize) -> usize {
        self.activities.get(activity).map_or(0, |a| a.in_flight)
    }

    /// Someone wants this activity polled once, now; or no longer.
    pub fn request(&mut self, activity: usize, now: Option<Time>) {
        if let Some(one) = self.activities.get_mut(activity) {
            one.requested = now.is_some();
            one.due = one.due.min(now.unwrap_or(one.due));
        }
    }

    /// Whether someone wants this activity polled once.
    pub fn is_requested(&self, activity: usize) -> bool {
        self.activities.get(activity).is_some_and(|a| a.requested)
    }

    /// Whether the last poll of this activity, since anything ended, came back empty.
    pub fn was_empty(&self, activity: usize) -> bool {
        self.activities.get(activity).is_some_and(|a| a.empty)
    }

    /// Something ended, so that new work may follow: no activity counts as empty any more.
    pub fn forget_empty(&mut self) {
        for activity in &mut self.activities {
            activity.empty = false;
        }
    }

    /// A poll goes.
    pub fn begin(&mut self, activity: usize) {
        if let Some(one) = self.activities.get_mut(activity) {
            one.in_flight += 1;
            one.requested = false;
        }
    }

    /// A poll was answered, with a task or without. True if polls of the activity were refused before.
    pub fn answered(
        &mut self,
        activity: usize,
        now: Time,
        empty: bool,
        took: Duration,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let Some(one) = self.activities.get_mut(activity) else { return false };
        one.in_flight = one.in_flight.saturating_sub(1);
        one.empty = empty;
        one.wanted = if empty { 1 } else { (one.wanted + 1).min(one.most) };
        if empty && took < HONEST_POLL {
            one.due = now + jitter::full(rng, BASE, HONEST_POLL, one.failures);
            one.failures += 1;
        } else {
            one.due = now;
            one.failures = 0;
        }
        std::mem::take(&mut one.refused)
    }

    /// A poll failed. True if an operator should hear of it, for the first time.
    pub fn failed(
        &mut self,
        activity: usize,
        now: Time,
        class: ErrorClass,
        retry_after: Option<Duration>,
        max_backoff: Duration,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let Some(one) = self.activities.get_mut(activity) else { return false };
        one.in_flight = one.in_flight.saturating_sub(1);
        one.empty = false;
        one.wanted = 1;
        let refused = matches!(
            class,
            ErrorClass::NoActivity
                | ErrorClass::Denied
                | ErrorClass::Held
                | ErrorClass::Settled
                | ErrorClass::BadOutput
        );
        let pause = match class {
            // The link decides when the network is tried again; this only keeps a poll that fails by its own fault from spinning.
            ErrorClass::Network => jitter::full(rng, BASE, max_backoff, one.failures.min(3)),
            _ if refused => jitter::half(rng, (BASE * 2u32.pow(one.failures.min(9))).min(SLOW)),
            _ => jitter::full(rng, BASE, max_backoff, one.failures),
        };
        // Polls that are under way together are one failure, and what the last of them meets is the news.
        if one.in_flight == 0 {
            one.failures += 1;
            one.due = now + pause;
        }
        one.due = one.due.max(now + retry_after.unwrap_or_default());
        if planted("polls-end-with-the-network") && class == ErrorClass::Network {
            one.due = now + Duration::from_secs(1 << 28);
        }
        refused && !std::mem::replace(&mut one.refused, refused)
    }

    /// The network is back, or someone wants it now: pauses end, those that wait for an operator too.
    pub fn hurry(&mut self, now: Time) {
        for one in &mut self.activities {
            one.due = one.due.min(now);
            one.failures = 0;
        }
    }

    /// When the next poll is due by the activity's own pace; `None` while as many as are wanted are under way.
    pub fn due(&self, activity: usize) -> Option<Time> {
        self.activities.get(activity).filter(|a| a.in_flight < a.wanted).map(|a| a.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_that_came_too_soon_to_be_a_long_poll_is_followed_by_a_pause() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut polls = Polls::new([1].into_iter(), S);
        polls.begin(0);
        polls.answered(0, 2 * S, true, Duration::from_millis(3), &mut rng);
        assert!(polls.due(0).unwrap() > 2 * S && polls.due(0).unwrap() < 8 * S);
        polls.begin(0);
        polls.answered(0, 70 * S, true, 60 * S, &mut rng);
        assert_eq!(polls.due(0), Some(70 * S));
        polls.answered(0, 80 * S, true, HONEST_POLL, &mut rng);
        assert_eq!(polls.due(0), Some(80 * S), "long enough");
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            polls.answered(0, 90 * S, true, S, &mut rng);
            longest = longest.max(polls.due(0).unwrap() - 90 * S);
        }
        assert!(longest > 3 * S && longest <= HONEST_POLL, "pauses grow: {longest:?}");
    }

    #[test]
    fn polls_that_bring_tasks_open_more_and_one_that_brings_none_leaves_a_single_one() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut polls = Polls::new([3].into_iter(), S);
        let go = |polls: &mut Polls| {
            let before = polls.in_flight();
            while polls.due(0).is_some() {
                polls.begin(0);
            }
            polls.in_flight() - before
        };
        assert_eq!(go(&mut polls), 1);
        polls.answered(0, S, false, S, &mut rng);
        assert_eq!(go(&mut polls), 2);
        polls.answered(0, S, false, S, &mut rng);
        assert_eq!(go(&mut polls), 2);
        polls.answered(0, S, false, S, &mut rng);
        assert_eq!(go(&mut polls), 1, "three at most");
        polls.answered(0, S, true, 60 * S, &mut rng);
        polls.answered(0, S, true, 60 * S, &mut rng);
        assert_eq!((go(&mut polls), polls.in_flight_of(0)), (0, 1), "the others run out");
        polls.answered(0, S, false, 60 * S, &mut rng);
        assert_eq!(go(&mut polls), 2);
        polls.failed(0, S, ErrorClass::Network, None, 120 * S, &mut rng);
        polls.failed(0, S, ErrorClass::Network, None, 120 * S, &mut rng);
        assert_eq!(go(&mut polls), 1, "one finds out whether the network is back");
    }

    #[test]
    fn p10_polls_that_fail_together_are_one_failure() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut polls = Polls::new([16].into_iter(), S);
        for _ in 0..16 {
            polls.begin(0);
            polls.answered(0, S, false, S, &mut rng);
        }
        (0..16).for_each(|_| polls.begin(0));
        for n in 0..16 {
            assert!(n == 0 || polls.due(0).is_none(), "{n}: none goes before all have ended");
            polls.failed(0, 2 * S, ErrorClass::Server, None, 120 * S, &mut rng);
        }
        assert!(polls.due(0).unwrap() <= 3 * S, "a first failure's pause");
    }

    #[test]
    fn p10_how_slow_polls_get_depends_on_who_can_mend_it() {
        let cases = [
            // The link decides when it is tried again.
            (ErrorClass::Network, Duration::ZERO, 8 * S),
            (ErrorClass::Server, Duration::ZERO, 120 * S),
            (ErrorClass::Denied, SLOW / 2, SLOW),
        ];
        for (class, shortest, longest) in cases {
            let mut rng = fastrand::Rng::with_seed(3);
            let mut polls = Polls::new([1].into_iter(), S);
            let mut fail = |retry_after| {
                polls.failed(0, S, class, retry_after, 120 * S, &mut rng);
                polls.due(0).unwrap() - S
            };
            (0..20).for_each(|_| _ = fail(None));
            let pauses: Vec<_> = (0..50).map(|_| fail(None)).collect();
            assert!(
                pauses.iter().all(|pause| *pause >= shortest && *pause <= longest),
                "{class:?}: {pauses:?}"
            );
            assert!(pauses.iter().any(|pause| *pause > longest * 3 / 4), "{class:?}: {pauses:?}");
            assert_eq!(fail(Some(3600 * S)), 3600 * S, "{class:?}: the service's wish counts");
        }
    }

    #[test]
    fn what_is_wished_for_now_ends_all_pauses_and_hurries_none_that_are_over() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut polls = Polls::new([1, 1].into_iter(), S);
        for _ in 0..10 {
            polls.failed(0, 9 * S, ErrorClass::Denied, None, 120 * S, &mut rng);
        }
        polls.hurry(10 * S);
        assert_eq!((polls.due(0), polls.due(1)), (Some(10 * S), Some(S)));
        polls.failed(0, 10 * S, ErrorClass::Denied, None, 120 * S, &mut rng);
        assert!(polls.due(0).unwrap() <= 11 * S, "and pauses grow anew");
    }

    #[test]
    fn a_missing_activity_is_polled_slowly_and_said_once() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut polls = Polls::new([1].into_iter(), S);
        let mut now = S;
        let mut said = 0;
        for _ in 0..20 {
            polls.begin(0);
            said += u32::from(polls.failed(0, now, ErrorClass::NoActivity, None, 120 * S, &mut rng));
            now = polls.due(0).unwrap();
        }
        assert_eq!(said, 1);
        assert!(now > 11 * SLOW / 2, "20 polls within {now:?}");
        polls.begin(0);
        assert!(polls.answered(0, now, true, 60 * S, &mut rng), "that it works again is worth a word");
    }
}

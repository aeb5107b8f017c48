//! P2: a device that can start nothing tries one task after each pause, and the pauses grow.

use std::time::Duration;

use super::finding::{Finding, broken};
use crate::scenario::{HANDLED, Scenario};

/// The longest pause after a first failure.
const FIRST: Duration = Duration::from_secs(2);

/// How many starts failed of late.
#[derive(Default)]
pub(crate) struct FailedStarts {
    since: Duration,
    /// Tasks that the process had already.
    had: usize,
    count: usize,
}

impl FailedStarts {
    /// Whatever the worker knew of its starts it may know no more.
    pub(crate) fn count_from(&mut self, now: Duration, had: usize) {
        *self = FailedStarts { since: now, had, count: 0 };
    }

    /// One more failed.
    pub(crate) fn one_more(&mut self, scenario: &Scenario, now: Duration) -> Result<(), Finding> {
        self.count += 1;
        let FailedStarts { since, had, count } = *self;
        let long = now.saturating_sub(since);
        // What was under way when the first one failed comes on top.
        let most = had + scenario.activities[HANDLED].concurrency + pauses(long, scenario.plan.max_backoff);
        if count <= most {
            return Ok(());
        }
        broken(
            "P2",
            format!("{count} tasks were taken in {} s, and no handler can be started", long.as_secs()),
        )
    }
}

/// How many pauses fit into this time, each as short as it can be.
fn pauses(long: Duration, max_backoff: Duration) -> usize {
    let (mut at, mut next, mut count) = (Duration::ZERO, FIRST, 0);
    while at <= long {
        at += next.min(max_backoff) / 2;
        next = next.saturating_mul(2);
        count += 1;
    }
    count
}

//! `Retry` and `Catch`: which errors they match, and when to try again.

use std::time::Duration;

use super::fields::Fields;
use super::path::Path;
use crate::error::ApiError;

/// An error as `ErrorEquals` sees it: a missed heartbeat answers to two names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raised<'a> {
    /// The worker reported this error; empty if it named none.
    Failed(&'a str),
    /// TimeoutSeconds passed.
    Timeout,
    /// HeartbeatSeconds passed without a heartbeat.
    HeartbeatTimeout,
}

impl Raised<'_> {
    fn is(self, pattern: &str) -> bool {
        match (self, pattern) {
            (_, "States.ALL") => true,
            (Raised::Failed(error), pattern) => pattern == "States.TaskFailed" || pattern == error,
            (Raised::Timeout, pattern) => pattern == "States.Timeout",
            (Raised::HeartbeatTimeout, pattern) => {
                matches!(pattern, "States.Timeout" | "States.HeartbeatTimeout")
            }
        }
    }
}

/// One entry of `Retry`.
#[derive(Debug)]
pub(crate) struct Retrier {
    errors: Vec<String>,
    interval: Duration,
    pub(crate) max_attempts: u64,
    backoff_rate: f64,
    max_delay: Option<Duration>,
    /// Waits any part of the delay.
    full_jitter: bool,
}

impl Retrier {
    pub(super) fn parse(mut fields: Fields) -> Result<Self, ApiError> {
        fields.skip("Comment");
        let errors = error_names(&mut fields)?;
        let interval = fields.seconds("IntervalSeconds")?.unwrap_or(Duration::from_secs(1));
        let max_attempts = fields.whole("MaxAttempts")?.unwrap_or(3);
        let backoff_rate = match fields.take("BackoffRate").map(|v| v.as_f64()) {
            None => 2.0,
            Some(Some(rate)) if rate >= 1.0 => rate,
            Some(_) => return Err(fields.wrong("BackoffRate must be a number of at least 1.0")),
        };
        let max_delay = fields.seconds("MaxDelaySeconds")?;
        if interval.is_zero() || max_delay.is_some_and(|max| max <= interval) {
            return Err(
                fields.wrong("IntervalSeconds must be at least 1, and MaxDelaySeconds greater than it")
            );
        }
        let full_jitter = match fields.text("JitterStrategy")?.as_deref() {
            None | Some("NONE") => false,
            Some("FULL") => true,
            Some(_) => return Err(fields.wrong("JitterStrategy must be 'FULL' or 'NONE'")),
        };
        fields.finish()?;
        Ok(Retrier { errors, interval, max_attempts, backoff_rate, max_delay, full_jitter })
    }

    pub(crate) fn matches(&self, raised: Raised<'_>) -> bool {
        self.errors.iter().any(|pattern| raised.is(pattern))
    }

    /// The wait before the attempt after `attempts` retries. `chance`, from 0 to 1, is where in it full jitter ends.
    pub(crate) fn delay(&self, attempts: u64, chance: f64) -> Duration {
        /// No wait is longer, whatever the back-off: a task's longest TimeoutSeconds.
        const LONGEST: Duration = Duration::from_secs(99_999_999);
        let factor = self.backoff_rate.powf(attempts as f64);
        let delay = Duration::try_from_secs_f64(self.interval.as_secs_f64() * factor).unwrap_or(LONGEST);
        let delay = delay.min(self.max_delay.unwrap_or(LONGEST));
        if self.full_jitter { delay.mul_f64(chance.clamp(0.0, 1.0)) } else { delay }
    }
}

/// One entry of `Catch`.
#[derive(Debug)]
pub(crate) struct Catcher {
    errors: Vec<String>,
    pub(crate) next: String,
    /// Where `{"Error": ..., "Cause": ...}` goes in the state's input; `None` where it is dropped.
    pub(crate) result_path: Option<Path>,
}

impl Catcher {
    pub(super) fn parse(mut fields: Fields) -> Result<Self, ApiError> {
        fields.skip("Comment");
        let errors = error_names(&mut fields)?;
        let next = fields.required_text("Next")?;
        let result_path = fields.path("ResultPath")?;
        fields.finish()?;
        Ok(Catcher { errors, next, result_path })
    }

    pub(crate) fn matches(&self, raised: Raised<'_>) -> bool {
        self.errors.iter().any(|pattern| raised.is(pattern))
    }
}

fn error_names(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    let names = fields.required("ErrorEquals")?;
    let names: Vec<String> =
        serde_json::from_value(names).map_err(|_| fields.wrong("ErrorEquals must be a list of names"))?;
    if names.is_empty() {
        return Err(fields.wrong("ErrorEquals must not be empty"));
    }
    if names.len() > 1 && names.iter().any(|n| n == "States.ALL") {
        return Err(fields.wrong("States.ALL must stand alone in ErrorEquals"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn retrier(value: serde_json::Value) -> Result<Retrier, ApiError> {
        Retrier::parse(Fields::new(value, "/R".to_owned()).unwrap())
    }

    #[test]
    fn waits_grow_by_the_rate_up_to_the_longest_delay() {
        let retrier = retrier(
            json!({ "ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 3.0, "MaxDelaySeconds": 10 }),
        )
        .unwrap();
        let waits: Vec<u64> = (0..4).map(|n| retrier.delay(n, 0.5).as_secs()).collect();
        assert_eq!(waits, [2, 6, 10, 10]);
        assert_eq!(retrier.max_attempts, 3);
        assert_eq!(retrier.delay(u64::MAX, 0.5).as_secs(), 10);
    }

    #[test]
    fn full_jitter_waits_any_part_of_the_delay() {
        let retrier = retrier(
            json!({ "ErrorEquals": ["E"], "IntervalSeconds": 8, "MaxDelaySeconds": 20, "JitterStrategy": "FULL" }),
        )
        .unwrap();
        let waits =
            [(0, 0.0), (0, 0.25), (1, 1.0), (9, 0.5)].map(|(n, chance)| retrier.delay(n, chance).as_secs());
        assert_eq!(waits, [0, 2, 16, 10]);
    }

    #[test]
    fn a_missed_heartbeat_is_a_timeout_too_and_no_failure_of_the_task() {
        let matches =
            |pattern: &str, raised| retrier(json!({ "ErrorEquals": [pattern] })).unwrap().matches(raised);
        assert!(matches("States.Timeout", Raised::HeartbeatTimeout));
        assert!(matches("States.HeartbeatTimeout", Raised::HeartbeatTimeout));
        assert!(!matches("States.HeartbeatTimeout", Raised::Timeout));
        assert!(!matches("States.TaskFailed", Raised::Timeout));
        assert!(matches("States.TaskFailed", Raised::Failed("Worker.Stopping")));
        assert!(matches("States.ALL", Raised::Failed("")));
        assert!(!matches("Other", Raised::Failed("Worker.Stopping")));
    }

    #[test]
    fn retriers_that_make_no_sense_are_refused() {
        for bad in [
            json!({}),
            json!({ "ErrorEquals": [] }),
            json!({ "ErrorEquals": ["States.ALL", "E"] }),
            json!({ "ErrorEquals": ["E"], "BackoffRate": 0.5 }),
            json!({ "ErrorEquals": ["E"], "IntervalSeconds": 0 }),
            json!({ "ErrorEquals": ["E"], "JitterStrategy": "HALF" }),
        ] {
            assert!(retrier(bad.clone()).is_err(), "{bad}");
        }
    }
}

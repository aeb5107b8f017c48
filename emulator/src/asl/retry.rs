//! `Retry` and `Catch`: which errors they match, and when to try again.

use std::time::Duration;

use super::fields::{Fields, SECONDS_MAX};
use super::flow::{ResultPath, assign, assigned};
use super::language::Language;
use super::raised::Raised;
use super::scope::Scope;
use super::template::Template;
use super::value::Value;

/// Source: Amazon States Language, "Errors".
const MAX_DELAY_MAX: u64 = 31_622_400;

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
    fn read(mut fields: Fields<'_>) -> Self {
        fields.comment();
        let errors = error_names(&mut fields);
        let interval = fields.seconds("IntervalSeconds", 1).unwrap_or(Duration::from_secs(1));
        let max_attempts = fields.whole("MaxAttempts", 0, SECONDS_MAX).unwrap_or(3);
        let backoff_rate = match fields.take("BackoffRate").map(|value| value.as_f64()) {
            None => 2.0,
            Some(Some(rate)) if rate >= 1.0 => rate,
            Some(_) => {
                fields
                    .problems
                    .schema("The value must be a number of at least 1.0", fields.place("BackoffRate"));
                1.0
            }
        };
        let max_delay = fields.whole("MaxDelaySeconds", 1, MAX_DELAY_MAX).map(Duration::from_secs);
        if max_delay.is_some_and(|max| max <= interval) {
            fields.wrong("MaxDelaySeconds must be greater than IntervalSeconds");
        }
        let full_jitter = match fields.text("JitterStrategy").as_deref() {
            None | Some("NONE") => false,
            Some("FULL") => true,
            Some(_) => {
                fields
                    .problems
                    .schema("The value must be one of [FULL, NONE]", fields.place("JitterStrategy"));
                false
            }
        };
        fields.finish();
        Retrier { errors, interval, max_attempts, backoff_rate, max_delay, full_jitter }
    }

    pub(crate) fn matches(&self, raised: &Raised) -> bool {
        raised.is_one_of(&self.errors)
    }

    /// The wait before the attempt after `attempts` retries. `chance`, from 0 to 1, is where in it full jitter ends.
    pub(crate) fn delay(&self, attempts: u64, chance: f64) -> Duration {
        /// No wait is longer, whatever the back-off: a task's longest TimeoutSeconds.
        const LONGEST: Duration = Duration::from_secs(SECONDS_MAX);
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
    /// Where `{"Error": ..., "Cause": ...}` goes in the state's input.
    result_path: ResultPath,
    assign: Vec<(String, Template)>,
    language: Language,
    /// JSONata's `Output`.
    output: Option<Template>,
}

impl Catcher {
    fn read(mut fields: Fields<'_>) -> Self {
        fields.comment();
        let errors = error_names(&mut fields);
        let next = fields.required_text("Next").unwrap_or_default();
        let language = fields.language;
        let is_jsonata = fields.is_jsonata();
        let output = if is_jsonata { Template::take(&mut fields, "Output") } else { None };
        let result_path = if is_jsonata { ResultPath::whole() } else { ResultPath::read(&mut fields) };
        let assign = assign(&mut fields);
        fields.finish();
        Catcher { errors, next, result_path, assign, language, output }
    }

    /// What the state gives on by this catcher, and the variables that it sets.
    pub(crate) fn caught(
        &self,
        raised: &Raised,
        scope: &Scope<'_>,
    ) -> Result<(Value, Vec<(String, Value)>), Raised> {
        let error = raised.output();
        if self.language == Language::JsonPath {
            let assigned = assigned(&self.assign, &scope.on(&error))?;
            return Ok((self.result_path.put(scope.input, error.clone())?, assigned));
        }
        let scope = scope.with_error(&error);
        let assigned = assigned(&self.assign, &scope)?;
        let output = self.output.as_ref().map_or_else(|| Ok(error.clone()), |output| output.fill(&scope))?;
        Ok((output, assigned))
    }

    pub(crate) fn matches(&self, raised: &Raised) -> bool {
        raised.is_one_of(&self.errors)
    }
}

/// `Retry` and `Catch` of a state.
pub(super) fn read(fields: &mut Fields<'_>) -> (Vec<Retrier>, Vec<Catcher>) {
    let retriers: Vec<_> = fields.list("Retry").into_iter().map(Retrier::read).collect();
    let catchers: Vec<_> = fields.list("Catch").into_iter().map(Catcher::read).collect();
    last_alone(retriers.iter().map(|r| &r.errors), "Retry", fields);
    last_alone(catchers.iter().map(|c| &c.errors), "Catch", fields);
    (retriers, catchers)
}

/// `States.ALL` matches all that is left, so nothing may come after it.
fn last_alone<'a>(all: impl DoubleEndedIterator<Item = &'a Vec<String>>, name: &str, fields: &Fields<'_>) {
    let is_all = |errors: &Vec<String>| errors.iter().any(|error| error == "States.ALL");
    if all.rev().skip(1).any(is_all) {
        fields.problems.schema("States.ALL must be in the last entry", fields.place(name));
    }
}

fn error_names(fields: &mut Fields<'_>) -> Vec<String> {
    if !fields.has("ErrorEquals") {
        fields.missing("ErrorEquals");
        return Vec::new();
    }
    let place = fields.place("ErrorEquals");
    let items = fields.array("ErrorEquals").unwrap_or_default();
    let names: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
    if names.is_empty() || names.len() != items.len() {
        fields.problems.schema("The value must be a list of error names that is not empty", place);
    } else if names.len() > 1 && names.iter().any(|name| name == "States.ALL") {
        fields.problems.schema("States.ALL must stand alone", place);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asl::problem::Problems;

    fn retrier(text: &str) -> (Retrier, Vec<String>) {
        let problems = Problems::default();
        let retrier = Retrier::read(Fields::new(Value::parse(text).unwrap(), "/R", &problems).unwrap());
        (retrier, problems.into_all().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn waits_grow_by_the_rate_up_to_the_longest_delay() {
        let (retrier, problems) =
            retrier(r#"{"ErrorEquals":["E"],"IntervalSeconds":2,"BackoffRate":3.0,"MaxDelaySeconds":10}"#);
        assert!(problems.is_empty());
        let waits: Vec<u64> = (0..4).map(|n| retrier.delay(n, 0.5).as_secs()).collect();
        assert_eq!(waits, [2, 6, 10, 10]);
        assert_eq!(retrier.max_attempts, 3);
        assert_eq!(retrier.delay(u64::MAX, 0.5).as_secs(), 10);
    }

    #[test]
    fn full_jitter_waits_any_part_of_the_delay() {
        let (retrier, _) = retrier(
            r#"{"ErrorEquals":["E"],"IntervalSeconds":8,"MaxDelaySeconds":20,"JitterStrategy":"FULL"}"#,
        );
        let waits =
            [(0, 0.0), (0, 0.25), (1, 1.0), (9, 0.5)].map(|(n, chance)| retrier.delay(n, chance).as_secs());
        assert_eq!(waits, [0, 2, 16, 10]);
    }

    #[test]
    fn retriers_that_make_no_sense_are_refused() {
        for bad in [
            r#"{}"#,
            r#"{"ErrorEquals":[]}"#,
            r#"{"ErrorEquals":[1]}"#,
            r#"{"ErrorEquals":["States.ALL","E"]}"#,
            r#"{"ErrorEquals":["E"],"BackoffRate":0.5}"#,
            r#"{"ErrorEquals":["E"],"IntervalSeconds":0}"#,
            r#"{"ErrorEquals":["E"],"MaxAttempts":1.5}"#,
            r#"{"ErrorEquals":["E"],"MaxDelaySeconds":1}"#,
            r#"{"ErrorEquals":["E"],"JitterStrategy":"HALF"}"#,
            r#"{"ErrorEquals":["E"],"Next":"X"}"#,
        ] {
            assert_eq!(retrier(bad).1.len(), 1, "{bad}");
        }
    }
}

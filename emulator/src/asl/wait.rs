//! How long a Wait state waits.

use std::time::{Duration, SystemTime};

use super::expression::Expression;
use super::fields::{Fields, SECONDS_MAX};
use super::path::Path;
use super::raised::Raised;
use super::scope::Scope;
use super::timestamp;
use super::value::Value;

/// A date that is further away is refused: the service counts the seconds in 31 bits.
const LONGEST: i128 = i32::MAX as i128 * 1_000_000_000;

/// A Wait state's own field.
#[derive(Debug)]
pub(crate) enum Wait {
    Seconds(Duration),
    SecondsPath(Path),
    /// Nanoseconds since 1970.
    Timestamp(i128),
    TimestampPath(Path),
    /// JSONata's.
    SecondsOf(Expression),
    TimestampOf(Expression),
}

impl Wait {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let known = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let there: Vec<&str> = known.into_iter().filter(|name| fields.has(name)).collect();
        let [name] = there.as_slice() else {
            for name in there {
                fields.take(name);
            }
            fields.wrong(
                "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]",
            );
            return None;
        };
        if fields.is_jsonata() {
            return Self::read_jsonata(fields, name);
        }
        match *name {
            "Seconds" => fields.whole("Seconds", 0, SECONDS_MAX).map(Duration::from_secs).map(Wait::Seconds),
            "SecondsPath" => fields.path(name).map(Wait::SecondsPath),
            "Timestamp" => {
                let text = fields.text(name)?;
                let date = timestamp::parse(&text);
                if date.is_none() {
                    fields.problems.schema("The value is not a valid ISO-8601 timestamp", fields.place(name));
                }
                date.map(Wait::Timestamp)
            }
            _ => fields.path(name).map(Wait::TimestampPath),
        }
    }

    fn read_jsonata(fields: &mut Fields<'_>, name: &str) -> Option<Self> {
        if name.ends_with("Path") {
            fields.wrong(format!("Field '{name}' is not supported"));
            fields.take(name);
            return None;
        }
        let Some(Value::String(text)) = fields.get(name).cloned() else {
            return fields.whole(name, 0, SECONDS_MAX).map(Duration::from_secs).map(Wait::Seconds);
        };
        let place = fields.place(name);
        fields.take(name);
        if Expression::is_one(&text) {
            let expression = Expression::read(&text, name, &place, fields.problems)?;
            return Some(if name == "Seconds" {
                Wait::SecondsOf(expression)
            } else {
                Wait::TimestampOf(expression)
            });
        }
        let date = timestamp::parse(&text).filter(|_| name == "Timestamp");
        if date.is_none() {
            fields.problems.schema("The value is neither a valid one nor a JSONata expression", place);
        }
        date.map(Wait::Timestamp)
    }

    /// The time to wait from `now` on; zero if it is over already.
    pub(crate) fn time(&self, scope: &Scope<'_>, now: SystemTime) -> Result<Duration, Raised> {
        match self {
            Wait::Seconds(time) => Ok(*time),
            Wait::SecondsPath(path) => seconds(path.text(), &find(path, "SecondsPath", scope)?),
            Wait::SecondsOf(expression) => {
                let value = expression.value_of("number", scope)?;
                let seconds =
                    value.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=SECONDS_MAX as f64).contains(n));
                let words = || {
                    format!("The Seconds field must be an integer from 0 to {SECONDS_MAX} but was: {value}")
                };
                seconds
                    .map(|n| Duration::from_secs(n as u64))
                    .ok_or_else(|| Raised::evaluation("Seconds", words()))
            }
            Wait::TimestampOf(expression) => {
                let value = expression.value_of("string", scope)?;
                let text = value.as_str().unwrap_or_default();
                let words = "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string";
                until(
                    timestamp::parse(text)
                        .ok_or_else(|| Raised::evaluation("Timestamp", format!("{words}: {text}")))?,
                    now,
                )
            }
            Wait::Timestamp(date) => until(*date, now),
            Wait::TimestampPath(path) => {
                let value = find(path, "TimestampPath", scope)?;
                let date = value.as_str().and_then(timestamp::parse).ok_or_else(|| {
                    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let words = "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string";
                    Raised::runtime(format!("{words}: {} == {shown}", path.text()))
                })?;
                until(date, now)
            }
        }
    }
}

fn find(path: &Path, name: &str, scope: &Scope<'_>) -> Result<Value, Raised> {
    let found = scope.find(path);
    found.map_err(|_| {
        Raised::runtime(format!("The {name} parameter does not reference an input value: {}", path.text()))
    })
}

fn seconds(path: &str, value: &Value) -> Result<Duration, Raised> {
    let number = match value {
        Value::Number(number) => number.as_f64().filter(|n| n.fract() == 0.0),
        Value::String(text) => text.parse::<i64>().ok().map(|n| n as f64),
        _ => None,
    };
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let raise =
        |what: &str| Err(Raised::runtime(format!("The SecondsPath parameter {what}: {path} == {shown}")));
    match number {
        None => raise("cannot be parsed as a long value"),
        Some(number) if number < 0.0 => raise("references a negative value"),
        Some(number) if number > SECONDS_MAX as f64 => Err(too_long()),
        Some(number) => Ok(Duration::from_secs(number as u64)),
    }
}

fn until(date: i128, now: SystemTime) -> Result<Duration, Raised> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let left = date - i128::try_from(since.as_nanos()).unwrap_or(0);
    if left > LONGEST {
        return Err(too_long());
    }
    Ok(Duration::from_nanos(u64::try_from(left.max(0)).unwrap_or(0)))
}

fn too_long() -> Raised {
    Raised::runtime("Wait state delay is too long.")
}

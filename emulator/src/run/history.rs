//! What happened in an execution, in the service's words.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

/// One event of an execution's history, as `GetExecutionHistory` gives it. `Debug` shows no inputs and outputs.
#[derive(Clone)]
#[non_exhaustive]
pub struct HistoryEvent {
    /// Counts from 1.
    pub id: u64,
    /// The event this one follows; 0 for the first two.
    pub previous_event_id: u64,
    /// When, by the service's clock.
    pub timestamp: SystemTime,
    /// For instance `ActivityStarted`. Source: API reference, `HistoryEvent`.
    pub event_type: &'static str,
    /// The event's details, for instance `{"workerName": "pump-7"}`.
    pub details: Value,
}

impl HistoryEvent {
    /// The event in the shape of the API.
    pub(crate) fn to_json(&self) -> Value {
        let mut event = Map::new();
        event.insert("id".to_owned(), json!(self.id));
        event.insert("previousEventId".to_owned(), json!(self.previous_event_id));
        event.insert("timestamp".to_owned(), epoch(self.timestamp));
        event.insert("type".to_owned(), json!(self.event_type));
        if !self.details.is_null() {
            event.insert(details_key(self.event_type), self.details.clone());
        }
        Value::Object(event)
    }
}

impl fmt::Debug for HistoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.event_type)
    }
}

/// States of all types share two shapes; every other event has its own.
fn details_key(event_type: &str) -> String {
    if event_type.ends_with("StateEntered") {
        return "stateEnteredEventDetails".to_owned();
    }
    if event_type.ends_with("StateExited") {
        return "stateExitedEventDetails".to_owned();
    }
    let (first, rest) = event_type.split_at(1);
    format!("{}{rest}EventDetails", first.to_ascii_lowercase())
}

/// A timestamp on the wire: seconds since 1970, to the millisecond.
pub(crate) fn epoch(date: SystemTime) -> Value {
    let since = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    json!(since.as_millis() as f64 / 1_000.0)
}

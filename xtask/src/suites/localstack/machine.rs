//! State machines of one task, with what a test adds to it.

use serde_json::{Value, json};

/// A machine whose only task waits for a worker of `activity` and ends with its output.
///
/// Every machine can time out, so that a scenario that fails leaves nothing behind.
pub(super) fn task(activity: &str) -> Machine {
    let work = json!({ "Type": "Task", "Resource": activity, "TimeoutSeconds": 300, "HeartbeatSeconds": 200, "End": true });
    Machine(json!({ "StartAt": "Work", "States": { "Work": work } }))
}

pub(super) struct Machine(Value);

impl Machine {
    pub(super) fn heartbeat_seconds(self, seconds: u32) -> Self {
        self.with("HeartbeatSeconds", json!(seconds))
    }

    /// Tries again, a second later, up to three times.
    pub(super) fn retry(self, error: &str) -> Self {
        self.with("Retry", json!([{ "ErrorEquals": [error], "IntervalSeconds": 1, "MaxAttempts": 3 }]))
    }

    /// Ends with `{"caught": {"Error": ..., "Cause": ...}}` beside the input.
    pub(super) fn catch(mut self, error: &str) -> Self {
        self.0["States"]["Caught"] = json!({ "Type": "Pass", "End": true });
        let catch = json!([{ "ErrorEquals": [error], "ResultPath": "$.caught", "Next": "Caught" }]);
        self.with("Catch", catch)
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.0["States"]["Work"][key] = value;
        self
    }

    pub(super) fn definition(&self) -> &Value {
        &self.0
    }
}

//! The demo's service: the emulator, with one activity and one state machine.

use std::fmt;
use std::time::{Duration, Instant};

use activity_emulator::{Credential, Emulator, Options, Status};
use serde_json::json;

use super::order::{Greeting, Order, greeting_for};
use crate::error::Error;

/// Shorter than the service's minute, so that the worker's last poll ends soon.
const LONG_POLL: Duration = Duration::from_secs(2);

pub(super) struct Stage {
    emulator: Emulator,
    activity: String,
    machine: String,
}

impl Stage {
    pub(super) fn open() -> Result<Self, Error> {
        let emulator = Emulator::start(Options::default().long_poll(LONG_POLL)).map_err(|e| failed(&e))?;
        let activity = emulator.create_activity("greet").map_err(|e| failed(&e))?;
        let greet = json!({
            "Type": "Task",
            "Resource": activity,
            "HeartbeatSeconds": 15,
            "TimeoutSeconds": 60,
            "Retry": [{ "ErrorEquals": ["States.Timeout", "States.HeartbeatTimeout"], "IntervalSeconds": 1 }],
            "End": true,
        });
        let machine = emulator
            .create_state_machine("greetings", &json!({ "StartAt": "Greet", "States": { "Greet": greet } }))
            .map_err(|e| failed(&e))?;
        Ok(Stage { emulator, activity, machine })
    }

    pub(super) fn url(&self) -> String {
        self.emulator.url()
    }

    pub(super) fn activity_arn(&self) -> &str {
        &self.activity
    }

    pub(super) fn credentials(&self) -> [(&'static str, String); 2] {
        let Credential { access_key_id, secret_access_key, .. } = Credential::test();
        [("AWS_ACCESS_KEY_ID", access_key_id), ("AWS_SECRET_ACCESS_KEY", secret_access_key)]
    }

    /// Starts an execution, and returns its ARN.
    pub(super) fn start_execution(&self, order: &Order) -> Result<String, Error> {
        let input = serde_json::to_string(order).map_err(|e| failed(&e))?;
        self.emulator.start_execution(&self.machine, &input).map_err(|e| failed(&e))
    }

    pub(super) fn go_down(&self) {
        self.emulator.go_down();
    }

    pub(super) fn come_back(&self) {
        self.emulator.come_back();
    }

    /// Whether the execution succeeded with the greeting that its guest was to get.
    pub(super) fn brought(&self, execution: &str, guest: &str, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        self.emulator.wait_execution(execution, left).is_some_and(|execution| {
            let output = execution.output.unwrap_or_default();
            let greeting = serde_json::from_str::<Greeting>(&output).map(|output| output.greeting);
            execution.status == Status::Succeeded
                && greeting.is_ok_and(|greeting| greeting == greeting_for(guest))
        })
    }
}

fn failed(e: &dyn fmt::Display) -> Error {
    Error::Failure(format!("the demo's service: {e}"))
}

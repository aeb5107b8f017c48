//! The emulator as a process, and what a test asks of it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::checks::wait_for;
use super::stage::Stage;
use crate::process::Group;
use crate::suites::step_functions::{Execution, StepFunctions};

/// A running emulator. It ends when this is dropped.
pub(super) struct Service {
    _group: Group,
    api: StepFunctions,
}

/// One call that a worker made.
pub(super) struct Call {
    pub(super) operation: String,
    pub(super) at: f64,
    /// The task, named as the worker names it.
    pub(super) task: String,
    /// Calls that say the same have the same.
    pub(super) body_hash: String,
    pub(super) code: String,
    pub(super) took_effect: bool,
}

impl Service {
    pub(super) fn start(stage: &Stage, options: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(stage.emulator());
        command.args(["--listen", "0.0.0.0:8083"]).args(options).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut group = Group::spawn(&mut command)?;
        let stdout = group.stdout().ok_or("the emulator has no stdout")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).map_err(|e| e.to_string())?;
        Ok(Service { _group: group, api: StepFunctions::emulator(url.trim()) })
    }

    pub(super) fn url(&self) -> &str {
        self.api.url()
    }

    /// An activity, and a machine whose only task waits for it. Whatever ends an attempt, the machine tries again a second later.
    pub(super) fn machine(&self, name: &str, heartbeat_seconds: u32) -> Result<(String, String), String> {
        let activity = self.api.create_activity(name)?;
        let retry = json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 99 }]);
        let task = json!({
            "Type": "Task", "Resource": activity, "HeartbeatSeconds": heartbeat_seconds, "Retry": retry, "End": true
        });
        let definition = json!({ "StartAt": "Work", "States": { "Work": task } });
        Ok((activity, self.api.create_state_machine(name, &definition)?))
    }

    /// Starts an execution with a number as its input, and a secret.
    pub(super) fn execute(&self, machine: &str, n: usize) -> Result<String, String> {
        self.execute_with(machine, &input(n))
    }

    pub(super) fn execute_with(&self, machine: &str, input: &Value) -> Result<String, String> {
        self.api.start_execution(machine, input)
    }

    pub(super) fn execution(&self, arn: &str) -> Result<Execution, String> {
        self.api.execution(arn)
    }

    /// Waits until each execution has succeeded with its own input as the output; how long that took.
    pub(super) fn all_succeed(&self, executions: &[String], at_most: Duration) -> Result<Duration, String> {
        let mut next = 0;
        let went = wait_for("the executions' end", at_most, || {
            while let Some(arn) = executions.get(next) {
                let found = self.execution(arn)?;
                match found.status.as_str() {
                    "RUNNING" => return Ok(false),
                    "SUCCEEDED" if found.output == input(next) => next += 1,
                    other => {
                        return Err(format!("execution {next}: {other} {} {}", found.error, found.output));
                    }
                }
            }
            Ok(true)
        });
        went.map_err(|e| format!("{e}; execution {next} of {} still runs", executions.len()))
    }

    /// The calls of workers so far, the oldest first.
    pub(super) fn calls(&self) -> Result<Vec<Call>, String> {
        let calls = self.api.get("/_emulator/calls")?;
        let one = |call: &Value| {
            let string = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
            Call {
                operation: string("operation"),
                at: call["atSeconds"].as_f64().unwrap_or_default(),
                task: string("task"),
                body_hash: string("bodyHash"),
                code: string("code"),
                took_effect: call["tookEffect"] == true,
            }
        };
        Ok(calls.as_array().map(|calls| calls.iter().map(one).collect()).unwrap_or_default())
    }

    /// How many calls of this operation there were.
    pub(super) fn count(&self, operation: &str) -> Result<u64, String> {
        Ok(self.api.get("/_emulator/state")?["calls"][operation].as_u64().unwrap_or(0))
    }

    /// Waits until a poll waits for a task of this activity.
    pub(super) fn wait_poll(&self, activity: &str) -> Result<(), String> {
        let polled = wait_for("a poll", Duration::from_secs(30), || {
            let state = self.api.get("/_emulator/state")?;
            let mut activities = state["activities"].as_array().into_iter().flatten();
            Ok(activities.any(|a| a["activityArn"] == activity && a["polls"].as_u64() > Some(0)))
        });
        polled.map(drop)
    }

    /// From now on this goes wrong.
    pub(super) fn inject(&self, fault: &Value) -> Result<(), String> {
        self.tell("/faults", fault)
    }

    /// Changes what the emulator is.
    pub(super) fn tell(&self, path: &str, word: &Value) -> Result<(), String> {
        self.api.post(&format!("/_emulator{path}"), word).map(drop)
    }

    /// All faults are over.
    pub(super) fn mend(&self) -> Result<(), String> {
        self.api.delete("/_emulator/faults").map(drop)
    }
}

/// In no log may the secret be seen again.
fn input(n: usize) -> Value {
    json!({ "n": n, "pin": "sEcReT" })
}

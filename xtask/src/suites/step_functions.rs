//! The part of Step Functions that the workers' side does not have: machines and executions, of LocalStack or of the emulator.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

/// What LocalStack, which checks no signature, reads the account (000000000000 for `test`) and the region from.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0";

/// A service, over plain HTTP.
pub(super) struct StepFunctions {
    agent: Agent,
    url: String,
    door: Door,
}

/// Where calls without a signature are let in.
enum Door {
    LocalStack,
    Emulator,
}

/// An execution, as DescribeExecution shows it.
pub(super) struct Execution {
    pub(super) status: String,
    /// The output, parsed; null if there is none.
    pub(super) output: Value,
    pub(super) error: String,
    pub(super) cause: String,
}

impl StepFunctions {
    pub(super) fn localstack(url: &str) -> Self {
        Self::behind(Door::LocalStack, url)
    }

    pub(super) fn emulator(url: &str) -> Self {
        Self::behind(Door::Emulator, url)
    }

    fn behind(door: Door, url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        StepFunctions { agent: config.into(), url: url.to_owned(), door }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn list_activities(&self) -> Result<(), String> {
        self.call("ListActivities", &json!({})).map(drop)
    }

    pub(super) fn create_activity(&self, name: &str) -> Result<String, String> {
        text(&self.call("CreateActivity", &json!({ "name": name }))?, "activityArn")
    }

    pub(super) fn create_state_machine(&self, name: &str, definition: &Value) -> Result<String, String> {
        let role = "arn:aws:iam::000000000000:role/any";
        let request = json!({ "name": name, "definition": definition.to_string(), "roleArn": role });
        text(&self.call("CreateStateMachine", &request)?, "stateMachineArn")
    }

    pub(super) fn start_execution(&self, machine: &str, input: &Value) -> Result<String, String> {
        let request = json!({ "stateMachineArn": machine, "input": input.to_string() });
        text(&self.call("StartExecution", &request)?, "executionArn")
    }

    pub(super) fn execution(&self, arn: &str) -> Result<Execution, String> {
        let answer = self.call("DescribeExecution", &json!({ "executionArn": arn }))?;
        let string = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Ok(Execution {
            status: string("status"),
            output: serde_json::from_str(&string("output")).unwrap_or_default(),
            error: string("error"),
            cause: string("cause"),
        })
    }

    /// The events of an execution, oldest first.
    pub(super) fn history(&self, arn: &str) -> Result<Vec<Value>, String> {
        let answer = self.call("GetExecutionHistory", &json!({ "executionArn": arn, "maxResults": 1000 }))?;
        answer["events"]
            .as_array()
            .cloned()
            .ok_or_else(|| "GetExecutionHistory answered no events".to_owned())
    }

    fn call(&self, operation: &str, request: &Value) -> Result<Value, String> {
        let request = request.to_string();
        let sent = match self.door {
            Door::LocalStack => self
                .agent
                .post(&self.url)
                .header("Authorization", AUTHORIZATION)
                .header("Content-Type", "application/x-amz-json-1.0")
                .header("X-Amz-Target", format!("AWSStepFunctions.{operation}"))
                .send(request),
            Door::Emulator => {
                self.agent.post(format!("{}/_emulator/call/{operation}", self.url)).send(request)
            }
        };
        read(sent).map_err(|e| format!("{operation}: {e}"))
    }

    /// Asks another path of the server, with no body.
    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        read(self.agent.get(format!("{}{path}", self.url)).call()).map_err(|e| format!("GET {path}: {e}"))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let sent = self.agent.post(format!("{}{path}", self.url)).send(body.to_string());
        read(sent).map_err(|e| format!("POST {path}: {e}"))
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, String> {
        read(self.agent.delete(format!("{}{path}", self.url)).call())
            .map_err(|e| format!("DELETE {path}: {e}"))
    }
}

/// JSON, if the server says that all is well.
fn read(answer: Result<Response<Body>, ureq::Error>) -> Result<Value, String> {
    let mut answer = answer.map_err(|e| e.to_string())?;
    let status = answer.status();
    // The emulator's list of 10,000 calls takes some megabytes.
    let body = answer.body_mut().with_config().limit(64 << 20).read_to_string().map_err(|e| e.to_string())?;
    if !status.is_success() {
        return Err(format!("{status}: {body}"));
    }
    serde_json::from_str(&body).map_err(|e| format!("the answer is not JSON: {e}"))
}

fn text(answer: &Value, key: &str) -> Result<String, String> {
    answer[key].as_str().map(str::to_owned).ok_or_else(|| format!("the answer has no {key}: {answer}"))
}

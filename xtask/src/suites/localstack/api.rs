//! The part of Step Functions that the workers' side does not have: machines and executions. Plain HTTP, since LocalStack checks no
//! signature; it reads the account and the region from where a signature names them.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// What LocalStack reads the account (000000000000 for `test`) and the region from.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0";

pub(super) struct StepFunctions {
    agent: Agent,
    url: String,
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
    pub(super) fn at(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        StepFunctions { agent: config.into(), url: url.to_owned() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether the server says that its Step Functions runs.
    pub(super) fn is_healthy(&self) -> bool {
        let answer = self.agent.get(format!("{}/_localstack/health", self.url)).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string()).unwrap_or_default();
        let health: Value = serde_json::from_str(&text).unwrap_or_default();
        health["services"]["stepfunctions"] == "running"
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
        let failed = |e: ureq::Error| format!("{operation}: {e}");
        let mut answer = self
            .agent
            .post(&self.url)
            .header("Authorization", AUTHORIZATION)
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("X-Amz-Target", format!("AWSStepFunctions.{operation}"))
            .send(request.to_string())
            .map_err(failed)?;
        let status = answer.status();
        let body = answer.body_mut().read_to_string().map_err(failed)?;
        if !status.is_success() {
            return Err(format!("{operation}: {status}: {body}"));
        }
        serde_json::from_str(&body).map_err(|e| format!("{operation}: the answer is not JSON: {e}"))
    }
}

fn text(answer: &Value, key: &str) -> Result<String, String> {
    answer[key].as_str().map(str::to_owned).ok_or_else(|| format!("the answer has no {key}: {answer}"))
}

//! The part of the Amazon States Language that is known here: Task (on activities, and what ends in
//! `.waitForTaskToken`), Pass, Wait, Succeed, Fail.
//!
//! What is not known is refused when the state machine is created, by its name and place, never ignored.

mod data;
mod fields;
pub(crate) mod path;
mod retry;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

pub(crate) use self::data::Misfit;
use self::fields::Fields;
use self::path::{Path, Template};
pub(crate) use self::retry::{Catcher, Raised, Retrier};
use crate::error::{ApiError, Resource};
use crate::names::check_arn;

/// What every template may see of the context object. The token is for the Parameters of the task that gives it away.
const CONTEXT: &[&str] =
    &["$$.Execution.Id", "$$.Execution.Input", "$$.Execution.Name", "$$.State.Name", "$$.StateMachine.Id"];

/// A state machine, checked: every name in it leads somewhere.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) start_at: String,
    pub(crate) states: BTreeMap<String, State>,
    pub(crate) timeout: Option<Duration>,
}

/// One state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    /// `None` where the field is null: the state sees, or gives, `{}`.
    input_path: Option<Path>,
    output_path: Option<Path>,
    /// Where the result goes in the input; `None` where it is dropped.
    result_path: Option<Path>,
    parameters: Option<Template>,
    result_selector: Option<Template>,
    /// `None` ends the execution.
    pub(crate) next: Option<String>,
}

/// What a state does.
#[derive(Debug)]
pub(crate) enum Kind {
    Task(Task),
    Pass { result: Option<Value> },
    Wait(Duration),
    Succeed,
    Fail { error: Option<String>, cause: Option<String> },
}

/// Who works a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Workers that poll the activity of this ARN.
    Activity(String),
    /// Whoever gets the token by this resource: `arn:aws:states:::SERVICE:ACTION.waitForTaskToken`.
    Push(String),
}

/// A Task state.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) work: Work,
    pub(crate) timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) retriers: Vec<Retrier>,
    pub(crate) catchers: Vec<Catcher>,
}

impl Definition {
    /// Reads a definition, or says what it does not know and where.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_str(text).map_err(|e| {
            let reason = format!("Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {e}'");
            ApiError::service("InvalidDefinition", reason)
        })?;
        let mut top = Fields::new(value, "/".to_owned())?;
        top.skip("Comment");
        top.fixed("Version", "1.0")?;
        top.fixed("QueryLanguage", "JSONPath")?;
        let timeout = top.seconds("TimeoutSeconds")?;
        let start_at = top.required_text("StartAt")?;
        let states = Fields::new(top.required("States")?, "/States".to_owned())?;
        top.finish()?;

        let mut parsed = BTreeMap::new();
        for (name, value) in states.map {
            let state = State::parse(value, format!("/States/{name}"))?;
            parsed.insert(name, state);
        }
        let definition = Definition { start_at, states: parsed, timeout };
        definition.check_targets()?;
        Ok(definition)
    }

    /// Every `StartAt` and `Next` must name a state.
    fn check_targets(&self) -> Result<(), ApiError> {
        let missing = |target: &str, field: &str, at: &str| {
            let words = format!("Missing '{field}' target: {target} at {at}");
            let message = format!("Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: {words}'");
            ApiError::service("InvalidDefinition", message)
        };
        if !self.states.contains_key(&self.start_at) {
            return Err(missing(&self.start_at, "StartAt", "/StartAt"));
        }
        for (name, state) in &self.states {
            let catchers: &[Catcher] = if let Kind::Task(task) = &state.kind { &task.catchers } else { &[] };
            let targets = state.next.iter().chain(catchers.iter().map(|c| &c.next));
            if let Some(target) = targets.into_iter().find(|t| !self.states.contains_key(*t)) {
                return Err(missing(target, "Next", &format!("/States/{name}")));
            }
        }
        Ok(())
    }
}

impl State {
    fn parse(value: Value, at: String) -> Result<Self, ApiError> {
        let mut fields = Fields::new(value, at)?;
        fields.skip("Comment");
        fields.fixed("QueryLanguage", "JSONPath")?;
        let kind = fields.required_text("Type")?;
        let mut state = State {
            kind: Kind::Succeed,
            input_path: Some(Path::root()),
            output_path: Some(Path::root()),
            result_path: Some(Path::root()),
            parameters: None,
            result_selector: None,
            next: None,
        };
        if kind != "Fail" {
            state.input_path = fields.path("InputPath")?;
            state.output_path = fields.path("OutputPath")?;
        }
        if matches!(kind.as_str(), "Task" | "Pass") {
            state.result_path = fields.path("ResultPath")?;
        }
        if matches!(kind.as_str(), "Task" | "Pass" | "Wait") {
            state.next = fields.transition()?;
        }
        state.kind = match kind.as_str() {
            "Task" => Kind::Task(Task::parse(&mut fields)?),
            "Pass" => Kind::Pass { result: fields.take("Result") },
            "Wait" => match fields.seconds("Seconds")? {
                Some(time) => Kind::Wait(time),
                None => return Err(fields.wrong("This emulator knows Wait only with the field 'Seconds'")),
            },
            "Succeed" => Kind::Succeed,
            "Fail" => Kind::Fail { error: fields.text("Error")?, cause: fields.text("Cause")? },
            other => {
                let reason = format!(
                    "This emulator does not know the state type '{other}', only [Task, Pass, Wait, Succeed, Fail]"
                );
                return Err(fields.wrong(&reason));
            }
        };
        if let Kind::Task(_) = state.kind {
            state.result_selector = fields.template("ResultSelector", CONTEXT)?;
        }
        state.parameters = match &state.kind {
            Kind::Task(Task { work: Work::Push(_), .. }) => {
                fields.template("Parameters", &[CONTEXT, &["$$.Task.Token"]].concat())?
            }
            Kind::Task(_) | Kind::Pass { .. } => fields.template("Parameters", CONTEXT)?,
            _ => None,
        };
        fields.finish()?;
        Ok(state)
    }
}

impl Task {
    fn parse(fields: &mut Fields) -> Result<Self, ApiError> {
        let resource = fields.required_text("Resource")?;
        let work = if check_arn(&resource, Resource::Activity).is_ok() {
            Work::Activity(resource)
        } else if is_push(&resource) {
            Work::Push(resource)
        } else {
            let known = "only activities and what ends in .waitForTaskToken";
            return Err(
                fields.wrong(&format!("This emulator does not know the resource '{resource}', {known}"))
            );
        };
        let timeout = fields.seconds("TimeoutSeconds")?;
        let heartbeat = fields.seconds("HeartbeatSeconds")?;
        if timeout.is_some_and(|t| t.is_zero()) || heartbeat.is_some_and(|h| h.is_zero()) {
            return Err(fields.wrong("TimeoutSeconds and HeartbeatSeconds must be greater than 0"));
        }
        if heartbeat.zip(timeout).is_some_and(|(heartbeat, timeout)| heartbeat >= timeout) {
            return Err(fields.wrong("HeartbeatSeconds must be smaller than TimeoutSeconds"));
        }
        let retriers = fields.list("Retry")?.into_iter().map(Retrier::parse).collect::<Result<_, _>>()?;
        let catchers = fields.list("Catch")?.into_iter().map(Catcher::parse).collect::<Result<_, _>>()?;
        Ok(Task { work, timeout, heartbeat, retriers, catchers })
    }
}

/// `arn:PARTITION:states:::SERVICE:ACTION.waitForTaskToken`
fn is_push(resource: &str) -> bool {
    let parts: Vec<_> = resource.split(':').collect();
    matches!(parts.as_slice(), ["arn", _, "states", "", "", service, action]
        if !service.is_empty() && action.strip_suffix(".waitForTaskToken").is_some_and(|a| !a.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACTIVITY: &str = "arn:aws:states:eu-west-1:123456789012:activity:a";
    const PUSH: &str = "arn:aws:states:::lambda:invoke.waitForTaskToken";

    fn refusal(state: Value) -> String {
        let definition = json!({ "StartAt": "S", "States": { "S": state } });
        let error = Definition::parse(&definition.to_string()).unwrap_err();
        assert_eq!(error.code(), "InvalidDefinition");
        error.message().to_owned()
    }

    #[test]
    fn what_is_not_known_is_named_with_its_place() {
        for (state, words) in [
            (json!({ "Type": "Choice", "Choices": [] }), "state type 'Choice'"),
            (
                json!({ "Type": "Pass", "End": true, "Bogus": 1 }),
                "Field 'Bogus' is not supported at /States/S",
            ),
            (
                json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true }),
                "only activities",
            ),
            (json!({ "Type": "Pass", "End": true, "ResultSelector": {} }), "Field 'ResultSelector'"),
            (
                json!({ "Type": "Task", "Resource": PUSH, "End": true, "Parameters": { "r.$": "$$.State.RetryCount" } }),
                "Parameters: the path '$$.State.RetryCount' is none of the context object's that are known here",
            ),
            (
                json!({ "Type": "Task", "Resource": ACTIVITY, "End": true, "Parameters": { "t.$": "$$.Task.Token" } }),
                "'$$.Task.Token'",
            ),
            (
                json!({ "Type": "Task", "Resource": PUSH, "End": true, "ResultSelector": { "t.$": "$$.Task.Token" } }),
                "ResultSelector: the path '$$.Task.Token'",
            ),
            (json!({ "Type": "Wait", "Timestamp": "2030-01-01T00:00:00Z", "End": true }), "'Seconds'"),
            (json!({ "Type": "Pass" }), "Exactly one of 'Next' and 'End'"),
            (
                json!({ "Type": "Pass", "Next": "Nowhere" }),
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere",
            ),
            (
                json!({ "Type": "Pass", "End": true, "QueryLanguage": "JSONata" }),
                "'QueryLanguage': 'JSONata'",
            ),
            (
                json!({ "Type": "Task", "Resource": ACTIVITY, "End": true, "TimeoutSeconds": 5, "HeartbeatSeconds": 5 }),
                "HeartbeatSeconds must be smaller",
            ),
            (
                json!({ "Type": "Task", "Resource": ACTIVITY, "End": true, "Retry": [{ "ErrorEquals": ["E"], "Odd": 1 }] }),
                "Field 'Odd' is not supported at /States/S/Retry[0]",
            ),
        ] {
            let message = refusal(state);
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_definition_without_states_is_refused_in_the_services_words() {
        let error = Definition::parse(r#"{"StartAt":"S"}"#).unwrap_err();
        let words = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'";
        assert_eq!(error.message(), words);
        assert!(Definition::parse("{").unwrap_err().message().contains("INVALID_JSON_DESCRIPTION"));
    }
}

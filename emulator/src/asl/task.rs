//! A Task state: who works it, and how long it may take.

use super::fields::{Fields, SECONDS_MAX};
use super::problem::Problems;
use super::quantity::{Form, Quantity};

/// What a definition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workflow {
    Standard,
    Express,
    /// None: its states are tried one by one.
    Tried,
}

/// Who works a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Workers that poll the activity of this ARN.
    Activity(String),
    /// Whoever gets the token by this resource: `arn:aws:states:::SERVICE:ACTION.waitForTaskToken`.
    Push(String),
    /// An execution of another state machine: `arn:aws:states:::states:startExecution` and its forms.
    Nested(String, Nested),
    /// No one here: the state can only be tried with a result that is made up.
    Other(String),
}

/// What a task waits for that starts an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nested {
    /// Nothing.
    Started,
    /// `.sync`: its end; its output is a text.
    Sync,
    /// `.sync:2`: its end; its output is JSON.
    SyncJson,
    /// `.waitForTaskToken`: somebody who has the token.
    Token,
}

/// A Task state's own fields.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) work: Work,
    pub(crate) timeout: Option<Quantity>,
    pub(crate) heartbeat: Option<Quantity>,
}

impl Task {
    pub(super) fn read(fields: &mut Fields<'_>, workflow: Workflow) -> Option<Self> {
        let most = SECONDS_MAX as f64;
        let timeout = Quantity::read(fields, "TimeoutSeconds", Form::Integer, 1.0, most);
        let heartbeat = Quantity::read(fields, "HeartbeatSeconds", Form::Integer, 1.0, most);
        let fixed = |quantity: &Option<Quantity>| quantity.as_ref().and_then(Quantity::fixed);
        if let (Some(timeout), Some(heartbeat)) = (fixed(&timeout), fixed(&heartbeat))
            && heartbeat >= timeout
        {
            fields.wrong("HeartbeatSeconds must be smaller than TimeoutSeconds");
        }
        if workflow == Workflow::Tried {
            fields.take("Credentials");
        }
        let at = fields.place("Resource");
        let resource = fields.required_text("Resource")?;
        let work = Work::read(resource, at, workflow, fields.problems)?;
        Some(Task { work, timeout, heartbeat })
    }
}

impl Work {
    fn read(resource: String, at: String, workflow: Workflow, problems: &Problems) -> Option<Self> {
        let parts: Vec<&str> = resource.split(':').collect();
        let express = |what: &str| {
            let is_express = workflow == Workflow::Express;
            if is_express {
                problems.schema(format!("Express state machine does not support {what}"), at.as_str());
            }
            is_express
        };
        match parts.as_slice() {
            ["arn", _, "states", region, account, "activity", name]
                if !region.is_empty() && !account.is_empty() && !name.is_empty() =>
            {
                (!express("Activity ARN")).then_some(Work::Activity(resource))
            }
            ["arn", _, "states", "", "", "states", action @ ..]
                if let Some(mode) = nested(&action.join(":")) =>
            {
                let is_refused = match mode {
                    Nested::Started => false,
                    Nested::Token => express("'.waitForTaskToken' service integration "),
                    Nested::Sync | Nested::SyncJson => express("'.sync' service integration"),
                };
                (!is_refused).then_some(Work::Nested(resource, mode))
            }
            ["arn", _, "states", "", "", rest @ ..]
                if rest.len() > 1 && resource.ends_with(".waitForTaskToken") =>
            {
                (!express("'.waitForTaskToken' service integration ")).then_some(Work::Push(resource))
            }
            ["arn", _, "states", "", "", .., action]
                if action.contains(".sync") && express("'.sync' service integration") =>
            {
                None
            }
            ["arn", _, _, _, _, _, ..] if workflow == Workflow::Tried => Some(Work::Other(resource)),
            ["arn", _, _, _, _, _, ..] => {
                let words = format!(
                    "This emulator does not know the resource '{resource}', only activities, 'states:startExecution' and '.waitForTaskToken'"
                );
                problems.schema(words, at);
                None
            }
            _ => {
                let words = format!(
                    "The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
                );
                problems.add("INVALID_RESOURCE", words, at);
                None
            }
        }
    }
}

fn nested(action: &str) -> Option<Nested> {
    Some(match action {
        "startExecution" => Nested::Started,
        "startExecution.sync" => Nested::Sync,
        "startExecution.sync:2" => Nested::SyncJson,
        "startExecution.waitForTaskToken" => Nested::Token,
        _ => return None,
    })
}

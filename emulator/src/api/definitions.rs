//! `ValidateStateMachineDefinition`, and the types of state machines.

use serde_json::{Value, json};

use super::input::{Input, Show};
use crate::asl::{Definition, Problem, Workflow};
use crate::error::ApiError;
use crate::shared::Shared;

/// The member `type`; a standard workflow if it is not there.
pub(super) fn workflow(input: &Input) -> Result<Workflow, ApiError> {
    match input.optional("type", 0, 80, Show::Value)?.as_deref() {
        None | Some("STANDARD") => Ok(Workflow::Standard),
        Some("EXPRESS") => Ok(Workflow::Express),
        Some(other) => Err(ApiError::validation(&format!(
            "Value '{other}' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"
        ))),
    }
}

/// The service's word for it.
pub(super) fn type_of(workflow: Workflow) -> &'static str {
    match workflow {
        Workflow::Standard | Workflow::Tried => "STANDARD",
        Workflow::Express => "EXPRESS",
    }
}

/// Tells all that is wrong with a definition. There are no warnings here, so `severity` changes nothing.
pub(super) fn validate(_: &Shared, input: &Input) -> Result<Value, ApiError> {
    let definition = input.required("definition", 0, 1_048_576, Show::NameOnly)?;
    let most = input.whole("maxResults", 0, 100)?.filter(|most| *most > 0).unwrap_or(100);
    let problems = Definition::parse_as(&definition, workflow(input)?).err().unwrap_or_default();
    let shown: Vec<Value> = problems.iter().take(most).map(diagnostic).collect();
    Ok(json!({
        "result": if problems.is_empty() { "OK" } else { "FAIL" },
        "diagnostics": shown,
        "truncated": problems.len() > most,
    }))
}

fn diagnostic(problem: &Problem) -> Value {
    let mut shown = json!({ "severity": "ERROR", "code": problem.code, "message": problem.message });
    if !problem.location.is_empty() {
        shown["location"] = json!(problem.location);
    }
    shown
}

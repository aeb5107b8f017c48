//! `TestState`: one state tried alone, with a result that is made up for it.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::input::{Input, Show};
use crate::asl::{Definition, Kind, Object, State, Value, Variables, Work};
use crate::error::ApiError;
use crate::run::{Probe, Probed};
use crate::shared::Shared;

/// The name of a state that comes without one.
const NAME: &str = "StateName";

/// What the caller makes up.
struct Mock {
    work: Option<Result<Value, (String, String)>>,
    retries: u64,
    failed_items: Option<usize>,
}

pub(super) fn test_state(shared: &Shared, input: &Input) -> Result<Json, ApiError> {
    let definition = input.required("definition", 1, 1_048_576, Show::NameOnly)?;
    let state = state(&definition, input.optional("stateName", 1, 80, Show::Value)?.as_deref())?;
    let role = input.optional("roleArn", 1, 256, Show::Value)?;
    let data = text(input, "input")?.unwrap_or(Value::Object(Object::default()));
    let mock = mock(input)?;
    check(&state, &mock, role.is_some())?;
    let variables = match text(input, "variables")? {
        Some(Value::Object(variables)) => variables.into_fields().into_iter().collect(),
        _ => Variables::new(),
    };
    let context = text(input, "context")?;
    let Mock { work, retries, failed_items } = mock;
    let probed = shared.change(|service, now| {
        let role = role.as_deref().unwrap_or_default();
        let context =
            context.unwrap_or_else(|| service.made_up_context(&data, &state.name, role, retries, now));
        let probe = Probe { state, input: data, context, variables, work, retries, failed_items };
        service.probe(&probe, now)
    });
    let level = input.optional("inspectionLevel", 1, 80, Show::Value)?;
    Ok(answer(probed, level.is_some_and(|level| level != "INFO")))
}

/// The state of this name, or the only one; a state alone is a definition too.
fn state(text: &str, name: Option<&str>) -> Result<Arc<State>, ApiError> {
    let value = Value::parse(text).ok();
    let is_alone =
        value.as_ref().is_some_and(|value| value.get("Type").is_some() && value.get("States").is_none());
    let whole = if is_alone {
        format!(r#"{{"StartAt":"{NAME}","States":{{"{NAME}":{text}}}}}"#)
    } else {
        text.to_owned()
    };
    let definition =
        Definition::parse_loosely(&whole).map_err(|problems| ApiError::invalid_definition(&problems))?;
    let name = if is_alone { Some(NAME) } else { name };
    let wanted = name.map_or_else(|| definition.block.start_at.clone(), str::to_owned);
    definition
        .block
        .find(&wanted)
        .ok_or_else(|| ApiError::plain_validation(format!("State not found in definition: {wanted}")))
}

/// A member that holds JSON as a text.
fn text(input: &Input, name: &str) -> Result<Option<Value>, ApiError> {
    let Some(text) = input.optional(name, 0, usize::MAX, Show::NameOnly)? else { return Ok(None) };
    let parsed = Value::parse(&text);
    parsed.map(Some).map_err(|_| ApiError::plain_validation(format!("The member '{name}' is no JSON")))
}

fn mock(input: &Input) -> Result<Mock, ApiError> {
    let work = match input.object("mock")? {
        None => None,
        Some(mock) => {
            let text = |value: Option<&Json>| value.and_then(Json::as_str).unwrap_or_default().to_owned();
            match (mock.get("result"), mock.get("errorOutput")) {
                (_, Some(error)) => Some(Err((text(error.get("error")), text(error.get("cause"))))),
                (Some(Json::String(result)), None) => {
                    let parsed = Value::parse(result).map_err(|_| {
                        ApiError::plain_validation("Mocked result must be valid JSON.".to_owned())
                    })?;
                    Some(Ok(parsed))
                }
                _ => None,
            }
        }
    };
    let number = |name: &str, from: Option<&serde_json::Map<String, Json>>| {
        from.and_then(|from| from.get(name)?.as_u64())
    };
    let configuration = input.object("stateConfiguration")?;
    let failed_items = number("mapIterationFailureCount", configuration).map(|count| count as usize);
    Ok(Mock { work, retries: number("retrierRetryCount", configuration).unwrap_or(0), failed_items })
}

/// What the service refuses.
fn check(state: &State, mock: &Mock, has_role: bool) -> Result<(), ApiError> {
    let refuse = |words: String| Err(ApiError::plain_validation(words));
    if mock.failed_items.is_some() && mock.work.is_none() {
        return refuse(
            "TestState does not support MapIterationFailureCount when a mock is not specified.".to_owned(),
        );
    }
    let kind = match &state.kind {
        Kind::Task(_) | Kind::Map(_) | Kind::Parallel { .. } => None,
        Kind::Pass { .. } => Some("Pass"),
        Kind::Wait(_) => Some("Wait"),
        Kind::Choice(_) => Some("Choice"),
        Kind::Succeed => Some("Succeed"),
        Kind::Fail { .. } => Some("Fail"),
    };
    if let (Some(kind), Some(_)) = (kind, &mock.work) {
        return refuse(format!("State type '{kind}' is not supported when a mock is specified"));
    }
    match (&state.kind, &mock.work) {
        (Kind::Map(_) | Kind::Parallel { .. }, None) => {
            let words = "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]";
            Err(ApiError::service("InvalidDefinition", words))
        }
        (Kind::Task(_), None) if !has_role => {
            refuse("RoleArn must be specified when testing a Task state".to_owned())
        }
        (Kind::Task(task), None) => {
            let (Work::Activity(resource)
            | Work::Push(resource)
            | Work::Nested(resource, _)
            | Work::Other(resource)) = &task.work;
            refuse(format!("This emulator calls no resources in TestState: give a mock for '{resource}'"))
        }
        (Kind::Parallel { branches }, Some(Ok(Value::Array(results)))) if results.len() != branches.len() => {
            refuse(
                "Mocked result must contain the same number of items as number of Parallel branches."
                    .to_owned(),
            )
        }
        (Kind::Map(map), Some(Ok(result))) => match (map.writes_results, result) {
            (true, Value::Object(_)) => Ok(()),
            (true, _) => refuse("Mocked result must be a JSON object.".to_owned()),
            (false, Value::Array(results))
                if mock.failed_items.is_some_and(|failed| failed > results.len()) =>
            {
                refuse(
                    "Map iteration failure count must be less than or equal to the number of Map iterations"
                        .to_owned(),
                )
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn answer(probed: Probed, with_data: bool) -> Json {
    let mut answer = json!({ "status": probed.status });
    let output = probed.output.map(|output| output.to_string());
    let texts =
        [("output", output), ("error", probed.error), ("cause", probed.cause), ("nextState", probed.next)];
    for (name, text) in texts {
        if let Some(text) = text {
            answer[name] = json!(text);
        }
    }
    if !with_data {
        return answer;
    }
    let whole = |number: f64| if number.fract() == 0.0 { json!(number as i64) } else { json!(number) };
    let mut data = json!({});
    for (name, value) in probed.data {
        data[name] = json!(value.to_string());
    }
    for (name, number) in probed.numbers {
        data[name] = whole(number);
    }
    for (name, number) in probed.error_details {
        data["errorDetails"][name] = whole(number);
    }
    answer["inspectionData"] = data;
    answer
}

//! The operations: awsJson1.0 bodies in and out, between them the service.

mod definitions;
mod input;
mod sync;
mod test_state;

use std::sync::MutexGuard;

use serde_json::{Value, json};

use self::input::{Input, Show};
use crate::error::ApiError;
use crate::run::{Execution, epoch};
use crate::service::Service;
use crate::shared::Shared;

/// The prefix of `X-Amz-Target`.
pub(crate) const TARGET: &str = "AWSStepFunctions.";

/// Answers one request. `GetActivityTask` blocks up to the long poll's length.
pub(crate) fn call(shared: &Shared, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
    let known = OPERATIONS.iter().find(|(name, _)| *name == operation);
    let (_, answer) = known.ok_or_else(|| ApiError::front(400, "UnknownOperationException", ""))?;
    answer(shared, &Input::parse(body)?)
}

/// Whether there is such an operation.
pub(crate) fn is_known(operation: &str) -> bool {
    OPERATIONS.iter().any(|(name, _)| *name == operation)
}

type Operation = fn(&Shared, &Input) -> Result<Value, ApiError>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("CreateActivity", create_activity),
    ("CreateStateMachine", create_state_machine),
    ("DeleteActivity", delete_activity),
    ("DeleteStateMachine", delete_state_machine),
    ("DescribeActivity", describe_activity),
    ("DescribeExecution", describe_execution),
    ("DescribeStateMachine", describe_state_machine),
    ("GetActivityTask", get_activity_task),
    ("GetExecutionHistory", get_execution_history),
    ("ListActivities", list_activities),
    ("ListExecutions", list_executions),
    ("ListStateMachines", list_state_machines),
    ("SendTaskFailure", send_task_failure),
    ("SendTaskHeartbeat", send_task_heartbeat),
    ("SendTaskSuccess", send_task_success),
    ("StartExecution", start_execution),
    ("StartSyncExecution", sync::start_sync_execution),
    ("StopExecution", stop_execution),
    ("TestState", test_state::test_state),
    ("ValidateStateMachineDefinition", definitions::validate),
];

fn get_activity_task(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let activity = input.arn("activityArn")?;
    let worker = input.optional("workerName", 1, 80, Show::Value)?;
    let poll = shared.change(|service, now| service.poll(&activity, worker, now))?;
    // The service answers every poll when its time is over; it drops them only when it ends.
    Ok(match poll.recv() {
        Ok(Some(task)) => json!({ "taskToken": task.token, "input": task.input }),
        Ok(None) | Err(_) => json!({ "taskToken": null }),
    })
}

fn send_task_success(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let token = input.task_token()?;
    // The service measures outputs in bytes.
    let output = input.required("output", 0, usize::MAX, Show::NameOnly)?;
    shared.change(|service, now| service.task_succeeded(&token, &output, now))?;
    Ok(json!({}))
}

fn send_task_failure(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let token = input.task_token()?;
    let (error, cause) = input.failure()?;
    shared.change(|service, now| service.task_failed(&token, error, cause, now))?;
    Ok(json!({}))
}

fn send_task_heartbeat(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let token = input.task_token()?;
    shared.change(|service, now| service.heartbeat(&token, now))?;
    Ok(json!({}))
}

fn create_activity(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let name = input.required("name", 1, 80, Show::Value)?;
    let (arn, created) = shared.change(|service, now| service.create_activity(&name, now))?;
    Ok(json!({ "activityArn": arn, "creationDate": epoch(created) }))
}

fn describe_activity(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("activityArn")?;
    let service = shared.service();
    let activity = service.activity(&arn)?;
    Ok(json!({ "activityArn": arn, "name": activity.name, "creationDate": epoch(activity.created) }))
}

fn list_activities(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let service = shared.service();
    let activities = service.activities().map(|(arn, activity)| {
        json!({ "activityArn": arn, "name": activity.name, "creationDate": epoch(activity.created) })
    });
    listing(input, "activities", activities)
}

fn delete_activity(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("activityArn")?;
    shared.change(|service, _| service.delete_activity(&arn))?;
    Ok(json!({}))
}

fn create_state_machine(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let name = input.required("name", 1, 80, Show::Value)?;
    let definition = input.required("definition", 1, 1_048_576, Show::NameOnly)?;
    let role = input.arn("roleArn")?;
    if !role.starts_with("arn:") {
        return Err(ApiError::invalid_arn(&format!("Invalid ARN prefix: {role}")));
    }
    let workflow = definitions::workflow(input)?;
    let created = shared
        .change(|service, now| service.create_state_machine(&name, &definition, &role, workflow, now))?;
    Ok(json!({ "stateMachineArn": created.0, "creationDate": epoch(created.1) }))
}

fn describe_state_machine(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("stateMachineArn")?;
    let service = shared.service();
    let machine = service.state_machine(&arn)?;
    Ok(json!({
        "stateMachineArn": arn,
        "name": machine.name,
        "status": "ACTIVE",
        "definition": machine.text,
        "roleArn": machine.role_arn,
        "type": definitions::type_of(machine.workflow),
        "creationDate": epoch(machine.created),
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
        "tracingConfiguration": { "enabled": false },
    }))
}

fn list_state_machines(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let service = shared.service();
    let machines = service.state_machines().map(|(arn, machine)| {
        json!({ "stateMachineArn": arn, "name": machine.name, "type": definitions::type_of(machine.workflow), "creationDate": epoch(machine.created) })
    });
    listing(input, "stateMachines", machines)
}

fn delete_state_machine(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("stateMachineArn")?;
    shared.change(|service, _| service.delete_state_machine(&arn))?;
    Ok(json!({}))
}

fn start_execution(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("stateMachineArn")?;
    let name = input.optional("name", 1, 80, Show::Value)?;
    let data = input.optional("input", 0, usize::MAX, Show::NameOnly)?.unwrap_or_else(|| "{}".to_owned());
    shared.change(|service, now| {
        let execution = service.start_execution(&arn, name.as_deref(), &data, now)?;
        Ok(json!({ "executionArn": execution.arn, "startDate": epoch(execution.start_date) }))
    })
}

fn stop_execution(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("executionArn")?;
    let (error, cause) = input.failure()?;
    shared.change(|service, now| {
        let execution = service.stop_execution(&arn, error, cause, now)?;
        Ok(json!({ "stopDate": execution.stop_date.map(epoch) }))
    })
}

fn describe_execution(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("executionArn")?;
    let service = shared.service();
    let execution = service.execution(&arn)?;
    let mut answer = summary(execution);
    answer["input"] = json!(execution.input);
    answer["inputDetails"] = json!({ "included": true });
    let optional = [("output", &execution.output), ("error", &execution.error), ("cause", &execution.cause)];
    for (key, value) in optional {
        if let Some(value) = value {
            answer[key] = json!(value);
        }
    }
    if execution.output.is_some() {
        answer["outputDetails"] = json!({ "included": true });
    }
    Ok(answer)
}

fn list_executions(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("stateMachineArn")?;
    let status = input.optional("statusFilter", 1, 80, Show::Value)?;
    let service: MutexGuard<'_, Service> = shared.service();
    service.state_machine(&arn)?;
    let wanted = |e: &&Execution| status.as_deref().is_none_or(|s| s == e.status.as_str());
    listing(input, "executions", service.executions(Some(&arn)).filter(wanted).map(summary))
}

fn get_execution_history(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let arn = input.arn("executionArn")?;
    let reverse = input.flag("reverseOrder")?;
    let service = shared.service();
    let events = service.history(&arn)?.iter();
    if reverse {
        listing(input, "events", events.rev().map(|e| e.to_json()))
    } else {
        listing(input, "events", events.map(|e| e.to_json()))
    }
}

/// What `ListExecutions` and `DescribeExecution` both tell.
fn summary(execution: &Execution) -> Value {
    let mut summary = json!({
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status.as_str(),
        "startDate": epoch(execution.start_date),
    });
    if let Some(date) = execution.stop_date {
        summary["stopDate"] = epoch(date);
    }
    summary
}

fn listing(input: &Input, key: &str, items: impl Iterator<Item = Value>) -> Result<Value, ApiError> {
    let (page, next) = input.page(items)?;
    let mut answer = json!({ key: page });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

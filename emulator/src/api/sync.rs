//! `StartSyncExecution`: an Express execution, and its end in the answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::input::{Input, Show};
use crate::error::ApiError;
use crate::run::{Execution, epoch};
use crate::shared::Shared;

/// Longer than the five minutes after which an Express execution times out.
const LONGEST: Duration = Duration::from_secs(310);

pub(super) fn start_sync_execution(shared: &Shared, input: &Input) -> Result<Value, ApiError> {
    let machine = input.arn("stateMachineArn")?;
    let name = input.optional("name", 1, 80, Show::Value)?;
    let data = input.optional("input", 0, usize::MAX, Show::NameOnly)?.unwrap_or_else(|| "{}".to_owned());
    let arn = shared.change(|service, now| {
        if !service.state_machine(&machine)?.is_express() {
            let words = "This operation is not supported by this type of state machine";
            return Err(ApiError::service("StateMachineTypeNotSupported", words));
        }
        Ok(service.start_execution(&machine, name.as_deref(), &data, now)?.arn.clone())
    })?;
    let ended = shared.wait(LONGEST, |service| service.ended(&arn).cloned());
    ended
        .map(|execution| answer(&execution))
        .ok_or_else(|| ApiError::front(500, "InternalFailure", "The service ended before the execution did"))
}

fn answer(execution: &Execution) -> Value {
    let took = execution.stop_date.and_then(|stop| stop.duration_since(execution.start_date).ok());
    let took = took.unwrap_or(Duration::ZERO).as_millis() as u64;
    let mut answer = json!({
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "startDate": epoch(execution.start_date),
        "stopDate": execution.stop_date.map(epoch),
        "status": execution.status.as_str(),
        "input": execution.input,
        "inputDetails": { "included": true },
        // Source: Step Functions pricing: durations are billed in steps of 100 ms, memory in steps of 64 MB.
        "billingDetails": { "billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": took.div_ceil(100).max(1) * 100 },
    });
    if execution.output.is_some() {
        answer["outputDetails"] = json!({ "included": true });
    }
    for (key, value) in
        [("output", &execution.output), ("error", &execution.error), ("cause", &execution.cause)]
    {
        if let Some(value) = value {
            answer[key] = json!(value);
        }
    }
    answer
}

//! The context object: what `$$` shows.

use std::sync::Arc;

use super::execution::Execution;
use super::thread::Thread;
use crate::asl::{Object, Value, format_timestamp};

/// The context object of a thread in its state. `input` is the execution's.
pub(super) fn context(
    execution: &Execution,
    input: &Arc<Value>,
    role_arn: &str,
    thread: &Thread,
    token: Option<&str>,
) -> Value {
    let mut context = vec![(
        "Execution",
        object([
            ("Id", Value::from(execution.arn.as_str())),
            ("Input", Value::clone(input)),
            ("Name", Value::from(execution.name.as_str())),
            ("RoleArn", Value::from(role_arn)),
            ("StartTime", Value::from(format_timestamp(execution.start_date))),
            ("RedriveCount", Value::whole(0)),
        ]),
    )];
    if let Some(item) = &thread.item {
        let item = object([("Index", Value::whole(item.index as i64)), ("Value", item.value.clone())]);
        context.push(("Map", object([("Item", item)])));
    }
    let mut state = vec![
        ("Name", Value::from(thread.state.as_str())),
        ("EnteredTime", Value::from(format_timestamp(thread.entered_at))),
    ];
    if thread.can_retry {
        let retries: u64 = thread.retries.iter().sum();
        state.push(("RetryCount", Value::whole(i64::try_from(retries).unwrap_or(i64::MAX))));
    }
    context.push(("State", object(state)));
    let machine = execution.state_machine_arn.as_str();
    let name = machine.rsplit(':').next().unwrap_or_default();
    context.push(("StateMachine", object([("Id", Value::from(machine)), ("Name", Value::from(name))])));
    if let Some(token) = token {
        context.push(("Task", object([("Token", Value::from(token))])));
    }
    object(context)
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(Object::of_distinct(fields))
}

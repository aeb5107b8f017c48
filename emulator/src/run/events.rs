//! The names and details of history events, as the service words them.

use serde_json::{Map, Value as Json, json};

use crate::asl::{Kind, Value, Work};

/// `TaskStateEntered` and its like; a Fail state is never left.
pub(super) fn entered(kind: &Kind) -> &'static str {
    match kind {
        Kind::Task(_) => "TaskStateEntered",
        Kind::Pass { .. } => "PassStateEntered",
        Kind::Wait(_) => "WaitStateEntered",
        Kind::Choice(_) => "ChoiceStateEntered",
        Kind::Succeed => "SucceedStateEntered",
        Kind::Fail { .. } => "FailStateEntered",
        Kind::Parallel { .. } => "ParallelStateEntered",
        Kind::Map(_) => "MapStateEntered",
    }
}

pub(super) fn exited(kind: &Kind) -> &'static str {
    match kind {
        Kind::Pass { .. } => "PassStateExited",
        Kind::Wait(_) => "WaitStateExited",
        Kind::Choice(_) => "ChoiceStateExited",
        Kind::Succeed => "SucceedStateExited",
        Kind::Parallel { .. } => "ParallelStateExited",
        Kind::Map(_) => "MapStateExited",
        Kind::Task(_) | Kind::Fail { .. } => "TaskStateExited",
    }
}

/// What happens to a task.
#[derive(Clone, Copy)]
pub(super) enum Happens {
    Scheduled,
    Started,
    Succeeded,
    Failed,
    TimedOut,
}

/// Tasks of activities have event types of their own.
pub(super) fn of_task(work: &Work, happens: Happens) -> &'static str {
    match (work, happens) {
        (Work::Activity(_), Happens::Scheduled) => "ActivityScheduled",
        (Work::Activity(_), Happens::Started) => "ActivityStarted",
        (Work::Activity(_), Happens::Succeeded) => "ActivitySucceeded",
        (Work::Activity(_), Happens::Failed) => "ActivityFailed",
        (Work::Activity(_), Happens::TimedOut) => "ActivityTimedOut",
        (_, Happens::Scheduled) => "TaskScheduled",
        (_, Happens::Started) => "TaskStarted",
        (_, Happens::Succeeded) => "TaskSucceeded",
        (_, Happens::Failed) => "TaskFailed",
        (_, Happens::TimedOut) => "TaskTimedOut",
    }
}

/// `details` with what names the resource of a task that is none of an activity's.
pub(super) fn with_resource(work: &Work, mut details: Json) -> Json {
    if let Work::Push(resource) | Work::Nested(resource, _) | Work::Other(resource) = work {
        // arn:aws:states:::sqs:sendMessage.waitForTaskToken
        let mut parts = resource.splitn(7, ':').skip(5);
        details["resourceType"] = json!(parts.next());
        details["resource"] = json!(parts.next());
    }
    details
}

/// `details` with the data itself, and the mark that it is whole.
pub(super) fn data(key: &str, text: &str, mut details: Json) -> Json {
    details[key] = json!(text);
    details[format!("{key}Details")] = json!({ "truncated": false });
    details
}

/// `details` with the variables that a state has set, each as JSON.
pub(super) fn with_assigned(assigned: &[(String, Value)], mut details: Json) -> Json {
    if !assigned.is_empty() {
        let texts = assigned.iter().map(|(name, value)| (name.clone(), json!(value.to_string())));
        details["assignedVariables"] = texts.collect::<Map<_, _>>().into();
        details["assignedVariablesDetails"] = json!({ "truncated": false });
    }
    details
}

pub(super) fn error(error: Option<&str>, cause: Option<&str>) -> Json {
    let fields = [("error", error), ("cause", cause)];
    let there = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
    there.collect::<Map<_, _>>().into()
}

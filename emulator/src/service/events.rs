//! The names and details of history events, as the service words them.

use serde_json::{Map, Value, json};

use crate::asl::{Kind, Work};

pub(super) fn entered(kind: &Kind) -> &'static str {
    match kind {
        Kind::Task(_) => "TaskStateEntered",
        Kind::Pass { .. } => "PassStateEntered",
        Kind::Wait(_) => "WaitStateEntered",
        Kind::Succeed => "SucceedStateEntered",
        Kind::Fail { .. } => "FailStateEntered",
    }
}

pub(super) fn exited(kind: &Kind) -> &'static str {
    match kind {
        Kind::Pass { .. } => "PassStateExited",
        Kind::Wait(_) => "WaitStateExited",
        Kind::Succeed => "SucceedStateExited",
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
        (Work::Push(_), Happens::Scheduled) => "TaskScheduled",
        (Work::Push(_), Happens::Started) => "TaskStarted",
        (Work::Push(_), Happens::Succeeded) => "TaskSucceeded",
        (Work::Push(_), Happens::Failed) => "TaskFailed",
        (Work::Push(_), Happens::TimedOut) => "TaskTimedOut",
    }
}

/// `details` with what names the resource of a task that is none of an activity's.
pub(super) fn with_resource(work: &Work, mut details: Value) -> Value {
    if let Work::Push(resource) = work {
        // arn:aws:states:::sqs:sendMessage.waitForTaskToken
        let mut parts = resource.rsplitn(3, ':');
        details["resource"] = json!(parts.next());
        details["resourceType"] = json!(parts.next());
    }
    details
}

/// `details` with the data itself, and the mark that it is whole.
pub(super) fn data(key: &str, text: &str, mut details: Value) -> Value {
    details[key] = json!(text);
    details[format!("{key}Details")] = json!({ "truncated": false });
    details
}

pub(super) fn error(error: Option<&str>, cause: Option<&str>) -> Value {
    let fields = [("error", error), ("cause", cause)];
    let there = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
    there.collect::<Map<_, _>>().into()
}

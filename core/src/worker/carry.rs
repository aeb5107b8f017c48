//! One call to the service, from job to answer. No threads here: a simulator carries out the same jobs.

use std::sync::Arc;
use std::time::Duration;

use crate::aws::{ActivityArn, ActivityClient, CallError, PolledTask};
use crate::engine::{Call, CallFailure};
use crate::{Outcome, Receipt, TaskId, TaskToken, WorkerName};

/// A heartbeat or a report to be sent.
pub(crate) struct CallJob {
    pub(crate) id: TaskId,
    pub(crate) token: TaskToken,
    /// `None`: a heartbeat.
    pub(crate) outcome: Option<Arc<Outcome>>,
}

/// What came of it.
pub(crate) struct CallDone {
    pub(crate) id: TaskId,
    pub(crate) call: Call,
    pub(crate) answer: Result<Receipt, CallError>,
    pub(crate) took: Duration,
}

/// What came of a poll.
pub(crate) struct PollDone {
    pub(crate) activity: usize,
    pub(crate) answer: Result<Option<PolledTask>, CallError>,
    pub(crate) took: Duration,
}

/// Sends one heartbeat or report.
pub(crate) fn call(client: &ActivityClient, job: CallJob) -> CallDone {
    let start = client.clock().clock().monotonic();
    let (call, answer) = match &job.outcome {
        Some(outcome) => (Call::Report, client.report(&job.token, outcome)),
        None => (Call::Beat, client.send_task_heartbeat(&job.token)),
    };
    CallDone { id: job.id, call, answer, took: elapsed(client, start) }
}

/// Polls once.
pub(crate) fn poll(
    client: &ActivityClient,
    activity: usize,
    arn: &ActivityArn,
    name: &WorkerName,
) -> PollDone {
    let start = client.clock().clock().monotonic();
    let answer = client.get_activity_task(arn, name);
    PollDone { activity, answer, took: elapsed(client, start) }
}

/// What the engine needs to know of an error.
pub(crate) fn failure(error: &CallError) -> CallFailure {
    CallFailure { class: error.class, maybe_taken: error.maybe_taken, retry_after: error.retry_after }
}

fn elapsed(client: &ActivityClient, start: Duration) -> Duration {
    client.clock().clock().monotonic().saturating_sub(start)
}

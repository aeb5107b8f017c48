//! One call to the service, or to a handler, from job to answer. No threads here: a simulator carries out the same jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::aws::{ActivityArn, ActivityClient, CallError, PolledTask};
use crate::engine::{Call, CallFailure};
use crate::worker::handler::{Handler, TaskContext};
use crate::{Outcome, Output, Receipt, TaskId, TaskToken, WorkerName};

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

/// A handler ended.
pub(crate) struct HandlerDone {
    pub(crate) id: TaskId,
    pub(crate) outcome: Outcome,
}

/// What an earlier process left running for a task has ended, or why that is not known.
pub(crate) struct ReclaimDone {
    pub(crate) id: TaskId,
    pub(crate) result: Result<(), String>,
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

/// Works one task.
pub(crate) fn work(handler: &dyn Handler, task: &TaskContext, max_output: usize) -> HandlerDone {
    let outcome = match catch_unwind(AssertUnwindSafe(|| handler.handle(task))) {
        Ok(Ok(output)) => Output::parse_within(output, max_output).into(),
        Ok(Err(failure)) => Outcome::Failure(failure),
        Err(panic) => Outcome::failure("Handler.Panicked", panic_text(&*panic)),
    };
    HandlerDone { id: task.id(), outcome }
}

/// Ends what an earlier process left running for a task.
pub(crate) fn reclaim(handler: Option<Arc<dyn Handler>>, id: TaskId) -> ReclaimDone {
    let reclaimed = handler.map_or(Ok(Ok(())), |h| catch_unwind(AssertUnwindSafe(|| h.reclaim(id))));
    let result = match reclaimed {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic_text(&*panic)),
    };
    ReclaimDone { id, result }
}

/// What the engine needs to know of an error.
pub(crate) fn failure(error: &CallError) -> CallFailure {
    CallFailure { class: error.class, maybe_taken: error.maybe_taken, retry_after: error.retry_after }
}

fn elapsed(client: &ActivityClient, start: Duration) -> Duration {
    client.clock().clock().monotonic().saturating_sub(start)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the handler panicked".to_owned())
}

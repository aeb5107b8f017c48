//! The verbs of the activity API.

use std::sync::Arc;
use std::time::Duration;

use super::{ActivityArn, Transport};
use crate::clock::ServerClock;
use crate::{Class, Origin, Outcome, Receipt, TaskToken, WorkerName};

/// Signs and sends the calls of one origin (region, account, endpoint). Cheap to clone.
#[derive(Clone)]
pub struct ActivityClient {
    clock: Arc<ServerClock>,
    transport: Arc<dyn Transport>,
}

/// Builds an [`ActivityClient`].
pub struct ActivityClientBuilder {}

/// A task as `GetActivityTask` hands it out.
#[derive(Clone)]
pub struct PolledTask {
    /// Its token.
    pub token: TaskToken,
    /// Its input, JSON.
    pub input: String,
}

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct CallError {
    /// What to do about it.
    pub class: Class,
    /// The service's code, for instance `TaskTimedOut`.
    pub code: Option<String>,
    /// What happened, in words fit for a log: no secrets.
    pub message: String,
    /// Whether the request may have taken effect: it may have reached the service, and no answer of the service came back.
    pub maybe_taken: bool,
    /// The service's wish for a pause.
    pub retry_after: Option<Duration>,
    /// The `x-amzn-RequestId` of the answer.
    pub request_id: Option<String>,
}

impl ActivityClient {
    /// Polls for a task, up to 60 s. `None`: no task came.
    pub fn get_activity_task(
        &self,
        _arn: &ActivityArn,
        _worker: &WorkerName,
    ) -> Result<Option<PolledTask>, CallError> {
        todo!()
    }
    /// Reports an outcome: `SendTaskSuccess` or `SendTaskFailure`.
    pub fn report(&self, _token: &TaskToken, _outcome: &Outcome) -> Result<Receipt, CallError> {
        todo!()
    }
    /// Sends a heartbeat.
    pub fn send_task_heartbeat(&self, _token: &TaskToken) -> Result<Receipt, CallError> {
        todo!()
    }
    /// The origin that an activity of this client has: its ARN's partition, region and account, and the own endpoint if any.
    pub fn origin(&self, _arn: &ActivityArn) -> Origin {
        todo!()
    }
    /// The service's time.
    pub fn clock(&self) -> &Arc<ServerClock> {
        &self.clock
    }
    /// The transport.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }
}

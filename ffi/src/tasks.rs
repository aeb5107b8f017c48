//! Requests, as apps see them.

use std::time::SystemTime;

use activity_worker::aws::OriginError;
use activity_worker::worker::{self, DeferredState, DeferredTask};
use activity_worker::{Adoption, Outcome, Scope, TaskId, TaskToken};

use crate::{AdoptError, WorkerError};

/// A task that waits for an answer of the app, or whose answer waits to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ActivityTask {
    /// Names the task; it says nothing about the token.
    pub id: String,
    /// Its activity; none for a pushed one.
    pub activity_arn: Option<String>,
    /// The user it belongs to.
    pub scope: String,
    /// When it came, by the service's time.
    pub accepted_at: SystemTime,
    /// Whether its input was said. A pushed token may come alone, and be completed by a later push; until then its input is `{}`.
    pub has_input: bool,
    /// When its workflow gives it up, if that was said.
    pub expires_at: Option<SystemTime>,
    /// How far it has come.
    pub state: TaskState,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum TaskState {
    /// It waits for an answer.
    Open,
    /// It is answered; the answer waits to be delivered.
    Answered,
    /// The service rejected the answer: it is kept, and tried again slowly.
    Held,
}

/// What an app answered to a request.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
pub enum TaskAnswer {
    /// An output.
    Success {
        /// JSON.
        output: String,
    },
    /// A failure.
    Failure {
        /// What `Catch` matches.
        error: String,
        /// For people.
        cause: String,
    },
}

impl From<Outcome> for TaskAnswer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success(output) => TaskAnswer::Success { output: output.into_string() },
            Outcome::Failure(why) => {
                TaskAnswer::Failure { error: why.error().to_owned(), cause: why.cause().to_owned() }
            }
        }
    }
}

/// A task token that came by push message, or from the app's backend.
#[derive(Clone, uniffi::Record)]
pub struct PushedTask {
    /// The token of the `.waitForTaskToken` task.
    pub token: String,
    /// What the person is to see: JSON, at most 1,048,576 bytes. A later push may say it.
    #[uniffi(default = None)]
    pub input: Option<String>,
    /// `partition/region/account`, if it may be another one than the worker's.
    #[uniffi(default = None)]
    pub origin: Option<String>,
    /// The user it is for, if it may be another one than the worker's.
    #[uniffi(default = None)]
    pub scope: Option<String>,
    /// When its workflow gives it up.
    #[uniffi(default = None)]
    pub expires_at: Option<SystemTime>,
}

/// What became of a pushed task.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum Adopted {
    /// A new request, now on stable storage.
    New {
        /// The task.
        id: String,
    },
    /// It was held already.
    Known {
        /// The task.
        id: String,
    },
    /// It was held already, and has the input, end, origin or user now that it came without.
    Completed {
        /// The task.
        id: String,
    },
    /// It is held for another user or account: a worker of theirs shows it.
    Foreign {
        /// The task.
        id: String,
    },
    /// It was here before, and is over.
    Over {
        /// The task.
        id: String,
        /// How it ended.
        settlement: Settlement,
    },
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum Settlement {
    /// The service took the answer.
    Delivered,
    /// The workflow had given the task up before any answer reached it.
    TooLate,
    /// It is over; whether the service took the answer is unknown, since its word on that was lost.
    Unknown,
    /// The app took the request back.
    Retracted,
    /// It was given up while it was foreign, or its answer held: nothing more is reported, and an answer is gone.
    Discarded,
}

/// The id of the task that a token stands for.
#[uniffi::export]
pub fn task_id(token: String) -> Result<String, WorkerError> {
    let invalid = |reason: String| WorkerError::Invalid { reason };
    let token = TaskToken::new(token).map_err(|e| invalid(e.to_string()))?;
    let id = token.id().to_string();
    Adoption::new(token).check().map_err(|e| invalid(e.to_string()))?;
    Ok(id)
}

impl PushedTask {
    pub(crate) fn adoption(self) -> Result<Adoption, AdoptError> {
        let token = TaskToken::new(self.token).map_err(|e| AdoptError::Invalid { reason: e.to_string() })?;
        let mut adoption = Adoption::new(token);
        if let Some(input) = self.input {
            adoption = adoption.input(input);
        }
        if let Some(origin) = self.origin {
            let origin =
                origin.parse().map_err(|e: OriginError| AdoptError::Invalid { reason: e.to_string() })?;
            adoption = adoption.origin(origin);
        }
        if let Some(scope) = self.scope {
            adoption = adoption.scope(Scope(scope));
        }
        if let Some(expires) = self.expires_at {
            adoption = adoption.expires(expires);
        }
        Ok(adoption)
    }
}

impl From<DeferredTask> for ActivityTask {
    fn from(task: DeferredTask) -> Self {
        ActivityTask {
            id: task.id.to_string(),
            activity_arn: task.activity.map(|arn| arn.as_str().to_owned()),
            scope: task.scope.0,
            accepted_at: task.accepted,
            has_input: task.has_input,
            expires_at: task.expires,
            state: match task.state {
                DeferredState::Answered => TaskState::Answered,
                DeferredState::Held => TaskState::Held,
                DeferredState::Open => TaskState::Open,
            },
        }
    }
}

impl From<worker::Adopted> for Adopted {
    fn from(adopted: worker::Adopted) -> Self {
        let id = adopted.id().to_string();
        match adopted {
            worker::Adopted::New(_) => Adopted::New { id },
            worker::Adopted::Known(_) => Adopted::Known { id },
            worker::Adopted::Completed(_) => Adopted::Completed { id },
            worker::Adopted::Foreign(_) => Adopted::Foreign { id },
            worker::Adopted::Over(_, settlement) => Adopted::Over { id, settlement: settlement.into() },
        }
    }
}

impl From<activity_worker::Settlement> for Settlement {
    fn from(settlement: activity_worker::Settlement) -> Self {
        match settlement {
            activity_worker::Settlement::Delivered => Settlement::Delivered,
            activity_worker::Settlement::TooLate => Settlement::TooLate,
            activity_worker::Settlement::Retracted => Settlement::Retracted,
            activity_worker::Settlement::Discarded => Settlement::Discarded,
            activity_worker::Settlement::Unknown => Settlement::Unknown,
        }
    }
}

/// `None`: no id, so no task has it.
pub(crate) fn parse_id(id: &str) -> Option<TaskId> {
    TaskId::parse(id)
}

//! An execution as others see it.

use std::fmt;
use std::time::SystemTime;

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It goes on.
    Running,
    /// It came to its end.
    Succeeded,
    /// An error that nothing caught, or a Fail state.
    Failed,
    /// The state machine's own TimeoutSeconds passed.
    TimedOut,
    /// `StopExecution`.
    Aborted,
}

impl Status {
    /// The service's word, for instance `TIMED_OUT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
        }
    }
}

/// An execution as `DescribeExecution` shows it. `Debug` shows no inputs and outputs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The ARN of its state machine.
    pub state_machine_arn: String,
    /// How it stands.
    pub status: Status,
    /// Its input, JSON, as it was given.
    pub input: String,
    /// Its output, JSON, if it succeeded.
    pub output: Option<String>,
    /// The error's name, if it failed, timed out or was stopped with one.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// When it began.
    pub start_date: SystemTime,
    /// When it ended.
    pub stop_date: Option<SystemTime>,
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.name, self.status.as_str(), self.error)
    }
}

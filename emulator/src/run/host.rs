//! What an execution asks of whoever runs it, and what it orders.

use std::time::Duration;

use crate::asl::{Chance, Work};

/// What an execution asks: it has no clock, no chance and no numbers of its own.
pub(crate) trait Host: Chance {
    /// The number and the token of a new task.
    fn task(&mut self) -> (u64, String);
    /// Whether there is such an activity.
    fn has_activity(&self, arn: &str) -> bool;
}

/// What an execution orders.
#[derive(Debug)]
pub(crate) enum Action {
    /// Hand this task to its workers.
    Schedule(Order),
    /// No one may end this task any more.
    Cancel(u64),
    /// Call `woken` with this thread and ticket after this time.
    Wake { thread: u64, ticket: u64, after: Duration },
}

/// A task for a worker.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) token: String,
    pub(crate) work: Work,
    pub(crate) input: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
}

/// How a task ended, if not with an output.
#[derive(Debug)]
pub(crate) enum TaskError {
    Failed { error: Option<String>, cause: Option<String> },
    Timeout,
    HeartbeatTimeout,
}

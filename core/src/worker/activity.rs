//! An activity to take tasks from, and how.

use std::sync::Arc;
use std::time::Duration;

use crate::aws::ActivityArn;
use crate::task::OUTPUT_MAX;
use crate::worker::handler::Handler;

/// The most polls of an activity at once, unless it is told otherwise.
const POLLERS_USUAL: usize = 4;

/// An activity to take tasks from.
#[derive(Clone)]
#[must_use = "it is polled by a worker that is told of it"]
pub struct Activity {
    pub(super) arn: ActivityArn,
    /// `None`: deferred.
    pub(super) handler: Option<Arc<dyn Handler>>,
    pub(super) concurrency: usize,
    pub(super) heartbeat_interval: Duration,
    pub(super) max_output: usize,
    pub(super) safe_to_repeat: bool,
    pub(super) on_request: bool,
    pub(super) pollers: usize,
}

impl Activity {
    /// Tasks go to `handler`.
    pub fn handled(arn: ActivityArn, handler: impl Handler) -> Self {
        Activity { handler: Some(Arc::new(handler)), ..Activity::deferred(arn) }
    }

    /// Tasks wait for [`Worker::succeed`](super::Worker::succeed) or [`fail`](super::Worker::fail): a person
    /// decides, tomorrow maybe.
    pub fn deferred(arn: ActivityArn) -> Self {
        Activity {
            arn,
            handler: None,
            concurrency: 1,
            heartbeat_interval: Duration::from_secs(30),
            max_output: OUTPUT_MAX,
            safe_to_repeat: false,
            on_request: false,
            pollers: POLLERS_USUAL,
        }
    }

    /// The most tasks of this activity at work, or waiting for the app, at once. Default 1.
    pub fn concurrency(self, tasks: usize) -> Self {
        Activity { concurrency: tasks, ..self }
    }

    /// The time between heartbeats: at most a third of the state's `HeartbeatSeconds`. Default 30 s, for 90 s and more.
    pub fn heartbeat_interval(self, interval: Duration) -> Self {
        Activity { heartbeat_interval: interval, ..self }
    }

    /// The most bytes of an output. So many are set aside on disk for each task before it is accepted. Default 262,144, the
    /// service's limit.
    pub fn max_output(self, bytes: usize) -> Self {
        Activity { max_output: bytes, ..self }
    }

    /// A task whose handler died with the process is run again, up to three times, instead of failed as `Worker.Restarted`.
    /// Default false.
    pub fn safe_to_repeat(self, safe: bool) -> Self {
        Activity { safe_to_repeat: safe, ..self }
    }

    /// It is polled only by [`Worker::poll_once`](super::Worker::poll_once): a phone must not begin a poll that it may
    /// not live to see answered. Default false.
    pub fn on_request(self, on_request: bool) -> Self {
        Activity { on_request, ..self }
    }

    /// The most polls under way at once, one of [`POLLERS`](super::POLLERS). One waits while the queue is empty; as long as polls bring tasks, and tasks more
    /// may be at work, there are more. Each may bring a task that is lost to its timeout if the network fails before the answer is
    /// here. Default 4.
    pub fn pollers(self, polls: usize) -> Self {
        Activity { pollers: polls, ..self }
    }

    /// The activity's ARN.
    pub fn arn(&self) -> &ActivityArn {
        &self.arn
    }
}

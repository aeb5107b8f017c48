//! The public face of the worker.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::aws::{ActivityArn, ActivityClient};
use crate::{Failure, Scope, Settlement, TaskId, TaskToken, WorkerName};

/// The entry: see [`Worker::builder`].
#[derive(Debug)]
pub struct Worker(());

impl Worker {
    /// Starts to describe a worker.
    pub fn builder() -> WorkerBuilder {
        todo!()
    }
}

/// Describes a worker. Every setter overrides the default named in its text.
pub struct WorkerBuilder {}

#[allow(unused_variables, missing_docs)]
impl WorkerBuilder {
    pub fn client(self, client: ActivityClient) -> Self { todo!() }
    pub fn state_dir(self, dir: impl Into<PathBuf>) -> Self { todo!() }
    pub fn activity(self, activity: Activity) -> Self { todo!() }
    pub fn worker_name(self, name: WorkerName) -> Self { todo!() }
    /// The most tasks held at once, whatever their state. Default: the activities' concurrency added up, and 64 more.
    pub fn max_tasks(self, tasks: usize) -> Self { todo!() }
    /// The most bytes in the state folder. Default 256 MiB.
    pub fn max_bytes(self, bytes: u64) -> Self { todo!() }
    /// The window at a random point of which the first call after a come-back lies. Default 30 s.
    pub fn comeback_window(self, window: Duration) -> Self { todo!() }
    pub fn allow_unsafe_storage(self, allow: bool) -> Self { todo!() }
    /// Opens the state folder and starts the threads.
    pub fn start(self) -> Result<WorkerHandle, StartError> { todo!() }
}

/// An activity to take tasks from.
pub struct Activity {}

#[allow(unused_variables, missing_docs)]
impl Activity {
    /// Tasks go to `handler`.
    pub fn handled(arn: ActivityArn, handler: impl Handler) -> Self { todo!() }
    /// Tasks wait for [`WorkerHandle::succeed`] or [`WorkerHandle::fail`]: a person decides, tomorrow maybe.
    pub fn deferred(arn: ActivityArn) -> Self { todo!() }
    /// The most tasks of this activity at work (or waiting for the app) at once. Default 1.
    pub fn concurrency(self, tasks: usize) -> Self { todo!() }
    /// The time between heartbeats: at most a third of the state's `HeartbeatSeconds`. Default 30 s.
    pub fn heartbeat_interval(self, interval: Duration) -> Self { todo!() }
    /// The room set aside on disk for each outcome. Default 262,144 bytes, the service's limit.
    pub fn max_output(self, bytes: usize) -> Self { todo!() }
    /// A task whose handler died with the process is run again (at most 3 times) instead of failed as `Worker.Restarted`. Default false.
    pub fn safe_to_repeat(self, safe: bool) -> Self { todo!() }
}

/// Does the work of a task.
pub trait Handler: Send + Sync + 'static {
    /// Works one task, on a thread of its own, and returns its output (JSON) or its failure. Watch [`TaskContext::is_cancelled`] when it takes long.
    fn handle(&self, task: &TaskContext) -> Result<String, Failure>;

    /// Called once for each task that an earlier process had begun, before it is run again or failed: the place to end what
    /// that process may have left running. It may block; until it returns, nothing is reported for the task, while its heartbeats go on.
    fn reclaim(&self, _task: TaskId) {}
}

impl<F> Handler for F
where
    F: Fn(&TaskContext) -> Result<String, Failure> + Send + Sync + 'static,
{
    fn handle(&self, task: &TaskContext) -> Result<String, Failure> {
        self(task)
    }
}

/// Why a handler should end now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancelled {
    /// The service gave the task up; no result will be taken.
    TimedOut,
    /// The worker stops now.
    Stopping,
}

/// A task as its handler sees it.
pub struct TaskContext {}

#[allow(unused_variables, missing_docs)]
impl TaskContext {
    pub fn id(&self) -> TaskId { todo!() }
    pub fn activity(&self) -> &ActivityArn { todo!() }
    pub fn worker_name(&self) -> &WorkerName { todo!() }
    /// The input, JSON.
    pub fn input(&self) -> &str { todo!() }
    /// 1 for the first run, more when a task that is safe to repeat is run again.
    pub fn run(&self) -> u8 { todo!() }
    pub fn is_cancelled(&self) -> Option<Cancelled> { todo!() }
    /// Calls `f` once when the task is cancelled: at once if it already is.
    pub fn on_cancel(&self, f: impl FnOnce(Cancelled) + Send + 'static) { todo!() }
    /// Waits until the task is cancelled, or `timeout` has passed.
    pub fn wait_cancelled(&self, timeout: Duration) -> Option<Cancelled> { todo!() }
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Take no new tasks, let polls end by themselves (up to a minute), let handlers finish, try to deliver what is there.
    Drain,
    /// Drop the polls, cancel the handlers. A dropped poll can swallow a task for HeartbeatSeconds or a minute.
    Now,
}

/// What the caller knows of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link { /// There is a network.
    Up, /// There is none.
    Down, /// Nothing is known.
    Unknown }

/// A running worker. Cheap to clone; the worker stops only by [`WorkerHandle::stop`].
#[derive(Clone)]
pub struct WorkerHandle(Arc<()>);

#[allow(unused_variables, missing_docs)]
impl WorkerHandle {
    /// Stops and waits for the end. A second call from another thread with [`Stop::Now`] hurries a drain.
    pub fn stop(&self, how: Stop) -> StopReport { todo!() }
    pub fn snapshot(&self) -> Snapshot { todo!() }
    /// Something changed (the network, the time): try what waits now.
    pub fn wake(&self) { todo!() }
    pub fn set_link(&self, link: Link) { todo!() }
    /// From now on, what happens. A subscriber that does not keep up gets [`Event::Missed`] in place of the oldest ones.
    pub fn subscribe(&self) -> Events { todo!() }
    /// The deferred tasks that wait for an outcome.
    pub fn deferred_tasks(&self) -> Vec<DeferredTask> { todo!() }
    /// The input of a task, from disk.
    pub fn input(&self, id: TaskId) -> Result<String, SettleError> { todo!() }
    /// Settles a deferred task: the output is on stable storage when this returns `Ok`.
    pub fn succeed(&self, id: TaskId, output: impl Into<String>) -> Result<(), SettleError> { todo!() }
    pub fn fail(&self, id: TaskId, error: &str, cause: &str) -> Result<(), SettleError> { todo!() }
    /// Takes a token that came by another way (`.waitForTaskToken`). The same token twice is one task.
    pub fn adopt(&self, token: TaskToken, input: &str) -> Result<TaskId, AdoptError> { todo!() }
    /// Delivers what it can in the time there is, and says what is left. The worker goes on.
    pub fn drain_within(&self, time: Duration) -> DrainReport { todo!() }
    /// Waits until a poll came back empty and nothing waits but held outcomes.
    pub fn wait_idle(&self) { todo!() }
}

/// A task that waits for the app.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeferredTask {
    /// Its id.
    pub id: TaskId,
    /// Its activity; `None` for an adopted token.
    pub activity: Option<ActivityArn>,
    /// The user it belongs to.
    pub scope: Scope,
    /// When it was accepted.
    pub accepted: SystemTime,
}

/// How a stop ended.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct StopReport {
    /// Outcomes that are on disk and not yet taken by the service, held ones included.
    pub kept: usize,
    /// Of these, the held ones.
    pub held: usize,
    /// Polls that were dropped: each may have swallowed a task.
    pub dropped_polls: usize,
    /// Handlers that did not end in time; their tasks fail as `Worker.Restarted` at the next start.
    pub abandoned_handlers: usize,
}

/// What [`WorkerHandle::drain_within`] did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// Outcomes settled in that time.
    pub delivered: usize,
    /// Outcomes still waiting.
    pub left: usize,
    /// When the next of them is due, if any.
    pub next_try: Option<Duration>,
}

/// What a worker is and does at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Tasks whose handler runs.
    pub running: usize,
    /// Deferred tasks that wait for the app.
    pub deferred: usize,
    /// Outcomes that wait to be delivered.
    pub waiting: usize,
    /// Outcomes that the service rejected and that are kept.
    pub held: Vec<TaskId>,
    /// Polls under way.
    pub polls: usize,
}

/// Why no worker was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something is missing or contradicts itself in what the builder was told.
    #[error("{0}")]
    Config(String),
}

/// Why a deferred task was not settled.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// No deferred task has this id (it was settled, given up by the service, or never was here).
    #[error("no deferred task {0}")]
    NoSuchTask(TaskId),
}

/// Why a token was not adopted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The worker has no room for one more task.
    #[error("no room")]
    Full,
}

/// What happens in a worker, in the order in which it happens. No event carries a secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The service handed out a task, and it is on stable storage.
    Accepted { /// The task.
        id: TaskId, /// Its activity's name.
        activity: Option<String> },
    /// Its handler was started.
    Started { /// The task.
        id: TaskId, /// 1, or more when it is run again.
        run: u8 },
    /// Its outcome is known.
    Ended { /// The task.
        id: TaskId, /// The failure's name, or none.
        error: Option<String> },
    /// Its outcome is on stable storage.
    Kept { /// The task.
        id: TaskId },
    /// It is over.
    Settled { /// The task.
        id: TaskId, /// How.
        settlement: Settlement, /// The request id of the answer.
        request_id: Option<String> },
    /// A report was rejected; the outcome is kept and tried slowly.
    Held { /// The task.
        id: TaskId, /// What the service said.
        reason: String },
    /// The network does not answer.
    Offline { /// What was tried.
        reason: String },
    /// The service answers again.
    Online,
    /// The service gave up a task; its handler is told.
    Cancelled { /// The task.
        id: TaskId, /// Why.
        reason: Cancelled },
    /// Something an operator should read.
    Warning { /// One line.
        text: String },
    /// The subscriber did not keep up; so many events are gone.
    Missed { /// How many.
        count: u64 },
}

/// A subscription.
pub struct Events {}

#[allow(unused_variables, missing_docs)]
impl Events {
    /// The next event; waits up to `timeout`. `None` on timeout, or when the worker has ended and all was read.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> { todo!() }
    /// Whether the worker has ended and all was read.
    pub fn is_over(&self) -> bool { todo!() }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskContext")
    }
}

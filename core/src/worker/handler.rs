//! What does the work of a task, and what it gets to see.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::aws::ActivityArn;
use crate::engine::Cancelled;
use crate::worker::jobs::spawn::spawn;
use crate::{Failure, TaskId, WorkerName};

/// Does the work of a task. Closures are handlers too.
pub trait Handler: Send + Sync + 'static {
    /// Works one task, on a thread of its own, and returns its output (JSON) or its failure. One that takes long should watch
    /// [`TaskContext::is_cancelled`]: after that its result is of use to nobody. A panic becomes the failure `Handler.Panicked`,
    /// where the program unwinds.
    fn handle(&self, task: &TaskContext) -> Result<String, Failure>;

    /// Called for each task that an earlier process had begun, before it is run again or failed: the place to end what that
    /// process may have left running. It may block; until it returns nothing is reported for the task, while its heartbeats go on.
    /// After an error, which must hold no secrets, it is called again some time later.
    fn reclaim(&self, task: TaskId) -> std::io::Result<()> {
        let _ = task;
        Ok(())
    }
}

impl<F> Handler for F
where
    F: Fn(&TaskContext) -> Result<String, Failure> + Send + Sync + 'static,
{
    fn handle(&self, task: &TaskContext) -> Result<String, Failure> {
        self(task)
    }
}

/// A task as its handler sees it. `Debug` shows its id, never its input.
pub struct TaskContext {
    pub(super) id: TaskId,
    pub(super) activity: ActivityArn,
    pub(super) worker_name: WorkerName,
    pub(super) input: String,
    pub(super) run: u8,
    pub(super) cancel: Arc<Cancel>,
}

impl TaskContext {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The activity it came from.
    pub fn activity(&self) -> &ActivityArn {
        &self.activity
    }

    /// The worker's name, as the execution history shows it.
    pub fn worker_name(&self) -> &WorkerName {
        &self.worker_name
    }

    /// The input: JSON, at most 1,048,576 bytes.
    pub fn input(&self) -> &str {
        &self.input
    }

    /// 1 for the first run, more when a task that is safe to repeat is run again.
    pub fn run(&self) -> u8 {
        self.run
    }

    /// Whether, and why, the handler should end.
    pub fn is_cancelled(&self) -> Option<Cancelled> {
        self.cancel.lock().why
    }

    /// Calls `f` once when the task is cancelled, on another thread: at once, and on this one, if it already is.
    pub fn on_cancel(&self, f: impl FnOnce(Cancelled) + Send + 'static) {
        let mut state = self.cancel.lock();
        match state.why {
            None => state.callbacks.push(Box::new(f)),
            Some(why) => {
                drop(state);
                f(why);
            }
        }
    }

    /// Waits until the task is cancelled, or `timeout` has passed: `None`.
    pub fn wait_cancelled(&self, timeout: Duration) -> Option<Cancelled> {
        let end = Instant::now() + timeout.min(super::LONGEST);
        let mut state = self.cancel.lock();
        while state.why.is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.cancel.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.why
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskContext(id {}, run {}, {} bytes of input)", self.id, self.run, self.input.len())
    }
}

/// Tells one handler that its task is cancelled.
#[derive(Default)]
pub(super) struct Cancel {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    why: Option<Cancelled>,
    callbacks: Vec<Box<dyn FnOnce(Cancelled) + Send>>,
}

impl Cancel {
    /// Cancels. The first reason stays. What the handler asked to be called is called on a thread of its own: it may block.
    pub(super) fn cancel(self: &Arc<Self>, why: Cancelled) {
        let mut state = self.lock();
        if state.why.is_some() {
            return;
        }
        state.why = Some(why);
        let none = state.callbacks.is_empty();
        drop(state);
        self.changed.notify_all();
        let cancel = Arc::clone(self);
        if !none && spawn("aw-cancel", move || cancel.call_back(why)).is_err() {
            self.call_back(why);
        }
    }

    fn call_back(&self, why: Cancelled) {
        let callbacks = std::mem::take(&mut self.lock().callbacks);
        for callback in callbacks {
            callback(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

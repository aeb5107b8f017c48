//! What an app asks a running worker.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::adopt::{AdoptError, Adopted};
use super::deferred::{DeferredTask, SettleError};
use super::events::{Events, Hub};
use super::inbox::{Ask, Inbox, Lease};
use super::poll_once::{self, PollOnceError, PollRisk, PolledOnce};
use crate::aws::ActivityArn;
use crate::engine::{self, LinkHint};
use crate::task::OUTPUT_MAX;
use crate::{Adoption, Outcome, Settlement, TaskId};

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Take no new tasks, let polls end by themselves (up to a minute), let handlers finish, try to deliver what is there. A task
    /// that a last poll brings is failed as `Worker.Stopping`.
    Drain,
    /// Drop the polls, cancel the handlers, keep what they leave. A dropped poll can swallow a task: it then ends by its
    /// HeartbeatSeconds or TimeoutSeconds.
    Now,
}

/// What the platform knows of the network. A hint: calls are still tried, sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// There is a network.
    Up,
    /// There is none.
    Down,
    /// It can't say.
    Unknown,
}

/// A running worker. Cheap to clone. Dropping it changes nothing: a worker ends by [`stop`](WorkerHandle::stop).
#[derive(Clone)]
pub struct WorkerHandle {
    pub(super) inbox: Sender<Inbox>,
    pub(super) hub: Arc<Hub>,
    pub(super) ended: Arc<Ended>,
}

/// The end of a worker, for those who wait for it.
#[derive(Default)]
pub(super) struct Ended {
    report: Mutex<Option<StopReport>>,
    changed: Condvar,
}

impl Ended {
    pub(super) fn set(&self, report: StopReport) {
        *self.lock() = Some(report);
        self.changed.notify_all();
    }

    pub(super) fn wait(&self) -> StopReport {
        let mut report = self.lock();
        loop {
            if let Some(report) = report.as_ref() {
                return report.clone();
            }
            report = self.changed.wait(report).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<StopReport>> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever waits for the end is told even if the engine's thread panics.
pub(super) struct EndGuard(pub(super) WorkerHandle);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.hub.close();
        self.0.ended.lock().get_or_insert_default();
        self.0.ended.changed.notify_all();
    }
}

impl WorkerHandle {
    /// Stops, and waits for the end. Called again with [`Stop::Now`], from another thread, it hurries a drain. After the end it
    /// answers at once.
    pub fn stop(&self, how: Stop) -> StopReport {
        self.request_stop(how);
        self.ended.wait()
    }

    /// Stops, without waiting for the end.
    pub fn request_stop(&self, how: Stop) {
        self.tell(Ask::Stop(match how {
            Stop::Drain => engine::Stop::Drain,
            Stop::Now => engine::Stop::Now,
        }));
    }

    /// What the worker is and does now.
    pub fn snapshot(&self) -> Result<Snapshot, Stopped> {
        self.ask(Ask::Snapshot).ok_or(Stopped)
    }

    /// Something changed (the app came to the front, a person asks, there is a letter in the inbox): what waits for time is tried
    /// now. What is held stays slow.
    pub fn wake(&self) {
        self.tell(Ask::Wake);
    }

    /// Passes on what the platform knows of the network. `Up` brings the next try to a random point of the come-back window.
    pub fn set_link(&self, link: Link) {
        self.tell(Ask::Link(match link {
            Link::Up => LinkHint::Up,
            Link::Down => LinkHint::Down,
            Link::Unknown => LinkHint::Unknown,
        }));
    }

    /// Other credentials are in use, of another account perhaps: what was rejected or paused for their sake is tried again.
    pub fn credentials_changed(&self) {
        self.tell(Ask::CredentialsChanged);
    }

    /// From now on, what happens. A subscriber that does not keep up gets [`Event::Missed`](super::Event::Missed) in place of the
    /// oldest events.
    pub fn subscribe(&self) -> Events {
        self.hub.subscribe()
    }

    /// The tasks that the app settles, answers that are not delivered yet included. Asking renews their lease: a task that the app has not asked for in the lease
    /// (24 h by default) beats no more.
    pub fn deferred_tasks(&self) -> Vec<DeferredTask> {
        self.ask(|reply| Ask::Deferred(Lease::Renew, reply)).unwrap_or_default()
    }

    /// The same list, for the app's own bookkeeping: nobody looks at it, so it renews no lease.
    pub fn peek_deferred_tasks(&self) -> Vec<DeferredTask> {
        self.ask(|reply| Ask::Deferred(Lease::Leave, reply)).unwrap_or_default()
    }

    /// The input of a deferred task, read from disk.
    pub fn input(&self, id: TaskId) -> Result<String, SettleError> {
        self.ask(|reply| Ask::Input(id, reply)).unwrap_or(Err(SettleError::Stopped))
    }

    /// Settles a deferred task with `output`: JSON, at most the activity's `max_output`. It is on stable storage when this returns
    /// `Ok`, and will be delivered.
    pub fn succeed(&self, id: TaskId, output: impl Into<String>) -> Result<(), SettleError> {
        match Outcome::success(output, OUTPUT_MAX) {
            outcome @ Outcome::Success(_) => self.settle(id, outcome),
            Outcome::Failure(why) => Err(SettleError::BadOutput(why.cause().to_owned())),
        }
    }

    /// Settles a deferred task with a failure. `error` is cut at 256, `cause` at 32,768 characters.
    pub fn fail(&self, id: TaskId, error: &str, cause: &str) -> Result<(), SettleError> {
        self.settle(id, Outcome::failure(error, cause))
    }

    fn settle(&self, id: TaskId, outcome: Outcome) -> Result<(), SettleError> {
        self.ask(|reply| Ask::Settle(id, outcome, reply)).unwrap_or(Err(SettleError::Stopped))
    }

    /// Takes back a deferred task that has no answer yet: its workflow withdrew the request. Nothing is reported. That it is over is
    /// on stable storage when this returns `Ok`.
    pub fn retract(&self, id: TaskId) -> Result<(), SettleError> {
        self.ask(|reply| Ask::Retract(id, reply)).unwrap_or(Err(SettleError::Stopped))
    }

    /// How a task ended that is over: also one of an earlier process, while its end is remembered (the last 10,000 tasks at least).
    pub fn settlement(&self, id: TaskId) -> Result<Option<Settlement>, Stopped> {
        self.ask(|reply| Ask::Settlement(id, reply)).ok_or(Stopped)
    }

    /// Takes a token that came by another way than a poll, for instance `.waitForTaskToken`, as a deferred task. It is on stable
    /// storage when this returns `Ok`. The same token twice is one task, also after its end.
    pub fn adopt(&self, adoption: Adoption) -> Result<Adopted, AdoptError> {
        self.ask(|reply| Ask::Adopt(adoption, reply)).unwrap_or(Err(AdoptError::Stopped))
    }

    /// Polls an activity once, for an app that is open, and waits up to `within` for the end: for activities that are
    /// [polled on request](super::Activity::on_request). Under 70 s it refuses, unless the risk is taken.
    pub fn poll_once(
        &self,
        activity: &ActivityArn,
        within: Duration,
        risk: PollRisk,
    ) -> Result<PolledOnce, PollOnceError> {
        if within < poll_once::WINDOW && risk == PollRisk::Refuse {
            return Err(PollOnceError::WindowTooShort);
        }
        self.ask(|reply| Ask::PollOnce(activity.clone(), within.min(super::LONGEST), reply))
            .unwrap_or(Err(PollOnceError::Stopped))
    }

    /// Delivers what it can in `time`, and says what is left: for a process that only has seconds. Returns at once when nothing
    /// is left, and when the worker ends meanwhile. The worker goes on.
    pub fn drain_within(&self, time: Duration) -> Result<DrainReport, Stopped> {
        self.ask(|reply| Ask::Drain(time.min(super::LONGEST), reply)).ok_or(Stopped)
    }

    /// Waits until a poll of each activity came back empty and nothing waits but held outcomes, or the worker has ended. From the
    /// call on an activity that had nothing to hand out is not polled again until something else ended.
    pub fn wait_idle(&self) {
        self.ask(Ask::UntilIdle).unwrap_or_default();
    }

    fn tell(&self, ask: Ask) {
        // The inbox is closed once the worker has ended: there is nothing to be told any more.
        let _ = self.inbox.send(Inbox::Ask(ask));
    }

    /// `None` if the worker has ended, or ends before it answers.
    fn ask<T>(&self, ask: impl FnOnce(Sender<T>) -> Ask) -> Option<T> {
        let (reply, answer) = channel();
        self.tell(ask(reply));
        answer.recv().ok()
    }
}

/// The worker has ended, and has no answer any more: what it kept, its [`StopReport`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the worker has ended")]
pub struct Stopped;

/// How a stop ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Outcomes that are kept and not yet taken by the service, held ones included: the next start goes on with them.
    pub kept: usize,
    /// Those of them that the service rejected.
    pub held: Vec<TaskId>,
    /// Polls that were dropped: each may have swallowed a task.
    pub dropped_polls: usize,
    /// Handlers that did not end in time: the next start fails their tasks as `Worker.Restarted`, or runs them again.
    pub abandoned_handlers: usize,
    /// Outcomes that the disk refused to the end: they are lost. Zero but on a failing disk.
    pub lost: usize,
}

/// What [`WorkerHandle::drain_within`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Outcomes settled in that time.
    pub settled: usize,
    /// Outcomes still waiting, held ones included.
    pub left: usize,
    /// The time to the next try, if one is due by itself.
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
    /// Outcomes that wait to be delivered, held ones not counted.
    pub waiting: usize,
    /// Outcomes that the service rejected and that are kept.
    pub held: Vec<TaskId>,
    /// Tasks of another origin, user or machine.
    pub foreign: usize,
    /// Outcomes that the disk has refused so far; they are in memory only.
    pub not_on_disk: usize,
    /// Polls under way.
    pub polls: usize,
    /// For how long the service has not answered, if it does not.
    pub offline_for: Option<Duration>,
    /// Reporting pauses after rejections.
    pub reports_paused: bool,
    /// How many seconds the device's date is behind the service's; negative if ahead; `None` before the first answer.
    pub clock_skew: Option<i64>,
    /// The file system's name, if it can't promise to keep what was written.
    pub unsafe_storage: Option<String>,
    /// Threads that have been at one thing for longer than any deadline allows. Not empty: something hangs.
    pub stuck: Vec<Stuck>,
}

/// A thread that hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// Its name.
    pub thread: &'static str,
    /// For how long.
    pub since: Duration,
}

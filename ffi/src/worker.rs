//! The worker.

use std::sync::Arc;
use std::time::Duration;

use activity_worker::aws::ActivityArn;
use activity_worker::worker::{self, CancelWait, Link, Stop, Worker};

use crate::tasks::parse_id;
use crate::{
    ActivityTask, AdoptError, Adopted, AnswerError, AwsCredentialsProvider, DrainReport, EventListener,
    ForeignError, ForeignTask, PollError, PushedTask, Settlement, StartError, StopReport, TaskAnswer,
    WorkerConfig, WorkerError, WorkerSnapshot, WorkerStatus, events,
};

/// A running worker. Stop it: what is merely let go ends at some later time, and keeps the state folder until then.
#[derive(uniffi::Object)]
pub struct ActivityWorker {
    handle: Worker,
}

/// Ends one wait before its time, from another thread: see [`ActivityWorker::cancel`].
#[derive(Default, uniffi::Object)]
pub struct WaitCancel {
    wait: CancelWait,
}

#[uniffi::export]
impl WaitCancel {
    /// For one wait.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StopMode {
    /// Let polls end by themselves (up to a minute), try to deliver what is answered.
    Drain,
    /// Drop polls, each of which can swallow a task; keep everything.
    Now,
}

/// Whether a poll may be begun that the process may not live to see answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PollRisk {
    /// No: less than 70 s are too few.
    Refuse,
    /// Yes. A task handed out to a poll that is cut off is lost to everyone until its HeartbeatSeconds or TimeoutSeconds are over.
    MayLoseTask,
}

/// What one poll brought.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum PollResult {
    /// A task, now on stable storage.
    Task {
        /// The task.
        id: String,
    },
    /// No task waits.
    Nothing,
    /// The time is over, the poll goes on. What it brings comes as an event.
    UnderWay,
}

/// What the platform knows of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LinkState {
    /// There is a network.
    Up,
    /// There is none.
    Down,
    /// It can't say.
    Unknown,
}

#[uniffi::export]
impl ActivityWorker {
    /// Opens the state folder and starts the threads. The listener hears of everything from the start on.
    #[uniffi::constructor]
    pub fn start(
        config: WorkerConfig,
        credentials: Arc<dyn AwsCredentialsProvider>,
        listener: Option<Arc<dyn EventListener>>,
    ) -> Result<Arc<Self>, StartError> {
        let (handle, events) = config.builder(credentials)?.start_subscribed()?;
        let worker = Arc::new(ActivityWorker { handle });
        if let Some(listener) = listener {
            // Once it was asked for, its changes are told.
            let _ = worker.handle.status();
            events::pass_on(worker.handle.clone(), events, listener)?;
        }
        Ok(worker)
    }

    /// Stops, and waits for the end: with `Drain` up to a minute and more. A second call with `Now` hurries it.
    pub fn stop(&self, how: StopMode) -> Result<StopReport, WorkerError> {
        let how = match how {
            StopMode::Drain => Stop::Drain,
            StopMode::Now => Stop::Now,
        };
        Ok(self.handle.stop(how).into())
    }

    /// The requests: open ones, and those whose answer waits to be delivered. Asking renews their lease. None after the end.
    pub fn pending_tasks(&self) -> Result<Vec<ActivityTask>, WorkerError> {
        Ok(self.handle.deferred_tasks().into_iter().map(ActivityTask::from).collect())
    }

    /// The same list, to keep a screen's model current while nobody looks: it renews no lease.
    pub fn peek_tasks(&self) -> Result<Vec<ActivityTask>, WorkerError> {
        Ok(self.handle.peek_deferred_tasks().into_iter().map(ActivityTask::from).collect())
    }

    /// What a person is to see: the input of a request, read from disk; of an answered one too, until it is settled.
    pub fn input(&self, id: String) -> Result<String, AnswerError> {
        Ok(self.handle.input(open(&id)?)?)
    }

    /// What the app answered to a request, until it is settled; none while it is open.
    pub fn answer(&self, id: String) -> Result<Option<TaskAnswer>, AnswerError> {
        Ok(self.handle.answer(open(&id)?)?.map(TaskAnswer::from))
    }

    /// Answers a request with an output: JSON. It is on stable storage when this returns, and will be delivered.
    pub fn succeed(&self, id: String, output: String) -> Result<(), AnswerError> {
        Ok(self.handle.succeed(open(&id)?, output)?)
    }

    /// Answers a request with a failure. It is on stable storage when this returns, and will be delivered.
    pub fn fail(&self, id: String, error: String, cause: String) -> Result<(), AnswerError> {
        Ok(self.handle.fail(open(&id)?, &error, &cause)?)
    }

    /// Takes a pushed task. It is on stable storage when this returns. The same token twice is one task, also after its end: what the
    /// first push left out, a later one says while the request is open; of two that differ the first one counts.
    pub fn adopt(&self, task: PushedTask) -> Result<Adopted, AdoptError> {
        Ok(self.handle.adopt(task.adoption()?)?.into())
    }

    /// Takes back an open request: its workflow withdrew it. Nothing is reported. That it is over is on stable storage when this
    /// returns.
    pub fn retract(&self, id: String) -> Result<(), AnswerError> {
        Ok(self.handle.retract(open(&id)?)?)
    }

    /// How a task ended that is over; none if it is not, or is not remembered any more.
    pub fn settlement(&self, id: String) -> Result<Option<Settlement>, WorkerError> {
        let Some(id) = parse_id(&id) else { return Ok(None) };
        Ok(self.handle.settlement(id)?.map(Settlement::from))
    }

    /// The tasks that are not this worker's to go on with, the oldest first.
    pub fn foreign_tasks(&self) -> Result<Vec<ForeignTask>, WorkerError> {
        Ok(self.handle.foreign_tasks()?.into_iter().map(ForeignTask::from).collect())
    }

    /// Makes a foreign task this worker's own, for good: an open one becomes a request of its user, an answer is delivered. That it is
    /// so is on stable storage when this returns.
    ///
    /// For an endpoint or a user who got another name, or a folder that was moved to a new phone. Where that is not what happened it
    /// can't be taken back: a user gets to see what was another's, the service rejects a token of another account, and a request of
    /// a copied folder may be answered twice.
    pub fn adopt_foreign(&self, id: String) -> Result<(), ForeignError> {
        Ok(self.handle.adopt_foreign(decided(&id)?)?)
    }

    /// Gives up a task that is foreign, or whose answer is held: nothing more is reported, and an answer is gone. It ends as
    /// `Discarded`, which is on stable storage when this returns; for its workflow it ends by a timeout. What is on its way can't be
    /// discarded.
    pub fn discard(&self, id: String) -> Result<(), ForeignError> {
        Ok(self.handle.discard(decided(&id)?)?)
    }

    /// Delivers what it can in `time`, and says what is left. Returns at once when nothing is left, and when the worker ends
    /// meanwhile.
    pub fn drain_within(&self, time: Duration) -> Result<DrainReport, WorkerError> {
        self.drain_until(time, WaitCancel::new())
    }

    /// The same; [`cancel`](Self::cancel) ends it before its time.
    pub fn drain_until(&self, time: Duration, cancel: Arc<WaitCancel>) -> Result<DrainReport, WorkerError> {
        Ok(self.handle.drain_until(time, &cancel.wait)?.into())
    }

    /// Ends the wait that was given this, or will be.
    pub fn cancel(&self, wait: Arc<WaitCancel>) -> Result<(), WorkerError> {
        self.handle.cancel(&wait.wait);
        Ok(())
    }

    /// Polls an activity once, and waits up to `within` for the end. Under 70 s it refuses, unless the risk is taken.
    pub fn poll_once(
        &self,
        activity_arn: String,
        within: Duration,
        risk: PollRisk,
    ) -> Result<PollResult, PollError> {
        self.poll_once_until(activity_arn, within, risk, WaitCancel::new())
    }

    /// The same; [`cancel`](Self::cancel) ends the wait before its time. A poll that was begun goes on: what it brings comes as an
    /// event.
    pub fn poll_once_until(
        &self,
        activity_arn: String,
        within: Duration,
        risk: PollRisk,
        cancel: Arc<WaitCancel>,
    ) -> Result<PollResult, PollError> {
        let arn = ActivityArn::parse(&activity_arn)
            .map_err(|error| PollError::NoSuchActivity { reason: error.to_string() })?;
        let risk = match risk {
            PollRisk::Refuse => worker::PollRisk::Refuse,
            PollRisk::MayLoseTask => worker::PollRisk::MayLoseTask,
        };
        Ok(match self.handle.poll_once_until(&arn, within, risk, &cancel.wait)? {
            worker::PolledOnce::Task(id) => PollResult::Task { id: id.to_string() },
            worker::PolledOnce::Nothing => PollResult::Nothing,
            worker::PolledOnce::UnderWay => PollResult::UnderWay,
        })
    }

    /// Passes on what the platform knows of the network.
    pub fn set_link(&self, link: LinkState) -> Result<(), WorkerError> {
        self.handle.set_link(match link {
            LinkState::Up => Link::Up,
            LinkState::Down => Link::Down,
            LinkState::Unknown => Link::Unknown,
        });
        Ok(())
    }

    /// The app came to the front, a person asks, there is a letter in the inbox: what waits for time is tried now.
    pub fn wake(&self) -> Result<(), WorkerError> {
        self.handle.wake();
        Ok(())
    }

    /// The user logged in anew: what was refused for the old credentials' sake is tried again.
    pub fn credentials_changed(&self) -> Result<(), WorkerError> {
        self.handle.credentials_changed();
        Ok(())
    }

    /// What the worker is up against now. The listener hears of each change.
    pub fn status(&self) -> Result<WorkerStatus, WorkerError> {
        Ok(self.handle.status()?.into())
    }

    /// What the worker is and does now.
    pub fn snapshot(&self) -> Result<WorkerSnapshot, WorkerError> {
        Ok(self.handle.snapshot()?.into())
    }
}

impl Drop for ActivityWorker {
    fn drop(&mut self) {
        // Perhaps on the thread of a garbage collector: it must not wait.
        self.handle.request_stop(Stop::Now);
    }
}

fn open(id: &str) -> Result<activity_worker::TaskId, AnswerError> {
    parse_id(id).ok_or_else(|| AnswerError::NotOpen { id: id.to_owned() })
}

fn decided(id: &str) -> Result<activity_worker::TaskId, ForeignError> {
    parse_id(id).ok_or_else(|| ForeignError::NoSuchTask { id: id.to_owned() })
}

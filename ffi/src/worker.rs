//! The worker.

use std::sync::Arc;
use std::time::Duration;

use activity_worker::aws::ActivityArn;
use activity_worker::worker::{self, Link, Stop, WorkerHandle};

use crate::tasks::parse_id;
use crate::{
    ActivityTask, AdoptError, Adopted, AnswerError, AwsCredentialsProvider, EventListener, PollError,
    PushedTask, Settlement, StartError, WorkerConfig, WorkerError, events,
};

/// A running worker. Stop it: what is merely let go ends at some later time, and keeps the state folder until then.
#[derive(uniffi::Object)]
pub struct ActivityWorker {
    handle: WorkerHandle,
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StopMode {
    /// Let polls end by themselves (up to a minute), try to deliver what is answered.
    Drain,
    /// Drop polls, each of which can swallow a task; keep everything.
    Now,
}

/// How a stop ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StopReport {
    /// Answers that are kept and not delivered yet: the next start goes on with them.
    pub kept: u64,
    /// Those of them that the service rejected.
    pub held: Vec<String>,
    /// Polls that were dropped.
    pub dropped_polls: u64,
    /// Answers that the disk refused to the end: they are lost. Zero but on a failing disk.
    pub lost: u64,
}

/// What a drain did.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DrainReport {
    /// Answers that the service took, or that are over, in that time.
    pub delivered: u64,
    /// Answers still waiting, held ones included.
    pub left: u64,
    /// The time to the next try, if one is due by itself.
    pub next_try: Option<Duration>,
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

/// What a worker is and does at one moment.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct WorkerSnapshot {
    /// Requests that wait for an answer.
    pub open: u64,
    /// Answers that wait to be delivered, held ones not counted.
    pub answered: u64,
    /// Answers that the service rejected and that are kept.
    pub held: Vec<String>,
    /// Tasks of other users or accounts, waiting for them.
    pub foreign: u64,
    /// Answers that the disk has refused so far; they are in memory only.
    pub not_on_disk: u64,
    /// Polls under way.
    pub polls: u64,
    /// For how long the service has not answered, if it does not.
    pub offline_for: Option<Duration>,
    /// How many seconds the device's date is behind the service's; negative if ahead; none before the first answer.
    pub clock_skew_seconds: Option<i64>,
    /// Threads that hang, by name.
    pub stuck: Vec<String>,
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
            events::pass_on(events, listener)?;
        }
        Ok(worker)
    }

    /// Stops, and waits for the end: with `Drain` up to a minute and more. A second call with `Now` hurries it.
    pub fn stop(&self, how: StopMode) -> Result<StopReport, WorkerError> {
        let report = self.handle.stop(match how {
            StopMode::Drain => Stop::Drain,
            StopMode::Now => Stop::Now,
        });
        Ok(StopReport {
            kept: report.kept as u64,
            held: report.held.iter().map(ToString::to_string).collect(),
            dropped_polls: report.dropped_polls as u64,
            lost: report.lost as u64,
        })
    }

    /// The requests: open ones, and those whose answer waits to be delivered. Asking renews their lease. None after the end.
    pub fn pending_tasks(&self) -> Result<Vec<ActivityTask>, WorkerError> {
        Ok(self.handle.deferred_tasks().into_iter().map(ActivityTask::from).collect())
    }

    /// The same list, to keep a screen's model current while nobody looks: it renews no lease.
    pub fn peek_tasks(&self) -> Result<Vec<ActivityTask>, WorkerError> {
        Ok(self.handle.peek_deferred_tasks().into_iter().map(ActivityTask::from).collect())
    }

    /// What a person is to see: the input of an open request, read from disk.
    pub fn input(&self, id: String) -> Result<String, AnswerError> {
        Ok(self.handle.input(open(&id)?)?)
    }

    /// Answers a request with an output: JSON. It is on stable storage when this returns, and will be delivered.
    pub fn succeed(&self, id: String, output: String) -> Result<(), AnswerError> {
        Ok(self.handle.succeed(open(&id)?, output)?)
    }

    /// Answers a request with a failure. It is on stable storage when this returns, and will be delivered.
    pub fn fail(&self, id: String, error: String, cause: String) -> Result<(), AnswerError> {
        Ok(self.handle.fail(open(&id)?, &error, &cause)?)
    }

    /// Takes a pushed task. It is on stable storage when this returns. The same token twice is one task, also after its end.
    pub fn adopt(&self, task: PushedTask) -> Result<Adopted, AdoptError> {
        let adoption = task.adoption().map_err(|reason| AdoptError::Invalid { reason })?;
        Ok(self.handle.adopt(adoption)?.into())
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

    /// Delivers what it can in `time`, and says what is left. Returns at once when nothing is left, and when the worker ends
    /// meanwhile.
    pub fn drain_within(&self, time: Duration) -> Result<DrainReport, WorkerError> {
        let report = self.handle.drain_within(time)?;
        Ok(DrainReport {
            delivered: report.settled as u64,
            left: report.left as u64,
            next_try: report.next_try,
        })
    }

    /// Polls an activity once, and waits up to `within` for the end. Under 70 s it refuses, unless the risk is taken.
    pub fn poll_once(
        &self,
        activity_arn: String,
        within: Duration,
        risk: PollRisk,
    ) -> Result<PollResult, PollError> {
        let arn = ActivityArn::parse(&activity_arn)
            .map_err(|error| PollError::NoSuchActivity { reason: error.to_string() })?;
        let risk = match risk {
            PollRisk::Refuse => worker::PollRisk::Refuse,
            PollRisk::MayLoseTask => worker::PollRisk::MayLoseTask,
        };
        Ok(match self.handle.poll_once(&arn, within, risk)? {
            worker::PolledOnce::Task(id) => PollResult::Task { id: id.to_string() },
            worker::PolledOnce::Nothing => PollResult::Nothing,
            _ => PollResult::UnderWay,
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

    /// What the worker is and does now.
    pub fn snapshot(&self) -> Result<WorkerSnapshot, WorkerError> {
        let now = self.handle.snapshot()?;
        Ok(WorkerSnapshot {
            open: now.deferred as u64,
            answered: now.waiting as u64,
            held: now.held.iter().map(ToString::to_string).collect(),
            foreign: now.foreign as u64,
            not_on_disk: now.not_on_disk as u64,
            polls: now.polls as u64,
            offline_for: now.offline_for,
            clock_skew_seconds: now.clock_skew,
            stuck: now.stuck.iter().map(|stuck| stuck.thread.to_owned()).collect(),
        })
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

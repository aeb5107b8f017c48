//! What listeners are told, and how.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::Cancelled;
use crate::{Settlement, TaskId};

/// A subscriber that is so far behind loses the oldest events.
const BACKLOG: usize = 1024;

/// What happens in a worker, in the order in which it happens. No event carries a secret. `Display` gives one line for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The service handed out a task, or a token was adopted, and it is on stable storage.
    Accepted {
        /// The task.
        id: TaskId,
        /// Its activity's name; `None` for an adopted token.
        activity: Option<String>,
    },
    /// The disk refused a task; it is failed as `Worker.NotKept`.
    NotKept {
        /// The task.
        id: TaskId,
        /// What the disk said.
        reason: String,
    },
    /// Its handler was started.
    Started {
        /// The task.
        id: TaskId,
        /// 1, or more when it is run again.
        run: u8,
    },
    /// Its handler ended.
    Ended {
        /// The task.
        id: TaskId,
        /// The failure's name; `None` for a success.
        error: Option<String>,
        /// How long it ran.
        took: Duration,
    },
    /// Its outcome is on stable storage.
    Kept {
        /// The task.
        id: TaskId,
    },
    /// The disk refused its outcome: it is kept in memory, tried on disk again and reported; no task is taken meanwhile.
    OutcomeNotKept {
        /// The task.
        id: TaskId,
        /// What the disk said.
        reason: String,
    },
    /// It is over.
    Settled {
        /// The task.
        id: TaskId,
        /// How.
        settlement: Settlement,
        /// The request id of the answer that settled it.
        request_id: Option<String>,
    },
    /// The service rejected its report: the outcome is kept and tried every few hours.
    Held {
        /// The task.
        id: TaskId,
        /// What the service said.
        reason: String,
    },
    /// A report, or a heartbeat, is not allowed (IAM, KMS): the outcome is kept and tried slowly.
    Denied {
        /// The task.
        id: TaskId,
        /// What the service said.
        reason: String,
    },
    /// Three reports in a row were rejected, as a wrong account would: reporting pauses.
    ReportsPaused,
    /// A report was taken, or the credentials changed: reporting goes on.
    ReportsResumed,
    /// The network does not answer.
    Offline {
        /// What was tried, and what came of it.
        reason: String,
    },
    /// The service answers again.
    Online,
    /// Credentials can't be had, or do not work.
    CredentialsRefused {
        /// Why.
        reason: String,
    },
    /// Credentials work again.
    CredentialsAccepted,
    /// The service throttles; calls slow down.
    Throttled {
        /// Heartbeats, rather than reports.
        heartbeats: bool,
    },
    /// Polls of an activity are refused for a reason that an operator must mend.
    PollRefused {
        /// The activity's name.
        activity: String,
        /// What the service said.
        reason: String,
    },
    /// Polls of the activity work again.
    PollAccepted {
        /// The activity's name.
        activity: String,
    },
    /// A handler is told to end.
    Cancelled {
        /// The task.
        id: TaskId,
        /// Why.
        reason: Cancelled,
    },
    /// A task's heartbeats end, so that its workflow can time out.
    HeartbeatsStopped {
        /// The task.
        id: TaskId,
        /// Why.
        reason: &'static str,
    },
    /// A task in the state folder belongs to another account, region, endpoint or user, or came with a copied folder: it waits.
    Foreign {
        /// The task.
        id: TaskId,
    },
    /// A file of the state folder was damaged and set aside.
    Quarantined {
        /// Where it lies now.
        path: PathBuf,
    },
    /// The state folder has no room for one more task and its outcome: nothing is polled.
    Full,
    /// It has room again.
    RoomAgain,
    /// Something else that an operator should read.
    Warning {
        /// One line.
        text: String,
    },
    /// This subscriber did not keep up; so many events are gone.
    Missed {
        /// How many.
        count: u64,
    },
}

impl Event {
    /// How loud it is in a log.
    pub fn level(&self) -> log::Level {
        match self {
            Event::Started { .. } | Event::Kept { .. } => log::Level::Debug,
            Event::Settled { settlement: Settlement::Delivered | Settlement::Retracted, .. } => {
                log::Level::Info
            }
            Event::Accepted { .. }
            | Event::Ended { .. }
            | Event::Online
            | Event::CredentialsAccepted
            | Event::PollAccepted { .. }
            | Event::RoomAgain
            | Event::ReportsResumed => log::Level::Info,
            _ => log::Level::Warn,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Accepted { id, activity: Some(activity) } => write!(f, "task {id}: accepted from {activity}"),
            Event::Accepted { id, activity: None } => write!(f, "task {id}: adopted"),
            Event::NotKept { id, reason } => {
                write!(f, "task {id}: can't be kept on disk ({reason}), failed as Worker.NotKept")
            }
            Event::Started { id, run: 1 } => write!(f, "task {id}: handler started"),
            Event::Started { id, run } => write!(f, "task {id}: handler started again, run {run}"),
            Event::Ended { id, error: None, took } => write!(f, "task {id}: succeeded after {}", Seconds(*took)),
            Event::Ended { id, error: Some(error), took } => {
                write!(f, "task {id}: failed as {error} after {}", Seconds(*took))
            }
            Event::Kept { id } => write!(f, "task {id}: result kept"),
            Event::OutcomeNotKept { id, reason } => write!(
                f,
                "task {id}: the disk refused the result ({reason}); it stays in memory and is tried again, no task is taken meanwhile"
            ),
            Event::Settled { id, settlement, request_id } => {
                let how = match settlement {
                    Settlement::Delivered => "result delivered",
                    Settlement::TooLate => "the service gave the task up before the result came (too late)",
                    Settlement::Retracted => "taken back by the app, unanswered",
                    Settlement::Unknown => {
                        "over; whether the service took the result is unknown, an earlier answer was lost"
                    }
                };
                write!(f, "task {id}: {how}")?;
                request_id.iter().try_for_each(|r| write!(f, " (request {r})"))
            }
            Event::Held { id, reason } => {
                write!(f, "task {id}: the service rejects the result ({reason}); held, tried again in hours")
            }
            Event::Denied { id, reason } => {
                write!(f, "task {id}: not allowed ({reason}); kept, tried again slowly: check the role's policy")
            }
            Event::ReportsPaused => f.write_str(
                "three results in a row were rejected: reporting pauses for up to an hour; is this the right account?",
            ),
            Event::ReportsResumed => f.write_str("reporting goes on"),
            Event::Offline { reason } => write!(f, "offline: {reason}"),
            Event::Online => f.write_str("online again"),
            Event::CredentialsRefused { reason } => write!(f, "credentials do not work: {reason}; trying again"),
            Event::CredentialsAccepted => f.write_str("credentials work again"),
            Event::Throttled { heartbeats: true } => f.write_str("the service throttles heartbeats; slowing down"),
            Event::Throttled { heartbeats: false } => f.write_str("the service throttles results; slowing down"),
            Event::PollRefused { activity, reason } => {
                write!(f, "activity {activity}: polls are refused ({reason}); polling slowly until that is mended")
            }
            Event::PollAccepted { activity } => write!(f, "activity {activity}: polls are accepted again"),
            Event::Cancelled { id, reason } => write!(f, "task {id}: cancelled, {reason}"),
            Event::HeartbeatsStopped { id, reason } => write!(f, "task {id}: heartbeats stop, {reason}"),
            Event::Foreign { id } => write!(
                f,
                "task {id}: not this worker's to go on with (another account, region, endpoint or user, or a copied state folder); it waits"
            ),
            Event::Quarantined { path } => write!(f, "damaged file set aside: {}", path.display()),
            Event::Full => f.write_str(
                "no room for one more task in the state folder (its disk is full or refuses to write, or max_tasks or max_bytes is reached): nothing is polled",
            ),
            Event::RoomAgain => f.write_str("room for tasks again"),
            Event::Warning { text } => f.write_str(text),
            Event::Missed { count } => write!(f, "{count} events missed"),
        }
    }
}

/// A duration as people read it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..60 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            s => write!(f, "{} min {} s", s / 60, s % 60),
        }
    }
}

/// A subscription, made by [`WorkerHandle::subscribe`](super::WorkerHandle::subscribe).
pub struct Events(Arc<Queue>);

impl Events {
    /// The next event; waits up to `timeout` for it. `None` on timeout, or when the worker has ended and all was read.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        let end = Instant::now() + timeout.min(super::LONGEST);
        let mut state = self.0.lock();
        loop {
            if state.missed > 0 {
                return Some(Event::Missed { count: std::mem::take(&mut state.missed) });
            }
            if let Some(event) = state.events.pop_front() {
                return Some(event);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.over || left.is_zero() {
                return None;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the worker has ended and all was read.
    pub fn is_over(&self) -> bool {
        let state = self.0.lock();
        state.over && state.events.is_empty() && state.missed == 0
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    missed: u64,
    over: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where events go: the log, and every subscriber that is still there.
#[derive(Default)]
pub(super) struct Hub {
    queues: Mutex<(Vec<Weak<Queue>>, bool)>,
}

impl Hub {
    pub(super) fn subscribe(&self) -> Events {
        let queue = Arc::new(Queue::default());
        let mut queues = self.lock();
        queue.lock().over = queues.1;
        queues.0.push(Arc::downgrade(&queue));
        Events(queue)
    }

    pub(super) fn tell(&self, event: &Event) {
        log::log!(target: "activity_worker", event.level(), "{event}");
        Self::each(&mut self.lock().0, |state| {
            if state.events.len() == BACKLOG {
                state.events.pop_front();
                state.missed += 1;
            }
            state.events.push_back(event.clone());
        });
    }

    pub(super) fn close(&self) {
        let mut queues = self.lock();
        queues.1 = true;
        Self::each(&mut queues.0, |state| state.over = true);
    }

    fn each(queues: &mut Vec<Weak<Queue>>, change: impl Fn(&mut State)) {
        queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            change(&mut queue.lock());
            queue.changed.notify_all();
            true
        });
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Weak<Queue>>, bool)> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_a_subscriber_that_sleeps_loses_the_oldest_and_is_told_how_many() {
        let hub = Hub::default();
        let events = hub.subscribe();
        for run in 0..BACKLOG + 3 {
            hub.tell(&Event::Warning { text: run.to_string() });
        }
        hub.close();
        assert_eq!(events.next_within(Duration::ZERO), Some(Event::Missed { count: 3 }));
        assert_eq!(events.next_within(Duration::ZERO), Some(Event::Warning { text: "3".into() }));
        while events.next_within(Duration::ZERO).is_some() {}
        assert!(events.is_over());
        assert!(hub.subscribe().is_over(), "a subscription to a worker that has ended");
    }
}

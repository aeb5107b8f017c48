//! What listeners are told.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::{BeatsStopped, Cancelled};
use crate::worker::foreign::ForeignWhy;
use crate::worker::warnings::Warning;
use crate::{Origin, Settlement, TaskId};

/// What happens in a worker, in the order in which it happens. No event carries a secret.
///
/// `Display` gives one line for a person, as [`Printable`](crate::Printable) shows it. The fields are what was said, as it was said:
/// names, reasons and paths may hold line ends, and what steers a terminal. An app that writes them somewhere lets them through
/// `Printable` too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Event {
    /// The service handed out a task, a token was adopted, or a foreign task was, and it is on stable storage.
    Accepted {
        /// The task.
        id: TaskId,
        /// Its activity's name; `None` for an adopted token.
        activity: Option<String>,
    },
    /// What a token that was adopted came without was said later, and is on stable storage: list the tasks anew.
    Completed {
        /// The task.
        id: TaskId,
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
    /// Its outcome can't be kept on disk now: it stays in memory, is tried on disk again and reported; no task is taken meanwhile.
    OutcomeNotKept {
        /// The task.
        id: TaskId,
        /// What the system said, of the disk or of another thing that it lacks, such as descriptors.
        reason: String,
    },
    /// It is over.
    Settled {
        /// The task.
        id: TaskId,
        /// What became of its outcome.
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
        /// What was asked for them, and what came of it.
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
    /// A handler of an activity could not be started: its tasks are failed by name, and it is polled slowly, for one task at a time,
    /// until one can.
    StartsFail {
        /// The activity's name.
        activity: String,
        /// What the system said.
        reason: String,
    },
    /// Its handlers can be started again.
    StartsAgain {
        /// The activity's name.
        activity: String,
    },
    /// A handler is told to end.
    Cancelled {
        /// The task.
        id: TaskId,
        /// Who gave it up: the service, or the worker.
        reason: Cancelled,
    },
    /// A task's heartbeats end, so that its workflow can time out.
    HeartbeatsStopped {
        /// The task.
        id: TaskId,
        /// Whether the app, the service or the configuration is why.
        reason: BeatsStopped,
    },
    /// A task in the state folder belongs to another account, region, endpoint or user, or came with a copied folder: it waits. See
    /// [`Worker::foreign_tasks`](super::Worker::foreign_tasks).
    Foreign {
        /// The task.
        id: TaskId,
        /// Whose it is.
        origin: Origin,
        /// Whose this worker's tasks are.
        here: Origin,
        /// Its outcome is kept, rather than it being open.
        has_outcome: bool,
        /// Why it waits.
        why: ForeignWhy,
    },
    /// A file of the state folder was damaged and set aside.
    Quarantined {
        /// Where it lies now.
        path: PathBuf,
    },
    /// The state folder has no room for one more task and its outcome: nothing is polled.
    Full {
        /// How many of its tasks are not this worker's to go on with: those go away by no work of its own.
        foreign: usize,
        /// How many of its outcomes are held, since the service rejects them.
        held: usize,
    },
    /// It has room again.
    RoomAgain,
    /// Something else that an operator should read.
    Warning(Warning),
    /// The [status](super::Worker::status) is another one. Told once it was asked for.
    StatusChanged,
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
            Event::StatusChanged => log::Level::Trace,
            Event::Started { .. } | Event::Kept { .. } => log::Level::Debug,
            Event::Settled { settlement: Settlement::Delivered | Settlement::Retracted, .. } => {
                log::Level::Info
            }
            Event::Accepted { .. }
            | Event::Completed { .. }
            | Event::Ended { .. }
            | Event::Online
            | Event::CredentialsAccepted
            | Event::PollAccepted { .. }
            | Event::StartsAgain { .. }
            | Event::RoomAgain
            | Event::ReportsResumed => log::Level::Info,
            Event::Settled { .. }
            | Event::NotKept { .. }
            | Event::OutcomeNotKept { .. }
            | Event::Held { .. }
            | Event::Denied { .. }
            | Event::ReportsPaused
            | Event::Offline { .. }
            | Event::CredentialsRefused { .. }
            | Event::Throttled { .. }
            | Event::PollRefused { .. }
            | Event::StartsFail { .. }
            | Event::Cancelled { .. }
            | Event::HeartbeatsStopped { .. }
            | Event::Foreign { .. }
            | Event::Quarantined { .. }
            | Event::Full { .. }
            | Event::Warning(_)
            | Event::Missed { .. } => log::Level::Warn,
        }
    }
}

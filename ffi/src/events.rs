//! What happens, told to the app.

use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use activity_worker::worker::{self, Event, Events, Warning, Worker};

use crate::{CallbackError, ForeignWhy, Settlement, StartError, WorkerStatus};

/// What happens in a worker. The library tells more; what an app does not act on comes as `Notice`.
///
/// A reason is what was said, by a server or a disk: a logger that is not the library's must expect line ends in it. A `Notice` is one
/// line, in which whatever would end it or steer a terminal is escaped.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A request is here, on stable storage.
    Accepted {
        /// The task.
        id: String,
    },
    /// What a token came without was said later: show its input anew.
    Completed {
        /// The task.
        id: String,
    },
    /// Its answer is on stable storage.
    Kept {
        /// The task.
        id: String,
    },
    /// It is over.
    Settled {
        /// The task.
        id: String,
        /// What became of its outcome.
        settlement: Settlement,
        /// What to quote to AWS support.
        request_id: Option<String>,
    },
    /// The service rejects the answer: it is kept, and tried again slowly.
    Held {
        /// The task.
        id: String,
        /// What the service said.
        reason: String,
    },
    /// An answer, or a heartbeat, is not allowed: it is kept, and tried again slowly.
    Denied {
        /// The task.
        id: String,
        /// What the service said.
        reason: String,
    },
    /// A task's heartbeats end, so that its workflow can time out.
    HeartbeatsStopped {
        /// The task.
        id: String,
        /// Whether the app, the service or the configuration is why.
        reason: BeatsStopped,
    },
    /// A task belongs to another user, account, region or endpoint, or came with a copied folder: it waits for them, or until it is
    /// adopted or discarded.
    Foreign {
        /// The task.
        id: String,
        /// Whose it is: `partition/region/account`, with an endpoint of one's own behind that.
        origin: String,
        /// Whose this worker's tasks are.
        here: String,
        /// It is answered, and the answer is kept. Else it is open.
        has_answer: bool,
        /// Why it waits.
        why: ForeignWhy,
    },
    /// There is no room for one more request: nothing is polled.
    Full {
        /// How many of the tasks are not this worker's to go on with: those go away by no work of its own.
        foreign: u64,
        /// How many of the answers are held, since the service rejects them.
        held: u64,
    },
    /// There is room again.
    RoomAgain,
    /// A handler of an activity could not be started: of a worker with handlers.
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
    /// The listener did not keep up: so many events are gone. List the tasks anew.
    Missed {
        /// How many.
        count: u64,
    },
    /// The status is another one.
    Status {
        /// As it is now.
        status: WorkerStatus,
    },
    /// Something that someone should read, and no other event tells.
    Warning {
        /// What it is.
        kind: WarningKind,
        /// The task it is about, if it is about one.
        id: Option<String>,
        /// One line, for a person.
        text: String,
    },
    /// Something else, in words for a log.
    Notice {
        /// Someone should look after it.
        warning: bool,
        /// One line.
        text: String,
    },
}

/// Why a task's heartbeats end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum BeatsStopped {
    /// The app has not asked for the task within its lease.
    Lease,
    /// Its answer has been denied for an hour, and its workflow must be able to time out.
    Denied,
    /// The service does not take them: it does not know the token.
    Rejected,
    /// Its activity is no longer configured.
    NotConfigured,
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum WarningKind {
    /// A task came with an input that can't be used; it is failed as `Worker.InvalidInput`.
    InvalidInput,
    /// The answer to a poll may have held a task that nobody has now.
    TaskLost,
    /// Polls end in silence while short calls work: something on the way forgets quiet connections.
    PollsEndInSilence,
    /// The service does not take our time, though it was corrected.
    ClockRefused,
    /// Whether the handler of an earlier process has ended is not known.
    NotReclaimed,
    /// The end of a task was not written to disk: it may be reported once more.
    EndNotWritten,
    /// An input or an answer can't be read from disk.
    NotRead,
    /// There is no place for a task that was found: it waits for the next start.
    NoPlace,
    /// An answer lay there though its task is over: it is dropped.
    ResultOfEndedTask,
    /// An answer is lost with a folder that was removed.
    ResultLost,
    /// An answer from the inbox came after its task's end.
    LateLetter,
    /// An answer from the inbox came second: the first one counts.
    SecondAnswer,
    /// A letter in the inbox was not taken in, and stays.
    LetterRefused,
    /// A letter can't be read now; it stays.
    LetterNotRead,
    /// A file of the state folder can't be read now; it stays.
    FileNotRead,
    /// The state folder is another user's, and can't be closed to others.
    FolderOpenToOthers,
    /// The state folder was made on another device.
    FolderCopied,
    /// The state folder lies on a file system that does not keep what is written.
    UnsafeStorage,
    /// Something was amiss with the state folder, and is mended.
    FolderMended,
    /// The state folder was removed, and made anew.
    FolderRenewed,
    /// The state folder is not there.
    FolderAway,
    /// Another worker has the state folder: this one stops.
    FolderTaken,
    /// There is more of what was told one by one just now.
    More,
}

/// Hears what happens. Called on a thread of its own, one event after the other; what it throws is ignored.
#[uniffi::export(foreign)]
pub trait EventListener: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: WorkerEvent) -> Result<(), CallbackError>;
}

/// Passes events on until the worker has ended.
pub(crate) fn pass_on(
    worker: Worker,
    events: Events,
    listener: Arc<dyn EventListener>,
) -> Result<(), StartError> {
    let tell = move |event| {
        if let Err(error) = listener.on_event(event) {
            log::warn!("the app's event listener failed: {error}");
        }
    };
    let pass_on = move || {
        while !events.is_over() {
            let Some(event) = events.next_within(Duration::from_secs(3600)) else { continue };
            // A change of it may be among those that were missed.
            if matches!(event, Event::StatusChanged | Event::Missed { .. })
                && let Ok(status) = worker.status()
            {
                tell(WorkerEvent::Status { status: status.into() });
            }
            if event != Event::StatusChanged {
                tell(event.into());
            }
        }
    };
    let thread = Builder::new().name("aw-events".into()).spawn(pass_on);
    thread.map(|_| ()).map_err(|error| StartError::System { reason: error.to_string() })
}

impl From<Event> for WorkerEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Accepted { id, .. } => WorkerEvent::Accepted { id: id.to_string() },
            Event::Completed { id } => WorkerEvent::Completed { id: id.to_string() },
            Event::Kept { id } => WorkerEvent::Kept { id: id.to_string() },
            Event::Settled { id, settlement, request_id } => {
                WorkerEvent::Settled { id: id.to_string(), settlement: settlement.into(), request_id }
            }
            Event::Held { id, reason } => WorkerEvent::Held { id: id.to_string(), reason },
            Event::Denied { id, reason } => WorkerEvent::Denied { id: id.to_string(), reason },
            Event::HeartbeatsStopped { id, reason } => {
                WorkerEvent::HeartbeatsStopped { id: id.to_string(), reason: reason.into() }
            }
            Event::Foreign { id, origin, here, has_outcome, why } => WorkerEvent::Foreign {
                id: id.to_string(),
                origin: origin.as_str().to_owned(),
                here: here.as_str().to_owned(),
                has_answer: has_outcome,
                why: why.into(),
            },
            Event::Full { foreign, held } => WorkerEvent::Full { foreign: foreign as u64, held: held as u64 },
            Event::RoomAgain => WorkerEvent::RoomAgain,
            Event::StartsFail { activity, reason } => WorkerEvent::StartsFail { activity, reason },
            Event::StartsAgain { activity } => WorkerEvent::StartsAgain { activity },
            Event::Offline { reason } => WorkerEvent::Offline { reason },
            Event::Online => WorkerEvent::Online,
            Event::CredentialsRefused { reason } => WorkerEvent::CredentialsRefused { reason },
            Event::CredentialsAccepted => WorkerEvent::CredentialsAccepted,
            Event::Missed { count } => WorkerEvent::Missed { count },
            Event::Warning(warning) => {
                let (kind, id) = ((&warning).into(), warning.task().map(|id| id.to_string()));
                WorkerEvent::Warning { kind, id, text: Event::Warning(warning).to_string() }
            }
            // What an app does not act on.
            Event::NotKept { .. }
            | Event::Started { .. }
            | Event::Ended { .. }
            | Event::OutcomeNotKept { .. }
            | Event::ReportsPaused
            | Event::ReportsResumed
            | Event::Throttled { .. }
            | Event::PollRefused { .. }
            | Event::PollAccepted { .. }
            | Event::Cancelled { .. }
            | Event::Quarantined { .. }
            | Event::StatusChanged => {
                WorkerEvent::Notice { warning: event.level() <= log::Level::Warn, text: event.to_string() }
            }
        }
    }
}

impl From<worker::BeatsStopped> for BeatsStopped {
    fn from(why: worker::BeatsStopped) -> Self {
        match why {
            worker::BeatsStopped::Lease => BeatsStopped::Lease,
            worker::BeatsStopped::Denied => BeatsStopped::Denied,
            worker::BeatsStopped::Rejected => BeatsStopped::Rejected,
            worker::BeatsStopped::NotConfigured => BeatsStopped::NotConfigured,
        }
    }
}

impl From<&Warning> for WarningKind {
    fn from(warning: &Warning) -> Self {
        match warning {
            Warning::InvalidInput { .. } => WarningKind::InvalidInput,
            Warning::TaskLost { .. } => WarningKind::TaskLost,
            Warning::PollsEndInSilence { .. } => WarningKind::PollsEndInSilence,
            Warning::ClockRefused { .. } => WarningKind::ClockRefused,
            Warning::NotReclaimed { .. } => WarningKind::NotReclaimed,
            Warning::EndNotWritten { .. } => WarningKind::EndNotWritten,
            Warning::NotRead { .. } => WarningKind::NotRead,
            Warning::NoPlace { .. } => WarningKind::NoPlace,
            Warning::ResultOfEndedTask { .. } => WarningKind::ResultOfEndedTask,
            Warning::ResultLost { .. } => WarningKind::ResultLost,
            Warning::LateLetter { .. } => WarningKind::LateLetter,
            Warning::SecondAnswer { .. } => WarningKind::SecondAnswer,
            Warning::LetterRefused { .. } => WarningKind::LetterRefused,
            Warning::LetterNotRead { .. } => WarningKind::LetterNotRead,
            Warning::FileNotRead { .. } => WarningKind::FileNotRead,
            Warning::FolderOpenToOthers { .. } => WarningKind::FolderOpenToOthers,
            Warning::FolderCopied => WarningKind::FolderCopied,
            Warning::UnsafeStorage { .. } => WarningKind::UnsafeStorage,
            Warning::FolderMended { .. } => WarningKind::FolderMended,
            Warning::FolderRenewed { .. } => WarningKind::FolderRenewed,
            Warning::FolderAway { .. } => WarningKind::FolderAway,
            Warning::FolderTaken { .. } => WarningKind::FolderTaken,
            Warning::More { .. } => WarningKind::More,
        }
    }
}

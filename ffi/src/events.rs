//! What happens, told to the app.

use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use activity_worker::worker::{Event, Events};

use crate::{CallbackError, Settlement, StartError};

/// What happens in a worker. The library tells more; what an app does not act on comes as `Notice`.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A request is here, on stable storage.
    Accepted {
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
        /// How.
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
        /// Why.
        reason: String,
    },
    /// A task belongs to another user or account: it waits for them.
    Foreign {
        /// The task.
        id: String,
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
        /// Why.
        reason: String,
    },
    /// Credentials work again.
    CredentialsAccepted,
    /// The listener did not keep up: so many events are gone. List the tasks anew.
    Missed {
        /// How many.
        count: u64,
    },
    /// Something else, in words for a log.
    Notice {
        /// Someone should look after it.
        warning: bool,
        /// One line.
        text: String,
    },
}

/// Hears what happens. Called on a thread of its own, one event after the other; what it throws is ignored.
#[uniffi::export(foreign)]
pub trait EventListener: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: WorkerEvent) -> Result<(), CallbackError>;
}

/// Passes events on until the worker has ended.
pub(crate) fn pass_on(events: Events, listener: Arc<dyn EventListener>) -> Result<(), StartError> {
    let pass_on = move || {
        while !events.is_over() {
            if let Some(event) = events.next_within(Duration::from_secs(3600))
                && let Err(error) = listener.on_event(event.into())
            {
                log::warn!("the app's event listener failed: {error}");
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
            Event::Kept { id } => WorkerEvent::Kept { id: id.to_string() },
            Event::Settled { id, settlement, request_id } => {
                WorkerEvent::Settled { id: id.to_string(), settlement: settlement.into(), request_id }
            }
            Event::Held { id, reason } => WorkerEvent::Held { id: id.to_string(), reason },
            Event::Denied { id, reason } => WorkerEvent::Denied { id: id.to_string(), reason },
            Event::HeartbeatsStopped { id, reason } => {
                WorkerEvent::HeartbeatsStopped { id: id.to_string(), reason: reason.to_owned() }
            }
            Event::Foreign { id } => WorkerEvent::Foreign { id: id.to_string() },
            Event::Offline { reason } => WorkerEvent::Offline { reason },
            Event::Online => WorkerEvent::Online,
            Event::CredentialsRefused { reason } => WorkerEvent::CredentialsRefused { reason },
            Event::CredentialsAccepted => WorkerEvent::CredentialsAccepted,
            Event::Missed { count } => WorkerEvent::Missed { count },
            other => {
                WorkerEvent::Notice { warning: other.level() <= log::Level::Warn, text: other.to_string() }
            }
        }
    }
}

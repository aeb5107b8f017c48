//! What only the driver knows of a task: its secrets, and who waits for it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::spool::{Later, Said};
use crate::worker::answers::{AdoptError, Adopted, AnswerError};
use crate::worker::foreign::ForeignWhy;
use crate::worker::handler::Cancel;
use crate::worker::mailbox::Decider;
use crate::worker::question::Asker;
use crate::{Origin, Outcome, Scope, TaskId, TaskToken};

/// Who waits for an answer: the app, or a letter that is to be removed.
pub(super) enum Reply<T> {
    App(Asker<T>),
    Letter(PathBuf),
}

/// What only the driver knows of a task: its secrets, and who waits for it.
pub(super) struct Live {
    pub(super) token: TaskToken,
    pub(super) activity: Option<usize>,
    /// `None`: the worker's own.
    pub(super) origin: Option<Origin>,
    pub(super) scope: Scope,
    pub(super) accepted: SystemTime,
    /// Changed by [`Lives`] alone.
    expires: Option<SystemTime>,
    /// What of it was said, rather than assumed.
    pub(super) said: Said,
    /// Found with an outcome, and not ours to report.
    pub(super) answered: bool,
    /// Until the handler has it, or it is kept for the app.
    pub(super) input: Option<Arc<str>>,
    /// Until it is kept, and while it is small.
    pub(super) outcome: Option<Arc<Outcome>>,
    pub(super) cancel: Arc<Cancel>,
    pub(super) started: Duration,
    /// Of the last call about it.
    pub(super) request_id: Option<String>,
    /// Why the service does not take its report.
    pub(super) refusal: String,
    /// Who handed the token over, and waits to hear that it is kept.
    pub(super) adopter: Option<Reply<Result<Adopted, AdoptError>>>,
    pub(super) answerer: Option<Reply<Result<(), AnswerError>>>,
    /// It is not this worker's to go on with.
    pub(super) foreign: Option<Foreign>,
    /// Who adopts or discards it, and waits to hear that this is kept.
    pub(super) decider: Option<Decider>,
}

impl Live {
    pub(super) fn new(token: TaskToken, activity: Option<usize>, scope: Scope, accepted: SystemTime) -> Self {
        let (cancel, started) = (Arc::default(), Duration::ZERO);
        Live {
            token,
            activity,
            origin: None,
            scope,
            accepted,
            expires: None,
            said: Said::ALL,
            answered: false,
            input: None,
            outcome: None,
            cancel,
            started,
            request_id: None,
            refusal: String::new(),
            adopter: None,
            answerer: None,
            foreign: None,
            decider: None,
        }
    }
}

impl Live {
    /// It ends then, if that is known.
    pub(super) fn with_end(self, expires: Option<SystemTime>) -> Self {
        Live { expires, ..self }
    }

    /// When its workflow gives it up, if that is known.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// What was said of it, in another's words.
    pub(super) fn later(&self) -> Later {
        Later {
            input: self.input.clone().filter(|_| self.said.input),
            origin: self.origin.clone().filter(|_| self.said.origin),
            scope: Some(self.scope.clone()).filter(|_| self.said.scope),
            expires: self.expires,
        }
    }
}

/// All of them, and in which order they end.
#[derive(Default)]
pub(super) struct Lives {
    tasks: HashMap<TaskId, Live>,
    ends: BTreeSet<(SystemTime, TaskId)>,
}

impl Lives {
    pub(super) fn insert(&mut self, id: TaskId, live: Live) {
        self.ends_no_more(id);
        self.ends.extend(live.expires.map(|at| (at, id)));
        self.tasks.insert(id, live);
    }

    pub(super) fn remove(&mut self, id: &TaskId) -> Option<Live> {
        self.ends_no_more(*id);
        self.tasks.remove(id)
    }

    pub(super) fn get(&self, id: &TaskId) -> Option<&Live> {
        self.tasks.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &TaskId) -> Option<&mut Live> {
        self.tasks.get_mut(id)
    }

    pub(super) fn contains_key(&self, id: &TaskId) -> bool {
        self.tasks.contains_key(id)
    }

    #[cfg(feature = "testing")]
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// A later word says when it ends.
    pub(super) fn set_end(&mut self, id: TaskId, expires: Option<SystemTime>) {
        self.ends_no_more(id);
        if let Some(live) = self.tasks.get_mut(&id) {
            live.expires = expires;
            self.ends.extend(expires.map(|at| (at, id)));
        }
    }

    /// Those whose end is over.
    pub(super) fn over(&self, is_over: impl Fn(SystemTime) -> bool) -> Vec<TaskId> {
        self.ends.iter().take_while(|(end, _)| is_over(*end)).map(|(_, id)| *id).collect()
    }

    /// Its end is not waited for any longer.
    pub(super) fn ends_no_more(&mut self, id: TaskId) {
        if let Some(end) = self.tasks.get(&id).and_then(|live| live.expires) {
            self.ends.remove(&(end, id));
        }
    }
}

/// What is known of a task that is not this worker's.
pub(super) struct Foreign {
    pub(super) why: ForeignWhy,
    pub(super) activity: Option<String>,
    pub(super) has_outcome: bool,
}

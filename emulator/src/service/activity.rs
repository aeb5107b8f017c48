//! An activity with its queue and its long polls, and a task between its scheduling and its end.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, SystemTime};

use crate::asl::Work;

/// An activity.
pub(crate) struct Activity {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
    /// Tasks that no worker has yet, by number.
    pub(crate) queue: VecDeque<u64>,
    /// Polls that wait. One whose client has gone waits on, and takes a task with it.
    pub(crate) polls: VecDeque<Waiting>,
}

/// A poll that waits for a task.
pub(crate) struct Waiting {
    pub(super) number: u64,
    pub(super) worker: Option<String>,
    pub(super) answer: Sender<Option<Handout>>,
}

impl Waiting {
    /// Ends the poll. Whether anyone still listens is of no interest: AWS does not know it either.
    pub(super) fn answer(self, handout: Option<Handout>) {
        let _ = self.answer.send(handout);
    }
}

/// What a poll brings: `None` for an empty answer.
pub(crate) type Poll = Receiver<Option<Handout>>;

/// A task on its way to a worker.
#[derive(Clone)]
pub(crate) struct Handout {
    pub(crate) token: String,
    pub(crate) input: String,
}

/// A task from its scheduling to its end.
pub(super) struct Task {
    pub(super) execution: String,
    pub(super) work: Work,
    pub(super) input: String,
    pub(super) heartbeat: Option<Duration>,
    /// When the next heartbeat must have come; set at hand-out.
    pub(super) heartbeat_due: Option<Duration>,
}

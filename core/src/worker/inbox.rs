//! What the engine's thread is told, what it is asked, and what it remembers of each task.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use super::adopt::{AdoptError, Adopted};
use super::carry::{CallDone, PollDone};
use super::deferred::{DeferredTask, SettleError};
use super::disk::DiskDone;
use super::handle::{DrainReport, Snapshot};
use super::handler::Cancel;
use super::poll_once::{PollOnceError, PolledOnce};
use crate::aws::ActivityArn;
use crate::engine::{self, LinkHint};
use crate::{Adoption, Origin, Outcome, Scope, Settlement, TaskId, TaskToken};

/// What the engine's thread is told.
pub(super) enum Inbox {
    Ask(Ask),
    Disk(DiskDone),
    Call(CallDone),
    Poll(PollDone),
    Handler(HandlerDone),
    Reclaimed(TaskId),
    NotReclaimed(TaskId, String),
}

/// A handler ended.
pub(super) struct HandlerDone {
    pub(super) id: TaskId,
    pub(super) outcome: Outcome,
}

/// Whether a listing means that someone looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lease {
    Renew,
    Leave,
}

/// What an app asks.
pub(super) enum Ask {
    Stop(engine::Stop),
    Wake,
    Link(LinkHint),
    CredentialsChanged,
    UntilIdle(Sender<()>),
    Snapshot(Sender<Snapshot>),
    Deferred(Lease, Sender<Vec<DeferredTask>>),
    Input(TaskId, Sender<Result<String, SettleError>>),
    Settle(TaskId, Outcome, Sender<Result<(), SettleError>>),
    Adopt(Adoption, Sender<Result<Adopted, AdoptError>>),
    Retract(TaskId, Sender<Result<(), SettleError>>),
    Settlement(TaskId, Sender<Option<Settlement>>),
    PollOnce(ActivityArn, Duration, Sender<Result<PolledOnce, PollOnceError>>),
    Drain(Duration, Sender<DrainReport>),
}

/// Who waits for an answer: the app, or a letter that is to be removed.
pub(super) enum Reply<T> {
    App(Sender<T>),
    Letter(PathBuf),
}

/// What only the shell knows of a task: its secrets, and who waits for it.
pub(super) struct Live {
    pub(super) token: TaskToken,
    pub(super) activity: Option<usize>,
    /// `None`: the worker's own.
    pub(super) origin: Option<Origin>,
    pub(super) scope: Scope,
    pub(super) accepted: SystemTime,
    pub(super) expires: Option<SystemTime>,
    /// Until the handler has it, or it is kept for the app.
    pub(super) input: Option<Arc<str>>,
    /// Until it is kept, and while it is small.
    pub(super) outcome: Option<Arc<Outcome>>,
    pub(super) cancel: Arc<Cancel>,
    pub(super) started: Duration,
    /// Of the last call about it.
    pub(super) request_id: Option<String>,
    /// Who handed the token over, and waits to hear that it is kept.
    pub(super) adopters: Vec<Reply<Result<Adopted, AdoptError>>>,
    pub(super) settler: Option<Reply<Result<(), SettleError>>>,
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
            input: None,
            outcome: None,
            cancel,
            started,
            request_id: None,
            adopters: Vec::new(),
            settler: None,
        }
    }
}

/// A drain that someone waits for.
pub(super) struct DrainWait {
    pub(super) until: Duration,
    pub(super) settled_before: usize,
    pub(super) reply: Sender<DrainReport>,
}

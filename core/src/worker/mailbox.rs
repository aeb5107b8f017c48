//! What reaches the engine's thread: what came of its orders, and what apps ask of it.

use std::time::Duration;

use crate::aws::ActivityArn;
use crate::engine::{Link, Stop};
use crate::worker::answers::{AdoptError, Adopted, AnswerError, DeferredTask, PollOnceError, PolledOnce};
use crate::worker::cancel_wait::CancelWait;
use crate::worker::foreign::{ForeignError, ForeignTask};
use crate::worker::jobs::calls::{CallDone, HandlerDone, PollDone, ReclaimDone};
use crate::worker::jobs::disk::DiskDone;
use crate::worker::question::Asker;
use crate::worker::reports::{DrainReport, Snapshot};
use crate::worker::status::Status;
use crate::{Adoption, Outcome, Settlement, TaskId};

/// What reaches the engine's thread.
pub(super) enum Mail {
    Ask(Ask),
    Disk(DiskDone),
    Call(CallDone),
    Poll(PollDone),
    Handler(HandlerDone),
    Reclaimed(ReclaimDone),
}

/// Someone waits for a task to be adopted or discarded.
pub(super) type Decider = Asker<Result<(), ForeignError>>;

/// Whether a listing means that someone looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lease {
    Renew,
    Leave,
}

/// What an app asks.
pub(super) enum Ask {
    Stop(Stop),
    Wake,
    Link(Link),
    CredentialsChanged,
    UntilIdle(Asker<()>),
    Snapshot(Asker<Snapshot>),
    Deferred(Lease, Asker<Vec<DeferredTask>>),
    ShowInput(TaskId, Asker<Result<String, AnswerError>>),
    ShowAnswer(TaskId, Asker<Result<Option<Outcome>, AnswerError>>),
    Status(Asker<Status>),
    Answer(TaskId, Outcome, Asker<Result<(), AnswerError>>),
    Adopt(Adoption, Asker<Result<Adopted, AdoptError>>),
    Retract(TaskId, Asker<Result<(), AnswerError>>),
    Foreign(Asker<Vec<ForeignTask>>),
    AdoptForeign(TaskId, Decider),
    Discard(TaskId, Decider),
    Settlement(TaskId, Asker<Option<Settlement>>),
    PollOnce(ActivityArn, Duration, CancelWait, Asker<Result<PolledOnce, PollOnceError>>),
    Drain(Duration, CancelWait, Asker<DrainReport>),
    /// A wait was cancelled.
    Cancelled,
}

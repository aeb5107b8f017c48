//! What goes into the engine, and what it asks for.

use std::fmt;
use std::time::Duration;

use crate::{ErrorClass, Settlement, TaskId};

/// Monotonic time since an arbitrary start.
pub type Time = Duration;

/// The most tasks one worker holds. They take memory as they come, and no step looks through them.
pub const TASKS_MAX: usize = 100_000;
/// The most activities one worker polls.
pub const ACTIVITIES_MAX: usize = 16;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// At the start: a task lies in the spool. Later: one that was foreign was adopted.
    Found {
        /// The task.
        id: TaskId,
        /// Its activity, where it came from one that is configured.
        activity: Option<usize>,
        /// Its token came by another way than a poll.
        adopted: bool,
        /// An app settles it, rather than a handler.
        deferred: bool,
        /// How far it had come.
        state: FoundState,
    },
    /// A poll ended.
    PollEnded {
        /// The activity polled.
        activity: usize,
        /// What it brought.
        answer: PollAnswer,
        /// How long it took.
        took: Duration,
    },
    /// The app hands over a token. Answered by `KeepTask` or `Refuse`.
    Adopt {
        /// The task.
        id: TaskId,
        /// It belongs to another origin or user: it is kept for them.
        foreign: bool,
    },
    /// A deferred task that has no outcome yet is let go: the app took it back, or its time is over. Or a task that is foreign or held
    /// is discarded.
    Withdraw {
        /// The task.
        id: TaskId,
        /// Which of them.
        settlement: Settlement,
    },
    /// A deferred or foreign task is someone else's now, or ours at last: it is found anew, as what it is.
    LetGo {
        /// The task.
        id: TaskId,
    },
    /// The app wants one poll of an activity that is polled on request.
    PollOnce {
        /// The activity.
        activity: usize,
    },
    /// It does not want it any more, unless the poll is under way.
    NoPoll {
        /// The activity.
        activity: usize,
    },
    /// The task is on stable storage.
    TaskKept {
        /// The task.
        id: TaskId,
    },
    /// The task is not on stable storage, and will not be.
    TaskNotKept {
        /// The task.
        id: TaskId,
    },
    /// The remains of an earlier process are gone.
    Reclaimed {
        /// The task.
        id: TaskId,
    },
    /// The remains of an earlier process could not be ended: they are tried again.
    NotReclaimed {
        /// The task.
        id: TaskId,
    },
    /// One more run of the handler is counted on stable storage; `None`: it could not be counted.
    RunCounted {
        /// The task.
        id: TaskId,
        /// 1 for the first repetition.
        runs: Option<u8>,
    },
    /// The handler ended, or the app answered; the outcome lies ready to be kept.
    OutcomeReady {
        /// The task.
        id: TaskId,
        /// Whether it is a success.
        success: bool,
    },
    /// The handler could not be started; a failure that says so lies ready to be kept.
    NotStarted {
        /// The task.
        id: TaskId,
    },
    /// The disk answered to `KeepOutcome`.
    OutcomeKept {
        /// The task.
        id: TaskId,
        /// Whether it is on stable storage.
        kept: Kept,
    },
    /// A heartbeat or a report ended.
    CallEnded {
        /// The task.
        id: TaskId,
        /// A heartbeat, or the report.
        call: Call,
        /// What the service said; the error's class where it was none.
        answer: Result<(), CallFailure>,
        /// How long it took.
        took: Duration,
    },
    /// Its input or outcome can't be read from disk now.
    Unreadable {
        /// The task.
        id: TaskId,
    },
    /// Its input or outcome on disk is damaged.
    Damaged {
        /// The task.
        id: TaskId,
    },
    /// The task's tombstone is written and its file gone (or, at the worst, left to be found again).
    Forgotten {
        /// The task.
        id: TaskId,
    },
    /// How many more tasks fit into the spool, looked at just now.
    Room {
        /// Zero: nothing is polled.
        tasks: usize,
    },
    /// The app asked for the deferred tasks: their leases start anew.
    Touched,
    /// The platform says something about the network.
    Link(Link),
    /// Someone wants what waits to be tried now.
    Wake,
    /// The machine slept: connections are dead, beats overdue.
    Slept,
    /// Other credentials are in use.
    CredentialsChanged,
    /// From now on, an activity that had nothing to hand out is not polled again; `Idle` is told when nothing is left.
    UntilIdle,
    /// The worker is to end, in one of the ways that there are.
    Stop(Stop),
    /// Time has passed.
    Tick,
}

/// How far a task had come when an earlier process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundState {
    /// Its outcome is kept.
    Outcome,
    /// A handler was, or was about to be, started; and repeated so many times.
    Begun {
        /// Repetitions so far.
        runs: u8,
    },
    /// It waits for the app.
    Deferred,
    /// Only its token is left: it is to be failed.
    Broken(OwnFailure),
    /// It is not ours to go on with (another origin, another user, a copied spool): it stays where it is.
    Foreign,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq)]
pub enum PollAnswer {
    /// A task.
    Task(TaskId),
    /// A task whose input can't be used: it is kept with its failure, and never begun.
    Unusable(TaskId),
    /// Nothing.
    Empty,
    /// An error.
    Failed(CallFailure),
}

/// What the engine needs to know of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFailure {
    /// Its class.
    pub class: ErrorClass,
    /// The call may have taken effect all the same.
    pub maybe_taken: bool,
    /// The pause the service wished for.
    pub retry_after: Option<Duration>,
}

/// How the disk answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kept {
    /// On stable storage.
    Yes,
    /// Not on disk.
    No,
    /// Written, but perhaps not durable: it may be found after a crash, or not.
    Unknown,
}

/// A call about one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `SendTaskHeartbeat`.
    Beat,
    /// `SendTaskSuccess` or `SendTaskFailure`.
    Report,
}

/// What the platform knows of the network. A hint: calls are still tried, sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// There is a network.
    Up,
    /// There is none.
    Down,
    /// It can't say.
    Unknown,
}

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// Take no new tasks, let polls end by themselves (up to a minute), let handlers finish, try to deliver what is there. A task
    /// that a last poll brings is failed as `Worker.Stopping`.
    Drain,
    /// Drop the polls, cancel the handlers, keep what they leave. A dropped poll can swallow a task: it then ends by its
    /// HeartbeatSeconds or TimeoutSeconds.
    Now,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Poll the activity. Ends with `PollEnded`.
    Poll {
        /// The activity.
        activity: usize,
    },
    /// Look how many more tasks fit into the spool. Ends with `Room`; until then nothing is polled.
    LookAtRoom,
    /// Put the task on stable storage. Ends with `TaskKept` or `TaskNotKept`.
    KeepTask {
        /// The task.
        id: TaskId,
    },
    /// There is no place for the adopted token.
    Refuse {
        /// The task.
        id: TaskId,
    },
    /// End what an earlier process may have left running for the task. Ends with `Reclaimed` or `NotReclaimed`.
    Reclaim {
        /// The task.
        id: TaskId,
    },
    /// Count one more run on stable storage. Ends with `RunCounted`.
    CountRun {
        /// The task.
        id: TaskId,
    },
    /// Start the handler. Ends with `OutcomeReady`, or with `NotStarted`.
    Run {
        /// The task.
        id: TaskId,
        /// 1 for the first run.
        run: u8,
    },
    /// Tell the handler to end.
    Cancel {
        /// The task.
        id: TaskId,
        /// Who gave it up: the service, or the worker.
        why: Cancelled,
    },
    /// Put the outcome on stable storage. Ends with `OutcomeKept`.
    KeepOutcome {
        /// The task.
        id: TaskId,
        /// Which outcome.
        which: Which,
    },
    /// Send a heartbeat or the report. Ends with `CallEnded`.
    Call {
        /// The task.
        id: TaskId,
        /// A heartbeat, or the report.
        call: Call,
    },
    /// Write the tombstone, then drop the file. Ends with `Forgotten`.
    Forget {
        /// The task.
        id: TaskId,
        /// How it ended.
        settlement: Settlement,
    },
    /// End the polls in flight, and everything else on the network.
    DropCalls,
    /// Close pooled connections: after a sleep they are dead.
    CloseConnections,
    /// Tell those who listen.
    Notify(Notice),
}

/// Why a handler should end now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cancelled {
    /// The service gave the task up; no result will be taken.
    TimedOut,
    /// The worker stops now.
    Stopping,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cancelled::TimedOut => "the service gave the task up",
            Cancelled::Stopping => "the worker stops",
        })
    }
}

/// Which outcome is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// What the handler or the app said.
    Theirs,
    /// The worker's own failure, in place of it.
    Own(OwnFailure),
}

/// Failures that the worker itself reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnFailure {
    /// `Worker.Restarted`: the handler died with its process.
    Restarted,
    /// `Worker.Stopping`: the worker stops and did not begin, or cut short, the task.
    Stopping,
    /// `Worker.NotKept`: the disk refused the task.
    NotKept,
    /// `Worker.InvalidInput`: the input can't be used.
    InvalidInput,
    /// `Worker.InvalidOutput`: the service refused the output.
    InvalidOutput,
    /// `Worker.Damaged`: what the disk held of it is damaged.
    Damaged,
}

/// What listeners are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A task is on stable storage.
    Accepted(TaskId),
    /// A task could not be put on stable storage, and is failed from memory.
    NotKept(TaskId),
    /// A handler is started.
    Started(TaskId, u8),
    /// An outcome is on stable storage.
    Kept(TaskId),
    /// An outcome is not on stable storage: it is kept in memory and tried again, and no task is taken meanwhile.
    OutcomeNotKept(TaskId),
    /// A task is over.
    Settled(TaskId, Settlement),
    /// A report was rejected.
    Held(TaskId),
    /// Three reports in a row were rejected: reporting pauses.
    ReportsPaused,
    /// A report was taken again.
    ReportsResumed,
    /// A report or heartbeat is not allowed (IAM, KMS).
    Denied(TaskId),
    /// The service's time and ours still disagree after a correction.
    ClockRefused,
    /// Credentials do not work.
    CredentialsRefused,
    /// Credentials work again.
    CredentialsAccepted,
    /// Asked too often: calls of this kind slow down.
    Throttled(Call),
    /// A poll was refused for a reason that will not pass by itself.
    PollRefused(usize, ErrorClass),
    /// Polls of the activity work again.
    PollAccepted(usize),
    /// A handler of the activity could not be started: it is polled slowly until one can.
    StartsFail(usize),
    /// Its handlers can be started again.
    StartsAgain(usize),
    /// The network does not answer.
    Offline,
    /// The service answers again.
    Online,
    /// The handler is told to end.
    Cancelled(TaskId, Cancelled),
    /// The task beats no more.
    BeatsStopped(TaskId, BeatsStopped),
    /// A task belongs to another origin or user, or came with a copied folder: it waits.
    Foreign(TaskId),
    /// Nothing is left to do.
    Idle,
    /// The worker has stopped, as far as the engine is concerned.
    Stopped,
}

/// Why a task beats no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum BeatsStopped {
    /// The app has not asked for the task within its lease.
    Lease,
    /// Its report has been denied for an hour, and its workflow must be able to time out.
    Denied,
    /// The service does not take them: it does not know the token.
    Rejected,
    /// Its activity is no longer configured.
    NotConfigured,
}

impl fmt::Display for BeatsStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BeatsStopped::Lease => "the app has not asked for the task within its lease",
            BeatsStopped::Denied => {
                "its result has been denied for an hour, and the workflow must be able to time out"
            }
            BeatsStopped::Rejected => "the service does not take them",
            BeatsStopped::NotConfigured => "its activity is no longer configured",
        })
    }
}

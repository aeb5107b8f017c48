//! Acts: the threads that carry out what the engine decides, and the public face of the worker.
//!
//! [`Worker::builder`] describes a worker, [`start`](WorkerBuilder::start) gives the running one: [`Worker`]. A first one stands on the
//! [crate's page](crate).
//!
//! | file | what it is |
//! |---|---|
//! | `builder`, `activity` | what a worker is told before it starts |
//! | `running` | what an app asks a running one |
//! | `answers`, `reports`, `status`, `foreign` | what it answers |
//! | `events`, `event_text`, `warnings`, `hub` | what it tells, in which words, and to whom |
//! | `handler` | what works a task, and what it gets to see |
//! | `question`, `cancel_wait` | one answer to one question; a wait that can be given up |
//! | `driver/` | the engine's thread, and all that it owns |
//! | `mailbox` | all that reaches this thread |
//! | `jobs/` | who carries out, and knows nothing of the driver: calls, the disk |
//! | `threads`, `stepped` | two crews for the driver's port `driver/crew`: real threads, and a simulator's hand |
//! | `pool`, `watch` | threads on demand, and who notices one that hangs |
//!
//! # Threads
//!
//! | thread | does | blocks on | counts as stuck |
//! |---|---|---|---|
//! | `aw-engine` | drives the engine, answers the app | its mailbox, until the next thing is due | |
//! | `aw-disk` | all storage, several changes to one sync of the folder | the disk | after 30 s |
//! | `aw-poll-N-M` | one per activity, more while polls bring tasks: the long poll | the network: 65 s without a byte | after 75 minutes |
//! | `aw-call-N` | two, more while they don't suffice: heartbeats and reports | the network: 10 s without a byte | after 45 minutes |
//! | `aw-task` | one per running handler | the handler | |
//! | `aw-reclaim`, `aw-cancel` | what a handler is asked besides, while it lasts | the handler | |
//! | `aw-credentials`, `name-lookup` | an app's call-back, a look-up of a name, while it lasts | the app, the system | |
//!
//! None of them waits for another but for credentials: those that need new ones wait for the one that fetches them, for 30 s at most.
//! So one that hangs holds up only its own kind; [`Snapshot::stuck`] names those that are watched.

mod activity;
mod answers;
mod builder;
mod cancel_wait;
mod driver;
mod event_text;
mod events;
mod foreign;
mod handler;
mod hub;
mod jobs;
mod mailbox;
mod pool;
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "only the steps of a test take answers out of this room")
)]
mod question;
mod reports;
mod running;
mod status;
#[cfg(feature = "testing")]
pub mod stepped;
#[cfg(test)]
mod tests;
mod threads;
mod warnings;
mod watch;

pub use crate::engine::lanes::CONNECTIONS;
pub use crate::engine::polls::POLLERS;
pub use crate::engine::{ACTIVITIES_MAX, BeatsStopped, Cancelled, Link, Stop, TASKS_MAX};
pub use activity::Activity;
pub use answers::{
    AdoptError, Adopted, AnswerError, DeferredState, DeferredTask, PollOnceError, PollRisk, PolledOnce,
};
pub use builder::{StartError, WorkerBuilder};
pub use cancel_wait::CancelWait;
pub use events::Event;
pub use foreign::{ForeignError, ForeignTask, ForeignWhy};
pub use handler::{Handler, TaskContext};
pub use hub::Events;
pub use reports::{DrainReport, Snapshot, StopReport, Stopped, Stuck};
pub use running::Worker;
pub use status::{LeftFor, Refusal, RefusedPolls, Status, Trouble};
pub use warnings::{FolderAway, FolderMend, Many, Warning};

/// No wait of a caller is longer, whatever it says: far more than anyone means, and far less than a clock can count.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(10 * 365 * 86_400);

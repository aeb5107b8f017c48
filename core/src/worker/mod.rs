//! Acts: the threads that carry out what the engine decides, and the public face of the worker.
//!
//! ```no_run
//! # fn build_client() -> activity_worker::aws::ActivityClient { unimplemented!() }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use activity_worker::worker::{Activity, Stop, TaskContext};
//! use activity_worker::{Failure, Worker, aws::ActivityArn};
//!
//! let client = build_client();
//! let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:greet")?;
//! let greet = |task: &TaskContext| Ok::<_, Failure>(format!("{{\"got\":{}}}", task.input()));
//! let worker = Worker::builder().client(client).state_dir("/var/lib/greeter").activity(Activity::handled(arn, greet)).start()?;
//! // ... until the program is to end:
//! worker.stop(Stop::Drain);
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//!
//! | thread | does | blocks on |
//! |---|---|---|
//! | `aw-engine` | drives the engine, answers the app | its inbox, until the next thing is due |
//! | `aw-disk` | all storage, several changes to one sync of the folder | the disk |
//! | `aw-poll-N` | one per activity: the long poll | the network, 65 s |
//! | `aw-call-N` | four: heartbeats and reports | the network, 10 s |
//! | `aw-task` | one per running handler | the handler |
//!
//! None of them waits for another, so one that hangs holds up only its own kind; [`Snapshot::stuck`] names it.

mod activity;
mod adopt;
mod asks;
mod builder;
mod carry;
mod crew;
mod deferred;
mod disk;
mod driver;
mod events;
mod found;
mod handle;
mod handler;
mod inbox;
#[cfg(test)]
mod interleavings;
mod notices;
mod orders;
mod poll_once;
#[cfg(feature = "testing")]
pub mod stepped;
mod sweep;
#[cfg(all(test, feature = "testing"))]
mod sweep_tests;
mod threads;
#[cfg(test)]
mod whole;

/// No wait is longer, whatever the caller says: far more than anyone means, and far less than a clock can count.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(10 * 365 * 86_400);

pub use crate::engine::{ACTIVITIES_MAX, TASKS_MAX};
pub use activity::Activity;
pub use adopt::{AdoptError, Adopted};
pub use builder::{StartError, Worker, WorkerBuilder};
pub use deferred::{DeferredState, DeferredTask, SettleError};
pub use events::{Event, Events};
pub use handle::{DrainReport, Link, Snapshot, Stop, StopReport, Stopped, Stuck, WorkerHandle};
pub use handler::{Cancelled, Handler, TaskContext};
pub use poll_once::{PollOnceError, PollRisk, PolledOnce};

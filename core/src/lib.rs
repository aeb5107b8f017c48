//! Takes tasks from AWS Step Functions activities, on devices and phones, and never loses a result, whatever the network, the power
//! or the clock do.
//!
//! A workflow hands a task to an *activity*; a worker polls for it (`GetActivityTask`), does the work, and answers
//! (`SendTaskSuccess`, `SendTaskFailure`), with heartbeats in between. This library is such a worker: it blocks, has a few threads of
//! its own, and starts neither an async runtime nor the AWS SDK.
//!
//! # A first worker
//!
//! ```no_run
#![doc = include_str!("../examples/worker.rs")]
//! ```
//!
//! More of them stand in `examples/`: a person who answers, a device with a certificate of AWS IoT, one poll on request. `docs/library.md`
//! in the repository tells the rest.
//!
//! # The way of a task
//!
//! ```text
//!            poll          keep            run           keep           report         settle
//! service ---------> task -----> on disk -----> handler -----> result -----> service ------> forgotten
//!                                   |    or a person   |     on disk  |
//!                                   '------- heartbeats go out -------'
//! ```
//!
//! Nothing is run before it is kept, nothing is reported before the disk was asked to keep it (on a disk that refuses, a result is
//! reported from memory and tried on disk again), and nothing is forgotten before the service has said that it is over, or somebody
//! has taken it back. A report that fails is tried again: after an outage, a restart, a power cut.
//!
//! # Rooms
//!
//! | room | does |
//! |---|---|
//! | [`aws`] | speaks: credentials, signatures, TLS, the verbs of the API, and what their answers mean ([`ErrorClass`]) |
//! | `engine` | decides: pure, without I/O, clock and threads |
//! | `spool` | keeps: tasks and results in the state folder; [`Inbox`] and [`survey`] are its doors for others |
//! | [`worker`] | acts: [`Worker`], handlers, events, and the threads |
//!
//! Beside them stand the words they share: [`TaskToken`], [`TaskId`], [`Outcome`], [`Origin`], [`clock`]. Arrows run one way: the worker
//! knows all rooms, the other three know nothing of each other.
//!
//! # Threads
//!
//! [`worker`] lists them. None waits for another, but for credentials that another is fetching. [`Worker`], [`aws::ActivityClient`],
//! [`worker::Events`] and [`worker::CancelWait`] are `Send` and `Sync`; handlers, credentials providers and transports are called
//! from several threads and must be both. A call that asks the worker waits for its own thread, one that keeps something for the
//! disk, [`Worker::poll_once`], [`Worker::drain_within`] and [`Worker::stop`] for the network too; each has a bound.
//!
//! # Features
//!
//! None is on by default, and a program needs none.
//!
//! - `testing` opens the engine, the spool and test doubles (a manual clock, a disk in memory) to simulators and tests;
//! - `exhaustive` lets crates that are released together with this one match enums whole that may grow;
//! - `plants` plants bugs, for the simulator to find.
//!
//! None of them is covered by semantic versioning. The minimum supported Rust version is 1.94.1.
#![forbid(unsafe_code)]

mod adoption;
mod arn;
pub mod aws;
pub mod clock;
mod error_class;
mod outcome;
mod partition;
#[cfg(feature = "plants")]
pub mod plants;
#[cfg(not(feature = "plants"))]
mod plants;
mod printable;
mod task;
pub mod worker;

#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;

// Open to simulators and tests; shut, though the same, for everyone else. Mutation testing is to see each once.
#[cfg(feature = "testing")]
pub mod engine;
#[cfg(not(feature = "testing"))]
#[allow(unreachable_pub)]
#[cfg_attr(test, mutants::skip)]
mod engine;
#[cfg(feature = "testing")]
pub mod spool;
#[cfg(not(feature = "testing"))]
#[allow(unreachable_pub)]
#[cfg_attr(test, mutants::skip)]
mod spool;

pub use adoption::{Adoption, BadAdoption};
pub use error_class::ErrorClass;
pub use outcome::{Failure, Outcome, Output, OutputError};
pub use printable::Printable;
pub use spool::{Inbox, InboxError, StorageKind, Survey, SurveyedTask, storage_kind, survey};
pub use task::{
    CAUSE_MAX, ERROR_MAX, INPUT_MAX, OUTPUT_MAX, Origin, Receipt, SCOPE_MAX, Scope, Settlement, TOKEN_MAX,
    TaskId, TaskToken, TokenError, WorkerName, WorkerNameError,
};
pub use worker::{ACTIVITIES_MAX, TASKS_MAX, Worker};

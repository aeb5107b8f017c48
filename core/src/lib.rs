//! Takes tasks from AWS Step Functions activities, on devices and phones, and never loses a result.
//!
//! The house has four rooms. [`aws`] speaks to the service, the engine decides, the spool keeps tasks and results on disk, and
//! [`worker`] acts. Start at [`Worker::builder`].
#![forbid(unsafe_code)]

mod adoption;
pub mod aws;
mod class;
pub mod clock;
#[cfg(feature = "plants")]
pub mod plants;
#[cfg(not(feature = "plants"))]
mod plants;
mod task;
pub mod worker;

#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;

// Open to simulators and tests; shut, though the same, for everyone else.
#[cfg(feature = "testing")]
pub mod engine;
#[cfg(not(feature = "testing"))]
#[allow(unreachable_pub, dead_code)]
mod engine;
#[cfg(feature = "testing")]
pub mod spool;
#[cfg(not(feature = "testing"))]
#[allow(unreachable_pub, dead_code)]
mod spool;

pub use adoption::Adoption;
pub use class::Class;
pub use spool::{Inbox, InboxError, StorageKind, storage_kind};
pub use task::{
    CAUSE_MAX, ERROR_MAX, Failure, INPUT_MAX, OUTPUT_MAX, Origin, Outcome, Receipt, Scope, Settlement,
    TOKEN_MAX, TaskId, TaskToken, TokenError, WorkerName, WorkerNameError,
};
pub use worker::{ACTIVITIES_MAX, TASKS_MAX, Worker, WorkerHandle};

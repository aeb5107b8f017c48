//! The bridge from activity-worker to Kotlin and Swift. It mirrors the library and decides nothing: what a call does, and when it
//! fails, stands with the function of the same name in the library.
//!
//! Every function returns a result, and none may be called on a thread that must not block: most wait for the disk, `stop`,
//! `drain_within` and `poll_once` for the network. The layers in `android/` and `ios/` put that right in each language's own way.

uniffi::setup_scaffolding!();

mod config;
mod credentials;
mod errors;
mod events;
mod foreign;
mod inbox;
mod logging;
mod reports;
mod status;
mod tasks;
mod worker;

pub use config::{ActivityConfig, WorkerConfig};
pub use credentials::{AwsCredentials, AwsCredentialsProvider};
pub use errors::{AdoptError, AnswerError, CallbackError, InboxError, PollError, StartError, WorkerError};
pub use events::{BeatsStopped, EventListener, WarningKind, WorkerEvent};
pub use foreign::{ForeignError, ForeignTask, ForeignWhy};
pub use inbox::{InboxPlace, TaskInbox};
pub use logging::{LogLevel, LogSink, set_log_sink};
pub use reports::{DrainReport, StopReport, WorkerSnapshot};
pub use status::{LeftFor, Refusal, RefusedPolls, Trouble, WorkerStatus};
pub use tasks::{ActivityTask, Adopted, PushedTask, Settlement, TaskAnswer, TaskState, task_id};
pub use worker::{ActivityWorker, LinkState, PollResult, PollRisk, StopMode, WaitCancel};

//! AWS Step Functions on loopback, as far as workflows around activities need it, with faults on demand.
//!
//! [`Emulator::start`] opens a port that speaks the service's own protocol: activities with the true long poll, `SendTask*`,
//! state machines in the Amazon States Language with JSONPath and JSONata, histories, signatures, and the service's error codes and words.
//! [`Emulator::inject`] makes calls go wrong, [`Emulator::go_down`] takes the whole service away.
//!
//! ```
//! use activity_emulator::{Emulator, Options};
//! use serde_json::json;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start(Options::default())?;
//! let activity = emulator.create_activity("pump")?;
//! let work = json!({ "Type": "Task", "Resource": activity, "HeartbeatSeconds": 60, "End": true });
//! let machine = emulator.create_state_machine("pumping", &json!({ "StartAt": "Work", "States": { "Work": work } }))?;
//! let execution = emulator.start_execution(&machine, r#"{"litres": 3}"#)?;
//! println!("a worker may poll {activity} at {}", emulator.url());
//! # let _ = execution;
//! # Ok(())
//! # }
//! ```
//!
//! A task with a resource like `arn:aws:states:::sqs:sendMessage.waitForTaskToken` sends nothing. What it would send, the token in
//! it, is kept as a [`Push`] for [`Emulator::wait_push`], which plays the push service between a backend and a phone.
//!
//! [`run`](run::run) runs a workflow as a function, without a port, a thread or a clock.
//!
//! It is no Step Functions: everything is in memory, one account, one region, and what it does not know it refuses by name.
#![forbid(unsafe_code)]

mod admin;
mod api;
pub mod asl;
mod calls;
mod date;
mod emulator;
mod error;
mod faults;
mod http;
mod listener;
mod names;
mod options;
pub mod run;
mod server;
mod service;
mod shared;
mod sigv4;

pub use calls::{Call, Calls};
pub use emulator::Emulator;
pub use error::ApiError;
pub use faults::{Fault, FaultId};
pub use options::{Credential, Options};
pub use run::{Execution, HistoryEvent, Status};
pub use service::Push;

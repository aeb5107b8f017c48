//! One execution: walks through the states of its definition and writes its history. It has no clock, no threads and does no I/O:
//! it is told what happened, and says what it waits for.
//!
//! ```
//! use std::sync::Arc;
//!
//! use activity_emulator::asl::Definition;
//! use activity_emulator::run::{Answer, run};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"{"StartAt": "Ask", "States": {
//!     "Ask": {"Type": "Task", "Resource": "arn:aws:states:eu-west-1:123456789012:activity:ask", "Next": "Rest"},
//!     "Rest": {"Type": "Wait", "Seconds": 259200, "End": true}}}"#;
//! let definition = Arc::new(Definition::parse(text).map_err(|problems| format!("{problems:?}"))?);
//! let finished = run(&definition, r#"{"order":7}"#, |task| Answer::Output(task.input.clone()))?;
//! assert_eq!(finished.execution.output.as_deref(), Some(r#"{"order":7}"#));
//! # Ok(())
//! # }
//! ```

mod context;
mod enter;
mod events;
mod execution;
mod group;
mod history;
mod host;
mod leave;
mod library;
mod machine;
mod probe;
mod raise;
#[cfg(test)]
mod tests;
mod thread;

pub use self::execution::{Execution, Status};
pub use self::history::HistoryEvent;
pub(crate) use self::history::epoch;
pub(crate) use self::host::{Action, Host, Order, TaskError};
pub use self::library::{Answer, Finished, TaskCall, run};
pub(crate) use self::machine::{Birth, Run};
pub(crate) use self::probe::{Probe, Probed};

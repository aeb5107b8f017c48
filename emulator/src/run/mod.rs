//! One execution: walks through the states of its definition and writes its history. It has no clock, no threads and does no I/O:
//! it is told what happened, and says what it waits for.

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

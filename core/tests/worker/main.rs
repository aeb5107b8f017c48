//! The whole worker, in process, against the emulator over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod deferred;
mod faults;
mod secrets;
mod support;
mod tasks;

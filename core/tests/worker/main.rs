//! The whole worker, in process, against the emulator over real sockets.

mod deferred;
mod faults;
mod secrets;
mod support;
mod tasks;

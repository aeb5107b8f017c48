//! The whole worker, in process, against the emulator over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod apps;
mod clocks;
mod dates;
mod deferred;
mod faults;
mod field_phones;
#[allow(dead_code, reason = "made for the tests of the transport, which use all of it")]
#[path = "../transport/peer.rs"]
mod peer;
mod regions;
mod secrets;
mod status;
mod support;
mod tasks;

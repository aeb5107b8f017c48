//! Each source of credentials against a server that speaks its protocol, over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and so may what it is made of")]

mod clocks;
mod cognito;
mod container;
mod home;
mod ills;
mod imds;
mod iot;
#[allow(dead_code, reason = "the transport's tests use all of it")]
#[path = "../transport/peer.rs"]
mod peer;
mod planted;
mod process;
mod sso;
mod stand;
mod sts;

use std::time::Duration;

/// Longer than anything a test waits for on purpose.
const AMPLE: Duration = Duration::from_secs(5);

/// 2030-01-02T03:04:05Z, the end of the credentials that the tests hand out.
const END: u64 = 1_893_553_445;

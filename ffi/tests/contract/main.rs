//! What an app can rely on, by the numbers of `docs/app-contract.md`, shown through the bridge itself. Kotlin and Swift show the
//! same list.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // this is test code, helpers included

mod answers;
mod bounds;
mod children;
mod faults;
mod field;
mod foreign;
mod support;

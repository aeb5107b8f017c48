//! Each fuzzer, for a while: enough to find what a change has just broken.

use super::suite::Stop;
use crate::fuzz::{Fuzzers, TARGETS};
use crate::workspace::Workspace;

const SECONDS: u64 = 12;

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let fuzzers = Fuzzers::find(workspace).map_err(Stop::Skipped)?;
    Ok(fuzzers.run(&TARGETS.map(str::to_owned), SECONDS)?)
}

//! A suite, what of it is run, and why it did not pass.

use std::time::Duration;

use crate::workspace::Workspace;

/// A named set of tests.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(super) name: &'static str,
    /// What it may take on a build machine with two processors, beside the other lane, in minutes: CONTRIBUTING.md has the same table.
    pub(super) budget: u64,
    pub(super) run: Run,
}

impl Suite {
    pub(super) fn budget(&self) -> Duration {
        Duration::from_secs(60 * self.budget)
    }
}

/// What it runs.
#[derive(Debug)]
pub(super) enum Run {
    Whole(fn(&Workspace) -> Result<String, Stop>),
    /// It has parts, which can be run alone: `SUITE:PART`.
    Parts(&'static [&'static str], fn(&Workspace, Option<&str>) -> Result<String, Stop>),
}

/// A suite to be run, or a part of one.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(super) suite: &'static Suite,
    pub(super) part: Option<&'static str>,
}

/// Why a suite did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What was tested does not work.
    Failed(String),
    /// It can't be tested on this machine.
    Skipped(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Stop::Failed(reason)
    }
}

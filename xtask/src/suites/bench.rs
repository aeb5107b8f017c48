//! What the worker costs, as far as that does not depend on the machine's speed, within its budgets.

use super::suite::Stop;
use crate::bench::{self, inside};
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    inside::prepare().map_err(Stop::Skipped)?;
    bench::quick_run(workspace).map_err(Stop::Failed)
}

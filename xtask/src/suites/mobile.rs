//! The native library for phones: a machine that lacks the tools skips it.

use super::suite::Stop;
use crate::mobile;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let tools = mobile::install(workspace).map_err(Stop::Skipped)?;
    mobile::build(workspace, &tools)?;
    Ok("not linked against the platforms' own libraries, and not run".into())
}

//! cargo-deny: licences, banned crates and features, sources, and advisories where their database can be had.

use std::process::Command;

use super::suite::Stop;
use crate::process;
use crate::tools::Tool;
use crate::workspace::Workspace;

const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let program = CARGO_DENY.program(workspace).map_err(Stop::Skipped)?;
    let deny = |arguments: &[&str]| {
        let mut deny = Command::new(&program);
        deny.args(["--log-level", "warn", "--all-features", "--locked"]).args(arguments);
        deny.current_dir(&workspace.root);
        deny
    };
    process::run(&mut deny(&["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
    // Fetched in a step of its own: no database is no finding.
    if process::read(&mut deny(&["fetch", "db"])).is_err() {
        return Ok("advisories not checked: their database does not answer".into());
    }
    process::run(&mut deny(&["check", "--disable-fetch", "advisories"]))?;
    Ok(String::new())
}

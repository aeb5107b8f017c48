//! The simulator: built as quick as it is worth, with the planted bugs only where they are asked for.

use std::path::PathBuf;
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// What the suite runs; the nightly run is larger.
const SEEDS: &str = "8000";

/// `cargo xtask sim`: hands its arguments to the simulator.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<u8, String> {
    let planted = arguments.iter().any(|argument| argument == "--plant" || argument == "--plants");
    let mut sim = Command::new(build(workspace, planted)?);
    let status = sim.args(arguments).status().map_err(|e| format!("can't start the simulator: {e}"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The suite: many worlds with the worker as it is, then every planted bug, each of which must be found.
pub(crate) fn suite(workspace: &Workspace) -> Result<String, String> {
    process::run(Command::new(build(workspace, false)?).args(["--seeds", SEEDS]))?;
    let planted = build(workspace, true)?;
    let listed = process::read(Command::new(&planted).arg("--plants"))?;
    let names = plants(&listed)?;
    let mut survivors = Vec::new();
    for name in &names {
        let status = Command::new(&planted).args(["--plant", name]).status();
        match status.map_err(|e| format!("can't start the simulator: {e}"))?.code() {
            Some(1) => {}
            _ => survivors.push(*name),
        }
    }
    match survivors.as_slice() {
        [] => Ok(format!("{SEEDS} worlds; {} planted bugs found", names.len())),
        _ => Err(format!("planted bugs not found as they should be: {}", survivors.join(", "))),
    }
}

/// The planted bugs that the simulator lists. It has some, or it was built without them and would find all of none.
fn plants(listed: &str) -> Result<Vec<&str>, String> {
    let names: Vec<&str> = listed.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() { Err("the simulator lists no planted bugs".into()) } else { Ok(names) }
}

/// The program. With the planted bugs it is another one, in a folder of its own, so that neither build undoes the other.
fn build(workspace: &Workspace, planted: bool) -> Result<PathBuf, String> {
    let target = if planted { workspace.target.join("plants") } else { workspace.target.clone() };
    let mut cargo = workspace.cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "sim",
        "--package",
        "activity-worker-sim",
    ]);
    if planted {
        cargo.args(["--features", "plants"]);
    }
    process::run(cargo.arg("--target-dir").arg(&target))?;
    Ok(target.join("sim/activity-worker-sim"))
}

#[cfg(test)]
mod tests {
    use super::plants;

    #[test]
    fn a_simulator_without_planted_bugs_proves_nothing() {
        assert_eq!(plants("one\ntwo\n"), Ok(vec!["one", "two"]));
        assert!(plants("").is_err() && plants("\n").is_err());
    }
}

//! What cargo itself checks.

use super::suite::Stop;
use crate::process::run as run_command;
use crate::workspace::Workspace;

pub(super) fn fmt(workspace: &Workspace) -> Result<String, Stop> {
    run_command(&mut workspace.cargo(&["fmt", "--all", "--check"]))?;
    let generator = ["fmt", "--manifest-path", "ffi/bindgen/Cargo.toml", "--check"];
    run_command(&mut workspace.cargo(&generator))?;
    Ok(String::new())
}

/// The workspace with all targets, then the library as its users build it: tests turn on features that they do not.
pub(super) fn clippy(workspace: &Workspace) -> Result<String, Stop> {
    let all = ["--workspace", "--all-targets"];
    let library = ["--package", "activity-worker", "--lib"];
    for what in [all.as_slice(), library.as_slice()] {
        let mut clippy = workspace.cargo(&["clippy", "--locked"]);
        run_command(clippy.args(what).args(["--", "-D", "warnings"]))?;
    }
    Ok(String::new())
}

pub(super) fn doc(workspace: &Workspace) -> Result<String, Stop> {
    let mut doc = workspace.cargo(&["doc", "--locked", "--workspace", "--lib", "--no-deps"]);
    run_command(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(String::new())
}

pub(super) fn unit(workspace: &Workspace) -> Result<String, Stop> {
    run_command(&mut workspace.cargo(&["test", "--locked", "--workspace"]))?;
    Ok(String::new())
}

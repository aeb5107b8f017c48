//! The emulator as boto3 sees it: an SDK that shares no code with this workspace.

use std::process::Command;

use super::Stop;
use crate::workspace::Workspace;
use crate::{process, venv};

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let python = venv::python(workspace, "boto3").map_err(Stop::Skipped)?;
    process::run(&mut workspace.cargo(&["build", "--locked", "--package", "activity-emulator"]))?;
    let mut peer = Command::new(python);
    peer.arg(workspace.root.join("emulator/tests/boto3_peer.py"));
    peer.arg(workspace.target.join("debug/activity-emulator"));
    process::Group::spawn(&mut peer)?.wait().map_err(Stop::Failed)?;
    Ok(String::new())
}

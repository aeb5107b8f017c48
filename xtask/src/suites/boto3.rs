//! The emulator as boto3 sees it: an SDK that shares no code with this workspace.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::suite::Stop;
use crate::workspace::Workspace;
use crate::{process, venv};

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let python = venv::python(workspace, "boto3").map_err(Stop::Skipped)?;
    process::run(&mut workspace.cargo(&["build", "--locked", "--package", "activity-emulator"]))?;
    let mut peer = Command::new(&python);
    peer.arg(workspace.root.join("emulator/tests/boto3_peer.py"));
    peer.arg(workspace.target.join("debug/activity-emulator"));
    process::Group::spawn(&mut peer)?.wait().map_err(Stop::Failed)?;
    probe(workspace, &python)?;
    Ok(String::new())
}

/// What the real service is documented, or was measured, to answer, the emulator answers too.
fn probe(workspace: &Workspace, python: &Path) -> Result<(), Stop> {
    let mut emulator = Command::new(workspace.target.join("debug/activity-emulator"));
    emulator
        .args(["--listen", "127.0.0.1:0", "--long-poll", "1s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut group = process::Group::spawn(&mut emulator)?;
    let mut url = String::new();
    let stdout = group.stdout().ok_or_else(|| "the emulator has no stdout".to_owned())?;
    BufReader::new(stdout).read_line(&mut url).map_err(|e| format!("the emulator gives no address: {e}"))?;
    let folder = workspace.root.join("emulator/probe");
    let mut probe = Command::new(python);
    probe.arg(folder.join("probe_aws.py")).arg("--compare").arg(folder.join("fixtures"));
    probe.args(["--test-keys", "--region", "eu-west-1", "--long-poll", "1", "--endpoint-url", url.trim()]);
    Ok(process::Group::spawn(&mut probe)?.wait()?)
}

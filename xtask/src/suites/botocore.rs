//! How this library reads shared files, picks sources of credentials, finds hosts and signs, compared with botocore, which shares no
//! code with it.

use std::process::{Command, Stdio};

use super::suite::Stop;
use crate::workspace::Workspace;
use crate::{process, venv};

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let python = venv::python(workspace, "boto3").map_err(Stop::Skipped)?;
    process::run(&mut workspace.cargo(&["build", "--locked", "--package", "botocore-peer"]))?;
    let mut compare = Command::new(&python);
    compare.arg("-B").arg(workspace.root.join("core/tests/botocore/compare.py"));
    compare.arg(workspace.target.join("debug/botocore_peer")).stdin(Stdio::null());
    process::Group::spawn(&mut compare)?.wait().map_err(Stop::Failed)?;
    Ok(String::new())
}

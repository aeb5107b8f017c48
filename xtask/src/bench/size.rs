//! The release binary: built, weighed, and what of it stays in memory where it is static.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::figures::{OURS, Samples};
use super::service::Service;
use super::subject::{Setup, Subject};
use crate::cross::target::X86_64;
use crate::cross::toolchain::Toolchain;
use crate::cross::{self, DEVICE, Site};
use crate::process::run;
use crate::workspace::Workspace;

/// The release binary, built here or named by `ACTIVITY_WORKER_BINARY`.
pub(super) fn device(workspace: &Workspace) -> Result<PathBuf, String> {
    match std::env::var_os("ACTIVITY_WORKER_BINARY") {
        Some(named) => Ok(named.into()),
        None => build(workspace, &[]),
    }
}

/// Its bytes, without the demo and with it.
pub(super) fn measure(workspace: &Workspace, samples: &Samples) -> Result<(), String> {
    for (line, features) in [("size.slim", &["--no-default-features"][..]), ("size.full", &[])] {
        let binary = build(workspace, features)?;
        let bytes = fs::metadata(&binary).map_err(|e| format!("{}: {e}", binary.display()))?.len();
        samples.add(line, OURS, bytes as f64);
    }
    Ok(())
}

fn build(workspace: &Workspace, features: &[&str]) -> Result<PathBuf, String> {
    let package = ["build", "--locked", "--release", "--package", "activity-worker-device"];
    run(workspace.cargo(&package).args(features))?;
    Ok(workspace.target.join("release/activity-worker"))
}

/// The idle memory of the static binary that devices get, if that can be built here.
pub(super) fn measure_static(workspace: &Workspace, samples: &Samples) -> Result<(), String> {
    let toolchain = Toolchain::install(workspace)?;
    let site = Site::of(workspace);
    cross::build(&toolchain, &site, &DEVICE, &[&X86_64])?;
    let service = Service::start(Duration::from_secs(5))?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let setup = Setup {
        service: &service,
        folder: folder.path(),
        log: &folder.path().join("log"),
        concurrency: 1,
        handler: None,
        holds: 0,
    };
    let worker = Subject::Device(site.file(&DEVICE, &X86_64)).start(&setup)?;
    samples.add("static.memory", OURS, worker.process().status("VmRSS")? as f64);
    samples.add("static.own", OURS, worker.process().status("RssAnon")? as f64);
    Ok(())
}

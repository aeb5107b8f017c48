//! The device binary at work for a Step Functions that this project did not write: LocalStack's, on loopback.
//!
//! The binary is built here, or named by `ACTIVITY_WORKER_BINARY` (a cross-built or packaged one, or a script that starts one).

mod machine;
mod proxy;
mod scenarios;
mod server;
mod stage;
mod worker;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use self::scenarios::Scenario;
use self::server::Server;
use self::stage::Stage;
use super::suite::Stop;
use crate::process;
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    if !cfg!(target_os = "linux") {
        return Err(Stop::Skipped("LocalStack is set up for Linux only".into()));
    }
    let python = server::install(workspace).map_err(Stop::Skipped)?;
    let binary = binary(workspace)?;
    let start = Instant::now();
    let server = Server::start(&python, workspace)?;
    println!("LocalStack answers after {:.1} s", start.elapsed().as_secs_f64());
    let played = play(server.url(), &binary)?;
    probe(workspace, &python, server.url())?;
    Ok(played)
}

/// Where LocalStack answers otherwise than AWS is documented to, and only there.
fn probe(workspace: &Workspace, python: &Path, url: &str) -> Result<(), String> {
    let folder = workspace.root.join("emulator/probe");
    let mut probe = Command::new(python);
    probe.arg(folder.join("probe_aws.py")).arg("--compare").arg(folder.join("fixtures"));
    probe.arg("--known").arg(folder.join("known/localstack.json"));
    probe.args(["--test-keys", "--quick", "--region", "eu-west-1", "--endpoint-url", url]);
    process::Group::spawn(&mut probe)?.wait()
}

fn binary(workspace: &Workspace) -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("ACTIVITY_WORKER_BINARY") {
        return Ok(given.into());
    }
    let package = ["--package", "activity-worker-device"];
    process::run(workspace.cargo(&["build", "--locked", "--release"]).args(package))?;
    Ok(workspace.target.join("release/activity-worker"))
}

/// Plays every scenario, one line each. Those with executions run one after the other: LocalStack loses executions that start side
/// by side.
fn play(url: &str, binary: &Path) -> Result<String, Stop> {
    let failed: Vec<&str> = thread::scope(|scope| {
        let idle = scope.spawn(|| act(&Stage::new(url, binary, "idle"), &scenarios::IDLE));
        let stage = Stage::new(url, binary, "one-by-one");
        let failed: Vec<_> = scenarios::ALL.iter().filter_map(|scenario| act(&stage, scenario)).collect();
        let idle = idle.join().unwrap_or(Some(scenarios::IDLE.0));
        failed.into_iter().chain(idle).collect()
    });
    if failed.is_empty() { Ok(String::new()) } else { Err(Stop::Failed(failed.join(", "))) }
}

/// Plays one; its name if it fails.
fn act(stage: &Stage, (name, scenario): &Scenario) -> Option<&'static str> {
    let start = Instant::now();
    let result = scenario(stage).and_then(|()| stage.told_no_secret());
    let mark = if result.is_ok() { "ok    " } else { "FAILED" };
    println!("{mark} {:>6.1} s  {name}", start.elapsed().as_secs_f64());
    if let Err(reason) = &result {
        println!("{reason}\n{}", stage.logs());
    }
    stage.clear();
    result.err().map(|_| *name)
}

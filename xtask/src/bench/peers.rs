//! Builds and installs the programs of `proof/peers` that we are measured beside.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::subject::Subject;
use crate::workspace::Workspace;
use crate::{process, venv};

/// Our library's.
const LIBRARY: &str = "ours";

/// A worker on an SDK.
struct Peer {
    name: &'static str,
    /// Builds it, and gives its command line.
    make: fn(&Workspace) -> Result<Vec<PathBuf>, String>,
}

const PEERS: [Peer; 4] = [
    Peer { name: "rust", make: rust },
    Peer { name: "boto3", make: boto3 },
    Peer { name: "go", make: go },
    Peer { name: "node", make: node },
];

/// What can be named.
pub(super) fn names() -> Vec<&'static str> {
    PEERS.iter().map(|peer| peer.name).collect()
}

/// Those named, or all. One that can't be built is told and left out.
pub(super) fn sdks(workspace: &Workspace, chosen: &[String]) -> Vec<Subject> {
    let wanted = PEERS.iter().filter(|peer| chosen.is_empty() || chosen.iter().any(|name| name == peer.name));
    let built = wanted.filter_map(|peer| match (peer.make)(workspace) {
        Ok(words) => Some(Subject::Sdk(peer.name, words)),
        Err(why) => {
            println!("{} is not measured: {why}", peer.name);
            None
        }
    });
    built.collect()
}

/// The program on our library.
pub(super) fn library(workspace: &Workspace) -> Result<Subject, String> {
    cargo(workspace, LIBRARY).map(Subject::Library)
}

fn rust(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    Ok(vec![cargo(workspace, "sdk")?])
}

fn cargo(workspace: &Workspace, name: &str) -> Result<PathBuf, String> {
    let target = workspace.tools()?.join("peers-rust");
    let mut build =
        workspace.cargo(&["build", "--locked", "--release", "--package", &format!("peer-{name}")]);
    build.arg("--manifest-path").arg(folder(workspace, "rust").join("Cargo.toml"));
    process::run(build.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("release").join(format!("peer-{name}")))
}

fn boto3(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    let python = venv::python(workspace, "boto3")?;
    Ok(vec![python, folder(workspace, "boto3").join("worker.py")])
}

fn go(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    let program = workspace.tools()?.join("peer-go");
    let mut build = Command::new("go");
    build.args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]).arg(&program).arg(".");
    process::read(build.current_dir(folder(workspace, "go")).env("GOFLAGS", "-mod=readonly"))?;
    Ok(vec![program])
}

fn node(workspace: &Workspace) -> Result<Vec<PathBuf>, String> {
    let (from, to) = (folder(workspace, "node"), workspace.tools()?.join("peer-node"));
    let failed = |e: std::io::Error| format!("can't copy the worker for Node: {e}");
    fs::create_dir_all(&to).map_err(failed)?;
    for file in ["package.json", "package-lock.json", "worker.mjs"] {
        fs::copy(from.join(file), to.join(file)).map_err(failed)?;
    }
    process::read(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&to))?;
    Ok(vec!["node".into(), to.join("worker.mjs")])
}

fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("proof/peers").join(name)
}

#[cfg(test)]
mod tests {
    /// What a manifest says of the profile that ships, without comments.
    fn profile(manifest: &str) -> Vec<&str> {
        let lines = manifest.lines().skip_while(|line| *line != "[profile.release]").skip(1);
        let own = lines.take_while(|line| !line.starts_with('['));
        own.filter_map(|line| line.split('#').next()).map(str::trim).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn the_peers_are_built_as_what_ships_is() {
        let ours = profile(include_str!("../../../Cargo.toml"));
        assert!(ours.len() > 3, "{ours:?}");
        assert_eq!(profile(include_str!("../../../proof/peers/rust/Cargo.toml")), ours);
    }
}

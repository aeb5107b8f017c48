//! Where things are, and how to start cargo there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// The checkout that xtask was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds, whatever the environment and the configuration say.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self, String> {
        let output = Command::new(cargo_program())
            .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
            .output()
            .map_err(|e| format!("can't start cargo metadata: {e}"))?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let metadata: Value =
            serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
        let path = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).ok_or_else(|| format!("cargo metadata names no {key}"))
        };
        Ok(Workspace { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// A cargo command in the root folder.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(cargo_program());
        cargo.args(arguments).current_dir(&self.root);
        // What the cargo that runs xtask says of xtask. A build script that watches these, ring's, would run again each time one
        // cargo follows the other, and everything above it be compiled anew.
        for (name, _) in env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
            {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// Where downloaded tools are kept; made if it is not there.
    pub(crate) fn tools(&self) -> Result<PathBuf, String> {
        let tools = self.target.join("tools");
        fs::create_dir_all(&tools).map_err(|e| format!("can't make {}: {e}", tools.display()))?;
        Ok(tools)
    }

    /// A file of xtask itself.
    pub(crate) fn own(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join("xtask").join(path)
    }
}

fn cargo_program() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

//! Programs that cargo installs, at pinned versions, kept in target/tools.

use std::path::PathBuf;

use crate::process;
use crate::workspace::Workspace;

/// A program of crates.io.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// The program's path. Installs it when this version is not there yet, which takes minutes.
    pub(crate) fn program(&self, workspace: &Workspace) -> Result<PathBuf, String> {
        let folder = workspace.tools()?.join(format!("{}-{}", self.name, self.version));
        let program = folder.join("bin").join(self.name);
        if !program.exists() {
            println!("installing {} {} (some minutes, once)", self.name, self.version);
            // Without the workspace's target folder cargo builds in a temporary one and removes it.
            // Built without optimisation, in half the time: they run for seconds.
            let mut install = workspace.cargo(&["install", "--quiet", "--locked", "--debug", self.name]);
            install.args(["--version", self.version, "--root"]).arg(&folder).env_remove("CARGO_TARGET_DIR");
            process::run(&mut install).map_err(|e| format!("{} can't be installed: {e}", self.name))?;
        }
        Ok(program)
    }
}

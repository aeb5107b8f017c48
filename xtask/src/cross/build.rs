//! One cargo call for all targets: what is compiled for the host is compiled once, and both cores link at once.

use std::fs;
use std::path::{Path, PathBuf};

use super::target::Target;
use super::toolchain::{Purpose, Toolchain};
use crate::process::Group;
use crate::workspace::Workspace;

/// Something to build: a file that cargo makes of a package.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) package: &'static str,
    /// The file's name in cargo's folder: the program's, or `libNAME.so`, `libNAME.a`.
    pub(crate) file: &'static str,
    /// What it is called when it is done.
    pub(crate) name: &'static str,
    pub(crate) features: &'static [&'static str],
}

/// What a device gets.
pub(crate) static DEVICE: Artifact = Artifact {
    package: "activity-worker-device",
    file: "activity-worker",
    name: "activity-worker",
    features: &["--no-default-features"],
};

/// The same with the demo and the emulator in it: to be shown, and tested.
pub(crate) static DEVICE_WITH_DEMO: Artifact = Artifact {
    package: "activity-worker-device",
    file: "activity-worker",
    name: "activity-worker-demo",
    features: &["--features", "demo"],
};

/// A checkout, and where its builds go.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) source: PathBuf,
    /// What is done lies in `cross/TRIPLE` within.
    pub(crate) output: PathBuf,
}

impl Site {
    pub(crate) fn of(workspace: &Workspace) -> Self {
        Site { source: workspace.root.clone(), output: workspace.target.clone() }
    }

    /// Where a finished artifact lies.
    pub(crate) fn file(&self, artifact: &Artifact, target: &Target) -> PathBuf {
        self.output.join("cross").join(target.triple).join(artifact.name)
    }

    /// Cargo's folder. One of its own: std from source takes an environment that some build scripts look at, and in a shared
    /// folder this build and the usual ones would each undo what the other has compiled for the host.
    pub(crate) fn building(&self) -> PathBuf {
        self.output.join("cross").join("building")
    }

    /// Builds an artifact for all `targets`, and puts the files where [`Site::file`] says.
    pub(crate) fn build(
        &self,
        toolchain: &Toolchain,
        artifact: &Artifact,
        targets: &[&Target],
    ) -> Result<(), String> {
        let building = self.building();
        let mut cargo = toolchain.cargo("zigbuild", targets, Purpose::Ship, &self.source, &building)?;
        let cargo = cargo.args(["--package", artifact.package]).args(artifact.features);
        Group::spawn(cargo)?.wait().map_err(|e| format!("the build of {} {e}", artifact.name))?;
        for target in targets {
            let built = building.join(target.triple).join("release").join(artifact.file);
            copy(&built, &self.file(artifact, target))?;
        }
        Ok(())
    }
}

/// A copy: the next build of the package with other features replaces cargo's own file. It takes its place at once: a suite in the
/// other lane may be running the one that was there.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("can't copy {} to {}: {e}", from.display(), to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let new = to.with_added_extension("new");
    fs::copy(from, &new).and_then(|_| fs::rename(&new, to)).map_err(failed)
}

//! `cargo xtask cross`: the device binary for the machines that it is meant for, small, static, and the same wherever it is built.

mod build;
mod elf;
pub(crate) mod qemu;
pub(crate) mod reproducible;
mod sizes;
pub(crate) mod target;
pub(crate) mod toolchain;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::workspace::Workspace;
pub(crate) use build::{Artifact, DEVICE, DEVICE_WITH_DEMO, Site};
use sizes::{Size, Sizes};
use target::Target;
use toolchain::Toolchain;

/// Builds the device binary for `targets`, looks at what came out, and holds it to its budgets.
pub(crate) fn cross(workspace: &Workspace, targets: &[&'static Target]) -> Result<(), String> {
    let toolchain = timed("tools", || Toolchain::install(workspace))?;
    let site = Site::of(workspace);
    build(&toolchain, &site, &DEVICE, targets)?;
    let sizes = sizes(&site, targets)?;
    println!("\n{sizes}\n\nin {}", site.output.join("cross").display());
    sizes.check()
}

/// Builds an artifact, and looks at each file.
pub(crate) fn build(
    toolchain: &Toolchain,
    site: &Site,
    artifact: &Artifact,
    targets: &[&'static Target],
) -> Result<(), String> {
    let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
    let what = format!("{} for {}", artifact.name, names.join(", "));
    timed(&what, || site.build(toolchain, artifact, targets))?;
    let building = site.building();
    let folders = toolchain.folders(&site.source, &building).map(|(folder, _)| folder);
    targets.iter().try_for_each(|target| elf::inspect(&site.file(artifact, target), target, &folders))
}

/// The sizes of what was built.
pub(crate) fn sizes(site: &Site, targets: &[&'static Target]) -> Result<Sizes, String> {
    let size = |file: PathBuf| fs::metadata(&file).map(|m| m.len());
    let sizes = targets.iter().map(|&target| {
        let file = site.file(&DEVICE, target);
        let bytes = size(file.clone()).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(Size { target, bytes, with_demo: size(site.file(&DEVICE_WITH_DEMO, target)).ok() })
    });
    sizes.collect::<Result<_, String>>().map(Sizes)
}

/// Does something, and says how long it took.
pub(crate) fn timed<T>(what: &str, act: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let start = Instant::now();
    let result = act();
    let mark = if result.is_ok() { "ok    " } else { "FAILED" };
    println!("{mark} {:>6.1} s  {what}", start.elapsed().as_secs_f64());
    result
}

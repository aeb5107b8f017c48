//! The same source gives the same bytes, wherever it lies.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::build;
use super::build::{DEVICE, Site};
use super::target::Target;
use super::toolchain::Toolchain;
use crate::process;
use crate::workspace::Workspace;

/// Builds the device binary once more, from a copy of the source in another folder and into another one, and compares.
pub(crate) fn check(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &'static Target,
) -> Result<(), String> {
    let here = Site::of(workspace);
    let elsewhere = workspace.target.join("cross").join("elsewhere");
    let there = Site { source: elsewhere.join("a-copy-of-the-source"), output: elsewhere.join("output") };
    copy_source(&here.source, &there.source)?;
    build(toolchain, &there, &DEVICE, &[target])?;
    let (one, other) = (here.file(&DEVICE, target), there.file(&DEVICE, target));
    let read = |file: &Path| fs::read(file).map_err(|e| format!("can't read {}: {e}", file.display()));
    let (one_bytes, other_bytes) = (read(&one)?, read(&other)?);
    if one_bytes == other_bytes {
        return Ok(());
    }
    let at = one_bytes.iter().zip(&other_bytes).take_while(|(a, b)| a == b).count();
    Err(format!("{} and {} differ, first at byte {at}", one.display(), other.display()))
}

/// Copies what git knows of, and what it does not ignore.
fn copy_source(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("can't copy the source: {e}");
    if to.exists() {
        fs::remove_dir_all(to).map_err(|e| failed(&e))?;
    }
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(from);
    let files = process::read(&mut git).map_err(|e| failed(&e))?;
    for file in files.split_terminator('\0') {
        let (source, copy) = (from.join(file), to.join(file));
        // A file that was removed, and is not committed yet.
        if !source.exists() {
            continue;
        }
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        fs::copy(&source, &copy).map_err(|e| format!("can't copy {}: {e}", source.display()))?;
    }
    Ok(())
}

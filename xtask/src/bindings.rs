//! The Kotlin and the Swift that call the native library, generated from the library itself: never committed, so never stale.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};

use crate::process;
use crate::workspace::Workspace;

/// A language that apps are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Kotlin,
    Swift,
}

impl Language {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Language::Kotlin, Language::Swift].into_iter().find(|language| language.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Language::Kotlin => "kotlin",
            Language::Swift => "swift",
        }
    }
}

/// `cargo xtask bindings LANGUAGE...`
pub(crate) fn write(workspace: &Workspace, languages: &[Language]) -> Result<(), String> {
    let library = build_library(workspace)?;
    for language in languages {
        println!("{}", generate(workspace, &library, *language)?.display());
    }
    Ok(())
}

/// Builds the native library for this machine, unstripped as the generator needs it, and unwinding as in an app. Its path.
pub(crate) fn build_library(workspace: &Workspace) -> Result<PathBuf, String> {
    process::run(&mut workspace.cargo(&["build", "--locked", "--package", "activity-worker-ffi"]))?;
    Ok(workspace.target.join("debug").join(format!("{DLL_PREFIX}activity_worker_ffi{DLL_SUFFIX}")))
}

/// Writes one language's bindings anew. The folder that holds them.
pub(crate) fn generate(workspace: &Workspace, library: &Path, language: Language) -> Result<PathBuf, String> {
    let folder = workspace.target.join("bindings").join(language.name());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("can't empty {}: {e}", folder.display()))?;
    }
    let mut bindgen =
        workspace.cargo(&["run", "--quiet", "--locked", "--manifest-path", "ffi/bindgen/Cargo.toml"]);
    bindgen.arg("--target-dir").arg(workspace.target.join("bindgen"));
    bindgen.args(["--", language.name()]).arg(library).arg(&folder);
    process::run(&mut bindgen)?;
    Ok(folder)
}

//! clang, lld and ar of zig, under the names and with the words that cargo and rustc use.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::Workspace;
use crate::{process, venv};

/// What is built of the library's package.
pub(super) const PACKAGE: &[&str] =
    &["--locked", "--profile", "app", "--package", "activity-worker-ffi", "--lib"];

/// Compilers for C, none of which knows any platform's headers.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) cc: PathBuf,
    pub(crate) ar: PathBuf,
    pub(crate) ld: PathBuf,
    /// Where stand-ins for a platform's files go.
    folder: PathBuf,
}

impl Tools {
    /// Installs what is missing. The error says what can't be had.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self, String> {
        let python = venv::python(workspace, "cross")?;
        let find = "import os, ziglang; print(os.path.dirname(ziglang.__file__))";
        let zig = PathBuf::from(process::read(Command::new(python).args(["-c", find]))?.trim());
        let folder = workspace.tools()?.join("mobile");
        let tool = |name: &str, does: &str| {
            let file = folder.join(name);
            let script = format!("#!/bin/sh\nzig={:?}\n{does}\n", zig.display().to_string());
            write(&file, &script)?;
            let all = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&file, all).map_err(|e| format!("{}: {e}", file.display()))?;
            Ok::<_, String>(file)
        };
        Ok(Tools {
            cc: tool("cc", r#"exec "$zig/zig" clang -isystem "$zig/lib/include" "$@""#)?,
            ar: tool("ar", r#"exec "$zig/zig" ar "$@""#)?,
            // rustc names the flavor first, which this lld does not know.
            ld: tool("ld", "[ \"$1\" = -flavor ] && shift 2\nexec \"$zig/zig\" ld.lld \"$@\"")?,
            folder,
        })
    }

    /// A file among the stand-ins of a platform.
    pub(crate) fn stand_in(&self, platform: &str, file: &str) -> PathBuf {
        self.folder.join(platform).join(file)
    }

    /// Has cargo compile C for a target with these tools.
    pub(crate) fn compile_for(&self, cargo: &mut Command, triple: &str, flags: &str) {
        let name = triple.replace('-', "_");
        cargo.env(format!("CC_{name}"), &self.cc).env(format!("AR_{name}"), &self.ar);
        // The cryptography needs of a platform's headers only what it brings itself.
        let flags = format!("{flags} -nostdlibinc -DRING_CORE_NOSTDLIBINC=1 -D__MM_MALLOC_H=1");
        cargo.env(format!("CFLAGS_{name}"), flags);
    }
}

/// Has rustup fetch std for targets.
pub(crate) fn add_targets(triples: &[&str]) -> Result<(), String> {
    process::read(Command::new("rustup").args(["target", "add"]).args(triples)).map(drop)
}

/// Writes a file and its folder.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("can't write {}: {e}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(file, text).map_err(failed)
}

//! What a cross build needs beside the Rust toolchain: the source of std, zig and cargo-zigbuild.
//!
//! std comes from source for every target. For armv7 and ARMv6 there is no other for musl; for the others it is what makes
//! them a fifth smaller: it is compiled for size, has no unwinding tables, and lacks the reader of debug information for
//! backtraces, which a stripped program can't use.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::target::Target;
use crate::workspace::Workspace;
use crate::{process, venv};

/// For every target.
const RUSTFLAGS: &[&str] = &[
    // zig brings the C library and its start files.
    "-Clink-self-contained=no",
];

/// And for what ships.
const SHIPPING_RUSTFLAGS: &[&str] = &[
    // A panic aborts, so the tables that an unwinder reads are of no use. They are a tenth of the file.
    "-Cforce-unwind-tables=no",
    // Loaded at a random address, as rustc asks for by itself: zig passes over rustc's `-static-pie`. Costs 4 % of the file.
    "-Clink-arg=-pie",
];

/// zig, but what it links for shipping is linked once more, with options that `zig cc` does not take: functions with the same code
/// become one, and the relocations of a program that is loaded anywhere are packed. Some 46 KB on ARMv6, more on 64 bits.
const PACKING_ZIG: &str = r#"#!/bin/sh
# It is called as the Python that has zig.
real=$ACTIVITY_WORKER_ZIG
shift 2
[ "$1" = cc ] || exec "$real" "$@"
told=$(ZIG_VERBOSE_LINK=1 "$real" "$@" 2>&1)
status=$?
# The last is the program; those before it are parts of the C library.
link=$(printf '%s\n' "$told" | grep '^ld\.lld ' | tail -n 1)
printf '%s\n' "$told" | grep -v -e '^ld\.lld ' -e '^ar ' >&2
[ $status = 0 ] || exit $status
case $link in
"" | *" -r "* | *" -shared "*) exit 0 ;;
esac
set -- $link
exec "$real" "$@" --icf=all --pack-dyn-relocs=relr
"#;

/// What cargo is asked to do with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A release build, for size.
    Ship,
    /// Tests: they unwind.
    Test,
}

/// Where the tools are.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// The folder with cargo-zigbuild and the Python that has zig.
    bin: PathBuf,
    /// Where zig and cargo-zigbuild keep what they generate.
    cache: PathBuf,
    /// zig itself, and the program that stands before it.
    zig: (PathBuf, PathBuf),
    /// The source of std.
    std: PathBuf,
    cargo_home: PathBuf,
    /// The folder in it with the source of the libraries: its name tells of the registry's address.
    crates: PathBuf,
}

impl Toolchain {
    /// Installs what is missing. The error says what can't be had.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self, String> {
        let python = venv::python(workspace, "cross")?;
        let bin = python.parent().ok_or("a Python without a folder")?.to_owned();
        Ok(Toolchain {
            bin,
            zig: zig(workspace, &python)?,
            cache: workspace.tools()?.join("zig-cache"),
            std: std_source(workspace)?,
            cargo_home: cargo_home()?,
            crates: crates(workspace)?,
        })
    }

    /// `cargo-zigbuild SUBCOMMAND` for `targets`, in `source`, building into `output`.
    pub(crate) fn cargo(
        &self,
        subcommand: &str,
        targets: &[&Target],
        purpose: Purpose,
        source: &Path,
        output: &Path,
    ) -> Result<Command, String> {
        let mut cargo = Command::new(self.bin.join("cargo-zigbuild"));
        cargo.args([subcommand, "--locked"]).current_dir(source).env("CARGO_TARGET_DIR", output);
        match purpose {
            Purpose::Ship => {
                cargo.args(["--release", "-Zbuild-std=std,panic_abort"]);
                cargo.arg("-Zbuild-std-features=optimize_for_size");
                let (zig, packing) = &self.zig;
                cargo.env("CARGO_ZIGBUILD_PYTHON_PATH", packing).env("ACTIVITY_WORKER_ZIG", zig);
            }
            Purpose::Test => {
                cargo.arg("-Zbuild-std=std,panic_unwind,test");
            }
        }
        for target in targets {
            let flags = self.rustflags(target, purpose, source, output);
            let flags = serde_json::to_string(&flags).map_err(|e| e.to_string())?;
            cargo.args(["--target", target.triple, "--config"]);
            cargo.arg(format!("target.{}.rustflags={flags}", target.triple));
        }
        // std from source is not stable; it is used with the stable compiler all the same, since that is the one that is tested.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        cargo.env("PATH", self.path()?);
        cargo.env("CARGO_ZIGBUILD_CACHE_DIR", &self.cache).env("ZIG_GLOBAL_CACHE_DIR", &self.cache);
        // These would take the place of the flags above.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(name);
        }
        Ok(cargo)
    }

    /// The folders of this machine that the compiler sees, and what the binary says in their place. Without this, panics would
    /// tell of the builder's folders, and two checkouts would give two binaries.
    pub(crate) fn folders<'a>(&'a self, source: &'a Path, output: &'a Path) -> [(&'a Path, &'static str); 5] {
        // The last that fits wins, and the output usually lies in the source. The file holds some 180 paths of libraries.
        [
            (source, "/source"),
            (output, "/target"),
            (&self.cargo_home, "/cargo"),
            (&self.crates, ""),
            (&self.std, "/rust"),
        ]
    }

    fn rustflags(&self, target: &Target, purpose: Purpose, source: &Path, output: &Path) -> Vec<String> {
        let shipping = if purpose == Purpose::Ship { SHIPPING_RUSTFLAGS } else { &[] };
        let flags = RUSTFLAGS.iter().chain(shipping).chain(target.rustflags);
        let remap = |(from, to): (&Path, &str)| format!("--remap-path-prefix={}={to}", from.display());
        let remapped = self.folders(source, output).map(remap);
        flags.map(|flag| (*flag).to_owned()).chain(remapped).collect()
    }

    /// cargo-zigbuild looks for zig as a module of the first `python3`.
    fn path(&self) -> Result<OsString, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [self.bin.clone()].into_iter().chain(env::split_paths(&path));
        env::join_paths(folders).map_err(|e| format!("{}: {e}", self.bin.display()))
    }
}

/// Where zig is, and the program that stands before it, written anew.
fn zig(workspace: &Workspace, python: &Path) -> Result<(PathBuf, PathBuf), String> {
    let told = process::read(
        Command::new(python).args(["-c", "import os, ziglang; print(os.path.dirname(ziglang.__file__))"]),
    )?;
    let packing = workspace.tools()?.join("packing-zig");
    let failed = |e: std::io::Error| format!("can't write {}: {e}", packing.display());
    // Whoever runs the one that is there goes on with it.
    let new = packing.with_extension(std::process::id().to_string());
    fs::write(&new, PACKING_ZIG).map_err(failed)?;
    fs::set_permissions(&new, Permissions::from_mode(0o755)).map_err(failed)?;
    fs::rename(&new, &packing).map_err(failed)?;
    Ok((Path::new(told.trim()).join("zig"), packing))
}

/// The folder with the source of std, fetched through rustup if it is not there.
fn std_source(workspace: &Workspace) -> Result<PathBuf, String> {
    let mut rustc = Command::new("rustc");
    let sysroot = process::read(rustc.args(["--print", "sysroot"]).current_dir(&workspace.root))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    if !source.join("library/Cargo.lock").exists() {
        println!("fetching the source of std with rustup (once)");
        let mut rustup = Command::new("rustup");
        process::read(rustup.args(["component", "add", "rust-src"]).current_dir(&workspace.root))
            .map_err(|e| format!("the source of std is not in {}: {e}", source.display()))?;
    }
    Ok(source)
}

/// Fetches the libraries if they are not there.
fn crates(workspace: &Workspace) -> Result<PathBuf, String> {
    let told = process::read(&mut workspace.cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let told: Value = serde_json::from_str(&told).map_err(|e| format!("cargo metadata: {e}"))?;
    let mut packages = told["packages"].as_array().into_iter().flatten();
    let library = packages
        .find(|package| package["source"].as_str().is_some_and(|source| source.starts_with("registry+")));
    let manifest = library.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).ancestors().nth(2));
    folder.map(Path::to_owned).ok_or_else(|| "cargo metadata names no library".into())
}

fn cargo_home() -> Result<PathBuf, String> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor a home folder".into())
}

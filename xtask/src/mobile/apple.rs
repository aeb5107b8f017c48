//! The static library for iOS, and a check for its simulator. Nothing is linked: that is Xcode's part.

use std::process::Command;

use super::tools::{self, PACKAGE, Tools};
use crate::process;
use crate::workspace::Workspace;

const PHONE: &str = "aarch64-apple-ios";
const SIMULATOR: &str = "aarch64-apple-ios-sim";
/// The least iOS that the library is for.
const DEPLOYMENT_TARGET: &str = "16.0";

/// The library for phones.
pub(super) fn build(workspace: &Workspace, tools: &Tools) -> Result<(), String> {
    tools::add_targets(&[PHONE])?;
    let mut cargo = cargo(workspace, tools, "rustc", PHONE)?;
    process::run(cargo.args(["--crate-type", "staticlib"]))?;
    let library = workspace.target.join("mobile").join(PHONE).join("app/libactivity_worker_ffi.a");
    if library.exists() { Ok(()) } else { Err(format!("there is no {}", library.display())) }
}

/// Whether the library compiles for the simulator. std comes from source: there may be no other.
pub(super) fn check_simulator(workspace: &Workspace, tools: &Tools) -> Result<(), String> {
    let mut cargo = cargo(workspace, tools, "check", SIMULATOR)?;
    process::run(cargo.arg("-Zbuild-std=std,panic_unwind").env("RUSTC_BOOTSTRAP", "1"))
}

fn cargo(workspace: &Workspace, tools: &Tools, command: &str, triple: &str) -> Result<Command, String> {
    // Of Apple's headers one is asked for. The macros that it would define are clang's own by now.
    let headers = tools.stand_in("apple", "usr/include/TargetConditionals.h");
    tools::write(&headers, "/* clang defines TARGET_OS_IPHONE and the like */\n")?;
    let mut cargo = workspace.cargo(&[command]);
    cargo.args(PACKAGE).args(["--target", triple]);
    cargo.arg("--target-dir").arg(workspace.target.join("mobile"));
    let folder = headers.parent().unwrap_or(&headers).display().to_string();
    tools.compile_for(&mut cargo, triple, &format!("-isystem {folder}"));
    cargo.env("SDKROOT", tools.stand_in("apple", "")).env("IPHONEOS_DEPLOYMENT_TARGET", DEPLOYMENT_TARGET);
    Ok(cargo)
}

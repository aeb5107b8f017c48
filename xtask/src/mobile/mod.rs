//! `cargo xtask mobile`: the native library for phones, as far as that goes without the NDK and without Xcode.
//!
//! clang and lld come with zig, what they lack of the platforms are stand-ins. What comes out shows that the library compiles for
//! each platform, what it needs there and how large it is; it is not for shipping: the stand-ins can't unwind.

mod android;
mod apple;
mod bionic;
mod elf;
mod tools;

use crate::cross::timed;
use crate::suites::Stop;
use crate::workspace::Workspace;
use tools::Tools;

/// What is built of the library's package.
const PACKAGE: &[&str] = &["--locked", "--profile", "app", "--package", "activity-worker-ffi", "--lib"];

/// Builds everything, and looks at what came out. Ends with a table of sizes.
pub(crate) fn mobile(workspace: &Workspace) -> Result<(), String> {
    build(workspace, &install(workspace)?)
}

/// The same as a suite: a machine that lacks the tools skips it.
pub(crate) fn suite(workspace: &Workspace) -> Result<String, Stop> {
    let tools = install(workspace).map_err(Stop::Skipped)?;
    build(workspace, &tools)?;
    Ok("not linked against the platforms' own libraries, and not run".into())
}

fn install(workspace: &Workspace) -> Result<Tools, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("set up for Linux on x86_64 only".into());
    }
    timed("tools", || Tools::install(workspace))
}

fn build(workspace: &Workspace, tools: &Tools) -> Result<(), String> {
    let names = android::ABIS.each_ref().map(|abi| abi.name).join(", ");
    timed(&format!("Android: {names}"), || android::build(workspace, tools))?;
    timed("iOS: a static library", || apple::build(workspace, tools))?;
    timed("iOS simulator: checked", || apple::check_simulator(workspace, tools))?;
    println!("\n{:<16} {:>9}  needs", "Android ABI", "bytes");
    for abi in &android::ABIS {
        let elf::Library { bytes, needed } = abi.look(workspace)?;
        println!("{:<16} {bytes:>9}  {}", abi.name, needed.join(", "));
    }
    Ok(())
}

//! `cargo xtask mobile`: the native library for phones, as far as that goes without the NDK and without Xcode.
//!
//! clang and lld come with zig, what they lack of the platforms are stand-ins. What comes out shows that the library compiles for
//! each platform, what it needs there and how large it is; it is not for shipping: the stand-ins can't unwind.

mod abi;
mod android;
mod apple;
mod bionic;
mod elf;
mod tools;

use crate::cross::timed;
use crate::workspace::Workspace;
pub(crate) use tools::Tools;

/// The whole command.
pub(crate) fn mobile(workspace: &Workspace) -> Result<(), String> {
    build(workspace, &install(workspace)?)
}

/// Installs what it is built with. The error says what this machine lacks.
pub(crate) fn install(workspace: &Workspace) -> Result<Tools, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("set up for Linux on x86_64 only".into());
    }
    timed("tools", || Tools::install(workspace))
}

/// Builds everything, and looks at what came out. Ends with a table of sizes.
pub(crate) fn build(workspace: &Workspace, tools: &Tools) -> Result<(), String> {
    let names = abi::ABIS.each_ref().map(|abi| abi.name).join(", ");
    timed(&format!("Android: {names}"), || android::build(workspace, tools))?;
    timed("iOS: a static library", || apple::build(workspace, tools))?;
    timed("iOS simulator: checked", || apple::check_simulator(workspace, tools))?;
    println!("\n{:<16} {:>9}  needs", "Android ABI", "bytes");
    for abi in &abi::ABIS {
        let elf::Library { bytes, needed } = abi.look(workspace)?;
        println!("{:<16} {bytes:>9}  {}", abi.name, needed.join(", "));
    }
    Ok(())
}

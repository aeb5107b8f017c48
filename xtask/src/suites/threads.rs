//! Threads in many orders. Miri runs the places where they meet under several schedules, and sees data races, deadlocks and leaks;
//! the thread sanitizer watches the whole worker over the emulator, with threads of the system.

use std::process::Command;

use super::suite::Stop;
use crate::process;
use crate::workspace::Workspace;

/// Schedules for Miri.
const SEEDS: &str = "0..8";
/// Short enough for it, and without disk and network.
const SHORT: [&str; 2] = ["worker::tests::interleavings", "worker::tests::whole"];

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let version =
        process::read(&mut nightly(workspace, &["rustc", "--version", "--verbose"])).map_err(|e| {
            Stop::Skipped(format!("no nightly toolchain (rustup toolchain install nightly): {e}"))
        })?;
    let mut components = Command::new("rustup");
    components.args(["component", "add", "--toolchain", "nightly", "miri", "rust-src"]);
    process::read(&mut components).map_err(|e| Stop::Skipped(format!("no Miri for nightly: {e}")))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or("rustc names no host".to_owned())?;

    let mut miri =
        nightly(workspace, &["cargo", "miri", "test", "--locked", "--package", "activity-worker", "--lib"]);
    // Time goes on as the schedule does, and the system's clock is asked for nothing but that.
    miri.env("MIRIFLAGS", format!("-Zmiri-many-seeds={SEEDS} -Zmiri-disable-isolation"));
    let orders = process::run_tests(miri.arg("--").args(SHORT))?;

    let test = ["cargo", "test", "--locked", "--package", "activity-worker", "-Zbuild-std", "--target", host];
    let mut sanitizer = nightly(workspace, &test);
    sanitizer.env("RUSTFLAGS", "-Zsanitizer=thread").env("TSAN_OPTIONS", "halt_on_error=1");
    let watched = process::run_tests(sanitizer.args([
        "--lib",
        "--test",
        "worker",
        "--",
        "worker::",
        "tasks::",
        "deferred::",
        "faults::",
        "apps::",
        "clocks::",
    ]))?;
    Ok(format!("{orders} runs under Miri, {watched} tests under the sanitizer"))
}

/// A command of the nightly toolchain. It builds in a folder of its own: its flags are not those of the other builds.
fn nightly(workspace: &Workspace, words: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(words).current_dir(&workspace.root);
    command.env("CARGO_TARGET_DIR", workspace.target.join("threads"));
    command
}

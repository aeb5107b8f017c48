//! The device binary for every machine that it is meant for: its size, what it needs, that it runs there, and that it is the
//! same wherever it is built.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;
use signal_hook::consts::SIGILL;

use super::suite::Stop;
use crate::cross::qemu::Qemu;
use crate::cross::target::{AARCH64, ARMV6, ARMV7, TARGETS, Target, X86_64};
use crate::cross::toolchain::{Purpose, Toolchain};
use crate::cross::{DEVICE, DEVICE_WITH_DEMO, Site, build, reproducible, sizes, timed};
use crate::process;
use crate::workspace::Workspace;

/// Tests with random input try so many here, where each takes ten times as long; in full they run on this machine's own processor.
const RANDOM_CASES: &str = "32";

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Stop::Skipped("set up for Linux on x86_64 only".into()));
    }
    let toolchain = timed("tools", || Toolchain::install(workspace)).map_err(Stop::Skipped)?;
    let qemu = timed("qemu", || Qemu::install(workspace)).map_err(Stop::Skipped)?;
    let site = Site::of(workspace);
    build(&toolchain, &site, &DEVICE, &TARGETS)?;
    build(&toolchain, &site, &DEVICE_WITH_DEMO, &TARGETS)?;
    let sizes = sizes(&site, &TARGETS)?;
    println!("\n{sizes}\n");
    sizes.check()?;
    timed("x86_64: in processes that were prepared badly", || badly_prepared(workspace, &site))?;

    // Much of each waits, for an emulated second or for a linker on one processor.
    thread::scope(|scope| {
        let again = scope.spawn(|| {
            timed("x86_64: the same bytes from another folder", || {
                reproducible::check(workspace, &toolchain, &X86_64)
            })
        });
        let starts = scope.spawn(|| starts(&site, &qemu));
        let tests = core_tests(workspace, &toolchain, &qemu);
        [again, starts].into_iter().fold(tests, |result, lane| {
            result.and(lane.join().unwrap_or_else(|_| Err("a lane of the suite panicked".into())))
        })
    })?;
    Ok(String::new())
}

/// Every file starts where it should, and plays the demo there.
fn starts(site: &Site, qemu: &Qemu) -> Result<(), String> {
    let native = |file: &Path| Ok(Command::new(file));
    timed("x86_64: says its version, checks a file", || start(site, &X86_64, &native))?;
    timed("x86_64: plays the demo", || demo(site, &X86_64, &native))?;
    for target in [&AARCH64, &ARMV7, &ARMV6] {
        let emulated = |file: &Path| qemu.command(target, file);
        let what = |does: &str| format!("{} on {}: {does}", target.name, cpu(target));
        timed(&what("says its version, checks a file"), || start(site, target, &emulated))?;
        timed(&what("plays the demo"), || demo(site, target, &emulated))?;
    }
    timed("armv7 on arm1176: dies of its first strange instruction", || strange(site, qemu))
}

/// The same tests that the suite `unit` plays on a binary with the machine's own C library.
fn badly_prepared(workspace: &Workspace, site: &Site) -> Result<(), String> {
    let mut tests =
        workspace.cargo(&["test", "--locked", "--package", "activity-worker-device", "--test", "process"]);
    process::run(tests.env("ACTIVITY_WORKER_BINARY", site.file(&DEVICE, &X86_64)))
}

/// A command that starts a file of a target.
type Starter<'a> = &'a dyn Fn(&Path) -> Result<Command, String>;

/// Does the binary that ships start, and read its configuration?
fn start(site: &Site, target: &Target, starter: Starter<'_>) -> Result<(), String> {
    let file = site.file(&DEVICE, target);
    let version = process::read(starter(&file)?.arg("--version"))?;
    if version.trim() != concat!("activity-worker ", env!("CARGO_PKG_VERSION")) {
        return Err(format!("{} says {version:?}", file.display()));
    }
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let configuration = folder.path().join("device.toml");
    let arn = "arn:aws:states:eu-west-1:123456789012:activity:print-label";
    fs::write(&configuration, format!("[[activity]]\narn = {arn:?}\ncommand = [\"true\"]\n"))
        .map_err(|e| e.to_string())?;
    let told = process::read(starter(&file)?.args(["check", "--config"]).arg(&configuration))?;
    if !told.contains("right; region eu-west-1, account 123456789012") {
        return Err(format!("check says {told:?}"));
    }
    Ok(())
}

/// The whole demo: the worker is killed, started again, and loses nothing.
fn demo(site: &Site, target: &Target, starter: Starter<'_>) -> Result<(), String> {
    let told = process::read(starter(&site.file(&DEVICE_WITH_DEMO, target))?.arg("demo"))?;
    if !told.contains("8 results taken on, 8 delivered, 0 lost") {
        return Err(format!("the demo says: {told}"));
    }
    Ok(())
}

/// Shows that the runs on the least processor can fail: it does not take what a newer one does.
fn strange(site: &Site, qemu: &Qemu) -> Result<(), String> {
    let file = site.file(&DEVICE, &ARMV7);
    let mut command = qemu.command_on("arm", cpu(&ARMV6), &file)?;
    let output = command.arg("--version").output().map_err(|e| e.to_string())?;
    if output.status.signal() == Some(SIGILL) {
        return Ok(());
    }
    Err(format!("it ended with {}: this processor shows nothing", process::ending(output.status)))
}

/// The library's own tests, and those of its transport over real TLS, on ARMv6.
fn core_tests(workspace: &Workspace, toolchain: &Toolchain, qemu: &Qemu) -> Result<(), String> {
    let tests = timed("armv6: the library's tests, built", || build_tests(workspace, toolchain))?;
    tests.iter().try_for_each(|test| {
        let name = test.file_name().unwrap_or_default().to_string_lossy().into_owned();
        timed(&format!("armv6 on arm1176: {name}"), || {
            let mut test = qemu.command(&ARMV6, test)?;
            process::run(test.env("PROPTEST_CASES", RANDOM_CASES))
        })
    })
}

/// Where the programs are.
fn build_tests(workspace: &Workspace, toolchain: &Toolchain) -> Result<Vec<PathBuf>, String> {
    let building = Site::of(workspace).building();
    let mut cargo = toolchain.cargo("test", &[&ARMV6], Purpose::Test, &workspace.root, &building)?;
    cargo.args(["--package", "activity-worker", "--lib", "--test", "transport", "--no-run"]);
    let told = process::read(cargo.args(["--message-format", "json-render-diagnostics"]))?;
    let programs = told.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["executable"].as_str().map(PathBuf::from)
    });
    let programs: Vec<PathBuf> = programs.collect();
    if programs.len() == 2 { Ok(programs) } else { Err(format!("built {programs:?}")) }
}

fn cpu(target: &Target) -> &'static str {
    target.emulated.map_or("this machine", |(_, cpu)| cpu)
}

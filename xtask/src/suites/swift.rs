//! The Swift library over the native library of this machine, against the emulator.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::suite::Stop;
use crate::bindings::{self, Language};
use crate::process::{self, Group};
use crate::swift::Swift;
use crate::workspace::Workspace;

/// Compilation included. A test that waits for ever ends here.
const LIMIT: Duration = Duration::from_secs(480);

/// How the line begins in which Swift Testing says how many tests there were.
const SUM: &str = "Test run with ";

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    let swift = Swift::find(workspace).map_err(Stop::Skipped)?;
    let package = workspace.root.join("ios");
    let mut form = swift.command(workspace, &package, &[]);
    form.args(["swift", "format", "lint", "--strict", "--recursive"]);
    process::run(form.args(["Package.swift", "Sources", "Samples", "Tests"]))?;

    let library = bindings::build_library(workspace)?;
    lay_out(&bindings::generate(workspace, &library, Language::Swift)?, &package.join("Generated"))?;
    process::run(&mut workspace.cargo(&["build", "--locked", "--package", "activity-emulator"]))?;
    test(workspace, &swift, &package, &workspace.target.join("debug"))
}

/// Puts the generated files where the package looks for them. What did not change is left alone, so that it is not compiled anew.
fn lay_out(bindings: &Path, generated: &Path) -> Result<(), String> {
    let files = [
        ("ActivityWorkerFFI.h", "ActivityWorkerFFI/ActivityWorkerFFI.h"),
        ("ActivityWorkerFFI.modulemap", "ActivityWorkerFFI/module.modulemap"),
        ("ActivityWorkerBindings.swift", "ActivityWorkerBindings/ActivityWorkerBindings.swift"),
    ];
    for (from, to) in files {
        let (from, to) = (bindings.join(from), generated.join(to));
        let text = fs::read(&from).map_err(|e| format!("can't read {}: {e}", from.display()))?;
        if fs::read(&to).is_ok_and(|old| old == text) {
            continue;
        }
        let folder = to.parent().unwrap_or(generated);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, text))
            .map_err(|e| format!("can't write {}: {e}", to.display()))?;
    }
    Ok(())
}

fn test(workspace: &Workspace, swift: &Swift, package: &Path, built: &Path) -> Result<String, Stop> {
    let emulator = built.join("activity-emulator");
    let mut test = swift.command(workspace, package, &[("ACTIVITY_EMULATOR", &emulator)]);
    test.args(["swift", "test", "--disable-sandbox", "--scratch-path"]).arg(workspace.target.join("swift"));
    test.args(["-Xswiftc", "-warnings-as-errors"]);
    for option in [Path::new("-L"), built, Path::new("-rpath"), built] {
        test.arg("-Xlinker").arg(option);
    }
    let log: PathBuf = workspace.target.join("swift.log");
    let file = fs::File::create(&log).map_err(|e| format!("can't write {}: {e}", log.display()))?;
    let errors = file.try_clone().map_err(|e| format!("can't write {}: {e}", log.display()))?;
    println!("compiling and testing: {}", log.display());
    let ended = Group::spawn(test.stdout(file).stderr(errors))?.wait_within(LIMIT);
    let written = fs::read_to_string(&log).map_err(|e| format!("can't read {}: {e}", log.display()))?;
    let why = match ended {
        Some(status) if status.success() => None,
        Some(status) => Some(format!("ended with {}", process::ending(status))),
        None => Some(format!("not over after {} s", LIMIT.as_secs())),
    };
    Ok(judge(&written, why).map_err(|e| format!("swift test: {e}; see {}", log.display()))?)
}

/// Shows what failed. The note is the sum, which there must be: a run without tests is no pass.
fn judge(written: &str, failed: Option<String>) -> Result<String, String> {
    let is_fault = |line: &&str| line.starts_with('✘') || line.contains("error:");
    written.lines().filter(is_fault).for_each(|line| println!("{line}"));
    if let Some(why) = failed {
        return Err(why);
    }
    let sum = written.lines().rev().find_map(|line| line.split_once(SUM)).map(|(_, sum)| sum);
    match sum {
        Some(sum) if !sum.starts_with("0 ") => Ok(sum.trim_end_matches('.').to_owned()),
        _ => Err("no test ran".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_tests_is_no_pass() {
        let good = "✔ Test a() passed\n✔ Test run with 28 tests passed after 9.1 seconds.\n";
        assert_eq!(judge(good, None).unwrap(), "28 tests passed after 9.1 seconds");
        assert_eq!(judge("Build complete!", None).unwrap_err(), "no test ran");
        assert!(judge("✔ Test run with 0 tests passed after 0 seconds.", None).is_err());
        assert_eq!(judge(good, Some("ended with exit code 1".into())).unwrap_err(), "ended with exit code 1");
    }

    #[test]
    fn what_did_not_change_is_not_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        for name in ["ActivityWorkerFFI.h", "ActivityWorkerFFI.modulemap", "ActivityWorkerBindings.swift"] {
            fs::write(from.join(name), name).unwrap();
        }
        lay_out(&from, &to).unwrap();
        let header = to.join("ActivityWorkerFFI/ActivityWorkerFFI.h");
        let written = || fs::metadata(&header).unwrap().modified().unwrap();
        let first = written();
        lay_out(&from, &to).unwrap();
        assert_eq!(written(), first);
        fs::write(from.join("ActivityWorkerFFI.h"), "other").unwrap();
        lay_out(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&header).unwrap(), "other");
    }
}

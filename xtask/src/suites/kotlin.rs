//! The Kotlin library on a JVM, over the native library of this machine, against the emulator.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::suite::Stop;
use crate::bindings::{self, Language};
use crate::workspace::Workspace;
use crate::{apt, process};

/// Looks at the form of Kotlin files.
const KTLINT: &str = "com.pinterest.ktlint:ktlint-cli:1.8.0:jar:all";
const KTLINT_JAR: &str = "ktlint-cli-1.8.0-all.jar";

/// What Maven says when it can't have something from its repository.
const OUT_OF_REACH: &[&str] = &["Could not transfer artifact", "Cannot access central", "Unknown host"];

pub(super) fn run(workspace: &Workspace) -> Result<String, Stop> {
    if !has_maven() {
        apt::install(&["default-jdk-headless", "maven"]).map_err(Stop::Skipped)?;
    }
    check_form(workspace)?;
    let library = bindings::build_library(workspace)?;
    bindings::generate(workspace, &library, Language::Kotlin)?;
    process::run(&mut workspace.cargo(&["build", "--locked", "--package", "activity-emulator"]))?;
    println!("building and testing with Maven; the first time it downloads some 100 MB into ~/.m2");
    let log = workspace.target.join("kotlin.log");
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "-Dstyle.color=never", "--log-file"]).arg(&log);
    maven.arg(format!("-Dtarget.dir={}", workspace.target.display()));
    // All it has to say is in the log.
    maven.arg("test").current_dir(workspace.root.join("android/activity-worker")).stdout(Stdio::null());
    let ended = process::Group::spawn(&mut maven)?.wait();
    judge(&fs::read_to_string(&log).unwrap_or_default(), ended, &log)
}

fn has_maven() -> bool {
    let works = |program: &str| process::read(Command::new(program).arg("-version")).is_ok();
    works("mvn") && works("javac")
}

fn check_form(workspace: &Workspace) -> Result<(), Stop> {
    let tools = workspace.tools()?;
    if !tools.join(KTLINT_JAR).exists() {
        println!("fetching ktlint (70 MB, once)");
        let mut fetch = Command::new("mvn");
        fetch.args(["--batch-mode", "--no-transfer-progress", "--quiet", "-Dstyle.color=never"]);
        fetch.arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy");
        fetch.arg(format!("-Dartifact={KTLINT}")).arg(format!("-DoutputDirectory={}", tools.display()));
        process::read(&mut fetch).map_err(|e| Stop::Skipped(format!("ktlint can't be had: {e}")))?;
    }
    let mut ktlint = Command::new("java");
    ktlint.arg("-jar").arg(tools.join(KTLINT_JAR)).args(["--relative", "**/*.kt"]);
    Ok(process::run(ktlint.current_dir(workspace.root.join("android")))?)
}

/// Shows what Maven wrote as far as it matters. The note is surefire's sum.
fn judge(written: &str, ended: Result<(), String>, log: &Path) -> Result<String, Stop> {
    let is_sum = |line: &&str| line.contains("Tests run:");
    written.lines().filter(is_sum).for_each(|line| println!("{line}"));
    match ended {
        Ok(()) => {
            let sum = written.lines().rfind(is_sum).ok_or("Maven ran no test".to_owned())?;
            Ok(sum.trim_start_matches("[INFO] ").trim_start_matches("[WARNING] ").to_owned())
        }
        Err(_) if OUT_OF_REACH.iter().any(|words| written.contains(words)) => {
            Err(Stop::Skipped("Maven's repository is out of reach".into()))
        }
        Err(e) => {
            written.lines().filter(|line| line.starts_with("[ERROR]")).for_each(|line| println!("{line}"));
            Err(Stop::Failed(format!("mvn {e}; see {}", log.display())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_tests_is_no_pass_and_one_without_a_repository_is_a_skip() {
        let log = Path::new("log");
        let sum = "[INFO] Tests run: 2, Failures: 0\n[INFO] BUILD SUCCESS";
        assert_eq!(judge(sum, Ok(()), log).unwrap(), "Tests run: 2, Failures: 0");
        assert!(matches!(judge("[INFO] BUILD SUCCESS", Ok(()), log), Err(Stop::Failed(_))));
        let failed = || Err("ended with exit code 1".to_owned());
        assert!(matches!(judge("[ERROR] Tests run: 2, Failures: 1", failed(), log), Err(Stop::Failed(_))));
        let offline = "[ERROR] Could not transfer artifact x";
        assert!(matches!(judge(offline, failed(), log), Err(Stop::Skipped(_))));
    }
}

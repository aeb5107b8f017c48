//! What a new user may get wrong: one clear line each, and the right exit code.

mod bench;

use std::fs;
use std::process::Output;

use bench::{output, program};

const ARN: &str = "arn:aws:states:eu-west-1:123456789012:activity:print";

/// Asserts that the program ended with `code` and with one line that has `text` in it.
fn told(output: &Output, code: i32, text: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("activity-worker: error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains(text), "wanted {text:?} in one line:\n{stderr}");
    let others = stderr.lines().count() - 1;
    assert!(
        stderr.lines().take(others).all(|line| line.contains(" INFO ")),
        "more than one line of trouble:\n{stderr}"
    );
    assert_eq!(output.status.code(), Some(code), "{stderr}");
}

#[test]
fn wrong_usage_ends_with_2_and_a_hint() {
    told(
        &output(&[""; 0]),
        2,
        "what to do? run, check, doctor, iam-policy or demo (see activity-worker --help)",
    );
    told(&output(&["fly"]), 2, "\"fly\" is none of run, check, doctor, iam-policy and demo");
    told(&output(&["run", "--activity-arn", "print", "--", "cat"]), 2, "--activity-arn \"print\": ");
    told(
        &output(&["run", "--activity-arn", ARN, "--region", "us-east-1", "--", "cat"]),
        2,
        "the activity is in eu-west-1",
    );
    told(&output(&["run", "--activity-arn", ARN]), 2, "-- PROGRAM");
}

#[test]
fn version_and_help_go_to_stdout_and_end_with_0() {
    let version = output(&["--version"]);
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        format!("activity-worker {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = output(&["run", "--help"]);
    assert!(help.status.success() && help.stderr.is_empty());
    assert!(String::from_utf8_lossy(&help.stdout).contains("--activity-arn ARN"));
}

#[test]
fn a_handler_that_is_not_there_ends_with_78() {
    told(
        &output(&["run", "--activity-arn", ARN, "--", "no-such-handler"]),
        78,
        "no-such-handler is not in PATH",
    );
    told(
        &output(&["run", "--activity-arn", ARN, "--", "./no-such-handler"]),
        78,
        "./no-such-handler does not exist",
    );
    told(&output(&["run", "--activity-arn", ARN, "--", "/etc/passwd"]), 78, "/etc/passwd is not executable");
}

#[test]
fn check_names_file_line_and_key_and_ends_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("worker.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        output(&["check".as_ref(), "--config".as_ref(), file.as_os_str()])
    };
    let right = check(&format!("[[activity]]\narn = \"{ARN}\"\ncommand = [\"/bin/cat\"]\n"));
    assert!(right.status.success(), "{right:?}");
    assert!(
        String::from_utf8_lossy(&right.stdout).ends_with("right; region eu-west-1, account 123456789012\n")
    );

    let at = |rest: &str| format!("{}:{rest}", file.display());
    told(&check("worker_name = \n"), 78, &at("1: "));
    told(&check("\nworker_nam = \"x\"\n"), 78, &at("2: worker_nam: unknown key, expected one of"));
    told(
        &check("[[activity]]\narn = \"print\"\ncommand = [\"cat\"]\n"),
        78,
        &at("2: activity.arn: \"print\": "),
    );
    told(&output(&["check", "/nonexistent.toml"]), 78, "can't read /nonexistent.toml: No such file");
    told(
        &output(&["run", "--config", "/nonexistent.toml"]),
        78,
        "can't read /nonexistent.toml: No such file",
    );
}

#[test]
fn no_source_of_credentials_ends_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let run = ["run", "--activity-arn", ARN, "--state-dir", state.to_str().unwrap(), "--", "cat"];
    told(&program().args(run).env("HOME", folder.path()).output().unwrap(), 78, "credentials");
}

#[test]
fn a_profile_that_is_not_there_ends_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let run = [
        "run",
        "--activity-arn",
        ARN,
        "--profile",
        "nobody",
        "--state-dir",
        state.to_str().unwrap(),
        "--",
        "cat",
    ];
    told(&program().args(run).env("HOME", folder.path()).output().unwrap(), 78, "nobody");
}

#[test]
fn a_state_folder_that_can_not_be_used_ends_with_78() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let state = folder.path().join("file/state");
    let run = ["run", "--activity-arn", ARN, "--state-dir", state.to_str().unwrap(), "--", "cat"];
    let mut command = program();
    command.args(run).env("AWS_ACCESS_KEY_ID", "AKID").env("AWS_SECRET_ACCESS_KEY", "secret");
    told(&command.output().unwrap(), 78, state.to_str().unwrap());
}

#[test]
fn an_unknown_log_level_in_the_environment_ends_with_78() {
    let mut command = program();
    command.args(["run", "--activity-arn", ARN, "--", "cat"]).env("ACTIVITY_WORKER_LOG", "loud");
    told(&command.output().unwrap(), 78, "ACTIVITY_WORKER_LOG: \"loud\" is none of");
}

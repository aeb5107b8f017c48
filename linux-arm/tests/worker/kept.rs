//! What is kept and not on its way: a batch does not end well with it, and everyone says so.

#![allow(clippy::unwrap_used, reason = "what can't go on in a test ends it")]

use std::fs;

use activity_emulator::{Credential, Status};
use rustix::process::Signal;

use crate::bench::{Service, Worker, program};

/// Leaves a result in the state folder that could not be delivered.
pub(crate) fn leave_a_result(service: &Service, folder: &tempfile::TempDir) -> String {
    let execution = service.ask("{}");
    let go = folder.path().join("go");
    let script = format!("while ! [ -e {} ]; do sleep 0.02; done; echo 42", go.display());
    let mut worker = service.worker(folder, &[], &script);
    worker.until("handler started");
    service.emulator.go_down();
    fs::write(&go, "").unwrap();
    worker.until("result kept");
    worker.signal(Signal::KILL);
    worker.end();
    service.emulator.come_back();
    execution
}

/// Runs the program on the configuration that the last worker had, with some words of it changed.
fn again(folder: &tempfile::TempDir, changes: &[(&str, &str)], words: &[&str]) -> Worker {
    let text = fs::read_to_string(folder.path().join("worker.toml")).unwrap();
    let file = folder.path().join("again.toml");
    fs::write(&file, changes.iter().fold(text, |text, (from, to)| text.replace(from, to))).unwrap();
    let Credential { access_key_id, secret_access_key, .. } = Credential::test();
    let mut command = program();
    command.args(words).arg("--config").arg(&file);
    command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
    Worker::start(command)
}

/// What doctor says on standard output, and its code.
fn doctor(folder: &tempfile::TempDir) -> (String, Option<i32>) {
    let Credential { access_key_id, secret_access_key, .. } = Credential::test();
    let mut command = program();
    command.arg("doctor").arg("--config").arg(folder.path().join("again.toml"));
    command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

const IDLE: [&str; 2] = ["run", "--exit-when-idle"];

#[test]
fn field_01_a_result_whose_endpoint_got_another_name_is_told_by_everyone_until_it_is_home() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = leave_a_result(&service, &folder);
    let words: Vec<_> = service.activity.split(':').collect();
    let origin = format!("{}/{}/{}/{}", words[1], words[3], words[4], service.emulator.url());

    let mut worker = again(&folder, &[("127.0.0.1", "localhost")], &IDLE);
    assert_eq!(worker.end().code(), Some(1), "{:?}", worker.log);
    let line = |words: &str| worker.log.iter().find(|line| line.contains(words)).cloned().unwrap_or_default();
    let told = line("WARN task ") + &line("its result is kept");
    assert!(told.contains(&origin) && told.contains("localhost"), "{:?}", worker.log);
    let told = line("not this worker's: task ");
    assert!(told.contains(&origin) && told.contains("waits until"), "{:?}", worker.log);
    assert!(
        !line("stopped; tasks that are not this worker's to go on with: 1").is_empty(),
        "{:?}",
        worker.log
    );
    let last = worker.log.last().unwrap();
    let end = "idle, but kept and not on its way: tasks that are not this worker's to go on with: 1";
    assert_eq!(*last, format!("activity-worker: error: {end}"));

    let (told, code) = doctor(&folder);
    assert_eq!(code, Some(1), "{told}");
    let line =
        told.lines().find(|line| line.contains("tasks: 1, 1 of them with a result")).unwrap_or_default();
    assert!(line.starts_with("problem") && line.contains(&origin), "{told}");

    // A worker that runs meanwhile hides nothing.
    let mut worker = again(&folder, &[("127.0.0.1", "localhost")], &["run"]);
    worker.until("its result is kept");
    assert_eq!(doctor(&folder).1, Some(1));
    worker.signal(Signal::TERM);
    assert!(worker.end().success());
    assert!(worker.has_said("tasks that are not this worker's to go on with: 1"));

    let mut worker = again(&folder, &[], &IDLE);
    assert!(worker.end().success(), "{:?}", worker.log);
    assert!(worker.has_said("stopped; nothing waits"));
    let end = service.end_of(&execution);
    assert_eq!((end.status, end.output.as_deref()), (Status::Succeeded, Some("42")));
    assert_eq!(doctor(&folder).1, Some(0), "{}", doctor(&folder).0);
}

#[test]
fn field_01_tasks_of_another_account_that_fill_all_places_are_named_as_the_reason() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    leave_a_result(&service, &folder);
    let account = service.activity.split(':').nth(4).unwrap();
    let changes = [(account, "210987654321"), ("state_dir", "max_tasks = 1\nstate_dir")];
    let mut worker = again(&folder, &changes, &["run"]);
    let full = worker.until("no room for one more task");
    assert!(full.contains("1 of its tasks are not this worker's to go on with"), "{full}");
    worker.signal(Signal::TERM);
    assert!(worker.end().success());
    let (told, code) = doctor(&folder);
    assert_eq!(code, Some(1), "{told}");
    let full = "all places are taken, by 1 tasks, 1 of them not this worker's: nothing is polled";
    assert!(told.contains(full), "{told}");
    assert!(
        told.contains(&format!("they belong to aws/{}", service.activity.split(':').nth(3).unwrap())),
        "{told}"
    );
}

#[test]
fn field_01_a_file_that_nobody_understands_is_no_good_end_and_doctor_tells_of_it() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let mut worker = service.worker(&folder, &["--exit-when-idle"], "cat");
    assert!(worker.end().success());
    let name = "050";
    fs::write(folder.path().join("state/log").join(name), "what was it?").unwrap();
    let mut worker = again(&folder, &[], &IDLE);
    assert_eq!(worker.end().code(), Some(1), "{:?}", worker.log);
    assert!(
        worker.has_said(&format!(
            "damaged, and set aside: {}/state/quarantine/{name}",
            folder.path().display()
        ))
    );
    let mut worker = again(&folder, &[], &IDLE);
    assert!(worker.end().success(), "told once: {:?}", worker.log);
    let (told, _) = doctor(&folder);
    let line = told.lines().find(|line| line.contains("damaged files set aside: 1")).unwrap_or_default();
    assert!(line.starts_with("warning"), "{told}");
}

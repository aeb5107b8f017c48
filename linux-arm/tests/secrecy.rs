//! What the memory of the binary holds stays there.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bench;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use activity_emulator::Credential;
use bench::{Service, Worker, program};
use rustix::process::{Signal, geteuid};

/// The worker, where cores are written as large as this machine allows, as `user` if there is one.
fn worker(service: &Service, folder: &tempfile::TempDir, script: &str, user: Option<u32>) -> Worker {
    let file = folder.path().join("worker.toml");
    let state = folder.path().join("state");
    let text = format!(
        "endpoint_url = {:?}\nstate_dir = {state:?}\nallow_unsafe_storage = true\n\n[[activity]]\narn = {:?}\ncommand = [\"/bin/sh\", \"-c\", {script:?}]\n",
        service.emulator.url(),
        service.activity,
    );
    std::fs::write(&file, text).unwrap();
    let told = program();
    let binary = folder.path().join("activity-worker");
    std::fs::copy(told.get_program(), &binary).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -S -c $(ulimit -H -c) && exec \"$0\" \"$@\""]);
    command
        .arg(&binary)
        .args(["run", "--log-level", "debug", "--config"])
        .arg(&file)
        .current_dir(folder.path());
    for (name, value) in told.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let Credential { access_key_id, secret_access_key, .. } = Credential::test();
    command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
    if let Some(user) = user {
        for path in [folder.path(), file.as_path(), binary.as_path()] {
            std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
        }
        std::os::unix::process::CommandExt::uid(
            std::os::unix::process::CommandExt::gid(&mut command, user),
            user,
        );
    }
    Worker::start(command)
}

/// What `limit` is in a shell of this machine, as high as it may be.
fn highest_core() -> String {
    let said = Command::new("/bin/sh").args(["-c", "ulimit -H -c"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[test]
fn field_19_no_core_holds_the_keys_and_handlers_may_write_theirs() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let mut worker = worker(&service, &folder, "printf '\"%s\"' \"$(ulimit -S -c)\"", None);
    let said = service.end_of(&execution).output.unwrap();
    assert_eq!(said, format!("\"{}\"", highest_core()), "what a handler inherits");
    worker.signal(Signal::ABORT);
    let status = worker.end();
    assert_eq!((status.signal(), status.core_dumped()), (Some(Signal::ABORT.as_raw()), false));
}

/// Another program of the same user can't look into it, but into the handlers.
#[test]
fn field_19_the_memory_of_the_worker_is_its_own_and_its_handlers_are_as_any_program() {
    let user = geteuid().is_root().then_some(65_534);
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let look = "me=no; cat /proc/$$/environ > /dev/null && me=yes; boss=no; cat /proc/$PPID/environ > /dev/null 2>&1 && boss=yes; printf '\"%s %s\"' $me $boss";
    let mut worker = worker(&service, &folder, look, user);
    let end = service.end_of(&execution);
    assert_eq!(end.output.as_deref(), Some("\"yes no\""), "{:?} {:?}", end.error, end.cause);
    worker.signal(Signal::KILL);
    worker.end();
}

//! A disk that others fill while the worker is idle.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use activity_emulator::{Credential, Status};
use rustix::process::Signal;

use crate::bench::{PATIENCE, Service, Worker, program};

/// Writes until nothing more fits.
fn fill(file: &Path) {
    let Ok(mut filler) = OpenOptions::new().create(true).append(true).open(file) else { return };
    while filler.write_all(&[7; 65_536]).is_ok() {}
}

#[test]
fn field_02_a_disk_that_others_fill_while_the_worker_is_idle_is_not_polled_for() {
    let namespaces = ["--user", "--map-root-user", "--mount"];
    let probe =
        Command::new("unshare").args(namespaces).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("left out: no mounts in a user namespace here");
        return;
    }
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let (state, file) = (folder.path().join("state"), folder.path().join("worker.toml"));
    fs::create_dir(&state).unwrap();
    let text = format!(
        "endpoint_url = {:?}\nstate_dir = {state:?}\ncomeback_window = \"100ms\"\n\
         [[activity]]\narn = {:?}\ncommand = [\"/bin/cat\"]\n",
        service.emulator.url(),
        service.activity,
    );
    fs::write(&file, text).unwrap();
    let worker = program();
    let mut command = Command::new("unshare");
    command
        .args(namespaces)
        .args(["sh", "-c", "mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\""])
        .arg(&state);
    command.arg(worker.get_program()).args(["run", "--config"]).arg(&file);
    for (name, value) in worker.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let Credential { access_key_id, secret_access_key, .. } = Credential::test();
    command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
    let mut worker = Worker::start(command);
    let first = service.ask("1");
    assert_eq!(service.end_of(&first).status, Status::Succeeded);
    worker.until("result delivered");
    assert!(service.emulator.wait_polls(&service.activity, 1, PATIENCE));
    // All that it had to write is written: from here on only a look at the disk tells.
    std::thread::sleep(Duration::from_millis(500));

    let seen = format!("/proc/{}/root{}", worker.pid().as_raw_nonzero(), state.display());
    fill(&Path::new(&seen).join("filler"));
    worker.until("no room for one more task");
    // The poll that is under way meanwhile can't be helped.
    while service.emulator.polls(&service.activity) > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = service.ask("2");
    std::thread::sleep(Duration::from_secs(3));
    let now = service.emulator.execution(&second).unwrap();
    assert_eq!((now.status, now.error), (Status::Running, None), "it stays in the queue, for another device");
    assert_eq!(service.emulator.polls(&service.activity), 0);
    worker.signal(Signal::TERM);
    assert!(worker.end().success());
}

//! A program that can't be started for a while.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use activity_emulator::{Credential, Status};

use crate::bench::{Service, Worker, program};

#[test]
fn field_06_a_program_that_is_renamed_away_for_a_moment_costs_a_handful_of_tasks() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let (here, away) = (folder.path().join("handler"), folder.path().join("handler.old"));
    fs::write(&here, "#!/bin/sh\ncat\n").unwrap();
    fs::set_permissions(&here, fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.path().join("worker.toml");
    let text = format!(
        "endpoint_url = {:?}\nstate_dir = {:?}\nallow_unsafe_storage = true\ncomeback_window = \"100ms\"\n\
         [[activity]]\narn = {:?}\ncommand = [{here:?}]\nconcurrency = 4\n",
        service.emulator.url(),
        folder.path().join("state"),
        service.activity,
    );
    fs::write(&file, text).unwrap();
    let Credential { access_key_id, secret_access_key, .. } = Credential::test();
    let mut command = program();
    command.args(["run", "--config"]).arg(&file);
    command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
    let mut worker = Worker::start(command);
    let first = service.ask("1");
    assert_eq!(service.end_of(&first).status, Status::Succeeded);

    fs::rename(&here, &away).unwrap();
    let executions: Vec<_> = (0..60).map(|n| service.ask(&n.to_string())).collect();
    let told = worker.until("handlers can't be started");
    assert!(told.contains("WARN") && told.contains("handler does not exist"), "{told}");
    std::thread::sleep(Duration::from_secs(4));
    fs::rename(&away, &here).unwrap();
    worker.until("handlers can be started again");
    let ends: Vec<_> = executions.iter().map(|execution| service.end_of(execution)).collect();
    let failed: Vec<_> = ends.iter().filter(|end| end.status != Status::Succeeded).collect();
    assert!((1..=8).contains(&failed.len()), "{} of {} failed", failed.len(), ends.len());
    assert!(failed.iter().all(|end| end.error.as_deref() == Some("Handler.NotStarted")));
    worker.has_said("");
    let warnings = worker.log.iter().filter(|line| line.contains("handlers can't be started"));
    assert_eq!(warnings.count(), 1, "{:?}", worker.log);
}

//! Descriptors, as many as the handlers need.

use std::fs;
use std::time::Duration;

use activity_emulator::Status;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::bench::{Service, Worker};
use super::{after, output_of};

#[test]
fn field_06_descriptors_are_raised_to_what_the_handlers_need_and_no_further() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let executions: Vec<_> = (0..30).map(|_| service.ask("{}")).collect();
    let command = service.run(&folder, &["concurrency = 30"], &["/bin/sh", "-c", "sleep 1; ulimit -n"]);
    let worker = Worker::start(after("ulimit -Sn 80", &command));
    let open = || fs::read_dir(format!("/proc/{}/fd", worker.pid().as_raw_nonzero())).unwrap().count();
    let mut most = 0;
    for execution in &executions {
        while service.emulator.execution(execution).unwrap().status == Status::Running {
            most = most.max(open());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(output_of(&service.end_of(execution)), 80);
    }
    assert!((150..250).contains(&most), "{most} of 352 that were reckoned with");
    let limits = fs::read_to_string(format!("/proc/{}/limits", worker.pid().as_raw_nonzero())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("352"), "{line}");
}

#[test]
fn field_06_what_the_hard_limit_does_not_allow_is_not_taken_and_said_once() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let executions: Vec<_> = (0..30).map(|_| service.ask("{}")).collect();
    let command = service.run(&folder, &["concurrency = 60"], &["/bin/sh", "-c", "sleep 0.3; echo 1"]);
    let mut worker = Worker::start(after("ulimit -n 120", &command));
    let said = worker.until("files may be open here");
    assert!(
        said.contains("work works 6 tasks at once, not 60") && said.contains("LimitNOFILE=592"),
        "{said}"
    );
    for execution in &executions {
        assert_eq!(output_of(&service.end_of(execution)), 1);
    }
    assert!(!worker.has_said("NotStarted") && !worker.has_said("Too many open files"), "{:?}", worker.log);
}

#[test]
fn field_06_too_few_descriptors_are_no_fault_of_the_disk_and_no_result_is_lost_to_them() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let (runs, go) = (folder.path().join("runs"), folder.path().join("go"));
    let script =
        format!("touch {}; while ! [ -e {} ]; do sleep 0.02; done; echo 42", runs.display(), go.display());
    let mut worker = service.worker(&folder, &[], &script);
    while !runs.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    service.emulator.go_down();
    // What is open stays open.
    let (pid, few) = (Some(worker.pid()), Rlimit { current: Some(5), ..getrlimit(Resource::Nofile) });
    let Ok(before) = prlimit(pid, Resource::Nofile, few) else { return };
    fs::write(&go, "").unwrap();
    let said = worker.until("can't be kept on disk now");
    assert!(said.contains("os error 24") && !said.contains("refused"), "{said}");
    prlimit(pid, Resource::Nofile, before).unwrap();
    worker.until("result kept");
    service.emulator.come_back();
    assert_eq!(output_of(&service.end_of(&execution)), 42);
}

//! The first process of a container.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::bench::{PATIENCE, Service, Worker, program};
use super::{output_of, under};

/// `words` as the first process of a container.
fn contained(words: &Command) -> Command {
    under(&["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"], words)
}

fn containers_work() -> bool {
    let works = contained(&Command::new("true")).status().is_ok_and(|status| status.success());
    if !works {
        eprintln!("no namespaces here: not tried");
    }
    works
}

/// The first process of the container that `worker`, which is `unshare`, has made.
fn first_process(worker: &Worker) -> Pid {
    let unshare = worker.pid().as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap();
    Pid::from_raw(children.trim().parse().unwrap()).unwrap()
}

#[test]
fn field_16_the_first_process_of_a_container_reaps_orphans_and_no_result_is_lost_to_it() {
    if !containers_work() {
        return;
    }
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let executions: Vec<_> = (0..20).map(|n| service.ask(&n.to_string())).collect();
    // Each leaves an orphan that ends at once, and one that ends later, in a session of its own.
    let script =
        "(true &); (setsid sleep 0.1 >/dev/null 2>&1 &); n=$(cat); [ $((n % 5)) != 3 ] || exit $n; echo $n";
    let command = service.run(&folder, &["concurrency = 4"], &["/bin/sh", "-c", script]);
    let mut worker = Worker::start(contained(&command));
    for (n, execution) in executions.iter().enumerate() {
        let end = service.end_of(execution);
        match n % 5 {
            3 => assert_eq!(end.error.as_deref(), Some(format!("Handler.Exit{n}").as_str())),
            _ => assert_eq!(output_of(&end), n),
        }
    }
    let first = first_process(&worker);
    let zombies = || {
        let children = format!("/proc/{0}/task/{0}/children", first.as_raw_nonzero());
        fs::read_to_string(children).unwrap().split_whitespace().count() - 1
    };
    let end = Instant::now() + PATIENCE;
    while zombies() > 0 {
        assert!(Instant::now() < end, "{} zombies", zombies());
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(first, Signal::TERM).unwrap();
    assert!(worker.end().success(), "{:?}", worker.log);
    assert!(worker.has_said("SIGTERM: draining") && worker.has_said("stopped; nothing waits"));
}

#[test]
fn field_16_the_first_process_ends_as_the_program_does() {
    if !containers_work() {
        return;
    }
    let code = |words: &[&str]| {
        let mut command = program();
        command.args(words);
        contained(&command).output().unwrap().status.code()
    };
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["--nonsense"]), Some(2));
    assert_eq!(code(&["check", "--config", "/nonexistent"]), Some(78));
    // Killed by a signal: as a shell has it. It listens to no SIGHUP.
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let command = service.run(&folder, &[], &["/bin/cat"]);
    let mut worker = Worker::start(contained(&command));
    worker.until("keeping tasks and results in");
    kill_process(first_process(&worker), Signal::HUP).unwrap();
    assert_eq!(worker.end().code(), Some(129), "{:?}", worker.log);
    // With SIGCHLD ignored, and all signals blocked, too.
    let mut command = under(&["env", "--ignore-signal=CHLD", "--block-signal"], &program());
    assert_eq!(contained(command.arg("--nonsense")).output().unwrap().status.code(), Some(2));
}

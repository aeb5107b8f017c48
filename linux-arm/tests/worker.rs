//! The binary at work, against the emulator.

mod bench;
#[path = "worker/kept.rs"]
mod kept;
#[path = "worker/room.rs"]
mod room;
#[path = "worker/starts.rs"]
mod starts;

use std::fs;
use std::time::{Duration, Instant};

use activity_emulator::{Credential, Status};
use bench::{PATIENCE, Service, program};
use kept::leave_a_result;
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_task_goes_through_a_program_and_its_result_comes_back() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let executions: Vec<_> = (0..5).map(|n| service.ask(&format!("{{\"n\": {n}}}"))).collect();
    let _worker = service.worker(&folder, &["concurrency = 2"], "cat");
    for (n, execution) in executions.iter().enumerate() {
        let end = service.end_of(execution);
        assert_eq!(end.status, Status::Succeeded);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&end.output.unwrap()).unwrap(),
            json!({ "n": n })
        );
    }
}

#[test]
fn a_failing_program_fails_its_execution_by_name() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let _worker = service.worker(&folder, &[], "echo 'no paper' >&2; exit 7");
    let end = service.end_of(&execution);
    assert_eq!((end.error.as_deref(), end.cause.as_deref()), (Some("Handler.Exit7"), Some("no paper")));
}

#[test]
fn p4_a_handler_that_takes_longer_than_heartbeat_seconds_lives_by_heartbeats() {
    let (service, folder) = (Service::with(json!({ "HeartbeatSeconds": 3 })), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let _worker = service.worker(&folder, &[], "sleep 5");
    assert_eq!(service.end_of(&execution).status, Status::Succeeded);
}

#[test]
fn p1_a_result_survives_a_network_cut_and_kill_9() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = leave_a_result(&service, &folder);
    let mut worker = service.worker(&folder, &[], "echo 'a second run' >&2; exit 1");
    worker.until("result delivered");
    let end = service.end_of(&execution);
    assert_eq!((end.status, end.output.as_deref()), (Status::Succeeded, Some("42")));
}

#[test]
fn p3_a_task_whose_handler_died_with_the_worker_fails_as_restarted_once_the_handler_is_gone() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    // It ignores the SIGTERM that it gets when the worker dies, and writes until it is gone.
    let trace = folder.path().join("trace");
    let script = format!("trap '' TERM; while :; do echo x >>{}; sleep 0.02; done", trace.display());
    let mut worker = service.worker(&folder, &["grace = \"200ms\""], &script);
    worker.until("handler started");
    while !trace.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    worker.signal(Signal::KILL);
    worker.end();
    let mut worker = service.worker(&folder, &["grace = \"200ms\""], &script);
    worker.until("still runs on task");
    let end = service.end_of(&execution);
    assert_eq!(end.error.as_deref(), Some("Worker.Restarted"));
    let length = fs::metadata(&trace).unwrap().len();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(fs::metadata(&trace).unwrap().len(), length, "the old handler lives on");
}

#[test]
fn a_task_that_is_safe_to_repeat_is_run_again() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let script = "if [ $ACTIVITY_RUN = 1 ]; then sleep 30; else echo $ACTIVITY_RUN; fi";
    let mut worker = service.worker(&folder, &["safe_to_repeat = true"], script);
    worker.until("handler started");
    worker.signal(Signal::KILL);
    worker.end();
    let mut worker = service.worker(&folder, &["safe_to_repeat = true"], script);
    worker.until("started again, run 2");
    assert_eq!(service.end_of(&execution).output.as_deref(), Some("2"));
}

#[test]
fn a_second_worker_on_the_same_folder_is_refused_with_78() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let mut first = service.worker(&folder, &[], "cat");
    first.until("keeping tasks and results in");
    assert!(service.emulator.wait_polls(&service.activity, 1, PATIENCE));
    let mut second = service.worker(&folder, &[], "cat");
    assert_eq!(second.end().code(), Some(78), "{:?}", second.log);
    let last = second.log.last().unwrap();
    assert!(last.starts_with("activity-worker: error: ") && last.contains("state"), "{last}");
}

#[test]
fn p5_sigterm_lets_the_handler_finish_and_the_poll_end() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let execution = service.ask("{}");
    let mut worker = service.worker(&folder, &["concurrency = 2"], "sleep 0.5; echo 1");
    worker.until("handler started");
    worker.signal(Signal::TERM);
    assert!(worker.end().success(), "{:?}", worker.log);
    assert_eq!(service.end_of(&execution).output.as_deref(), Some("1"));
    assert!(worker.log.iter().any(|line| line.contains("SIGTERM: draining")), "{:?}", worker.log);
    assert!(worker.log.last().unwrap().ends_with("stopped; nothing waits"), "{:?}", worker.log);
}

#[test]
fn p5_a_second_signal_stops_now_and_says_what_that_risks() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    service.ask("{}");
    let mut worker = service.worker(&folder, &[], "sleep 30");
    worker.until("handler started");
    let start = Instant::now();
    worker.signal(Signal::INT);
    worker.until("SIGINT: draining");
    // One right after the first is its echo.
    worker.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(1100));
    assert!(!worker.has_said("can swallow a task"));
    worker.signal(Signal::INT);
    worker.until("can swallow a task");
    assert!(worker.end().success());
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", worker.log);
}

#[test]
fn exit_when_idle_ends_with_0_after_all_is_delivered() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    let executions: Vec<_> = (0..3).map(|_| service.ask("{}")).collect();
    let mut worker = service.worker(&folder, &["--exit-when-idle"], "cat");
    assert!(worker.end().success(), "{:?}", worker.log);
    assert!(executions.iter().all(|e| service.emulator.execution(e).unwrap().status == Status::Succeeded));
}

#[test]
fn p7_no_key_no_input_and_no_output_stands_in_the_log() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    service.ask("{\"pin\": \"sEcReT-in\"}");
    let mut worker =
        service.worker(&folder, &["--exit-when-idle"], "cat >&2; echo '\"sEcReT-out\"'; env >&2; exit 1");
    worker.end();
    let log = worker.log.join("\n");
    assert!(log.contains("failed as Handler.Exit1"), "{log}");
    assert!(!log.contains("sEcReT") && !log.contains(&Credential::test().secret_access_key), "{log}");
}

#[test]
fn an_endpoint_that_does_not_answer_is_told_and_waited_for() {
    let (service, folder) = (Service::start(), tempfile::tempdir().unwrap());
    service.emulator.go_down();
    let mut worker = service.worker(&folder, &[], "cat");
    worker.until("offline: ");
    service.emulator.come_back();
    let execution = service.ask("{}");
    assert_eq!(service.end_of(&execution).status, Status::Succeeded);
}

#[test]
#[cfg(feature = "demo")]
fn p1_the_demo_loses_nothing() {
    let start = Instant::now();
    let output = program().arg("demo").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("8 delivered, 0 lost") && text.contains("SIGKILL"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(60));
}

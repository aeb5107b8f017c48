//! Processes that die, and processes that have no worker.

use std::process::{Command, Stdio};
use std::time::Duration;

use activity_worker_ffi::*;

use crate::support::{Phone, SOON, app, start};

/// This test program again, at one of the tests below that are children.
fn child(test: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.envs(variables.iter().copied());
    command
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
#[ignore = "a child of c04"]
fn child_that_answers_offline_and_waits_for_its_end() {
    let (worker, _) = start(app(&variable("STATE_DIR"), &variable("ENDPOINT")));
    let pushed =
        PushedTask { token: variable("TOKEN"), input: None, origin: None, scope: None, expires_at: None };
    let Adopted::New { id } = worker.adopt(pushed).unwrap() else { panic!() };
    worker.succeed(id, "\"answered by the dead\"".into()).unwrap();
    std::fs::write(variable("STATE_DIR") + ".answered", "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn c04_an_answer_of_a_killed_process_is_delivered_by_the_next_one() {
    let phone = Phone::new();
    let (execution, pushed) = phone.push("{}");
    phone.emulator.go_down();
    let (dir, url) = (phone.state_dir(), phone.emulator.url());
    let variables = [("STATE_DIR", dir.as_str()), ("ENDPOINT", &url), ("TOKEN", &pushed.token)];
    let name = "children::child_that_answers_offline_and_waits_for_its_end";
    let mut child = child(name, &variables).spawn().unwrap();
    let answered = dir.clone() + ".answered";
    crate::support::eventually("the child's answer", || std::path::Path::new(&answered).exists());
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    phone.emulator.come_back();
    let (worker, _) = start(app(&dir, &url));
    assert_eq!(phone.succeeds(&execution), "\"answered by the dead\"");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
#[ignore = "a child of c05"]
fn child_that_adopts_and_waits_for_its_end() {
    let (worker, _) = start(app(&variable("STATE_DIR"), &variable("ENDPOINT")));
    let (token, input) = (variable("TOKEN"), Some("\"still here\"".into()));
    worker.adopt(PushedTask { token, input, origin: None, scope: None, expires_at: None }).unwrap();
    std::fs::write(variable("STATE_DIR") + ".adopted", "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn c05_an_open_request_of_a_killed_process_is_there_again_and_its_workflow_lives() {
    let phone = Phone::with_state(serde_json::json!({"HeartbeatSeconds": 6}));
    let (execution, pushed) = phone.push("{}");
    let id = task_id(pushed.token.clone()).unwrap();
    let (dir, url) = (phone.state_dir(), phone.emulator.url());
    let variables = [("STATE_DIR", dir.as_str()), ("ENDPOINT", &url), ("TOKEN", &pushed.token)];
    let mut child = child("children::child_that_adopts_and_waits_for_its_end", &variables).spawn().unwrap();
    let adopted = dir.clone() + ".adopted";
    crate::support::eventually("the child's request", || std::path::Path::new(&adopted).exists());
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let (worker, _) =
        start(WorkerConfig { adopted_heartbeat: Some(Duration::from_secs(1)), ..app(&dir, &url) });
    assert_eq!(worker.pending_tasks().unwrap().len(), 1);
    assert_eq!(worker.input(id.clone()).unwrap(), "\"still here\"");
    let beats = |calls: &activity_emulator::Calls| calls.count("SendTaskHeartbeat") >= 8;
    assert!(phone.emulator.wait_calls(SOON, beats), "one a second, for longer than HeartbeatSeconds");
    worker.succeed(id, "1".into()).unwrap();
    assert_eq!(phone.succeeds(&execution), "1");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
fn c21_letters_of_an_inbox_apart_are_taken_in_and_nothing_in_it_is_locked() {
    let phone = Phone::new();
    let dir = phone.state_dir();
    let apart = format!("{dir}-group");
    let leave = |place: InboxPlace, pushed: &PushedTask, answer: &str| {
        let inbox = TaskInbox::new(place).unwrap();
        let id = inbox.leave_task(pushed.clone()).unwrap();
        inbox.leave_success(id, answer.into()).unwrap();
    };
    let (old, pushed) = phone.push("{}");
    leave(InboxPlace::StateDir { path: dir.clone() }, &pushed, "\"of an old version\"");
    let config = WorkerConfig { inbox_dir: Some(apart.clone()), ..app(&dir, &phone.emulator.url()) };
    let (worker, _) = start(config);
    assert_eq!(phone.succeeds(&old), "\"of an old version\"");
    let (new, pushed) = phone.push("{}");
    leave(InboxPlace::Apart { path: apart.clone() }, &pushed, "\"from the group\"");
    worker.wake().unwrap();
    assert_eq!(phone.succeeds(&new), "\"from the group\"");
    assert_eq!(worker.drain_within(SOON).unwrap().left, 0);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open: Vec<_> = open.filter_map(|file| std::fs::read_link(file.path()).ok()).collect();
    assert!(open.iter().any(|file| file.starts_with(&dir)), "the lock of the state folder");
    assert!(!open.iter().any(|file| file.starts_with(&apart)), "no file that could be locked is open");
    worker.stop(StopMode::Now).unwrap();
}

#[test]
#[ignore = "a child of c11"]
fn child_that_leaves_letters() {
    let inbox = TaskInbox::new(InboxPlace::StateDir { path: variable("STATE_DIR") }).unwrap();
    let pushed = PushedTask {
        token: variable("TOKEN"),
        input: Some("1".into()),
        origin: None,
        scope: None,
        expires_at: None,
    };
    let id = inbox.leave_task(pushed).unwrap();
    if let Ok(answer) = std::env::var("ANSWER") {
        inbox.leave_success(id.clone(), answer).unwrap();
        let again = inbox.leave_failure(id.clone(), "No".into(), String::new());
        assert_eq!(again, Err(InboxError::AlreadyAnswered { id }));
    }
}

#[test]
fn c11_letters_of_another_process_are_taken_in() {
    let phone = Phone::new();
    let dir = phone.state_dir();
    let leave = |token: &str, answer: Option<&str>| {
        let mut variables = vec![("STATE_DIR", dir.as_str()), ("TOKEN", token)];
        variables.extend(answer.map(|answer| ("ANSWER", answer)));
        assert!(child("children::child_that_leaves_letters", &variables).status().unwrap().success());
    };
    // A token and its answer, before there is any worker.
    let (answered, pushed) = phone.push("{}");
    leave(&pushed.token, Some("\"from the notification\""));
    let (worker, ear) = start(app(&dir, &phone.emulator.url()));
    assert_eq!(phone.succeeds(&answered), "\"from the notification\"");
    // A token, while there is one.
    let (open, pushed) = phone.push("{}");
    ear.settled();
    leave(&pushed.token, None);
    worker.wake().unwrap();
    let id = ear.accepted();
    assert_eq!(id, task_id(pushed.token).unwrap());
    worker.succeed(id, "\"from the app\"".into()).unwrap();
    assert_eq!(phone.succeeds(&open), "\"from the app\"");
    // An answer, and seconds to deliver it in.
    ear.settled();
    let (drained, pushed) = phone.push("{}");
    worker.adopt(pushed.clone()).unwrap();
    leave(&pushed.token, Some("\"for the drain\""));
    let report = worker.drain_within(SOON).unwrap();
    assert_eq!((report.delivered, report.left), (1, 0));
    assert_eq!(phone.succeeds(&drained), "\"for the drain\"");
    let inbox = TaskInbox::new(InboxPlace::StateDir { path: dir.clone() }).unwrap();
    let nonsense = inbox.leave_success("no id".into(), "1".into());
    assert!(matches!(nonsense, Err(InboxError::Invalid { .. })), "{nonsense:?}");
    worker.stop(StopMode::Now).unwrap();
    // The same in a process that has just begun.
    let (drained, pushed) = phone.push("{}");
    leave(&pushed.token, Some("\"after a start\""));
    let (worker, _) = start(app(&dir, &phone.emulator.url()));
    let so_far = phone.emulator.calls().count("SendTaskSuccess");
    assert_eq!(worker.drain_within(SOON).unwrap().left, 0);
    assert_eq!(phone.emulator.calls().count("SendTaskSuccess"), 4, "{so_far} before the drain");
    assert_eq!(phone.succeeds(&drained), "\"after a start\"");
    worker.stop(StopMode::Now).unwrap();
}

//! `cargo xtask bench`: what the device binary costs, read off the real program that polls the emulator over TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Group, run};
use crate::tls_proxy::{Authority, TlsProxy};
use crate::workspace::Workspace;

/// How long wake-ups and bytes of an idle worker are counted.
const IDLE: Duration = Duration::from_secs(20);
/// Tasks for the averages.
const TASKS: u32 = 50;
/// How long anything that is waited for may take.
const SOON: Duration = Duration::from_secs(30);

pub(crate) fn bench(workspace: &Workspace) -> Result<(), String> {
    let slim = build(workspace, &["--no-default-features"])?;
    let full = build(workspace, &[])?;
    run(&mut workspace.cargo(&["build", "--locked", "--release", "--package", "activity-emulator"]))?;
    let mut rows = vec![
        ("binary without the demo".to_owned(), kib(slim)),
        ("binary with the demo".to_owned(), kib(full)),
    ];
    rows.extend(measure(&workspace.target.join("release"))?);
    let width = rows.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    for (what, figure) in rows {
        println!("{what:width$}  {figure}");
    }
    Ok(())
}

fn build(workspace: &Workspace, features: &[&str]) -> Result<u64, String> {
    let package = ["build", "--locked", "--release", "--package", "activity-worker-device"];
    run(workspace.cargo(&package).args(features))?;
    let binary = workspace.target.join("release/activity-worker");
    fs::metadata(&binary).map(|m| m.len()).map_err(|e| format!("{}: {e}", binary.display()))
}

fn measure(binaries: &Path) -> Result<Vec<(String, String)>, String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut emulator = Command::new(binaries.join("activity-emulator"));
    emulator
        .args(["--listen", "127.0.0.1:0", "--long-poll", "5s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    emulator.arg("--no-signatures");
    let mut emulator = Group::spawn(&mut emulator)?;
    let url = first_line(&mut emulator)?;
    let arn = text(&call(&url, "CreateActivity", &json!({"name": "bench"}))?, "activityArn")?;
    let task = json!({"Type": "Task", "Resource": arn, "End": true});
    let definition = json!({"StartAt": "T", "States": {"T": task}}).to_string();
    let machine =
        json!({"name": "m", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/r"});
    let machine = text(&call(&url, "CreateStateMachine", &machine)?, "stateMachineArn")?;
    let authority = Authority::new("bench")?;
    authority.write(&dir.path().join("ca.pem"))?;
    let proxy =
        TlsProxy::start(url.trim_start_matches("http://"), 0, authority.certificate("localhost", 1)?)?;

    let mut worker = Command::new(binaries.join("activity-worker"));
    worker
        .args(["run", "--activity-arn", &arn, "--endpoint-url", &proxy.url(), "--log-level", "error"])
        .arg("--state-dir")
        .arg(dir.path().join("state"))
        .args(["--", "/bin/true"])
        .env("AWS_CA_BUNDLE", dir.path().join("ca.pem"))
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stderr(Stdio::inherit());
    let worker = Group::spawn(&mut worker)?;
    let process = Process(worker.id());
    until("the first poll over TLS", || proxy.requests() >= 2)?;
    let mut rows = Vec::new();

    let (bytes, polls, wakes) = (proxy.bytes(), proxy.requests(), process.wake_ups()?);
    sleep(IDLE);
    let polls = proxy.requests() - polls;
    let status = |key: &str| process.status(key);
    rows.push(("idle, polling over TLS: resident memory".into(), format!("{} KiB", status("VmRSS")?)));
    rows.push(("idle: of that not shared with the file".into(), format!("{} KiB", status("RssAnon")?)));
    rows.push(("idle: threads".into(), status("Threads")?.to_string()));
    rows.push((
        format!("idle: wake-ups in {} s with {polls} polls", IDLE.as_secs()),
        (process.wake_ups()? - wakes).to_string(),
    ));
    rows.push((
        "a poll that brings nothing: bytes on the wire, TLS included".into(),
        per(proxy.bytes() - bytes, polls),
    ));

    let (bytes, io) = (proxy.bytes(), process.io()?);
    for _ in 0..TASKS {
        call(&url, "StartExecution", &json!({"stateMachineArn": machine, "input": "{}"}))?;
    }
    let running = json!({"stateMachineArn": machine, "statusFilter": "RUNNING"});
    until("all tasks", || {
        call(&url, "ListExecutions", &running)
            .is_ok_and(|list| list["executions"].as_array().is_some_and(Vec::is_empty))
    })?;
    let tasks = u64::from(TASKS);
    let after = process.io()?;
    rows.push(("a task: bytes on the wire, its polls included".into(), per(proxy.bytes() - bytes, tasks)));
    rows.push(("a task: bytes written to files and pipes".into(), per(after.0 - io.0, tasks)));
    rows.push(("a task: calls that write".into(), per(after.1 - io.1, tasks)));
    rows.push((format!("after {TASKS} tasks: resident memory"), format!("{} KiB", status("VmRSS")?)));

    drop(proxy);
    sleep(Duration::from_secs(10));
    let wakes = process.wake_ups()?;
    sleep(IDLE);
    let wakes = process.wake_ups()? - wakes;
    rows.push((format!("offline for 10 s: wake-ups in {} s", IDLE.as_secs()), wakes.to_string()));
    Ok(rows)
}

/// A running process, as the kernel tells of it.
struct Process(u32);

impl Process {
    fn status(&self, key: &str) -> Result<u64, String> {
        field(&self.read("status")?, key)
    }

    /// How often any of its threads waited for something, and went on.
    fn wake_ups(&self) -> Result<u64, String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0)).map_err(|e| e.to_string())?;
        let mut sum = 0;
        for task in tasks.flatten() {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            sum += field(&status, "voluntary_ctxt_switches").unwrap_or(0);
        }
        Ok(sum)
    }

    /// Bytes written, and calls that wrote.
    fn io(&self) -> Result<(u64, u64), String> {
        let io = self.read("io")?;
        Ok((field(&io, "wchar")?, field(&io, "syscw")?))
    }

    fn read(&self, file: &str) -> Result<String, String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.0))
            .map_err(|e| format!("the worker has ended: {e}"))
    }
}

fn field(text: &str, key: &str) -> Result<u64, String> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("the kernel tells no {key}"))
}

fn call(url: &str, operation: &str, body: &Value) -> Result<Value, String> {
    let answer = ureq::post(url)
        .header("Content-Type", "application/x-amz-json-1.0")
        .header("X-Amz-Target", &format!("AWSStepFunctions.{operation}"))
        .send(body.to_string())
        .and_then(|mut answer| answer.body_mut().read_to_string());
    let answer = answer.map_err(|e| format!("{operation}: {e}"))?;
    serde_json::from_str(&answer).map_err(|e| format!("{operation}: {e}"))
}

fn text(answer: &Value, key: &str) -> Result<String, String> {
    answer[key].as_str().map(str::to_owned).ok_or_else(|| format!("no {key} in the answer"))
}

fn first_line(group: &mut Group) -> Result<String, String> {
    let mut line = String::new();
    let stdout = group.stdout().ok_or("no stdout")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
    Ok(line.trim().to_owned())
}

fn until(what: &str, mut done: impl FnMut() -> bool) -> Result<(), String> {
    let end = Instant::now() + SOON;
    while !done() {
        if Instant::now() > end {
            return Err(format!("{what}: not within {} s", SOON.as_secs()));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn per(sum: u64, count: u64) -> String {
    sum.checked_div(count).map_or_else(|| "none".to_owned(), |n| n.to_string())
}

fn kib(bytes: u64) -> String {
    format!("{} bytes ({} KiB)", bytes, bytes / 1024)
}

//! `cargo xtask bench`: what the device binary costs, read off the real program that polls the emulator over TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cross::target::X86_64;
use crate::cross::toolchain::Toolchain;
use crate::cross::{self, DEVICE, Site};
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
    let memory = static_memory(workspace).unwrap_or_else(|reason| format!("not measured: {reason}"));
    rows.push(("static binary (musl), idle: resident memory".into(), memory));
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

/// The service for a worker to work for: the emulator, and TLS before it.
struct Service {
    folder: TempDir,
    /// Ends when this is dropped.
    _emulator: Group,
    url: String,
    activity: String,
    machine: String,
    proxy: TlsProxy,
}

impl Service {
    fn start(emulator: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut emulator = Command::new(emulator);
        emulator.args(["--listen", "127.0.0.1:0", "--long-poll", "5s", "--no-signatures"]);
        let mut emulator = Group::spawn(emulator.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let url = first_line(&mut emulator)?;
        let activity = text(&call(&url, "CreateActivity", &json!({"name": "bench"}))?, "activityArn")?;
        let task = json!({"Type": "Task", "Resource": activity, "End": true});
        let definition = json!({"StartAt": "T", "States": {"T": task}}).to_string();
        let machine =
            json!({"name": "m", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/r"});
        let machine = text(&call(&url, "CreateStateMachine", &machine)?, "stateMachineArn")?;
        let authority = Authority::new("bench")?;
        authority.write(&folder.path().join("ca.pem"))?;
        let certificate = authority.certificate("localhost", 1)?;
        let proxy = TlsProxy::start(url.trim_start_matches("http://"), 0, certificate)?;
        Ok(Service { folder, _emulator: emulator, url, activity, machine, proxy })
    }

    /// Starts a worker, and waits until it polls.
    fn worker(&self, program: &Path) -> Result<(Group, Process), String> {
        let folder = self.folder.path();
        let mut worker = Command::new(program);
        worker
            .args(["run", "--activity-arn", &self.activity, "--endpoint-url", &self.proxy.url()])
            .args(["--log-level", "error", "--state-dir"])
            .arg(folder.join("state"))
            .args(["--", "/bin/true"])
            .env("AWS_CA_BUNDLE", folder.join("ca.pem"))
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .stderr(Stdio::inherit());
        let worker = Group::spawn(&mut worker)?;
        let process = Process(worker.id());
        until("the first poll over TLS", || self.proxy.requests() >= 2)?;
        Ok((worker, process))
    }
}

/// The idle memory of the static binary that devices get, if that can be built here.
fn static_memory(workspace: &Workspace) -> Result<String, String> {
    let toolchain = Toolchain::install(workspace)?;
    let site = Site::of(workspace);
    cross::build(&toolchain, &site, &DEVICE, &[&X86_64])?;
    let service = Service::start(&workspace.target.join("release/activity-emulator"))?;
    let (_worker, process) = service.worker(&site.file(&DEVICE, &X86_64))?;
    let (resident, own) = (process.status("VmRSS")?, process.status("RssAnon")?);
    Ok(format!("{resident} KiB, {own} KiB of it not shared with the file"))
}

fn measure(binaries: &Path) -> Result<Vec<(String, String)>, String> {
    let service = Service::start(&binaries.join("activity-emulator"))?;
    let (_worker, process) = service.worker(&binaries.join("activity-worker"))?;
    let Service { url, machine, proxy, .. } = &service;
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
        call(url, "StartExecution", &json!({"stateMachineArn": machine, "input": "{}"}))?;
    }
    let running = json!({"stateMachineArn": machine, "statusFilter": "RUNNING"});
    until("all tasks", || {
        call(url, "ListExecutions", &running)
            .is_ok_and(|list| list["executions"].as_array().is_some_and(Vec::is_empty))
    })?;
    let tasks = u64::from(TASKS);
    let after = process.io()?;
    rows.push(("a task: bytes on the wire, its polls included".into(), per(proxy.bytes() - bytes, tasks)));
    rows.push(("a task: bytes written to files and pipes".into(), per(after.0 - io.0, tasks)));
    rows.push(("a task: calls that write".into(), per(after.1 - io.1, tasks)));
    rows.push((format!("after {TASKS} tasks: resident memory"), format!("{} KiB", status("VmRSS")?)));

    drop(service.proxy);
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

//! What the tests of the binary share: the program as a child, its log, and an emulator with one activity.
// Each test file uses its part; and a test that can not go on panics, in here too.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod tls;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use activity_emulator::{Credential, Emulator, Execution, Options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Whatever takes longer than this has failed. The worker itself pauses for a minute before it looks at a disk again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// The program, built here or named by `ACTIVITY_WORKER_BINARY`, with no AWS settings but what a test gives it.
pub(crate) fn program() -> Command {
    let named = std::env::var_os("ACTIVITY_WORKER_BINARY");
    let mut command = Command::new(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_activity-worker").into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("STATE_DIRECTORY")
        .env_remove("ACTIVITY_WORKER_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn output(arguments: &[impl AsRef<OsStr>]) -> Output {
    program().args(arguments).output().unwrap()
}

/// The service, with one activity whose tasks may wait as long as they like.
pub(crate) struct Service {
    pub(crate) emulator: Emulator,
    pub(crate) activity: String,
    machine: String,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with(json!({ "HeartbeatSeconds": 60 }))
    }

    /// With these fields in its one state.
    pub(crate) fn with(mut state: serde_json::Value) -> Self {
        let emulator = Emulator::start(Options::default().long_poll(Duration::from_secs(1))).unwrap();
        let activity = emulator.create_activity("work").unwrap();
        state["Type"] = "Task".into();
        state["Resource"] = activity.clone().into();
        state["End"] = true.into();
        let definition = json!({ "StartAt": "Work", "States": { "Work": state } });
        let machine = emulator.create_state_machine("working", &definition).unwrap();
        Service { emulator, activity, machine }
    }

    /// Starts an execution.
    pub(crate) fn ask(&self, input: &str) -> String {
        self.emulator.start_execution(&self.machine, input).unwrap()
    }

    /// An execution at its end.
    pub(crate) fn end_of(&self, execution: &str) -> Execution {
        self.emulator.wait_execution(execution, PATIENCE).expect("the execution to end")
    }

    /// `run` on this service, with `options` before the handler's shell `script`.
    pub(crate) fn worker(&self, folder: &tempfile::TempDir, options: &[&str], script: &str) -> Worker {
        Worker::start(self.command(folder, options, script))
    }

    /// The same, not started.
    pub(crate) fn command(&self, folder: &tempfile::TempDir, options: &[&str], script: &str) -> Command {
        self.run(folder, options, &["/bin/sh", "-c", script])
    }

    /// The same, with a handler's command line.
    pub(crate) fn run(&self, folder: &tempfile::TempDir, options: &[&str], handler: &[&str]) -> Command {
        let state = folder.path().join("state");
        let file = folder.path().join("worker.toml");
        let text = format!(
            "endpoint_url = {:?}\nstate_dir = {state:?}\nallow_unsafe_storage = true\ncomeback_window = \"100ms\"\n{}\n\
             [[activity]]\narn = {:?}\ncommand = {handler:?}\nheartbeat_interval = \"1s\"\n{}\n",
            self.emulator.url(),
            options.iter().filter(|o| o.starts_with("top:")).map(|o| &o[4..]).collect::<Vec<_>>().join("\n"),
            self.activity,
            options
                .iter()
                .filter(|o| !o.starts_with("top:") && !o.starts_with("--"))
                .copied()
                .collect::<Vec<_>>()
                .join("\n"),
        );
        std::fs::write(&file, text).unwrap();
        let Credential { access_key_id, secret_access_key, .. } = Credential::test();
        let mut command = program();
        command.args(["run", "--log-level", "debug", "--config"]).arg(&file);
        command.args(options.iter().filter(|o| o.starts_with("--")));
        command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
        command
    }
}

/// The program as a process, and its log as it comes.
pub(crate) struct Worker {
    child: Child,
    lines: Receiver<String>,
    pub(crate) log: Vec<String>,
}

impl Worker {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Worker { child, lines, log: Vec::new() }
    }

    /// Reads the log up to a line with `text`.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(e) => panic!("no line with {text:?}: {e}\n{}", self.log.join("\n")),
            }
        }
    }

    /// Whether it has said this so far.
    pub(crate) fn has_said(&mut self, words: &str) -> bool {
        self.log.extend(self.lines.try_iter());
        self.log.iter().any(|line| line.contains(words))
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Stops all its threads: the signal is sent at once, and acted on later.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let stopped = |task: &Path| {
            let stat = std::fs::read_to_string(task.join("stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('T')
        };
        let tasks = format!("/proc/{}/task", self.child.id());
        while !std::fs::read_dir(&tasks).unwrap().all(|task| stopped(&task.unwrap().path())) {
            thread::yield_now();
        }
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.log.push(line);
        }
        assert!(Instant::now() < end, "it goes on\n{}", self.log.join("\n"));
        self.child.wait().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

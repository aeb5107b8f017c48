//! Our binary as a child process.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use crate::process::Group;

/// `activity-worker run` for one activity, as far as it is described.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) binary: PathBuf,
    pub(super) activity: String,
    pub(super) endpoint: String,
    pub(super) state_dir: PathBuf,
    pub(super) log: PathBuf,
    options: Vec<OsString>,
    /// Where its credentials come from.
    environment: Vec<(&'static str, OsString)>,
}

/// The name that the history shows for our worker.
pub(super) const WORKER_NAME: &str = "localstack-suite";

/// LocalStack takes any. In no log may it be seen again.
pub(super) const SECRET: &str = "sEcReT/K7MDENG+bPxRfiCYEXAMPLEKEY0localstack";

/// A running worker. It is killed when this is dropped, the handler it runs is not.
pub(super) struct Worker(Group);

impl Setup {
    pub(super) fn new(binary: &Path, activity: &str, endpoint: &str, scratch: &Path) -> Self {
        Setup {
            binary: binary.to_owned(),
            activity: activity.to_owned(),
            endpoint: endpoint.to_owned(),
            state_dir: scratch.join("state"),
            log: scratch.join("worker.log"),
            options: Vec::new(),
            environment: vec![("AWS_ACCESS_KEY_ID", "test".into()), ("AWS_SECRET_ACCESS_KEY", SECRET.into())],
        }
    }

    /// Gives it these variables in place of keys.
    pub(super) fn with_environment(self, environment: &[(&'static str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        Setup { environment, ..self }
    }

    /// Adds options of the command line.
    pub(super) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(OsString::from));
        self
    }

    /// Starts it with a line of shell as its handler: input on stdin, output on stdout.
    pub(super) fn start(&self, handler: &str) -> Result<Worker, String> {
        let log = || {
            let file = OpenOptions::new().create(true).append(true).open(&self.log);
            file.map_err(|e| format!("can't write {}: {e}", self.log.display()))
        };
        let mut command = Command::new(&self.binary);
        command
            .args(["run", "--activity-arn", &self.activity, "--endpoint-url", &self.endpoint])
            .args(["--worker-name", WORKER_NAME, "--state-dir"])
            .arg(&self.state_dir)
            .args(&self.options)
            .args(["--", "sh", "-c", handler])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(std::process::Stdio::null())
            .stdout(log()?)
            .stderr(log()?);
        Group::spawn(&mut command).map(Worker)
    }
}

impl Worker {
    /// kill -9: no farewell, as when the power goes.
    pub(super) fn kill(self) {
        drop(self.0);
    }

    /// The process stands still, as on a machine that sleeps.
    pub(super) fn freeze(&self) -> Result<(), String> {
        self.0.signal(Signal::STOP)
    }

    pub(super) fn thaw(&self) -> Result<(), String> {
        self.0.signal(Signal::CONT)
    }

    pub(super) fn ended_within(&mut self, timeout: Duration) -> Option<ExitStatus> {
        self.0.wait_within(timeout)
    }
}

//! Our binary as a child process.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::checks::wait_for;
use super::keys::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use crate::process::Group;

/// `activity-worker run` for one activity, as far as it is described.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    binary: PathBuf,
    pub(super) activity: String,
    pub(super) endpoint: String,
    pub(super) state_dir: PathBuf,
    /// All that its workers wrote to stderr.
    pub(super) log: PathBuf,
    /// A line for each run of the handler: the task's id.
    pub(super) effects: PathBuf,
    pub(super) concurrency: usize,
    /// Shell, before the input is copied to the output.
    pub(super) work: String,
    /// The interval of heartbeats.
    beat: String,
    /// Lines of `[network]`.
    network: String,
    options: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    /// What the worker is started by, for instance strace.
    wrapper: Vec<OsString>,
    config: PathBuf,
}

/// A running worker. It is killed when this is dropped, the handlers it runs are not.
pub(super) struct Worker(Group);

impl Setup {
    pub(super) fn new(binary: &Path, activity: &str, endpoint: &str, folder: &Path) -> Self {
        Setup {
            binary: binary.to_owned(),
            activity: activity.to_owned(),
            endpoint: endpoint.to_owned(),
            state_dir: folder.join("state"),
            log: folder.join("log"),
            effects: folder.join("effects"),
            concurrency: 1,
            work: String::new(),
            beat: "1s".into(),
            network: String::new(),
            options: Vec::new(),
            environment: vec![
                ("AWS_ACCESS_KEY_ID".into(), ACCESS_KEY_ID.into()),
                ("AWS_SECRET_ACCESS_KEY".into(), SECRET_ACCESS_KEY.into()),
            ],
            wrapper: Vec::new(),
            config: folder.join("config.toml"),
        }
    }

    /// What the handler does, in shell, before its output: input on stdin, output on stdout.
    pub(super) fn work(mut self, shell: &str) -> Self {
        shell.clone_into(&mut self.work);
        self
    }

    pub(super) fn concurrency(mut self, tasks: usize) -> Self {
        self.concurrency = tasks;
        self
    }

    /// How often heartbeats go; else every second.
    pub(super) fn beating_every(mut self, interval: &str) -> Self {
        interval.clone_into(&mut self.beat);
        self
    }

    /// What `[network]` says.
    pub(super) fn network(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.network);
        self
    }

    /// Adds options of the command line.
    pub(super) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(OsString::from));
        self
    }

    /// Sets a variable of the environment, in place of one of this name.
    pub(super) fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.without(name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn without(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Starts the worker by another program, which gets the worker's command line after its own arguments.
    pub(super) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(OsString::from).collect();
        self
    }

    pub(super) fn start(&self) -> Result<Worker, String> {
        self.start_logging_to(&self.log)
    }

    /// Runs a worker that ends by itself once there is nothing to do.
    pub(super) fn run_until_idle(&self, at_most: Duration) -> Result<ExitStatus, String> {
        let mut worker = self.clone().with(&["--exit-when-idle"]).start()?;
        worker.ended_within(at_most).ok_or_else(|| format!("not idle after {} s", at_most.as_secs()))
    }

    fn start_logging_to(&self, log: &Path) -> Result<Worker, String> {
        let failed = |e: std::io::Error| format!("can't set the worker up: {e}");
        fs::write(&self.config, self.configuration()).map_err(failed)?;
        let output = || OpenOptions::new().create(true).append(true).open(log).map_err(failed);
        let mut words = self
            .wrapper
            .iter()
            .chain([self.binary.as_os_str()].map(OsString::from).iter())
            .cloned()
            .collect::<Vec<_>>();
        let program = words.remove(0);
        let mut command = Command::new(program);
        command
            .args(words)
            .args(["run", "--config"])
            .arg(&self.config)
            .args(["--log-level", "debug"])
            .args(&self.options)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?);
        Group::spawn(&mut command).map(Worker)
    }

    fn configuration(&self) -> String {
        let handler = format!("echo $ACTIVITY_TASK_ID >> {}; {}\ncat", self.effects.display(), self.work);
        format!(
            "endpoint_url = {endpoint:?}\nstate_dir = {state:?}\ncomeback_window = \"1s\"\n\
             [[activity]]\narn = {arn:?}\ncommand = [\"sh\", \"-c\", {handler:?}]\n\
             concurrency = {concurrency}\nheartbeat_interval = \"{beat}\"\ngrace = \"1s\"\n[network]\n{network}\n",
            beat = self.beat,
            network = self.network,
            endpoint = self.endpoint,
            state = self.state_dir,
            arn = self.activity,
            concurrency = self.concurrency,
        )
    }

    pub(super) fn read_log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How often something was logged.
    pub(super) fn logged(&self, text: &str) -> usize {
        self.read_log().matches(text).count()
    }

    /// What lies in a folder below the state folder, sorted.
    pub(super) fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.state_dir.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Worker {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// kill -9: no farewell.
    pub(super) fn kill(self) {
        drop(self.0);
    }

    /// From now on it says and does nothing: each of its threads has stopped, or will when the call that it is in returns.
    pub(super) fn freeze(&self) -> Result<(), String> {
        self.0.signal(Signal::STOP)?;
        let tasks = PathBuf::from(format!("/proc/{}/task", self.0.id()));
        wait_for("each thread stopped", Duration::from_secs(10), || {
            let threads = fs::read_dir(&tasks).map_err(|e| format!("{}: {e}", tasks.display()))?;
            let mut stats =
                threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
            // Running and sleeping ones have not seen the signal yet; one in the disk's hands sees it on its way back.
            let moves = |stat: String| {
                stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['R', 'S']))
            };
            Ok(!stats.any(moves))
        })
        .map(drop)
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.ended()
    }

    pub(super) fn ended_within(&mut self, timeout: Duration) -> Option<ExitStatus> {
        self.0.wait_within(timeout)
    }

    /// SIGTERM, and the drain.
    pub(super) fn stop(mut self, at_most: Duration) -> Result<(), String> {
        self.0.signal(Signal::TERM)?;
        match self.0.wait_within(at_most) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("told to stop it ended with {status}")),
            None => Err(format!("told to stop it was not over after {} s", at_most.as_secs())),
        }
    }
}

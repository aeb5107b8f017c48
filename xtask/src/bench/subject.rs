//! What is measured: our binary, our library, and workers on AWS' SDKs, each a process that starts on the same few words.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::kernel::Process;
use super::service::Service;
use crate::process::Group;

/// The activity whose tasks are worked.
pub(super) const ACTIVITY: &str = "arn:aws:states:eu-west-1:123456789012:activity:bench";
/// The one whose tasks wait for an answer.
pub(super) const HELD: &str = "arn:aws:states:eu-west-1:123456789012:activity:held";
/// How long a worker may take to its first poll.
const START: Duration = Duration::from_secs(30);
const AFTER: Duration = Duration::from_millis(300);

/// A kind of worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The release binary.
    Device(PathBuf),
    /// A program on our library, which answers within the process.
    Library(PathBuf),
    /// A program on an SDK: its name, and its command line.
    Sdk(&'static str, Vec<PathBuf>),
}

/// How it is to work.
pub(super) struct Setup<'a> {
    pub(super) service: &'a Service,
    /// Where it may keep things.
    pub(super) folder: &'a Path,
    /// Where it writes what it has to say.
    pub(super) log: &'a Path,
    pub(super) concurrency: usize,
    /// The program that works a task; `None`: within the process, which the binary can't.
    pub(super) handler: Option<&'a Path>,
    /// The most tasks that it holds.
    pub(super) holds: usize,
}

/// A running worker. It is killed when this is dropped.
pub(super) struct Worker {
    group: Group,
}

impl Subject {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Subject::Device(_) | Subject::Library(_) => "ours",
            Subject::Sdk(name, _) => name,
        }
    }

    /// Starts it, and does not wait for anything.
    pub(super) fn spawn(&self, setup: &Setup) -> Result<Worker, String> {
        let mut command = self.command(setup)?;
        let log = OpenOptions::new().create(true).append(true).open(setup.log);
        let log = log.map_err(|e| format!("{}: {e}", setup.log.display()))?;
        command
            .env("AWS_CA_BUNDLE", setup.service.ca())
            .env("NODE_EXTRA_CA_CERTS", setup.service.ca())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "bench-sEcReT")
            .env("AWS_REGION", "eu-west-1")
            // What boto3 reads.
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_ENDPOINT_URL", setup.service.url())
            .env("ACTIVITY_ARN", ACTIVITY)
            .env("CONCURRENCY", setup.concurrency.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        Ok(Worker { group: Group::spawn(&mut command)? })
    }

    /// Starts it, and waits until it has worked its first tasks: connections are open, code and files are in memory.
    pub(super) fn start(&self, setup: &Setup) -> Result<Worker, String> {
        let worker = self.spawn(setup)?;
        let first = setup.service.give(ACTIVITY, 2 * setup.concurrency.max(4));
        setup.service.reported(&first, START).map_err(|e| {
            let log = fs::read_to_string(setup.log).unwrap_or_default();
            format!("{}: {e}\n{}", self.name(), crate::process::last_lines(&log, 5))
        })?;
        // What follows the last report: its receipt, the next polls.
        sleep(AFTER);
        Ok(worker)
    }

    fn command(&self, setup: &Setup) -> Result<Command, String> {
        Ok(match self {
            Subject::Device(binary) => {
                let file = setup.folder.join("worker.toml");
                fs::write(&file, configuration(setup)).map_err(|e| format!("{}: {e}", file.display()))?;
                let mut command = Command::new(binary);
                command.args(["run", "--log-level", "error", "--config"]).arg(file);
                command
            }
            Subject::Library(binary) => {
                let mut command = Command::new(binary);
                command.env("STATE_DIR", setup.folder.join("state"));
                if setup.holds > 0 {
                    command.env("HOLD_ARN", HELD).env("HOLD", setup.holds.to_string());
                }
                command
            }
            Subject::Sdk(_, words) => {
                let (program, arguments) = words.split_first().ok_or("no program")?;
                let mut command = Command::new(program);
                command.args(arguments);
                command.envs(setup.handler.map(|program| ("HANDLER", program)));
                command
            }
        })
    }
}

impl Worker {
    pub(super) fn process(&self) -> Process {
        Process(self.group.id())
    }
}

fn configuration(setup: &Setup) -> String {
    let handler = setup.handler.unwrap_or(Path::new("/bin/cat"));
    let max_tasks = if setup.holds > 0 { format!("max_tasks = {}\n", setup.holds) } else { String::new() };
    format!(
        "endpoint_url = {:?}\nstate_dir = {:?}\nallow_unsafe_storage = true\ncomeback_window = \"0s\"\n\
         max_bytes = \"2GiB\"\n{max_tasks}[[activity]]\narn = {ACTIVITY:?}\ncommand = [{handler:?}]\nconcurrency = {}\n",
        setup.service.url(),
        setup.folder.join("state"),
        setup.concurrency,
    )
}

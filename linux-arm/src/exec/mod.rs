//! The exec handler: each task is one run of a program.
//!
//! The input goes to the program's stdin, its stdout is the output, its exit status decides between success and failure. No
//! shell is involved. `docs/device.md` has the contract.
//!
//! * `spawn` starts the program, on one permanent thread;
//! * `watch` feeds it, reads it and ends it when it must end, on the task's own thread;
//! * `output` makes an outcome of what it left behind;
//! * `run_file` tells after a crash of the worker whether it is still running.

mod environment;
pub(crate) mod output;
mod run_file;
mod spawn;
mod watch;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use activity_worker::worker::{Cancelled, Handler, TaskContext};
use activity_worker::{Failure, TaskId};

pub(crate) use environment::Environment;
use run_file::RunFile;
pub(crate) use spawn::Spawner;

/// A program that was found at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// Where it was found.
    pub(crate) path: PathBuf,
    /// Its name as it was given (`argv[0]`), and its arguments.
    pub(crate) argv: Vec<OsString>,
}

/// What a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// From start to end.
    pub(crate) timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub(crate) grace: Duration,
    /// Bytes of stdout.
    pub(crate) max_output: usize,
}

/// Runs one program for each task.
pub(crate) struct Exec {
    pub(crate) program: Program,
    pub(crate) limits: Limits,
    pub(crate) environment: Arc<Environment>,
    pub(crate) spawner: Arc<Spawner>,
    /// The folder of run files.
    pub(crate) runs: PathBuf,
}

/// One task, as far as a program is concerned.
struct Run<'a> {
    id: TaskId,
    input: &'a [u8],
    variables: [(&'static str, String); 4],
}

/// Says that a run is to end, from any thread.
struct CancelSwitch {
    why: OnceLock<Cancelled>,
    wake: OwnedFd,
}

impl CancelSwitch {
    fn new() -> io::Result<Arc<Self>> {
        use rustix::event::{EventfdFlags, eventfd};
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(CancelSwitch { why: OnceLock::new(), wake }))
    }

    fn cancel(&self, why: Cancelled) {
        if self.why.set(why).is_ok() {
            // Only a counter at its top could refuse this, and it is written once.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
    }
}

impl Handler for Exec {
    fn handle(&self, task: &TaskContext) -> Result<String, Failure> {
        let cancel = CancelSwitch::new().map_err(not_started)?;
        let switch = Arc::clone(&cancel);
        task.on_cancel(move |why| switch.cancel(why));
        let variables = [
            ("ACTIVITY_ARN", task.activity().as_str().to_owned()),
            ("ACTIVITY_TASK_ID", task.id().to_string()),
            ("ACTIVITY_WORKER_NAME", task.worker_name().as_str().to_owned()),
            ("ACTIVITY_RUN", task.run().to_string()),
        ];
        self.run(&Run { id: task.id(), input: task.input().as_bytes(), variables }, &cancel)
    }

    fn reclaim(&self, task: TaskId) -> io::Result<()> {
        run_file::reclaim(&self.runs, task, self.limits.grace)
    }
}

impl Exec {
    fn run(&self, run: &Run<'_>, cancel: &CancelSwitch) -> Result<String, Failure> {
        let run_file = self.take_run_file(run.id).map_err(|e| {
            let dir = self.runs.display();
            Failure::new("Handler.NotStarted", format!("no run file in {dir}: {e}"))
        })?;
        let child = self.spawner.spawn(self.command(run), &run_file).map_err(|e| self.not_started(&e))?;
        let end = watch::watch(child, run.input, self.limits, cancel)
            .map_err(|e| Failure::new("Handler.Lost", format!("can't watch the handler: {e}")))?;
        drop(run_file);
        output::outcome(end, self.limits)
    }

    /// The run file, once no earlier run of the same task holds it.
    fn take_run_file(&self, task: TaskId) -> io::Result<RunFile> {
        if let Some(file) = RunFile::take(&self.runs, task)? {
            return Ok(file);
        }
        run_file::reclaim(&self.runs, task, self.limits.grace)?;
        RunFile::take(&self.runs, task)?
            .ok_or_else(|| io::Error::other("an earlier run of this task goes on"))
    }

    fn command(&self, run: &Run<'_>) -> Command {
        let mut command = Command::new(&self.program.path);
        if let Some((name, arguments)) = self.program.argv.split_first() {
            command.arg0(name).args(arguments);
        }
        self.environment.apply(&mut command);
        command
            .envs(run.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    fn not_started(&self, e: &io::Error) -> Failure {
        Failure::new("Handler.NotStarted", format!("{}: {e}", self.program.path.display()))
    }
}

fn not_started(e: io::Error) -> Failure {
    Failure::new("Handler.NotStarted", e.to_string())
}

//! The exec handler: each task is one run of a program.
//!
//! The input goes to the program's stdin, its stdout is the output, its exit status decides between success and failure. No
//! shell is involved. `docs/device.md` has the contract.
//!
//! * `spawn` starts the program, on one permanent thread; `child` is what that makes;
//! * `watch` feeds it, reads it and ends it when it must end, on the task's own thread;
//! * `output` makes an outcome of what it left behind;
//! * `cancel` is how it is told to end;
//! * `unfit` says why a program can't be started;
//! * `run_file` tells after a crash of the worker whether it is still running.

mod cancel;
mod child;
mod environment;
mod limits;
pub(crate) mod output;
mod run_file;
mod spawn;
mod unfit;
mod watch;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use activity_worker::worker::{Handler, TaskContext};
use activity_worker::{Failure, TaskId};

use cancel::CancelSwitch;
use child::Child;
pub(crate) use environment::Environment;
pub(crate) use limits::Limits;
use run_file::RunFile;
pub(crate) use run_file::trusted;
use spawn::Image;
pub(crate) use spawn::Spawner;
pub(crate) use unfit::{Unfit, unfit};

/// How often, and how soon, a program is tried again that someone writes to: it is just being replaced.
const WHILE_WRITTEN: (u32, Duration) = (20, Duration::from_millis(50));

/// A program that was found at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// Where it was found.
    pub(crate) path: PathBuf,
    /// Its name as it was given (`argv[0]`), and its arguments.
    pub(crate) argv: Vec<OsString>,
}

impl Program {
    /// By its whole path: a working folder that is replaced while the worker runs takes its programs with it.
    pub(crate) fn absolute(self) -> Self {
        Program { path: std::path::absolute(&self.path).unwrap_or(self.path), argv: self.argv }
    }
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

impl Handler for Exec {
    fn handle(&self, task: &TaskContext) -> Result<String, Failure> {
        let cancel = CancelSwitch::new().map_err(|e| Failure::not_started(unfit::of_machine(&e)))?;
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
            Failure::not_started(format!("no run file in {}: {}", self.runs.display(), unfit::of_machine(&e)))
        })?;
        let child = self.start(run, &run_file).map_err(|e| {
            let program = &self.program.path;
            Failure::not_started(format!("{} {}", program.display(), unfit::why(program, &e)))
        })?;
        let end = watch::watch(child, run.input, self.limits, cancel).map_err(|e| {
            Failure::new("Handler.Lost", format!("can't watch the handler: {e}")).failed_start()
        })?;
        // One that did not even end on SIGKILL was told of already.
        run_file.end(run.id, end.ended.is_some() && end.status.is_some());
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

    fn start(&self, run: &Run<'_>, run_file: &RunFile) -> io::Result<Child> {
        let (mut tries, nap) = WHILE_WRITTEN;
        loop {
            let environment = self.environment.with(&run.variables);
            let image = Image::new(&self.program.path, &self.program.argv, environment)?;
            match self.spawner.spawn(image, run_file) {
                Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy && tries > 0 => {
                    tries -= 1;
                    thread::sleep(nap);
                }
                started => return started,
            }
        }
    }
}

//! The demo's worker: this program, as a process that can be killed.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::stage::Stage;
use crate::error::Error;

/// Tasks that it has at once.
pub(super) const AT_ONCE: usize = 3;

/// A running worker. Killed if it is dropped.
pub(super) struct WorkerProcess {
    child: Child,
    lines: Receiver<String>,
}

/// Ends the demo when it is told to end: the worker with it, and nothing is left behind.
#[derive(Default)]
pub(super) struct Stop {
    was_asked: AtomicBool,
    /// The worker's process id; 0 while there is none.
    worker: AtomicI32,
}

impl Stop {
    /// From now on Ctrl-C and SIGTERM end the demo's worker, and so the demo.
    pub(super) fn listen() -> Result<Arc<Self>, Error> {
        let failed = |e: std::io::Error| Error::Failure(format!("can't listen to signals: {e}"));
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let stop = Arc::new(Stop::default());
        let this = Arc::clone(&stop);
        let wait = move || {
            while signals.forever().next().is_some() {
                this.was_asked.store(true, Ordering::SeqCst);
                this.end_worker();
            }
        };
        thread::Builder::new().name("signals".into()).spawn(wait).map_err(failed)?;
        Ok(stop)
    }

    pub(super) fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::SeqCst)
    }

    fn end_worker(&self) {
        if let Some(worker) = Pid::from_raw(self.worker.load(Ordering::SeqCst)) {
            let _ = kill_process(worker, Signal::KILL);
        }
    }

    /// It may have been told to end while the worker started.
    fn watch(&self, worker: &Child) {
        self.worker.store(Pid::from_child(worker).as_raw_nonzero().get(), Ordering::SeqCst);
        if self.was_asked() {
            self.end_worker();
        }
    }
}

impl WorkerProcess {
    /// Starts a worker that keeps its tasks in `folder`.
    pub(super) fn start(stage: &Stage, folder: &Path, stop: &Stop) -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::Failure(format!("can't start the demo's worker: {e}"));
        let program = env::current_exe().map_err(failed)?;
        let file = folder.join("demo.toml");
        fs::write(&file, configuration(stage, folder, &program)).map_err(failed)?;
        let mut command = Command::new(&program);
        // Whatever the user's own AWS settings are, they are not meant here.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["run", "--log-level", "debug", "--config"])
            .arg(&file)
            .envs(stage.credentials())
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        stop.watch(&child);
        let (tell, lines) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            let read = move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let _ = tell.send(line);
                }
            };
            thread::Builder::new().name("worker-log".into()).spawn(read).map_err(failed)?;
        }
        Ok(WorkerProcess { child, lines })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its log without date and level. `None`: none came until `end`, or it is gone.
    pub(super) fn next_line(&self, end: Instant) -> Option<String> {
        let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
        let text = line.split_once(' ').map(|(_date, rest)| rest.trim_start());
        let text = text.and_then(|rest| rest.split_once(' ')).map(|(_level, text)| text.trim_start());
        Some(text.unwrap_or(&line).to_owned())
    }

    /// Kills it without a warning, as a power cut would.
    pub(super) fn kill(&mut self) -> Result<(), Error> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_err(|e| Error::Failure(format!("can't kill the worker: {e}")))?;
        Ok(())
    }

    /// Asks it to drain, and waits for its end.
    pub(super) fn stop(&mut self, end: Instant) -> Result<(), Error> {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        while self.next_line(end).is_some() {}
        if Instant::now() >= end {
            return Err(Error::Failure("the worker did not stop in time".into()));
        }
        // Its log is closed: it is gone, or about to be.
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::Failure(format!("the worker did not stop as it should: {status}"))),
            Err(e) => Err(Error::Failure(format!("can't wait for the worker: {e}"))),
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(stage: &Stage, folder: &Path, program: &Path) -> String {
    format!(
        "endpoint_url = {url:?}\nstate_dir = {state:?}\nallow_unsafe_storage = true\ncomeback_window = \"1s\"\n\n\
         [[activity]]\narn = {arn:?}\ncommand = [{program:?}, \"demo-handler\"]\nconcurrency = {AT_ONCE}\n\
         heartbeat_interval = \"2s\"\nsafe_to_repeat = true\n",
        url = stage.url(),
        state = folder.join("state"),
        arn = stage.activity_arn(),
    )
}

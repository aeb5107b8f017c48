//! From the service's answer that brings a task to the first line of its handler.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::super::figures::median;
use super::super::floor::{self, Log};
use super::super::ground::On;
use super::super::stand::{Job, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, Subject};
use crate::process;

const TASKS: usize = 60;

/// A program that says when it begins, and then works as `cat` does.
struct Handler {
    folder: tempfile::TempDir,
    begun: Receiver<Instant>,
}

impl Handler {
    fn make() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let (fifo, program) = (folder.path().join("fifo"), folder.path().join("handler"));
        process::read(Command::new("mkfifo").arg(&fifo))?;
        // Open in both directions: it does not end while no handler writes.
        let failed = |e: std::io::Error| format!("the handler: {e}");
        let reader = File::options().read(true).write(true).open(&fifo).map_err(failed)?;
        fs::write(&program, format!("#!/bin/sh\necho > {}\nexec cat\n", fifo.display())).map_err(failed)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        let (tell, begun) = mpsc::channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) && tell.send(Instant::now()).is_ok()
            {
                line.clear();
            }
        });
        Ok(Handler { folder, begun })
    }

    fn program(&self) -> std::path::PathBuf {
        self.folder.path().join("handler")
    }

    fn begun(&self) -> Result<Instant, String> {
        self.begun.recv_timeout(PATIENCE).map_err(|_| "the handler did not begin".to_owned())
    }
}

/// Of one kind of worker.
pub(in crate::bench) fn measure(stand: &Stand, subject: &Subject) -> Result<(), String> {
    let handler = Handler::make()?;
    let program = handler.program();
    let pair = stand.pair(subject, &Job { on: On::Ext4, handler: Some(&program), ..Job::default() })?;
    while handler.begun.recv_timeout(Duration::from_millis(100)).is_ok() {}
    let mut times = Vec::new();
    for _ in 0..TASKS {
        let task = pair.service.give(ACTIVITY, 1);
        let handed = *pair.service.handed(&task, PATIENCE)?.first().ok_or("no task")?;
        times.push(milliseconds(handler.begun()? - handed));
        pair.service.reported(&task, PATIENCE)?;
        // Its receipt, and the next poll.
        std::thread::sleep(Duration::from_millis(30));
    }
    drop(pair);
    stand.samples.add("begin", subject.name(), median(times));
    Ok(())
}

/// One sync, and a fork.
pub(in crate::bench) fn floor(stand: &Stand) -> Result<(), String> {
    let handler = Handler::make()?;
    let log = Log::make(&stand.ground.folder(On::Ext4, "floor")?.join("log"))?;
    let program = handler.program();
    let one = |_| floor::sync_and_fork(&log, Path::new(&program), || handler.begun()).map(milliseconds);
    let times: Vec<f64> = (0..TASKS).map(one).collect::<Result<_, _>>()?;
    stand.samples.add("begin", "floor", median(times));
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

//! Run files: whether a handler still runs, told to a worker that did not start it.
//!
//! `<state folder>/run/<task id>` is locked (`flock`) as long as the handler or one of its descendants lives, since they
//! inherit the descriptor; it holds the handler's process group as text. The lock ends with its holders, however they end, and
//! does not outlive a restart of the machine, so nothing here needs to be flushed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::TaskId;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How often a lock that another process holds is tried again; the kernel offers no wait with a deadline for it.
const NAP: Duration = Duration::from_millis(50);
/// How long a lock may outlive its process group before it counts as held by a process that left the group on purpose.
const STRAY: Duration = Duration::from_secs(2);

/// A locked run file. It is removed when dropped, though a descendant of the handler may go on holding its lock.
pub(crate) struct RunFile {
    path: PathBuf,
    file: File,
}

impl RunFile {
    /// Makes and locks the run file of `task`. `None`: an earlier run holds it.
    pub(crate) fn take(dir: &Path, task: TaskId) -> io::Result<Option<Self>> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(task.to_string());
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        if !try_lock(&file)? {
            return Ok(None);
        }
        file.set_len(0)?;
        Ok(Some(RunFile { path, file }))
    }

    /// A descriptor of the same open file, and so of the same lock, for a child.
    pub(crate) fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Ends what an earlier process left running for `task`, and waits for its end: SIGTERM, `grace`, SIGKILL.
pub(crate) fn reclaim(dir: &Path, task: TaskId, grace: Duration) -> io::Result<()> {
    let path = dir.join(task.to_string());
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if !try_lock(&file)? {
        log::warn!("a handler of an earlier worker still runs on task {task}: ending it");
        end(&mut file, grace)?;
    }
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn end(file: &mut File, grace: Duration) -> io::Result<()> {
    let group = read_group(file)?.filter(|group| is_ours(*group, file));
    signal(group, Signal::TERM);
    if wait_free(file, grace)? {
        return Ok(());
    }
    signal(group, Signal::KILL);
    while !wait_free(file, STRAY)? {
        if group.is_none_or(|group| test_kill_process_group(group).is_err()) {
            log::warn!("a process that an earlier handler started has left its process group and lives on");
            return Ok(());
        }
        // Killed and still there: it waits in the kernel for a device. Its task waits with it.
    }
    Ok(())
}

fn read_group(file: &mut File) -> io::Result<Option<Pid>> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text)?;
    Ok(text.trim_end().parse().ok().filter(|pid| *pid > 1).and_then(Pid::from_raw))
}

/// Whether the process group is the one that the file names, and not a later one with the same number: one of its processes has
/// the file open. Its leader tells nothing: it may be gone, or dead and not reaped, in a container whose first process reaps none.
fn is_ours(group: Pid, file: &File) -> bool {
    let (Ok(own), Ok(processes)) = (file.metadata(), fs::read_dir("/proc")) else { return false };
    let has_it_open = |process: &Path| {
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::metadata(entry.path()).ok())
            .any(|m| (m.dev(), m.ino()) == (own.dev(), own.ino()))
    };
    processes.flatten().map(|entry| entry.path()).any(|p| group_of(&p) == Some(group) && has_it_open(&p))
}

/// The process group of a process, by its folder in /proc.
fn group_of(process: &Path) -> Option<Pid> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The program's name stands in brackets and may hold anything; state, parent and group follow.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(2)?.parse().ok().and_then(Pid::from_raw)
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // Gone already is fine; not permitted leaves the wait for the lock.
        let _ = kill_process_group(group, signal);
    }
}

fn wait_free(file: &File, at_most: Duration) -> io::Result<bool> {
    let end = Instant::now() + at_most;
    loop {
        if try_lock(file)? {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        thread::sleep(NAP);
    }
}

fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

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
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, geteuid, kill_process_group, test_kill_process_group};

/// How often a lock that another process holds is tried again; the kernel offers no wait with a deadline for it.
const NAP: Duration = Duration::from_millis(50);
/// How long what was killed may take to be gone.
const DYING: Duration = Duration::from_millis(500);
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
        // In the state folder alone: where that is gone, none is made in its place.
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => trusted(dir)?,
        }
        let path = dir.join(task.to_string());
        let file = match create(&path)? {
            Some(file) => file,
            None => {
                fs::remove_file(&path)?;
                create(&path)?.ok_or_else(|| io::Error::other(format!("{} is no file", path.display())))?
            }
        };
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

    /// Gives the lock up. Where the worker `ended` the handler, it says so if something of the handler holds the lock on: it has
    /// left the process group, and outlives what was meant to end it.
    pub(crate) fn end(self, task: TaskId, ended: bool) {
        let other = File::open(&self.path);
        // A lock belongs to the open file, which the handler's processes share; another opening of it can tell.
        drop(self);
        if let (true, Ok(file)) = (ended, other)
            && wait_free(&file, DYING).is_ok_and(|free| !free)
        {
            let who = holders(&file).map_or(String::new(), |who| format!(": {who}"));
            log::warn!(
                "task {task}: a process that its handler started has left the process group and lives on{who}"
            );
        }
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
    // What is no file was put there by somebody else: no handler holds it.
    let Some(mut file) = open(OpenOptions::new().read(true), &path)? else {
        let _ = fs::remove_file(&path);
        return Ok(());
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

/// Whether what is made in the folder stays what it is: it is a folder, no link to one, and as root not another user's.
pub(crate) fn trusted(dir: &Path) -> io::Result<()> {
    // What can't be looked at is said when it is used.
    let Ok(about) = fs::symlink_metadata(dir) else { return Ok(()) };
    let name = dir.display();
    if !about.is_dir() {
        return Err(io::Error::other(format!("{name} is no folder: remove it")));
    }
    if about.uid() != 0 && geteuid().is_root() {
        let what = format!(
            "{name} belongs to user {}, and this worker runs as root: run it as that user, or chown root {name}",
            about.uid()
        );
        return Err(io::Error::other(what));
    }
    Ok(())
}

/// Makes the file, or opens the one that is there; `None`: it is no file of ours.
fn create(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let Some(file) = open(&mut options, path)? else { return Ok(None) };
    // What has another name elsewhere would be written there too.
    let is_alone = file.metadata()?.nlink() <= 1;
    Ok(is_alone.then_some(file))
}

/// Opens a file, without following a link, or waiting for the other end of a FIFO. `None`: it is no file, or not there.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<Option<File>> {
    match fs::symlink_metadata(path) {
        Ok(about) if !about.is_file() => return Ok(None),
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    #[allow(clippy::cast_possible_wrap)]
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    match options.custom_flags(flags).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(e) if matches!(Errno::from_io_error(&e), Some(Errno::LOOP | Errno::NXIO | Errno::NOENT)) => {
            Ok(None)
        }
        Err(e) => Err(e),
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
            let who = holders(file).map_or(String::new(), |who| format!(": {who}"));
            log::warn!(
                "a process that an earlier handler started has left its process group and lives on{who}"
            );
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
    processes_with(file).any(|process| group_of(&process) == Some(group))
}

/// The processes that have the file open besides this one, by number and name.
fn holders(file: &File) -> Option<String> {
    let own = std::process::id().to_string();
    let named = processes_with(file).filter_map(|process| {
        let pid = process.file_name()?.to_str()?.to_owned();
        let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
        (pid != own).then(|| format!("process {pid} ({})", name.trim_end().escape_debug()))
    });
    let named: Vec<_> = named.collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The folders in /proc of all processes that have the file open, as far as this user may see it.
fn processes_with(file: &File) -> impl Iterator<Item = PathBuf> {
    let own = file.metadata().ok().map(|own| (own.dev(), own.ino()));
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes =
        entries.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    processes.map(|entry| entry.path()).filter(move |process| {
        let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        own.is_some()
            && open
                .filter_map(|entry| fs::metadata(entry.path()).ok())
                .any(|m| Some((m.dev(), m.ino())) == own)
    })
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

//! The calls that a worker's own threads make to the system, as strace sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::kernel::Process;
use crate::process::Group;

/// strace, attached.
pub(super) struct Trace {
    strace: Group,
    file: tempfile::NamedTempFile,
}

/// How often each call was made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Calls(BTreeMap<String, u64>);

impl Trace {
    /// From now on each call is counted.
    pub(super) fn attach(process: Process) -> Result<Self, String> {
        let file = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-s", "0", "-o"]).arg(file.path()).args(["-p", &process.0.to_string()]);
        let strace = Group::spawn(strace.stdout(Stdio::null()).stderr(Stdio::null()))?;
        // All threads have the tracer once the leader has.
        for _ in 0..500 {
            if process.status("TracerPid")? != 0 {
                sleep(Duration::from_millis(200));
                return Ok(Trace { strace, file });
            }
            sleep(Duration::from_millis(10));
        }
        Err("strace does not attach".into())
    }

    /// Lets the worker go, and gives what was counted.
    pub(super) fn detach(mut self) -> Result<Calls, String> {
        self.strace.signal(Signal::INT)?;
        self.strace.wait_within(Duration::from_secs(20)).ok_or("strace does not end")?;
        Calls::read(self.file.path())
    }
}

impl Calls {
    fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|e| format!("no trace: {e}"))?;
        Ok(Calls::of(&String::from_utf8_lossy(&text)))
    }

    /// The calls in a trace, without those of processes that became other programs.
    fn of(text: &str) -> Self {
        let line = |line: &'_ str| {
            let (thread, rest) = line.split_once(char::is_whitespace)?;
            let (call, _) = rest.trim_start().split_once('(')?;
            let is_name = !call.is_empty() && call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            is_name.then(|| (thread.to_owned(), call.to_owned()))
        };
        let lines: Vec<_> = text.lines().filter_map(line).collect();
        let children: BTreeSet<&String> =
            lines.iter().filter(|(_, call)| call == "execve").map(|(thread, _)| thread).collect();
        let mut calls = BTreeMap::new();
        for (_, call) in lines.iter().filter(|(thread, _)| !children.contains(thread)) {
            *calls.entry(call.clone()).or_default() += 1;
        }
        Calls(calls)
    }

    /// All of them.
    pub(super) fn sum(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those that wait for the disk.
    pub(super) fn syncs(&self) -> u64 {
        ["fsync", "fdatasync", "sync_file_range", "syncfs"].iter().filter_map(|name| self.0.get(*name)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_once_and_a_handlers_not_at_all() {
        let calls = Calls::of(
            "7 fsync(5 <unfinished ...>\n8  futex(0x1, FUTEX_WAIT) = 0\n7 <... fsync resumed>) = 0\n\
             9 dup2(3, 0) = 0\n9 execve(\"\"..., 1) = 0\n9 read(0) = 0\n8 --- SIGCHLD {} ---\n8 +++ exited with 0 +++",
        );
        assert_eq!((calls.sum(), calls.syncs()), (2, 1));
    }
}

//! Child processes: commands that run to their end, and process groups that never outlive xtask.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, process, thread};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The groups that are alive, for the thread that ends them when xtask is told to end.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C, SIGTERM and SIGHUP end every [`Group`] before they end xtask.
pub(crate) fn die_with_children() -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // The lock is never given back, so no group starts after this one look at them.
            let groups = groups();
            for pid in groups.iter().copied().filter_map(Pid::from_raw) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            process::exit(128 + signal);
        }
    })?;
    Ok(())
}

/// The program that this process runs, for as long as it runs: cargo may put another file where it was started from, since tests of
/// the workspace build xtask with more features. To be opened or started by this process itself.
pub(crate) fn own() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}

/// A copy of it, for another program to start.
pub(crate) fn copy_of_own() -> Result<tempfile::TempPath, String> {
    let copy = || {
        let copy = tempfile::NamedTempFile::with_prefix("xtask-")?.into_temp_path();
        // Its permissions come with it.
        std::fs::copy(own()?, &copy)?;
        Ok(copy)
    };
    copy().map_err(|e: io::Error| format!("can't copy xtask's own program: {e}"))
}

/// Runs a command to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| cannot_start(command, &e))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {}", name(command), ending(status))) }
}

/// Runs a command to its end and returns what it wrote to stdout, or, if it failed, the last lines it wrote to stderr.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| cannot_start(command, &e))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{} ended with {}: {}", name(command), ending(output.status), last_lines(&stderr, 5)))
}

/// Runs tests to their end, shown as they go. How many passed, by what cargo's harness says; none is an error.
pub(crate) fn run_tests(command: &mut Command) -> Result<u64, String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| cannot_start(command, &e))?;
    let mut passed = 0;
    for line in
        child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok)
    {
        println!("{line}");
        let count =
            line.split_once("test result: ok. ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        passed += count.unwrap_or(0);
    }
    let status = child.wait().map_err(|e| format!("can't wait for {}: {e}", name(command)))?;
    match (status.success(), passed) {
        (false, _) => Err(format!("{} ended with {}", name(command), ending(status))),
        (true, 0) => Err(format!("{} ran no test", name(command))),
        (true, passed) => Ok(passed),
    }
}

/// A child that leads a process group of its own. The whole group gets SIGKILL when this is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    pid: Pid,
}

impl Group {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, String> {
        let mut groups = groups();
        let mut child = command.process_group(0).spawn().map_err(|e| cannot_start(command, &e))?;
        let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
            let _ = child.kill();
            return Err(format!("{} has no usable process id", name(command)));
        };
        groups.insert(pid.as_raw_nonzero().get());
        Ok(Group { child, pid })
    }

    /// The leader's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The leader's stdout, if it was piped and not taken yet.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Sends a signal to the leader alone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(self.pid, signal).map_err(|e| format!("can't signal {}: {e}", self.child.id()))
    }

    /// Waits for the leader to end well.
    pub(crate) fn wait(&mut self) -> Result<(), String> {
        let status = self.child.wait().map_err(|e| format!("can't wait for {}: {e}", self.child.id()))?;
        if status.success() { Ok(()) } else { Err(format!("ended with {}", ending(status))) }
    }

    /// How the leader ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for the leader's end; `None` if it goes on after `timeout`.
    pub(crate) fn wait_within(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.ended()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut groups = groups();
        // Before the leader is reaped its number can't become another group's.
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = self.child.wait();
        groups.remove(&self.pid.as_raw_nonzero().get());
    }
}

/// How a process ended, for a reader.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args()).take(3);
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn cannot_start(command: &Command, error: &io::Error) -> String {
    format!("can't start {}: {error}", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_group_takes_its_grandchildren_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        let group = Group::spawn(Command::new("sh").args(["-c", &script])).unwrap();
        let pid = loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if let Ok(pid) = text.trim().parse() {
                break Pid::from_raw(pid).unwrap();
            }
            thread::sleep(Duration::from_millis(5));
        };
        rustix::process::test_kill_process(pid).unwrap();
        drop(group);
        let deadline = Instant::now() + Duration::from_secs(5);
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
            assert!(Instant::now() < deadline, "the grandchild lives on");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    #[ignore = "removes the program it runs: run by the test below"]
    fn a_process_without_its_file() {
        std::fs::remove_file(std::env::current_exe().unwrap()).unwrap();
        let copy = copy_of_own().unwrap();
        for program in [copy.to_path_buf(), own().unwrap()] {
            assert!(
                read(Command::new(program).arg("--list")).unwrap().contains("a_process_without_its_file")
            );
        }
    }

    #[test]
    fn the_own_program_can_be_started_again_when_its_file_is_gone() {
        // A second name: to start a copy fails while a test beside this one holds it open for writing, by way of a fork.
        let folder = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let program = folder.path().join("xtask");
        std::fs::hard_link(std::env::current_exe().unwrap(), &program).unwrap();
        let mut own = Command::new(&program);
        own.args(["--exact", "process::tests::a_process_without_its_file", "--ignored"]);
        assert!(read(&mut own).unwrap().contains("1 passed"));
    }

    /// A container without an init leaves orphans unreaped.
    fn is_zombie(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn a_failing_command_is_named_with_its_code_and_its_last_words() {
        let error = read(Command::new("sh").args(["-c", "echo oh >&2; exit 3"])).unwrap_err();
        assert!(error.contains("sh -c") && error.contains("exit code 3") && error.contains("oh"), "{error}");
        let tests = |says: &str| run_tests(Command::new("echo").arg(says));
        assert_eq!(tests("test result: ok. 5 passed; 0 failed"), Ok(5));
        assert!(tests("test result: ok. 0 passed; 0 failed; 9 filtered out").is_err(), "no test, no proof");
        assert!(run(&mut Command::new("/no/such/program")).unwrap_err().contains("can't start"));
    }
}

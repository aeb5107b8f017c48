//! A running process, as the kernel tells of it.

use std::fs;
use std::time::Duration;

/// A process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// A number of `/proc/PID/status`: `Threads`, or a size in KiB such as `VmRSS`.
    pub(super) fn status(self, key: &str) -> Result<u64, String> {
        field(&self.read("status")?, key)
    }

    /// How often any of its threads waited for something, and went on.
    pub(super) fn wake_ups(self) -> Result<u64, String> {
        let mut sum = 0;
        for thread in self.threads()? {
            let status = fs::read_to_string(format!("{thread}/status")).unwrap_or_default();
            sum += field(&status, "voluntary_ctxt_switches").unwrap_or(0);
        }
        Ok(sum)
    }

    /// The processor time of all its threads so far, those that are over included, its children's not. To 10 ms.
    pub(super) fn cpu(self) -> Result<Duration, String> {
        let stat = self.read("stat")?;
        // The name, in brackets, may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).ok_or("the kernel tells no processor time")?;
        Ok(Duration::from_secs(user + system)
            / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100))
    }

    /// The processor time of the threads that have this name now.
    pub(super) fn cpu_of_thread(self, name: &str) -> Result<Duration, String> {
        let mut sum = None;
        for thread in self.threads()? {
            let comm = fs::read_to_string(format!("{thread}/comm")).unwrap_or_default();
            if comm.trim() == name {
                let spent = fs::read_to_string(format!("{thread}/schedstat")).unwrap_or_default();
                let nanos = spent.split_whitespace().next().and_then(|n| n.parse().ok());
                *sum.get_or_insert(Duration::ZERO) += Duration::from_nanos(nanos.unwrap_or(0));
            }
        }
        sum.ok_or_else(|| format!("the worker has no thread {name}"))
    }

    /// Bytes written to files, pipes and sockets, and calls that wrote.
    pub(super) fn io(self) -> Result<(u64, u64), String> {
        let io = self.read("io")?;
        Ok((field(&io, "wchar")?, field(&io, "syscw")?))
    }

    fn threads(self) -> Result<Vec<String>, String> {
        let folder = format!("/proc/{}/task", self.0);
        let threads = fs::read_dir(folder).map_err(|e| format!("the worker has ended: {e}"))?;
        Ok(threads.flatten().map(|thread| thread.path().display().to_string()).collect())
    }

    fn read(self, file: &str) -> Result<String, String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.0))
            .map_err(|e| format!("the worker has ended: {e}"))
    }
}

fn field(text: &str, key: &str) -> Result<u64, String> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("the kernel tells no {key}"))
}

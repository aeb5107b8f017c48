//! Floors: what the same work costs where nothing is done but what can't be left out.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Of a log that is written round and round.
const LOG_BYTES: u64 = 1 << 20;
/// A task's record, and its outcome's.
const RECORD: usize = 700;
/// A block of the file system: what a sync of a smaller record writes.
const BLOCK: u64 = 4096;

/// A log whose blocks are there already, so that a sync writes one block and nothing of the file system's own.
pub(super) struct Log {
    state: Mutex<State>,
    synced: Condvar,
    file: File,
}

#[derive(Default)]
struct State {
    written: u64,
    synced: u64,
    is_syncing: bool,
}

impl Log {
    pub(super) fn make(path: &Path) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("{}: {e}", path.display());
        let mut file = File::create(path).map_err(failed)?;
        file.write_all(&vec![0; usize::try_from(LOG_BYTES).unwrap_or(0)]).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(Log { state: Mutex::default(), synced: Condvar::new(), file })
    }

    /// Appends a record and returns once it is on the disk. Whoever comes while another's sync is under way shares the next one.
    fn keep(&self) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("the log: {e}");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.file
            .write_all_at(&[1; RECORD], state.written * RECORD as u64 % (LOG_BYTES - BLOCK))
            .map_err(failed)?;
        state.written += 1;
        let mine = state.written;
        while state.synced < mine {
            if state.is_syncing {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_syncing = true;
            let upto = state.written;
            drop(state);
            self.file.sync_data().map_err(failed)?;
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.synced, state.is_syncing) = (upto, false);
            self.synced.notify_all();
        }
        Ok(())
    }

    /// Keeps so many tasks and their outcomes, so many at once.
    pub(super) fn work(&self, tasks: usize, at_once: usize) -> Result<(), String> {
        thread::scope(|scope| {
            let one = || (0..2 * tasks / at_once).try_for_each(|_| self.keep());
            let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(one)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a panic".into())))
        })
    }
}

/// Syncs a record and starts a program: the least between a task's arrival and its handler. `begun` waits until the program says
/// that it runs.
pub(super) fn sync_and_fork(
    log: &Log,
    program: &Path,
    begun: impl Fn() -> Result<Instant, String>,
) -> Result<Duration, String> {
    let start = Instant::now();
    log.keep()?;
    let mut child = Command::new(program)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| format!("can't start {}: {e}", program.display()))?;
    let took = begun().map(|at| at - start);
    child.wait().map_err(|e| e.to_string())?;
    took
}

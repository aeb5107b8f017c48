//! The work of a device's handlers, which follows from the task, and the starts of theirs that fail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use activity_worker::worker::{Handler, TaskContext};
use activity_worker::{Failure, TaskId};

/// The work of all handlers: what comes of a task follows from its id.
pub(super) struct Work {
    pub(super) seed: u64,
    /// Bytes.
    pub(super) max_output: usize,
    /// Most results are as long as they may be.
    pub(super) large: bool,
    pub(super) starts: Starts,
}

/// How a handler behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Ends within seconds.
    Quick,
    /// Ends within an hour.
    Slow,
    /// Ends when it is told to.
    Waits,
    /// Does not end.
    Hangs,
    /// Can't be started.
    Fails,
}

/// The handler's manner for this run of a task.
pub(crate) fn manner(seed: u64, task: &TaskContext) -> Manner {
    match dice(seed, task, 1).u8(..20) {
        0..12 => Manner::Quick,
        12..18 => Manner::Slow,
        18 => Manner::Waits,
        _ => Manner::Hangs,
    }
}

fn dice(seed: u64, task: &TaskContext, salt: u64) -> fastrand::Rng {
    let id = u64::from_le_bytes(*task.id().as_bytes().first_chunk().unwrap_or(&[0; 8]));
    fastrand::Rng::with_seed(
        seed ^ id ^ (u64::from(task.run()) << 56) ^ salt.wrapping_mul(0x5851_f42d_4c95_7f2d),
    )
}

impl Handler for Work {
    fn handle(&self, task: &TaskContext) -> Result<String, Failure> {
        if self.starts.failed(task.id()) {
            return Err(Failure::not_started("no such program"));
        }
        let mut rng = dice(self.seed, task, 2);
        match rng.u8(..20) {
            0 => Err(Failure::new("Work.Failed", "x".repeat(rng.usize(..3000)))),
            1 => Ok("no JSON".to_owned()),
            2 => Ok(format!("\"{}\"", "x".repeat(self.max_output))),
            3 => std::panic::resume_unwind(Box::new("the handler panics")),
            _ if self.large => Ok(format!("\"{}\"", "x".repeat(self.max_output - 2))),
            4..8 => Ok(format!("\"{}\"", "x".repeat(rng.usize(..self.max_output - 2)))),
            _ => Ok(format!("{{\"run\":{},\"id\":\"{}\"}}", task.run(), task.id())),
        }
    }

    fn reclaim(&self, task: TaskId) -> std::io::Result<()> {
        // Now and then an old run can't be ended at once.
        if task.as_bytes()[0].is_multiple_of(16) && fastrand::bool() {
            return Err(std::io::Error::other("it still runs"));
        }
        Ok(())
    }
}

/// Which tasks can't be started. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Starts(Arc<Mutex<BTreeSet<TaskId>>>);

impl Starts {
    /// The start of this one fails.
    pub(crate) fn fail(&self, id: TaskId) {
        self.lock().insert(id);
    }

    /// Whether it does.
    pub(crate) fn fails(&self, id: TaskId) -> bool {
        self.lock().contains(&id)
    }

    /// A process begins.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Whether it did; its next one is another matter.
    pub(crate) fn failed(&self, id: TaskId) -> bool {
        self.lock().remove(&id)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<TaskId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

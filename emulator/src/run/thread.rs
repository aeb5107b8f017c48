//! A thread of an execution: the execution itself, a branch of a Parallel state, or an item of a Map.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use crate::asl::{Block, Value, Variables};

/// Where one thread is.
pub(super) struct Thread {
    pub(super) parent: Option<u64>,
    /// Its place among its parent's branches or items.
    pub(super) index: usize,
    pub(super) block: Arc<Block>,
    /// The state it is in, or about to enter, and that state's input before InputPath.
    pub(super) state: String,
    pub(super) input: Arc<Value>,
    /// The event of the state's entry, and its date.
    pub(super) entered: u64,
    pub(super) entered_at: SystemTime,
    /// The last event of this thread: the next one follows it.
    pub(super) last: u64,
    pub(super) variables: Arc<Variables>,
    /// The item that it, or a thread around it, goes through the states with.
    pub(super) item: Option<Arc<Item>>,
    /// Retries so far, for each retrier of the state.
    pub(super) retries: Vec<u64>,
    /// Whether the state is one of those that have retriers.
    pub(super) can_retry: bool,
    pub(super) stage: Stage,
    /// Counts what it waits for, so that a late alarm is known as such.
    pub(super) ticket: u64,
    /// A child execution of a distributed Map: its events are none of this execution's.
    pub(super) is_silent: bool,
    /// States it has entered.
    pub(super) steps: u64,
}

/// What the context object says of an item.
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) value: Value,
}

/// What a thread does in its state.
pub(super) enum Stage {
    /// It is about to enter it.
    Ready,
    /// A Wait state.
    Waits,
    /// Its task is with its workers.
    Works,
    /// It waits to try again.
    Rests,
    /// Its branches or items are at work.
    Leads(Group),
}

/// The branches or items of one state.
pub(super) struct Group {
    pub(super) results: Vec<Option<Value>>,
    /// Items that have not begun.
    pub(super) waiting: VecDeque<(usize, Value)>,
    pub(super) running: BTreeSet<u64>,
    pub(super) distributed: Option<Tolerance>,
}

/// How many items of a distributed Map may fail.
pub(super) struct Tolerance {
    pub(super) count: Option<f64>,
    pub(super) percentage: Option<f64>,
    pub(super) failed: usize,
}

impl Tolerance {
    /// Whether so many failures of so many items are too many.
    pub(super) fn is_exceeded(&self, items: usize) -> bool {
        let failed = self.failed as f64;
        let by_count = self.count.map(|count| failed > count);
        let by_share = self.percentage.map(|percentage| failed * 100.0 > percentage * items as f64);
        match (by_count, by_share) {
            (None, None) => self.failed > 0,
            (count, share) => count.unwrap_or(false) || share.unwrap_or(false),
        }
    }
}

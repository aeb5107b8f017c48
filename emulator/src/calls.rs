//! What was called, for tests to look at. No tokens, inputs or outputs are kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Calls that are remembered one by one; older ones are only counted.
const RECENT_MAX: usize = 10_000;

/// One call, after its answer was sent or its connection was closed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Call {
    /// For instance `SendTaskHeartbeat`; empty if the request named none.
    pub operation: String,
    /// When the request was complete, since the emulator's start.
    pub at: Duration,
    /// The task it was about: the first 128 bits of the SHA-256 of its token, as 32 hex digits. For `GetActivityTask` the one that was handed out.
    pub task: Option<String>,
    /// The first 128 bits of the SHA-256 of the request's body: calls that say the same have the same.
    pub body_hash: String,
    /// The HTTP status of the answer; `None` if the connection was closed or left hanging without one.
    pub status: Option<u16>,
    /// The error's code, if the answer was one.
    pub code: Option<String>,
    /// Whether the service carried it out without an error, whatever the client came to know.
    pub took_effect: bool,
    /// Whether a fault was applied to it.
    pub faulty: bool,
}

/// All calls since the start.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    counts: BTreeMap<String, usize>,
    recent: VecDeque<Call>,
}

impl Calls {
    /// How many calls of `operation` there were.
    pub fn count(&self, operation: &str) -> usize {
        self.counts.get(operation).copied().unwrap_or(0)
    }

    /// Calls by operation.
    pub fn counts(&self) -> &BTreeMap<String, usize> {
        &self.counts
    }

    /// The last 10,000 calls, oldest first.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.recent.iter()
    }

    /// Of the last 10,000 calls those of `operation`, oldest first.
    pub fn of<'a>(&'a self, operation: &'a str) -> impl DoubleEndedIterator<Item = &'a Call> {
        self.recent().filter(move |call| call.operation == operation)
    }

    pub(crate) fn push(&mut self, call: Call) {
        *self.counts.entry(call.operation.clone()).or_default() += 1;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(call);
    }
}

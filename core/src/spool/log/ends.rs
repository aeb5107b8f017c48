//! Which tasks are over: 32 bytes each, many in one record.
//!
//! ```text
//!  0  id 16
//! 16  stamp u64       the seq of the record that said it first; 0 in that one
//! 24  seconds since 1970, 7 bytes; settlement u8, 0 for a task that was given up before it was accepted
//! ```
//!
//! A task's end outlives every record of the task: only when no segment holds anything as old as the end may it be forgotten.
//! Otherwise a task that was over would be found again, and begun.

use std::collections::{BTreeSet, HashMap};

use super::record::{PAYLOAD_MAX, long};
use crate::{Settlement, TaskId};

/// Bytes of one.
pub(super) const STONE: usize = 32;
/// In one record.
pub(super) const ENDS_MAX: usize = PAYLOAD_MAX / STONE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) stamp: u64,
    /// `None`: it was given up before it was accepted.
    pub(super) settlement: Option<Settlement>,
    /// Seconds since 1970.
    pub(super) at: u64,
    /// The segment that it lies in.
    pub(super) slot: u16,
}

/// All that are remembered.
#[derive(Default)]
pub(super) struct Ends {
    of: HashMap<TaskId, End>,
    oldest: BTreeSet<(u64, TaskId)>,
}

impl Ends {
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    pub(super) fn find(&self, id: TaskId) -> Option<&End> {
        self.of.get(&id)
    }

    /// All, in one order.
    pub(super) fn all(&self) -> Vec<(TaskId, End)> {
        self.oldest.iter().filter_map(|(_, id)| Some((*id, *self.of.get(id)?))).collect()
    }

    /// From now on it lies there; the answer is where it lay before.
    pub(super) fn put(&mut self, id: TaskId, end: End) -> Option<End> {
        let before = self.of.insert(id, end);
        if let Some(before) = before {
            self.oldest.remove(&(before.stamp, id));
        }
        self.oldest.insert((end.stamp, id));
        before
    }

    /// Forgets the oldest one, if it is older than `horizon`.
    pub(super) fn forget(&mut self, horizon: u64) -> Option<End> {
        let (stamp, id) = *self.oldest.first().filter(|(stamp, _)| *stamp < horizon)?;
        self.oldest.remove(&(stamp, id));
        self.of.remove(&id)
    }
}

/// Appends one to a payload; `stamp` 0: this record says it first.
pub(super) fn write(id: TaskId, end: &End, to: &mut Vec<u8>) {
    let code = match end.settlement {
        None => 0,
        Some(Settlement::Delivered) => 1,
        Some(Settlement::TooLate) => 2,
        Some(Settlement::Unknown) => 3,
        Some(Settlement::Retracted) => 4,
        Some(Settlement::Discarded) => 5,
    };
    to.extend_from_slice(id.as_bytes());
    to.extend_from_slice(&end.stamp.to_le_bytes());
    to.extend_from_slice(&end.at.to_le_bytes()[..7]);
    to.push(code);
}

/// All in a payload.
pub(super) fn read(payload: &[u8], seq: u64, slot: u16) -> Vec<(TaskId, End)> {
    let (stones, _) = payload.as_chunks::<STONE>();
    stones.iter().map(|stone| one(stone, seq, slot)).collect()
}

fn one(stone: &[u8; STONE], seq: u64, slot: u16) -> (TaskId, End) {
    let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *stone;
    let settlement = match stone[31] {
        1 => Some(Settlement::Delivered),
        2 => Some(Settlement::TooLate),
        3 => Some(Settlement::Unknown),
        4 => Some(Settlement::Retracted),
        5 => Some(Settlement::Discarded),
        _ => None,
    };
    let stamp = match long(stone, 16) {
        0 => seq,
        stamp => stamp,
    };
    (TaskId::from_bytes(id), End { stamp, settlement, at: long(stone, 24) & (u64::MAX >> 8), slot })
}

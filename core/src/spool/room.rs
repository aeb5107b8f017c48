//! Room: what is promised to a task before it is accepted, and whether more fit.

use std::io;

use super::format::{self, Envelope};
use super::log::{Size, TILE, cost};
use super::{Entry, OVERHEAD, Spool};
use crate::TaskId;
use crate::plants::planted;
use crate::task::INPUT_MAX;

/// A claim, or a later word, may make an envelope longer by so much.
const ENVELOPE_GROWS: usize = 512;
/// What a failure's name and cause take beside `max_output`, and the sections' heads.
const OUTCOME_GROWS: usize = OVERHEAD / 2;

impl Spool {
    /// How many more tasks fit, each with the largest input and with `max_output` set aside, into the log as it is now: by count and by
    /// bytes. None on a disk that refused one and takes nothing (one that is read-only, or dying).
    pub fn room(&self, max_output: usize) -> usize {
        if self.is_away() || self.looks > 0 || (self.refused && !planted("refusing-disk-is-polled-for")) {
            return 0;
        }
        let free = self.log.capacity().saturating_sub(self.log.used() + self.owed);
        self.room_by_count().min(usize::try_from(free / needed_tiles(max_output)).unwrap_or(usize::MAX))
    }

    /// Makes room for so many more tasks, as far as the disk and the bounds give it, and says for how many there is. What is made is
    /// written in full: other programs can't take it any more.
    pub fn make_room(&mut self, max_output: usize, tasks: usize) -> usize {
        loop {
            let room = self.room(max_output);
            let is_enough = room >= tasks.min(self.room_by_count()) || self.is_away() || self.refused;
            if is_enough || !self.log.grow(&mut *self.disk).unwrap_or(false) {
                return room;
            }
        }
    }

    fn room_by_count(&self) -> usize {
        self.config.max_tasks.saturating_sub(self.tasks.len() + self.waiting.len())
    }

    /// The most bytes that one task takes, its outcome's room included.
    pub fn needed(max_output: usize) -> u64 {
        needed_tiles(max_output) * TILE as u64
    }

    /// The least `max_bytes` with which one such task fits.
    pub fn least_bytes(max_output: usize) -> u64 {
        Size::least(needed_tiles(max_output))
    }

    /// Bytes of the log in use, or promised.
    pub fn bytes(&self) -> u64 {
        (self.log.used() + self.owed) * TILE as u64
    }

    /// Sees to it that so many tiles more fit.
    pub(super) fn find_room(&mut self, tiles: u64) -> io::Result<()> {
        while self.log.used() + self.owed + tiles > self.log.capacity() {
            if !self.log.grow(&mut *self.disk)? {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "max_bytes is reached"));
            }
        }
        Ok(())
    }

    /// From now on so much is promised to the task.
    pub(super) fn owe(&mut self, id: TaskId, tiles: u64) {
        let Some(entry) = self.tasks.get_mut(&id) else { return };
        self.owed = (self.owed + tiles).saturating_sub(entry.owed);
        entry.owed = tiles;
    }

    pub(super) fn insert(&mut self, id: TaskId, envelope: Envelope, owed: u64) {
        self.drop_task(id);
        self.owed += owed;
        self.tasks.insert(id, Entry { envelope, owed, pinned: None });
    }
}

/// The tiles to promise to the outcome of a task: of one that an app settles the input stays.
pub(super) fn owed_to(envelope: &Envelope, input: usize) -> u64 {
    if envelope.outcome || planted("no-room-set-aside") {
        return 0;
    }
    let input = if envelope.deferred { input } else { 0 };
    let json = format::encode_envelope(envelope).len();
    cost(json + ENVELOPE_GROWS, OUTCOME_GROWS + envelope.max_output + input)
}

fn needed_tiles(max_output: usize) -> u64 {
    cost(OVERHEAD, INPUT_MAX + OVERHEAD) + cost(OVERHEAD, max_output + OVERHEAD)
}

//! Going on in another segment.

use std::collections::{HashSet, VecDeque};
use std::io;

use super::rec::{Rec, short};
use super::record::tiles;
use super::segment::{FIRST_TILE, Label};
use super::{Cursor, Log};

impl Log {
    /// Sees to it that the next record fits into the head, and so many VOIDs behind it.
    pub(super) fn ready(&mut self, queue: &VecDeque<Rec>, voids: usize) -> io::Result<()> {
        let record = queue.front().map_or(0, |rec| tiles(rec.payload.len()));
        let voids = voids + usize::from(self.skip.is_some());
        let need = record + u32::from(short(voids));
        let most = 2 * self.segments.len() + 2;
        for _ in 0..most {
            if self.head.is_some_and(|head| head.tile + need <= self.size.tiles()) {
                return Ok(());
            }
            self.roll()?;
        }
        Err(full())
    }

    /// The head is full, or there is none: goes on in a segment that is free, and sees to it that there is another one.
    fn roll(&mut self) -> io::Result<()> {
        if self.free() == 0 {
            self.free_dead();
        }
        let next = self.fresh().or_else(|| self.left()).ok_or_else(full)?;
        let left = self.segments.get(&next.slot).filter(|segment| !segment.is_free());
        self.skip = left.map(|segment| segment.to + 1);
        if let Some(head) = self.head.replace(next) {
            self.seal(head);
        }
        if !self.is_tidying {
            self.tidy();
        }
        Ok(())
    }

    /// The beginning of a segment that is free. What was given free first comes first, so that all are worn alike; what failed once,
    /// last.
    fn fresh(&mut self) -> Option<Cursor> {
        let mut tried = HashSet::new();
        loop {
            let head = self.head.map(|head| head.slot);
            let free = self.segments.iter().filter(|(slot, segment)| {
                segment.is_free() && Some(**slot) != head && !tried.contains(*slot)
            });
            let (slot, segment) =
                free.min_by_key(|(slot, segment)| (segment.is_suspect, segment.label.floor, **slot))?;
            let (slot, is_sure) = (*slot, segment.is_label_sure);
            if is_sure || self.give_free(slot).is_ok() {
                return Some(Cursor { slot, tile: FIRST_TILE });
            }
            tried.insert(slot);
        }
    }

    /// Where none is free, the longest rest of a segment that was left since a sync of it failed.
    fn left(&self) -> Option<Cursor> {
        let head = self.head.map(|head| head.slot);
        let left =
            self.segments.iter().filter(|(slot, s)| !s.is_lost && !s.is_needed && Some(**slot) != head);
        let left = left.filter_map(|(slot, segment)| Some(Cursor { slot: *slot, tile: segment.tail? }));
        left.filter(|left| left.tile < self.size.tiles()).min_by_key(|left| (left.tile, left.slot))
    }

    /// Says where a segment ends, so that what is damaged at its end is known as such.
    fn seal(&mut self, head: Cursor) {
        let (size, synced) = (self.size.segment, self.synced);
        let Some(segment) = self.segments.get_mut(&head.slot).filter(|segment| !segment.is_free()) else {
            return;
        };
        segment.tail = None;
        let label = Label { end: segment.to, synced, ..segment.label };
        segment.is_suspect |= segment.relabel(head.slot, size, label).is_err();
    }
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the log has no room left")
}

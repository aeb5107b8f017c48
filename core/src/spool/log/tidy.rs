//! Compaction: what counts in a segment is copied to the head, and the segment is given free.

use std::collections::{HashMap, VecDeque};
use std::io;

#[cfg(test)]
use super::Place;
use super::ends::STONE;
use super::rec::{Num, Rec, ends_of};
use super::record::{Kind, RECORD_TILES, TILE, tiles};
use super::scan::{Scan, scan};
use super::segment::{FIRST_TILE, Label};
use super::{Log, SPARE};
use crate::TaskId;

/// A copy's group is at most so many tiles: others wait for it.
const COPY_TILES: u32 = 128;
/// So many ends of tasks are remembered at least, once there have been as many; and no more than twice as many.
pub(super) const REMEMBERED: usize = 10_000;

impl Log {
    /// Until as many segments are free as should be, or no more can be; and what counts in a file that was removed lies elsewhere.
    pub(super) fn tidy(&mut self) {
        self.is_tidying = true;
        self.forget();
        for _ in 0..4 * self.segments.len() {
            let is_lost = self.segments.values().any(|segment| segment.is_lost && segment.cost() > 0);
            if self.free() >= SPARE && !is_lost {
                break;
            }
            let Some(victim) = self.victim() else { break };
            if self.vacate(victim).is_err() {
                break;
            }
        }
        if self.ends.len() > 2 * self.remembered() && self.free() >= SPARE {
            self.let_forget();
        }
        self.is_tidying = false;
    }

    /// Segments that are free.
    pub(super) fn free(&self) -> usize {
        let head = self.head.map(|head| head.slot);
        self.segments.iter().filter(|(slot, segment)| segment.is_free() && Some(**slot) != head).count()
    }

    /// Gives those free in which nothing counts: for that no room is needed.
    pub(super) fn free_dead(&mut self) {
        self.drop_voids();
        let head = self.head.map(|head| head.slot);
        let dead = self.segments.iter().filter(|(slot, segment)| {
            let is_spent = segment.from != 0 && segment.cost() == 0 && !segment.is_lost;
            is_spent && !segment.is_needed && Some(**slot) != head
        });
        for slot in dead.map(|(slot, _)| *slot).collect::<Vec<_>>() {
            let _ = self.give_free(slot);
        }
    }

    /// The one with the least that counts; what is lost first.
    fn victim(&mut self) -> Option<u16> {
        self.drop_voids();
        let head = self.head.map(|head| head.slot);
        let most = self.size.tiles() - FIRST_TILE - RECORD_TILES / 2;
        let full = self.segments.iter().filter(|(slot, segment)| {
            let is_used = segment.from != 0 && !segment.is_needed && Some(**slot) != head;
            let is_used = is_used && (!segment.is_stuck || segment.cost() == 0);
            is_used && if segment.is_lost { segment.cost() > 0 } else { segment.cost() < most }
        });
        full.min_by_key(|(slot, segment)| (!segment.is_lost, segment.cost(), **slot)).map(|(slot, _)| *slot)
    }

    /// Copies what counts, then gives the segment free.
    pub(super) fn vacate(&mut self, victim: u16) -> io::Result<()> {
        let size = self.size.segment;
        let Some(segment) = self.segments.get(&victim) else { return Ok(()) };
        if segment.cost() > 0 {
            let scan = scan(&*segment.file, victim, size)?;
            let mut queue = self.copies(victim, &scan);
            let voids = self.voids_in(victim);
            self.copy(&mut queue, &voids)?;
        }
        let Some(segment) = self.segments.get_mut(&victim) else { return Ok(()) };
        if segment.live > 0 || segment.ends > 0 {
            // Something that counts can't be read: it is left where it is.
            segment.is_stuck = true;
            return Ok(());
        }
        if segment.is_lost {
            segment.from = 0;
            return Ok(());
        }
        self.give_free(victim)
    }

    /// What counts in a segment, as records to be written.
    fn copies(&self, slot: u16, scan: &Scan) -> VecDeque<Rec> {
        let mut queue = VecDeque::new();
        let mut over = Vec::new();
        for seen in scan.seen.iter().filter(|seen| seen.is_whole) {
            match seen.header.kind {
                Kind::Head | Kind::Piece if self.counts(&seen.header, seen.place) => {
                    queue.push_back(Rec {
                        kind: seen.header.kind,
                        id: TaskId::from_bytes(seen.header.id),
                        num: Num::Known(seen.header.num),
                        part: seen.header.part,
                        parts: seen.header.parts,
                        is_copy: true,
                        payload: scan.payload(seen),
                    });
                }
                Kind::Ends => over.extend(seen.ends.iter().filter(|(id, end)| {
                    self.ends.find(*id).is_some_and(|known| (known.stamp, known.slot) == (end.stamp, slot))
                })),
                _ => {}
            }
        }
        // Several records of one segment may hold the same.
        over.sort_unstable_by_key(|(id, end)| (end.stamp, *id));
        over.dedup_by_key(|(id, end)| (end.stamp, *id));
        queue.extend(ends_of(&over, true));
        queue
    }

    /// Those that lie in a segment, and are needed when it is gone.
    fn voids_in(&mut self, slot: u16) -> Vec<(u64, u64)> {
        let here: Vec<_> = self.voids.iter().filter(|void| void.place.slot == slot).copied().collect();
        let (needed, dead): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|void| self.holds(void.from, void.to, Some(slot)));
        for void in dead {
            self.voids.retain(|other| other.place != void.place);
            self.moved(Some(void.place), None);
        }
        needed.into_iter().map(|void| (void.from, void.to)).collect()
    }

    fn copy(&mut self, queue: &mut VecDeque<Rec>, voids: &[(u64, u64)]) -> io::Result<()> {
        let mut is_done = queue.is_empty() && voids.is_empty();
        while !is_done {
            let mut used = 0;
            let few = queue.iter().take_while(|rec| {
                used += tiles(rec.payload.len());
                used <= COPY_TILES
            });
            let few = few.count().max(1).min(queue.len());
            let mut group: VecDeque<Rec> = queue.drain(..few).collect();
            is_done = queue.is_empty();
            let voids = if is_done { voids } else { &[] };
            loop {
                self.ready(&group, voids.len())?;
                self.group(&mut group, &mut HashMap::new(), voids)?;
                if group.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Nothing in it counts any more, durably.
    pub(super) fn give_free(&mut self, slot: u16) -> io::Result<()> {
        let (size, floor, synced) = (self.size.segment, self.next, self.synced);
        let Some(segment) = self.segments.get_mut(&slot) else { return Ok(()) };
        let relabelled = segment.relabel(slot, size, Label { floor, end: 0, synced, ..segment.label });
        segment.is_suspect |= relabelled.is_err();
        relabelled?;
        (segment.from, segment.to, segment.live, segment.ends, segment.tail) = (0, 0, 0, 0, None);
        self.drop_voids();
        Ok(())
    }

    /// A VOID is needed as long as there is a segment that holds what is void.
    fn drop_voids(&mut self) {
        let (needed, dead): (Vec<_>, Vec<_>) = std::mem::take(&mut self.voids)
            .into_iter()
            .partition(|void| self.holds(void.from, void.to, None));
        self.voids = needed;
        for void in dead {
            self.moved(Some(void.place), None);
        }
    }

    /// Whether a segment, but for this one, holds records of this range.
    fn holds(&self, from: u64, to: u64, but: Option<u16>) -> bool {
        let mut others = self.segments.iter().filter(|(slot, _)| Some(**slot) != but);
        others.any(|(_, segment)| segment.from != 0 && segment.from <= to && from <= segment.to)
    }

    /// Forgets what need not be remembered, so far as nothing that it says the end of may lie anywhere.
    fn forget(&mut self) {
        let (horizon, most) = (self.horizon(), self.remembered());
        while self.ends.len() > most {
            let forgotten = self.ends.forget(horizon);
            if forgotten.is_none() {
                break;
            }
            self.forgotten(forgotten);
        }
    }

    /// A log that may not become large enough for so many has a quarter of it for them.
    fn remembered(&self) -> usize {
        let quarter = self.capacity_at_most() / 4 * (TILE / STONE) as u64;
        REMEMBERED.min(usize::try_from(quarter).unwrap_or(usize::MAX))
    }

    /// What is old and still counts keeps ends from being forgotten: it is copied, and is new then.
    fn let_forget(&mut self) {
        let oldest = self.segments.iter().filter(|(_, segment)| segment.from == self.horizon());
        if let Some(slot) =
            oldest.map(|(slot, _)| *slot).find(|slot| Some(*slot) != self.head.map(|h| h.slot))
        {
            let _ = self.vacate(slot);
            self.forget();
        }
    }

    /// No segment holds anything older.
    fn horizon(&self) -> u64 {
        self.segments.values().map(|s| s.from).filter(|from| *from != 0).min().unwrap_or(u64::MAX)
    }

    /// Where this record lies now, if it counts.
    #[cfg(test)]
    pub(super) fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self
            .tasks
            .values()
            .flat_map(|object| object.pieces.iter().copied().chain([object.head]))
            .collect();
        places.sort_unstable();
        places
    }
}

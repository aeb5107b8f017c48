//! What counts of all that was read: pure, so that one who only looks comes to the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::ends::End;
use super::record::{Header, Kind, Place};
use super::scan::{Scan, Seen};
use super::segment::FIRST_TILE;
use super::{Object, Void};
use crate::TaskId;
use crate::plants::planted;

/// What is left of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) enum State {
    /// All of it.
    Whole,
    /// Its envelope; a part of the rest, or all, is lost.
    Damaged,
    /// Its envelope; a part of the rest lies where nothing can be read now.
    Unclear,
}

/// Tiles in which something was lost that had been vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hole {
    pub(super) slot: u16,
    pub(super) from: u32,
    pub(super) to: u32,
    /// The task whose it was, where that is known.
    pub(super) id: Option<TaskId>,
}

#[derive(Default)]
pub(super) struct Resolved {
    pub(super) tasks: BTreeMap<TaskId, (Object, State)>,
    /// Each with the seq of the record in which it lies.
    pub(super) ends: HashMap<TaskId, (End, u64)>,
    pub(super) voids: Vec<Void>,
    pub(super) holes: Vec<Hole>,
    /// Whole records that nobody vouches for.
    pub(super) young: HashSet<Place>,
    /// All up to this one were synced.
    pub(super) synced: u64,
    pub(super) last: u64,
    /// By which the records of this process are to be known.
    pub(super) start: u16,
    pub(super) is_unclear: bool,
    /// Of each start the last VOID, and the last record that owes one, among those that nobody vouches for.
    tails: HashMap<u16, (u64, u64)>,
}

/// A HEAD, or several copies of it.
#[derive(Clone, Copy)]
struct Top {
    parts: u16,
    /// The best whole copy: whether it is vouched for, its seq, where.
    best: Option<(bool, u64, Place)>,
    /// Some copy is vouched for.
    is_vouched: bool,
    /// One that is damaged.
    broken: Option<Place>,
}

type Pieces = Vec<Option<(bool, u64, Place)>>;

#[derive(Default)]
struct Heap {
    /// By number and version.
    heads: HashMap<TaskId, BTreeMap<(u64, u16), Top>>,
    pieces: HashMap<(TaskId, u64), Pieces>,
    broken_pieces: HashMap<(TaskId, u64), Vec<Place>>,
}

/// Finds out what counts.
pub(super) fn resolve(scans: &BTreeMap<u16, Scan>) -> Resolved {
    let mut resolved = Resolved {
        synced: scans.values().map(|scan| scan.synced).max().unwrap_or(0),
        last: scans.values().map(|scan| scan.last).max().unwrap_or(0),
        is_unclear: scans.values().any(|scan| scan.is_unclear),
        ..Resolved::default()
    };
    let newest = scans.values().flat_map(|scan| &scan.seen).max_by_key(|seen| seen.header.seq);
    resolved.start = newest.map_or(0, |seen| seen.header.flags.next_start());
    resolved.find_voids(scans);
    resolved.find_tails(scans);
    let mut heap = Heap::default();
    for scan in scans.values() {
        for seen in &scan.seen {
            resolved.sort(seen, &mut heap);
        }
    }
    for (slot, scan) in scans {
        resolved.find_holes(*slot, scan);
    }
    resolved.choose(&heap);
    resolved.holes.sort_unstable();
    resolved.holes.dedup();
    resolved
}

impl Resolved {
    /// A VOID counts if it is vouched for; or if the group that it ends is whole, since then all is that replaces what is void.
    fn find_voids(&mut self, scans: &BTreeMap<u16, Scan>) {
        for scan in scans.values() {
            for seen in scan.seen.iter().filter(|seen| seen.header.kind == Kind::Void && seen.is_whole) {
                let Header { seq, num: from, .. } = seen.header;
                let (to, first) = seen.header.void();
                let group = scan.seen.iter().filter(|s| s.is_whole && (first..=seq).contains(&s.header.seq));
                if seq <= self.synced || group.count() as u64 == seq - first + 1 {
                    self.voids.push(Void { from, to, place: seen.place });
                }
            }
        }
    }

    fn find_tails(&mut self, scans: &BTreeMap<u16, Scan>) {
        let whole: HashSet<Place> = self.voids.iter().map(|void| void.place).collect();
        for seen in scans.values().flat_map(|scan| &scan.seen).filter(|seen| seen.header.seq > self.synced) {
            let Header { seq, flags, .. } = seen.header;
            let tail = self.tails.entry(flags.start).or_default();
            if whole.contains(&seen.place) {
                tail.0 = tail.0.max(seq);
            }
            if flags.owes {
                tail.1 = tail.1.max(seq);
            }
        }
    }

    /// Whether a record that nobody vouches for was never promised, since a sync failed. If that was the record's own, what its process
    /// wrote next owes a VOID. If it was an earlier one's, the record's commit ends with the VOID that it owes.
    ///
    /// Were such records believed, tasks that were refused for want of a disk would come back, with no room set aside for them.
    fn was_refused(&self, header: &Header) -> bool {
        let (void, owing) = self.tails.get(&header.flags.start).copied().unwrap_or_default();
        match header.flags {
            _ if header.seq <= self.synced || self.is_unclear => false,
            // It replaces what is there, or was, word for word.
            flags if flags.is_copy => false,
            flags if flags.owes => header.seq > void,
            _ => owing > header.seq,
        }
    }

    fn is_void(&self, seq: u64) -> bool {
        self.voids.iter().any(|void| (void.from..=void.to).contains(&seq))
    }

    fn sort(&mut self, seen: &Seen, heap: &mut Heap) {
        let Header { kind, seq, num, part, parts, .. } = seen.header;
        let (id, is_vouched) = (TaskId::from_bytes(seen.header.id), seq <= self.synced);
        if self.is_void(seq) || self.was_refused(&seen.header) {
            return;
        }
        if seen.is_whole && !is_vouched {
            self.young.insert(seen.place);
        }
        let this = seen.is_whole.then_some((is_vouched, seq, seen.place));
        match kind {
            Kind::Head => {
                let new = Top { parts, best: None, is_vouched: false, broken: None };
                let top = heap.heads.entry(id).or_default().entry((num, part)).or_insert(new);
                top.best = top.best.max(this);
                top.is_vouched |= is_vouched;
                top.broken = top.broken.or((!seen.is_whole && is_vouched).then_some(seen.place));
            }
            Kind::Piece => {
                let pieces = heap.pieces.entry((id, num)).or_default();
                pieces.resize(pieces.len().max(usize::from(part) + 1), None);
                let place = &mut pieces[usize::from(part)];
                *place = (*place).max(this);
                if !seen.is_whole && is_vouched {
                    heap.broken_pieces.entry((id, num)).or_default().push(seen.place);
                }
            }
            Kind::Ends if seen.is_whole => {
                for (id, end) in &seen.ends {
                    self.sort_end(*id, *end, seq);
                }
            }
            Kind::Ends if is_vouched => self.hole(seen.place, None),
            Kind::Ends | Kind::Void | Kind::Skip => {}
        }
    }

    /// The last end of a task counts; of several copies the newest that is vouched for, else the newest.
    fn sort_end(&mut self, id: TaskId, end: End, seq: u64) {
        let synced = self.synced;
        let rank = |end: &End, seq: u64| (end.stamp, seq <= synced, seq);
        let known = self.ends.entry(id).or_insert((end, seq));
        if rank(&end, seq) > rank(&known.0, known.1) {
            *known = (end, seq);
        }
    }

    fn hole(&mut self, place: Place, id: Option<TaskId>) {
        let from = u32::from(place.tile);
        self.holes.push(Hole { slot: place.slot, from, to: from + u32::from(place.tiles), id });
    }

    /// Between two records that follow each other nothing is missing, but for what is void or was never vouched for.
    fn find_holes(&mut self, slot: u16, scan: &Scan) {
        if scan.is_unclear {
            return;
        }
        let (mut tile, mut last) = (FIRST_TILE, None);
        for seen in &scan.seen {
            let seq = seen.header.seq;
            let hole = Hole { slot, from: tile, to: seen.place.tile.into(), id: None };
            let missing = match last {
                Some(last) if seen.header.kind == Kind::Skip => {
                    self.look_for(last + 1..seen.header.num, hole);
                    seen.header.void().0 + 1..seq
                }
                Some(last) => last + 1..seq,
                // What was there before was given free, and that is known only now.
                None if seen.header.kind == Kind::Skip => seq..seq,
                None if u32::from(seen.place.tile) > FIRST_TILE => seq - 1..seq,
                None => seq..seq,
            };
            self.look_for(missing, hole);
            let tiles = if seen.is_whole { seen.place.tiles.into() } else { 1 };
            (tile, last) = (u32::from(seen.place.tile) + tiles, Some(seq));
        }
        if let Some(last) = last.filter(|last| *last < scan.label.end) {
            let to = u32::try_from(scan.length / super::TILE).unwrap_or(u32::MAX);
            self.look_for(
                last + 1..scan.label.end + 1,
                Hole { slot, from: tile, to: to.max(tile), id: None },
            );
        }
    }

    fn look_for(&mut self, missing: std::ops::Range<u64>, hole: Hole) {
        let mut seq = missing.start;
        let end = missing.end.min(self.synced + 1);
        while seq < end {
            // What is void may be a long range.
            match self.voids.iter().find(|void| (void.from..=void.to).contains(&seq)) {
                Some(void) => seq = void.to + 1,
                None => return self.holes.push(hole),
            }
        }
    }

    fn choose(&mut self, heap: &Heap) {
        let lost_somewhere = !self.holes.is_empty();
        let mut last_piece: HashMap<TaskId, u64> = HashMap::new();
        for ((id, num), pieces) in &heap.pieces {
            if pieces.iter().flatten().any(|(is_vouched, ..)| *is_vouched) {
                let last = last_piece.entry(*id).or_default();
                *last = num.max(last).to_owned();
            }
        }
        for (id, heads) in &heap.heads {
            let is_over = self.ends.get(id).filter(|_| !planted("settled-file-comes-back"));
            let stamp = is_over.map_or(0, |(end, _)| end.stamp);
            let Some((object, mut state)) = self.choose_one(*id, heads, stamp, heap) else { continue };
            // Its pieces are newer than its head: that must be what is missing somewhere.
            let is_behind = last_piece.get(id).is_some_and(|last| *last > object.num && *last > stamp);
            if state == State::Whole && is_behind && lost_somewhere {
                state = State::Damaged;
            }
            self.tasks.insert(*id, (object, state));
        }
        if lost_somewhere {
            self.name_orphans(heap, &last_piece);
        }
    }

    /// Of a task of which no envelope is left, what is left says which one it was.
    fn name_orphans(&mut self, heap: &Heap, last_piece: &HashMap<TaskId, u64>) {
        for (id, num) in last_piece {
            let is_over = self.ends.get(id).is_some_and(|(end, _)| end.stamp > *num);
            if is_over || self.tasks.contains_key(id) {
                continue;
            }
            for (_, _, place) in heap.pieces.get(&(*id, *num)).into_iter().flatten().flatten() {
                self.hole(*place, Some(*id));
            }
        }
    }

    /// The newest head that can be gone on with. What was vouched for and can't be read is damage; what was not was never promised.
    fn choose_one(
        &mut self,
        id: TaskId,
        heads: &BTreeMap<(u64, u16), Top>,
        stamp: u64,
        heap: &Heap,
    ) -> Option<(Object, State)> {
        let mut is_damaged = false;
        for ((num, version), top) in heads.iter().rev().filter(|((num, _), _)| *num > stamp) {
            let Some((_, _, head)) = top.best else {
                if top.is_vouched {
                    is_damaged = true;
                    top.broken.into_iter().for_each(|place| self.hole(place, Some(id)));
                }
                continue;
            };
            let there = heap.pieces.get(&(id, *num));
            let piece = |part: u16| there.and_then(|pieces| pieces.get(usize::from(part)).copied().flatten());
            let nowhere = Place { slot: 0, tile: 0, tiles: 0 };
            let pieces: Vec<Place> =
                (0..top.parts).map(|part| piece(part).map_or(nowhere, |(_, _, place)| place)).collect();
            let is_complete = !pieces.contains(&nowhere);
            if !is_complete && !top.is_vouched && !self.is_unclear {
                continue;
            }
            let state = match (is_complete, is_damaged) {
                (true, false) => State::Whole,
                (false, false) if self.is_unclear => State::Unclear,
                _ => State::Damaged,
            };
            for broken in heap.broken_pieces.get(&(id, *num)).into_iter().flatten().filter(|_| !is_complete) {
                self.hole(*broken, Some(id));
            }
            return Some((Object { num: *num, version: *version, head, pieces }, state));
        }
        None
    }
}

//! Writing: all that is staged goes out in as few groups as the segments allow, usually one, and each with one sync.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;

use super::ends::{self, ENDS_MAX};
use super::record::{Flags, Header, Kind, PIECE_MAX, Place, TILE, tiles};
use super::segment::{BLOCK, BLOCK_TILES, FIRST_TILE, Label};
use super::{Change, Cursor, End, Growing, Log, Object, SPARE, Void};
use crate::TaskId;
use crate::plants::planted;

/// A group is not longer than this, but for a record: it is held in memory until it is synced.
const GROUP_TILES: u32 = 512;
/// A group whose sync failed is written anew so often.
const TRIES: u32 = 2;

/// A commit that did not go through.
#[derive(Debug)]
pub(in crate::spool) struct Failed {
    /// Tasks of which all was kept before the disk refused.
    pub(in crate::spool) kept: HashSet<TaskId>,
    pub(in crate::spool) source: io::Error,
}

/// A record to be written.
pub(super) struct Rec {
    pub(super) kind: Kind,
    pub(super) id: TaskId,
    pub(super) num: Num,
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) is_copy: bool,
    pub(super) payload: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(super) enum Num {
    /// What is there already is copied, or gets another envelope.
    Known(u64),
    /// A new body, the first record of which gives it its number: that of this change.
    Of(usize),
}

/// Where a record went.
struct Written {
    rec: Rec,
    num: u64,
    seq: u64,
    place: Place,
}

impl Log {
    /// Makes durable all that was staged. On an error the ends of tasks stay staged, and nothing else: what of it reached the disk
    /// does not count.
    pub(in crate::spool) fn commit(&mut self) -> Result<(), Failed> {
        let staged = std::mem::take(&mut self.staged);
        if staged.is_empty() {
            return Ok(());
        }
        let mut kept = HashSet::new();
        if self.is_unclear {
            self.staged = staged;
            self.unstage();
            return Err(Failed { kept, source: io::Error::other("a part of the log can't be read now") });
        }
        let mut queue = self.records(&staged);
        let Err(source) = self.write(&mut queue, &mut kept) else { return Ok(()) };
        let unwritten: HashSet<TaskId> =
            queue.iter().filter(|rec| rec.kind == Kind::Ends).flat_map(|rec| in_ends(&rec.payload)).collect();
        let is_left = |change: &Change| matches!(change, Change::End { id, .. } if unwritten.contains(id));
        self.staged = staged.into_iter().filter(is_left).collect();
        Err(Failed { kept, source })
    }

    /// After a commit that failed: whether the disk takes anything by now.
    pub(in crate::spool) fn probe(&mut self) -> io::Result<()> {
        let voids = self.owed_voids.clone();
        if voids.is_empty() {
            return Ok(());
        }
        self.ready(&VecDeque::new(), voids.len() + 1)?;
        let voids = self.owed_voids.clone();
        self.group(&mut VecDeque::new(), &mut HashMap::new(), &voids).map(drop)
    }

    /// The records of these changes, in their order.
    fn records(&self, staged: &[Change]) -> VecDeque<Rec> {
        let mut queue = VecDeque::new();
        let mut over: Vec<(TaskId, End)> = Vec::new();
        for (n, change) in staged.iter().enumerate() {
            match change {
                Change::End { id, end } => over.push((*id, *end)),
                Change::Put { id, envelope, body } => {
                    // A task that begins again does so after its end.
                    if over.iter().any(|(over, _)| over == id) {
                        queue.extend(ends_of(&over, false));
                        over.clear();
                    }
                    self.put_records(n, *id, envelope, body.as_deref(), &mut queue);
                }
            }
        }
        queue.extend(ends_of(&over, false));
        queue
    }

    fn put_records(
        &self,
        change: usize,
        id: TaskId,
        envelope: &[u8],
        body: Option<&[u8]>,
        queue: &mut VecDeque<Rec>,
    ) {
        let held = self.tasks.get(&id);
        let (num, version, parts) = match (body, held) {
            (None, Some(held)) => {
                (Num::Known(held.num), held.version.saturating_add(1), short(held.pieces.len()))
            }
            (body, _) => (Num::Of(change), 0, short(body.unwrap_or_default().chunks(PIECE_MAX).count())),
        };
        for (part, payload) in body.unwrap_or_default().chunks(PIECE_MAX).enumerate() {
            let payload = payload.to_vec();
            queue.push_back(Rec {
                kind: Kind::Piece,
                id,
                num,
                part: short(part),
                parts,
                is_copy: false,
                payload,
            });
        }
        let payload = envelope.to_vec();
        queue.push_back(Rec { kind: Kind::Head, id, num, part: version, parts, is_copy: false, payload });
    }

    /// Writes a queue. On an error what was not written is left in it.
    pub(super) fn write(&mut self, queue: &mut VecDeque<Rec>, kept: &mut HashSet<TaskId>) -> io::Result<()> {
        let mut nums = HashMap::new();
        let mut failed = 0;
        while !queue.is_empty() {
            // One more, should a group fail while room is made.
            let voids = self.owed_voids.len() + 1;
            let written = self.ready(queue, voids).and_then(|()| {
                // To make room can have failed, and left more that is void.
                let voids = self.owed_voids.clone();
                self.group(queue, &mut nums, &voids)
            });
            match written {
                Ok(heads) => {
                    kept.extend(heads);
                    failed = 0;
                }
                Err(_) if self.head.is_none() && failed + 1 < TRIES => failed += 1,
                Err(error) => {
                    self.stop_growing();
                    return Err(error);
                }
            }
        }
        if std::mem::take(&mut self.is_shaken) && self.free() < SPARE {
            self.tidy();
        }
        Ok(())
    }

    fn stop_growing(&mut self) {
        for piece in self.growing.take().into_iter().flat_map(|growing| growing.pieces) {
            self.moved(Some(piece), None);
        }
    }

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

    /// Writes as much of the queue as is good for one group, and syncs it; behind the end of the queue these VOIDs. The answer: the
    /// tasks whose heads are kept. On an error the queue is as it was, and the head is no more.
    pub(super) fn group(
        &mut self,
        queue: &mut VecDeque<Rec>,
        nums: &mut HashMap<usize, u64>,
        voids: &[(u64, u64)],
    ) -> io::Result<Vec<TaskId>> {
        let Some(head) = self.head else { return Err(io::ErrorKind::StorageFull.into()) };
        let (first, room) = (self.next, self.size.tiles() - head.tile - u32::from(short(voids.len())));
        let (mut bytes, mut written) = (Vec::new(), Vec::new());
        if let Some(from) = self.skip.take() {
            self.encode_skip(from, head, &mut bytes);
        }
        while let Some(rec) = queue.front() {
            let used = tiles_of(&bytes);
            let fits = used + tiles(rec.payload.len()) <= room;
            if !fits || (used > 0 && used + tiles(rec.payload.len()) > GROUP_TILES) {
                break;
            }
            let Some(rec) = queue.pop_front() else { break };
            written.push(self.encode(rec, head, nums, &mut bytes));
        }
        let voids = if queue.is_empty() { voids } else { &[] };
        let voids = self.encode_voids(voids, first, head, &mut bytes);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        match self.sync_group(head, first, &bytes) {
            Ok(()) => {
                self.head = Some(Cursor { tile: head.tile + tiles_of(&bytes), ..head });
                self.landed_voids(voids);
                #[cfg(any(test, feature = "testing"))]
                {
                    self.claimed = self.synced;
                }
                if self.owed_voids.is_empty() {
                    self.synced = self.next - 1;
                }
                Ok(written.into_iter().filter_map(|written| self.land(written)).collect())
            }
            Err(error) => {
                (self.head, self.is_shaken) = (None, true);
                self.owe_void(first, self.next - 1);
                for Written { rec, .. } in written.into_iter().rev() {
                    // A body of which nothing is kept begins with another number.
                    let is_first = rec.parts == 0 || (rec.kind == Kind::Piece && rec.part == 0);
                    if let (Num::Of(change), true) = (rec.num, is_first) {
                        nums.remove(&change);
                    }
                    queue.push_front(rec);
                }
                Err(error)
            }
        }
    }

    /// These records do not count, whatever of them reached the disk.
    pub(super) fn owe_void(&mut self, from: u64, to: u64) {
        match self.owed_voids.last_mut() {
            Some(last) if last.1 + 1 == from => last.1 = to,
            _ => self.owed_voids.push((from, to)),
        }
    }

    fn encode(
        &mut self,
        rec: Rec,
        head: Cursor,
        nums: &mut HashMap<usize, u64>,
        bytes: &mut Vec<u8>,
    ) -> Written {
        let seq = self.next_seq();
        let num = match rec.num {
            Num::Known(num) => num,
            Num::Of(change) => *nums.entry(change).or_insert(seq),
        };
        let place = Place::new(head.slot, head.tile + tiles_of(bytes), rec.payload.len());
        let header = Header {
            kind: rec.kind,
            flags: self.flags(rec.is_copy),
            seq,
            num,
            synced: self.synced,
            id: *rec.id.as_bytes(),
            part: rec.part,
            parts: rec.parts,
            length: rec.payload.len(),
            crc: 0,
        };
        header.write(place, &rec.payload, bytes);
        Written { rec, num, seq, place }
    }

    fn encode_voids(
        &mut self,
        ranges: &[(u64, u64)],
        first: u64,
        head: Cursor,
        bytes: &mut Vec<u8>,
    ) -> Vec<Void> {
        let mut voids = Vec::new();
        for (from, to) in ranges.iter().copied() {
            let place = Place::new(head.slot, head.tile + tiles_of(bytes), 0);
            let mut id = [0; 16];
            id[..8].copy_from_slice(&to.to_le_bytes());
            id[8..].copy_from_slice(&first.to_le_bytes());
            let seq = self.next_seq();
            let (synced, kind, flags) = (self.synced, Kind::Void, self.flags(false));
            Header { kind, flags, seq, num: from, synced, id, part: 0, parts: 0, length: 0, crc: 0 }.write(
                place,
                &[],
                bytes,
            );
            voids.push(Void { from, to, place });
        }
        voids
    }

    /// Between what was written to this segment before and what is now, others were written to elsewhere.
    fn encode_skip(&mut self, from: u64, head: Cursor, bytes: &mut Vec<u8>) {
        let seq = self.next_seq();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(seq - 1).to_le_bytes());
        let (synced, kind, flags) = (self.synced, Kind::Skip, self.flags(false));
        let place = Place::new(head.slot, head.tile, 0);
        Header { kind, flags, seq, num: from, synced, id, part: 0, parts: 0, length: 0, crc: 0 }.write(
            place,
            &[],
            bytes,
        );
    }

    fn flags(&self, is_copy: bool) -> Flags {
        Flags { owes: !self.owed_voids.is_empty(), is_copy, start: self.start }
    }

    fn next_seq(&mut self) -> u64 {
        let seq = self.next;
        self.next += 1;
        seq
    }

    fn sync_group(&mut self, head: Cursor, first: u64, bytes: &[u8]) -> io::Result<()> {
        let to = self.next - 1;
        let segment = self.segments.get_mut(&head.slot).ok_or(io::ErrorKind::NotFound)?;
        segment.from = if segment.from == 0 { first } else { segment.from };
        segment.to = to;
        let synced = segment
            .file
            .write_at(u64::from(head.tile) * TILE as u64, bytes)
            .and_then(|()| segment.file.sync());
        let synced =
            if planted("second-sync-believed") { synced.or_else(|_| segment.file.sync()) } else { synced };
        if synced.is_ok() && !segment.file.is_there() {
            segment.is_lost = true;
            return Err(io::Error::new(io::ErrorKind::NotFound, "a file of the log was removed"));
        }
        if synced.is_err() {
            (segment.is_suspect, segment.tail) = (true, Some(head.tile + tiles_of(bytes)));
        }
        synced
    }

    /// A record is durable: from now on it counts, and what it replaces does not. The task, if it is all there with it.
    fn land(&mut self, written: Written) -> Option<TaskId> {
        let Written { rec: Rec { kind, id, part, parts, payload, .. }, num, seq, place } = written;
        match kind {
            Kind::Piece => {
                self.land_piece(id, num, part.into(), place);
                None
            }
            Kind::Head => self.land_head(id, num, part, parts, place),
            Kind::Ends => {
                for (id, end) in ends::read(&payload, seq, place.slot) {
                    self.land_end(id, end);
                }
                None
            }
            Kind::Void | Kind::Skip => None,
        }
    }

    fn land_piece(&mut self, id: TaskId, num: u64, part: usize, place: Place) {
        let grown = self.tasks.get_mut(&id).filter(|object| object.num == num);
        if let Some(there) = grown.and_then(|object| object.pieces.get_mut(part)) {
            let old = std::mem::replace(there, place);
            return self.moved(Some(old), Some(place));
        }
        if self.growing.as_ref().is_none_or(|growing| (growing.id, growing.num) != (id, num)) {
            self.stop_growing();
            self.growing = Some(Growing { id, num, pieces: Vec::new() });
        }
        let Some(growing) = &mut self.growing else { return };
        let old = match growing.pieces.get_mut(part) {
            Some(there) => Some(std::mem::replace(there, place)),
            None => {
                growing.pieces.push(place);
                None
            }
        };
        self.moved(old, Some(place));
    }

    fn land_head(&mut self, id: TaskId, num: u64, version: u16, parts: u16, place: Place) -> Option<TaskId> {
        self.moved(None, Some(place));
        if let Some(object) = self.tasks.get_mut(&id).filter(|object| object.num == num) {
            object.version = version;
            let old = std::mem::replace(&mut object.head, place);
            self.moved(Some(old), None);
            return Some(id);
        }
        let pieces = match self.growing.take() {
            Some(growing) if (growing.id, growing.num) == (id, num) => growing.pieces,
            other => {
                self.growing = other;
                Vec::new()
            }
        };
        debug_assert_eq!(pieces.len(), usize::from(parts), "a body is written in the order of its pieces");
        let new = Object { num, version, head: place, pieces };
        if let Some(old) = self.tasks.insert(id, new) {
            self.drop_object(&old);
        }
        Some(id)
    }

    pub(super) fn land_end(&mut self, id: TaskId, end: End) {
        if self.tasks.get(&id).is_some_and(|object| object.num < end.stamp)
            && let Some(object) = self.tasks.remove(&id)
        {
            self.drop_object(&object);
        }
        if let Some(segment) = self.segments.get_mut(&end.slot) {
            segment.ends += 1;
        }
        let before = self.ends.put(id, end);
        self.forgotten(before);
    }

    /// An end does not lie there any more.
    pub(super) fn forgotten(&mut self, end: Option<End>) {
        if let Some(segment) = end.and_then(|end| self.segments.get_mut(&end.slot)) {
            segment.ends = segment.ends.saturating_sub(1);
        }
    }

    fn landed_voids(&mut self, voids: Vec<Void>) {
        for void in voids {
            self.owed_voids.retain(|owed| *owed != (void.from, void.to));
            let before = self.voids.iter().position(|old| (old.from, old.to) == (void.from, void.to));
            let before = before.map(|n| self.voids.swap_remove(n).place);
            self.moved(before, Some(void.place));
            self.voids.push(void);
        }
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

/// ENDS of these, several if they do not fit into one.
pub(super) fn ends_of(ends: &[(TaskId, End)], is_copy: bool) -> Vec<Rec> {
    let record = |ends: &[(TaskId, End)]| {
        let mut payload = Vec::new();
        for (id, end) in ends {
            ends::write(*id, end, &mut payload);
        }
        let (id, num) = (TaskId::from_bytes([0; 16]), Num::Known(0));
        Rec { kind: Kind::Ends, id, num, part: 0, parts: 0, is_copy, payload }
    };
    ends.chunks(ENDS_MAX).map(record).collect()
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the log has no room left")
}

fn in_ends(payload: &[u8]) -> Vec<TaskId> {
    ends::read(payload, 0, 0).into_iter().map(|(id, _)| id).collect()
}

fn tiles_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len() / TILE).unwrap_or(u32::MAX)
}

/// No body has as many pieces, the longest being some MiB.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

const _: () = assert!(BLOCK_TILES as usize * TILE == BLOCK);

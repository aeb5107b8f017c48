//! A group: records that go out in one write and one sync.

use std::collections::{HashMap, VecDeque};
use std::io;

use super::rec::{Num, Rec, short};
use super::record::{Flags, Header, Kind, Place, TILE, tiles};
use super::segment::{BLOCK, BLOCK_TILES};
use super::{Cursor, Log, Void};
use crate::TaskId;
use crate::plants::planted;

/// A group is not longer than this, but for a record: it is held in memory until it is synced.
const GROUP_TILES: u32 = 512;

/// Where a record went.
pub(super) struct Written {
    pub(super) rec: Rec,
    pub(super) num: u64,
    pub(super) seq: u64,
    pub(super) place: Place,
}

impl Log {
    /// Writes as much of the queue as is good for one group, and syncs it; behind the end of the queue these VOIDs. The answer: the
    /// tasks whose heads are kept. On an error the queue is as it was, and the head is no more.
    pub(super) fn group(
        &mut self,
        queue: &mut VecDeque<Rec>,
        nums: &mut HashMap<usize, u64>,
        voids: &[(u64, u64)],
    ) -> io::Result<Vec<TaskId>> {
        let Some(head) = self.head else { return Err(io::ErrorKind::StorageFull.into()) };
        let room = self.size.tiles().saturating_sub(head.tile + u32::from(short(voids.len())));
        let first = self.next;
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
}

fn tiles_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len() / TILE).unwrap_or(u32::MAX)
}

const _: () = assert!(BLOCK_TILES as usize * TILE == BLOCK);

//! What lies in a segment: each tile is tried, so that damage hides nothing but itself.

use std::io;

use super::super::OpenFile;
use super::ends::{self, End};
use super::record::{Header, Kind, Place, TILE};
use super::segment::{BLOCK, BLOCK_TILES, FIRST_TILE, Label, VERSION};
use crate::TaskId;

/// A record of this use of the segment.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) header: Header,
    pub(super) place: Place,
    /// Its payload is as it was written.
    pub(super) is_whole: bool,
    /// What an ENDS says.
    pub(super) ends: Vec<(TaskId, End)>,
}

/// A segment, read.
pub(super) struct Scan {
    pub(super) label: Label,
    /// No label could be read.
    pub(super) is_unlabelled: bool,
    /// In the order in which they lie there.
    pub(super) seen: Vec<Seen>,
    /// Also of those that an earlier use left: what the highest claim is, and the highest seq.
    pub(super) synced: u64,
    pub(super) last: u64,
    /// A part of it can't be read now.
    pub(super) is_unclear: bool,
    /// Bytes of the segment.
    pub(super) length: usize,
    /// All of them, until they are [let go](Scan::let_go).
    pub(super) bytes: Vec<u8>,
}

/// Reads a segment of so many bytes. An error: a later version wrote it.
pub(super) fn scan(file: &dyn OpenFile, slot: u16, size: u32) -> io::Result<Scan> {
    let (bytes, is_unclear) = read(file, size as usize);
    let labels = [0, BLOCK].map(|at| Label::read(&bytes[at..], slot));
    if labels.iter().flatten().any(|(_, version, _)| *version > VERSION) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a later version of the worker wrote it"));
    }
    let label = labels.into_iter().flatten().map(|(label, ..)| label).max_by_key(|label| label.count);
    let mut scan = Scan {
        label: label.unwrap_or_default(),
        is_unlabelled: label.is_none(),
        seen: Vec::new(),
        synced: labels.iter().flatten().map(|(label, ..)| label.synced).max().unwrap_or(0),
        last: label.map_or(0, |label| label.end.max(label.floor.saturating_sub(1))),
        is_unclear,
        length: bytes.len(),
        bytes,
    };
    scan.walk(slot);
    Ok(scan)
}

impl Scan {
    fn walk(&mut self, slot: u16) {
        let tiles = u16::try_from(self.bytes.len() / TILE).unwrap_or(u16::MAX);
        let mut tile = FIRST_TILE;
        while let Some(at) = u16::try_from(tile).ok().filter(|at| *at < tiles) {
            let record = &self.bytes[usize::from(at) * TILE..];
            let Some(header) = Header::read(record, slot, at) else {
                tile += 1;
                continue;
            };
            let payload = header.payload(record);
            let place = Place::new(slot, tile, header.length);
            // What lies within a record that is damaged may be another one.
            tile += if payload.is_some() { u32::from(place.tiles) } else { 1 };
            (self.synced, self.last) = (self.synced.max(header.synced), self.last.max(header.seq));
            if header.seq < self.label.floor {
                continue;
            }
            let ends = match (header.kind, payload) {
                (Kind::Ends, Some(payload)) => ends::read(payload, header.seq, slot),
                _ => Vec::new(),
            };
            self.seen.push(Seen { place, is_whole: payload.is_some(), ends, header });
        }
    }

    /// What was found stays, the bytes do not: a start holds one segment in memory, and not all.
    pub(super) fn let_go(mut self) -> Self {
        self.bytes = Vec::new();
        self
    }

    /// The first block behind all that was written, unless that is known to be the end.
    pub(super) fn tail(&self) -> Option<u32> {
        let last = self.seen.iter().max_by_key(|seen| seen.place)?;
        let behind = u32::from(last.place.tile) + u32::from(last.place.tiles);
        (self.label.end < last.header.seq).then_some(behind.next_multiple_of(BLOCK_TILES))
    }

    /// The bytes of these tiles.
    pub(super) fn tiles(&self, from: u32, to: u32) -> &[u8] {
        let [from, to] = [from, to].map(|tile| (tile as usize * TILE).min(self.bytes.len()));
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The payload of a record that is whole.
    pub(super) fn payload(&self, seen: &Seen) -> Vec<u8> {
        let record =
            self.tiles(seen.place.tile.into(), u32::from(seen.place.tile) + u32::from(seen.place.tiles));
        seen.header.payload(record).unwrap_or_default().to_vec()
    }
}

/// All of it; what is missing or can't be read is zero. Whether there is something that can't be read.
fn read(file: &dyn OpenFile, size: usize) -> (Vec<u8>, bool) {
    let mut bytes = vec![0; size];
    let there = file.length().map_or(size, |length| usize::try_from(length).unwrap_or(size).min(size));
    if file.read_at(0, &mut bytes[..there]).is_ok() {
        return (bytes, false);
    }
    let mut is_unclear = false;
    for (n, block) in bytes[..there].chunks_mut(BLOCK).enumerate() {
        if file.read_at((n * BLOCK) as u64, block).is_err() {
            block.fill(0);
            is_unclear = true;
        }
    }
    (bytes, is_unclear)
}

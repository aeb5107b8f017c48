//! Room: what may be promised, so that it can always be written.
//!
//! Of `n` segments one is the head and [`SPARE`](super::SPARE) are free. The other `n - 3` are full of records of which some count.
//! If all that counts, and all that is promised, is at most seven eighths of what `n - 3` segments hold, less the longest record, then
//! one of them can be copied into less than a segment, and each such copy gains room: there is always somewhere to write to.

use std::io;
use std::path::{Path, PathBuf};

use super::Log;
use super::record::{PIECE_MAX, RECORD_TILES, TILE, tiles};
use super::segment::{BLOCK, FIRST_TILE, Label, Segment};
use crate::plants::planted;
use crate::spool::Disk;

/// Segments of a small log, in bytes: a phone's begins with five.
const SMALL: u32 = 256 << 10;
/// And of a large one.
const LARGE: u32 = 1 << 20;
/// From this bound on a log is a large one.
const LARGE_FROM: u64 = 64 << 20;
/// The fewest segments: the head, the spare ones, and two to be copied from.
pub(super) const FEWEST: usize = 5;
/// Of a slot's number are three digits at least.
const SLOTS: u16 = 10_000;

/// How large a log is, and may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Size {
    /// Bytes of a segment.
    pub(super) segment: u32,
    /// Segments.
    pub(super) most: usize,
}

impl Size {
    /// For a log of at most so many bytes; five segments are the least.
    pub(in crate::spool) fn of(max_bytes: u64) -> Self {
        Size::in_segments(max_bytes, if max_bytes < LARGE_FROM { SMALL } else { LARGE })
    }

    pub(super) fn in_segments(max_bytes: u64, segment: u32) -> Self {
        let most = usize::try_from(max_bytes / u64::from(segment)).unwrap_or(usize::MAX);
        Size { segment, most: most.clamp(FEWEST, SLOTS.into()) }
    }

    /// The least bytes of a log in which so many tiles can be promised.
    pub(in crate::spool) fn least(tiles: u64) -> u64 {
        let small =
            |segments: &usize| Size::of(*segments as u64 * u64::from(SMALL)).capacity(*segments) >= tiles;
        let segments = (FEWEST..usize::from(SLOTS)).find(small).unwrap_or(SLOTS.into());
        segments as u64 * u64::from(SMALL)
    }

    /// Tiles of a segment.
    pub(super) fn tiles(self) -> u32 {
        self.segment / TILE as u32
    }

    /// The tiles that may be promised in so many segments.
    pub(in crate::spool) fn capacity(self, segments: usize) -> u64 {
        let each = u64::from(self.tiles() - FIRST_TILE - RECORD_TILES) * 7 / 8;
        (segments.saturating_sub(3)) as u64 * each
    }
}

/// The tiles of a task with such an envelope and body, in bytes.
pub(in crate::spool) fn cost(envelope: usize, body: usize) -> u64 {
    let whole = (body / PIECE_MAX) as u64 * u64::from(tiles(PIECE_MAX));
    let rest = if body.is_multiple_of(PIECE_MAX) { 0 } else { u64::from(tiles(body % PIECE_MAX)) };
    u64::from(tiles(envelope)) + whole + rest
}

impl Log {
    /// The tiles that what counts takes.
    pub(in crate::spool) fn used(&self) -> u64 {
        self.segments.values().map(|segment| u64::from(segment.cost())).sum()
    }

    /// The tiles that may be promised, those in use included.
    pub(in crate::spool) fn capacity(&self) -> u64 {
        self.size.capacity(self.sound())
    }

    /// The same, if it grew as far as it may.
    pub(in crate::spool) fn capacity_at_most(&self) -> u64 {
        self.size.capacity(self.size.most)
    }

    /// Segments that can be written to.
    fn sound(&self) -> usize {
        self.segments.values().filter(|s| !s.is_lost && !s.is_needed && !s.is_stuck).count()
    }

    /// Makes one more segment. False: it may not grow any more.
    pub(in crate::spool) fn grow(&mut self, disk: &mut dyn Disk) -> io::Result<bool> {
        if self.sound() >= self.size.most || self.is_unclear {
            return Ok(false);
        }
        let is_spent = |segment: &Segment| segment.is_lost && segment.cost() == 0;
        let slot = (0..SLOTS).find(|slot| self.segments.get(slot).is_none_or(is_spent));
        let Some(slot) = slot else { return Ok(false) };
        let label = Label { floor: self.next, synced: self.synced, ..Label::default() };
        let segment = make(disk, &self.dir, slot, self.size.segment, label)?;
        self.segments.insert(slot, segment);
        Ok(true)
    }
}

impl Segment {
    /// Tiles that a copy of what counts in it takes.
    pub(super) fn cost(&self) -> u32 {
        let ends = if self.ends == 0 { 0 } else { tiles(self.ends as usize * 32) };
        self.live + ends
    }
}

/// The file of a segment.
pub(super) fn path(dir: &Path, slot: u16) -> PathBuf {
    dir.join(format!("{slot:03}"))
}

/// Makes a segment: written in full, synced, and only then under its name.
pub(super) fn make(
    disk: &mut dyn Disk,
    dir: &Path,
    slot: u16,
    size: u32,
    label: Label,
) -> io::Result<Segment> {
    let mut bytes = noise(slot, size as usize);
    let block = label.write(slot, size);
    bytes[..BLOCK].copy_from_slice(&block);
    bytes[BLOCK..2 * BLOCK].copy_from_slice(&block);
    put(disk, dir, slot, &bytes)?;
    let mut segment = Segment::new(disk.open(&path(dir, slot))?, label);
    segment.is_label_sure = true;
    Ok(segment)
}

/// Gives a segment's name to a file with these bytes.
pub(super) fn put(disk: &mut dyn Disk, dir: &Path, slot: u16, bytes: &[u8]) -> io::Result<()> {
    let (new, file) = (dir.join(format!("{slot:03}.new")), path(dir, slot));
    // A file whose sync failed is never synced again.
    match disk.remove(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let made = disk
        .write_durably(&new, bytes)
        .and_then(|()| disk.rename(&new, &file))
        .and_then(|()| if planted("no-folder-sync") { Ok(()) } else { disk.sync_dir(dir) });
    if made.is_err() {
        let _ = disk.remove(&new);
    }
    made
}

/// A file system that keeps zeros, or what can be made smaller, without giving them space would have to find it later.
fn noise(slot: u16, size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (u64::from(slot) << 17);
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

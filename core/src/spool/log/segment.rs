//! A segment: a file of one size, written in full when it is made, and overwritten in place ever after.
//!
//! Its first two blocks of 4,096 bytes are a label, twice. They are written by turns, so that one that is torn leaves the other; the
//! whole one that was written last counts. Records begin at 8,192.
//!
//! ```text
//!  0  "AWLOGSEG"
//!  8  version u32, slot u16, 0 u16
//! 16  bytes of a segment u32, 0 u32
//! 24  count u64       how often the label was written
//! 32  floor u64       records with a smaller seq are what an earlier use left
//! 40  end u64         the last seq in it, once nothing more is written to it; else 0
//! 48  synced u64      as in a record
//! 56  0 u32, CRC-32C u32
//! ```

use std::io;

use super::super::OpenFile;
use super::crc::crc;
use super::record::{TILE, long, short, word};

/// What a write begins at: what was synced before is never in the same block.
pub(super) const BLOCK: usize = 4096;
pub(super) const BLOCK_TILES: u32 = (BLOCK / TILE) as u32;
/// The first tile behind the labels.
pub(super) const FIRST_TILE: u32 = 2 * BLOCK_TILES;
/// Of the format. A later one is refused.
pub(super) const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"AWLOGSEG";
const LABEL: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Label {
    pub(super) count: u64,
    pub(super) floor: u64,
    pub(super) end: u64,
    pub(super) synced: u64,
}

impl Label {
    pub(super) fn write(&self, slot: u16, size: u32) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..14].copy_from_slice(&slot.to_le_bytes());
        bytes[16..20].copy_from_slice(&size.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.count.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.floor.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.end.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.synced.to_le_bytes());
        let sum = crc(&bytes[..LABEL - 4]);
        bytes[LABEL - 4..LABEL].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The label at the beginning of these bytes, its version and its segment's size.
    pub(super) fn read(bytes: &[u8], slot: u16) -> Option<(Self, u32, u32)> {
        let bytes: &[u8; LABEL] = bytes.first_chunk()?;
        let whole = bytes[..8] == *MAGIC && word(bytes, LABEL - 4) == crc(&bytes[..LABEL - 4]);
        if !whole || short(bytes, 12) != slot {
            return None;
        }
        let label = Label {
            count: long(bytes, 24),
            floor: long(bytes, 32),
            end: long(bytes, 40),
            synced: long(bytes, 48),
        };
        Some((label, word(bytes, 8), word(bytes, 16)))
    }
}

/// A segment, open.
pub(super) struct Segment {
    pub(super) file: Box<dyn OpenFile>,
    pub(super) label: Label,
    /// The first and the last seq written to it in this use, whether synced or not; 0: none, it is free.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The tile behind all that was written, if one may go on there.
    pub(super) tail: Option<u32>,
    /// Tiles of records that count.
    pub(super) live: u32,
    /// Ends of tasks that are remembered by what lies here.
    pub(super) ends: u32,
    /// This process has synced its label. One that another process left may lie in the system's memory alone: were it lost later, what
    /// an earlier use left would count again.
    pub(super) is_label_sure: bool,
    /// A sync of it failed: it is used last.
    pub(super) is_suspect: bool,
    /// It can't be written to, or what is written to it is of no use: its name leads elsewhere, or it is cut short.
    pub(super) is_lost: bool,
    /// There is something in it that can't be read, and lies nowhere else: it is not given free, nor written to.
    pub(super) is_needed: bool,
    /// Something that counts could not be copied out of it: it is not tried again before that is dead.
    pub(super) is_stuck: bool,
}

impl Segment {
    pub(super) fn new(file: Box<dyn OpenFile>, label: Label) -> Self {
        Segment {
            file,
            label,
            from: 0,
            to: 0,
            tail: None,
            live: 0,
            ends: 0,
            is_label_sure: false,
            is_suspect: false,
            is_lost: false,
            is_needed: false,
            is_stuck: false,
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.from == 0 && !self.is_lost && !self.is_needed
    }

    /// Gives it another label, durably: over the one that does not count.
    pub(super) fn relabel(&mut self, slot: u16, size: u32, label: Label) -> io::Result<()> {
        let label = Label { count: self.label.count + 1, ..label };
        let block = label.write(slot, size);
        let at = |count: u64| (count % 2) * BLOCK as u64;
        self.file.write_at(at(label.count), &block)?;
        self.file.sync()?;
        if !self.file.is_there() {
            self.is_lost = true;
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was removed while it was in use"));
        }
        (self.label, self.is_label_sure) = (label, true);
        // The other one is brought up to it at leisure: one of them may rot.
        let _ = self.file.write_at(at(label.count + 1), &block);
        Ok(())
    }
}

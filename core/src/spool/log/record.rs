//! A record: 64 bytes of header, then its payload. All numbers are little endian.
//!
//! ```text
//!  0  FF 'W' 'L' '1'      FF is in no UTF-8: no input or output can look like one
//!  4  kind u8, key u8     key: which one seals the payload, 0 for none, the only one so far
//!  6  flags u16           1: records before it are void, and that is not written yet; 2: a copy; the rest: the start that wrote it
//!  8  seq u64             of all records of a log the order in which they were written; never used twice
//! 16  num u64             PIECE, HEAD: the body's number. VOID, SKIP: the first seq that is void
//! 24  synced u64          all records up to this seq were synced before this one was written, or are void
//! 32  id 16               PIECE, HEAD: the task's. VOID, SKIP: the last seq; VOID: then the first seq of its group
//! 48  part u16, parts u16 PIECE: which of how many. HEAD: the version of its envelope; how many pieces its body has
//! 52  length u32          of the payload
//! 56  CRC-32C u32         of the payload
//! 60  CRC-32C u32         of the 60 bytes before, and of the place: a copy elsewhere is no record
//! ```

use super::crc::crc;

/// Records begin at multiples of this: a sector that goes bad takes one record, not two.
pub(in crate::spool) const TILE: usize = 512;
pub(super) const HEADER: usize = 64;
/// The most bytes of a body that one record carries.
pub(super) const PIECE_MAX: usize = (16 << 10) - HEADER;
/// The longest payload: an envelope of which each character is escaped.
pub(super) const PAYLOAD_MAX: usize = (32 << 10) - HEADER;
/// Tiles of the largest record.
pub(super) const RECORD_TILES: u32 = tiles(PAYLOAD_MAX);

const MAGIC: [u8; 4] = [0xff, b'W', b'L', b'1'];

/// The tiles that a record with such a payload takes.
#[allow(clippy::cast_possible_truncation)]
pub(super) const fn tiles(payload: usize) -> u32 {
    (HEADER + payload).div_ceil(TILE) as u32
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// The segment.
    pub(super) slot: u16,
    /// The first tile.
    pub(super) tile: u16,
    /// How many.
    pub(super) tiles: u16,
}

impl Place {
    /// Of a record with such a payload at a tile of a segment, which has fewer than 65,536.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn new(slot: u16, tile: u32, payload: usize) -> Self {
        Place { slot, tile: tile as u16, tiles: tiles(payload) as u16 }
    }

    /// The byte at which it begins.
    pub(super) fn at(self) -> u64 {
        u64::from(self.tile) * TILE as u64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part of a task's body.
    Piece = 1,
    /// A task's envelope; with it the pieces of its number count.
    Head = 2,
    /// Which tasks are over.
    Ends = 3,
    /// Records that do not count: the sync failed that should have kept them.
    Void = 4,
    /// Records that lie in other segments, if anywhere.
    Skip = 5,
}

/// How a record came to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// Records before it are void, and no VOID is there yet that says so: one at the end of its commit does.
    pub(super) owes: bool,
    /// What it says was said before.
    pub(super) is_copy: bool,
    /// The start whose process wrote it, of 16,384.
    pub(super) start: u16,
}

impl Flags {
    const STARTS: u16 = 1 << 14;

    fn of(word: u16) -> Self {
        Flags { owes: word & 1 != 0, is_copy: word & 2 != 0, start: word >> 2 }
    }

    fn word(self) -> u16 {
        u16::from(self.owes) | (u16::from(self.is_copy) << 1) | ((self.start % Flags::STARTS) << 2)
    }

    /// The one that follows this one.
    pub(super) fn next_start(self) -> u16 {
        (self.start + 1) % Flags::STARTS
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) flags: Flags,
    pub(super) seq: u64,
    pub(super) num: u64,
    pub(super) synced: u64,
    pub(super) id: [u8; 16],
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) length: usize,
    /// Of the payload, as it should be.
    pub(super) crc: u32,
}

impl Header {
    /// Appends the record, filled up to whole tiles with zeros.
    pub(super) fn write(&self, place: Place, payload: &[u8], to: &mut Vec<u8>) {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind as u8;
        bytes[6..8].copy_from_slice(&self.flags.word().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.num.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.synced.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.id);
        bytes[48..50].copy_from_slice(&self.part.to_le_bytes());
        bytes[50..52].copy_from_slice(&self.parts.to_le_bytes());
        bytes[52..56].copy_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes[56..60].copy_from_slice(&crc(payload).to_le_bytes());
        let sum = sum(&bytes, place.slot, place.tile);
        bytes[60..].copy_from_slice(&sum.to_le_bytes());
        to.extend_from_slice(&bytes);
        to.extend_from_slice(payload);
        to.resize(to.len().next_multiple_of(TILE), 0);
    }

    /// The header at the beginning of these bytes, if one of this place is there that can be read.
    pub(super) fn read(bytes: &[u8], slot: u16, tile: u16) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        if bytes[..4] != MAGIC || word(bytes, 60) != sum(bytes, slot, tile) {
            return None;
        }
        let kind = match bytes[4] {
            1 => Kind::Piece,
            2 => Kind::Head,
            3 => Kind::Ends,
            4 => Kind::Void,
            5 => Kind::Skip,
            _ => return None,
        };
        let length = usize::try_from(word(bytes, 52)).ok().filter(|length| *length <= PAYLOAD_MAX)?;
        Some(Header {
            kind,
            flags: Flags::of(short(bytes, 6)),
            seq: long(bytes, 8),
            num: long(bytes, 16),
            synced: long(bytes, 24),
            id: *bytes[32..].first_chunk()?,
            part: short(bytes, 48),
            parts: short(bytes, 50),
            length,
            crc: word(bytes, 56),
        })
    }

    /// The payload behind the header, if it is as it was written.
    pub(super) fn payload<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        let payload = record.get(HEADER..HEADER + self.length)?;
        (crc(payload) == self.crc).then_some(payload)
    }

    /// Of a VOID: the last seq that is void, and the first one of the group that the VOID is the end of.
    pub(super) fn void(&self) -> (u64, u64) {
        (long(&self.id, 0), long(&self.id, 8))
    }
}

fn sum(header: &[u8; HEADER], slot: u16, tile: u16) -> u32 {
    let mut all = [0; HEADER];
    all[..60].copy_from_slice(&header[..60]);
    all[60..62].copy_from_slice(&slot.to_le_bytes());
    all[62..].copy_from_slice(&tile.to_le_bytes());
    crc(&all)
}

pub(super) fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two))
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}

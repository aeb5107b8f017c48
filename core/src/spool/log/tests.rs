//! The log against a disk that tears, reorders, forgets and refuses, and a model of what it was told to keep.

mod hard;
mod model;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::spool::memory::MemoryDisk;
use crate::spool::{Disk, Op};

/// Small segments, so that a test soon comes to their end.
const SEGMENT: u32 = 96 << 10;

fn dir() -> PathBuf {
    PathBuf::from("/log")
}

fn size(segments: u64) -> Size {
    Size::in_segments(segments * u64::from(SEGMENT), SEGMENT)
}

fn open(disk: &MemoryDisk) -> (Log, Opened) {
    Log::open(&mut disk.clone(), &dir(), size(5), true).unwrap()
}

fn id(n: u64) -> TaskId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    TaskId::from_bytes(bytes)
}

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(5)
}

/// Bytes that are no others'.
fn bytes(n: u64, length: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(n);
    (0..length).map(|_| rng.u8(..)).collect()
}

/// What lies in the segments, for who looks into a failure.
fn lies(disk: &MemoryDisk) -> String {
    let mut told = String::new();
    for slot in 0..5 {
        let file = disk.clone().open(&space::path(&dir(), slot)).unwrap();
        let scan = scan::scan(&*file, slot, SEGMENT).unwrap();
        told += &format!("segment {slot}: {:?}\n", scan.label);
        for scan::Seen { header: h, place, is_whole, .. } in &scan.seen {
            let what = format!("{:?} {} of {}, num {}, {:?}", h.kind, h.part, h.parts, h.num, h.void());
            told += &format!(
                "  {}+{} seq {} synced {} {:?} {is_whole} {what}\n",
                place.tile, place.tiles, h.seq, h.synced, h.flags
            );
        }
    }
    told
}

/// What is counted in each segment is what lies there.
fn check_counts(log: &Log) {
    let mut live: BTreeMap<u16, u32> = BTreeMap::new();
    let growing = log.growing.iter().flat_map(|growing| growing.pieces.iter().copied());
    let voids = log.voids.iter().map(|void| void.place);
    for place in log.places().into_iter().chain(growing).chain(voids) {
        *live.entry(place.slot).or_default() += u32::from(place.tiles);
    }
    for (slot, segment) in &log.segments {
        assert_eq!(segment.live, live.get(slot).copied().unwrap_or(0), "tiles in {slot}");
        assert!(segment.from != 0 || segment.cost() == 0, "{slot} is free, and something in it counts");
    }
}

//! Which tasks are over: records of 64 bytes in two segments. When the one in use is full the other one is emptied and used, so
//! at least the last 10,000 tasks are remembered, at most 20,000, and nothing is ever rewritten.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::{Disk, files};
use crate::{Settlement, TaskId};

/// Id 16, time 8, settlement 1, request id 36, checksum 3.
const RECORD: usize = 64;
const CHECKED: usize = RECORD - 3;
/// Records of a segment.
pub(super) const SEGMENT: usize = 10_000;
pub(super) const NAMES: [&str; 2] = ["settled.a", "settled.b"];
/// While a segment is written anew.
pub(super) const NEW: &str = "settled.new";
/// The largest segment; a few records more than are counted may lie there.
pub(super) const SEGMENT_MAX: u64 = 2 << 20;

/// The tasks that are over.
#[derive(Default)]
pub(super) struct Tombstones {
    segments: [HashMap<TaskId, Settlement>; 2],
    /// Records written to each segment.
    counts: [usize; 2],
    active: usize,
    /// Not written yet.
    owed: Vec<(TaskId, Settlement, [u8; RECORD])>,
}

impl Tombstones {
    /// Reads both segments. Records that a power cut tore are skipped, and cut off so that later ones lie where they should.
    pub(super) fn load(disk: &mut dyn Disk, dir: &Path) -> io::Result<Self> {
        let mut tombstones = Tombstones::default();
        let mut newest = [0; 2];
        for (n, name) in NAMES.into_iter().enumerate() {
            let path = dir.join(name);
            let bytes = match disk.read(&path, SEGMENT_MAX) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            let whole = bytes.len() - bytes.len() % RECORD;
            if whole < bytes.len() {
                write_whole(disk, dir, name, &bytes[..whole])?;
            }
            tombstones.counts[n] = whole / RECORD;
            for (id, settlement, at) in bytes.chunks_exact(RECORD).filter_map(decode) {
                tombstones.segments[n].insert(id, settlement);
                newest[n] = at.max(newest[n]);
            }
        }
        let is_full = tombstones.counts.map(|count| count >= SEGMENT);
        let b_is_newer = newest[1] > newest[0] || tombstones.counts[0] == 0;
        tombstones.active = match is_full {
            // Whatever the dates say: a wrong clock may have set them.
            [true, false] => 1,
            [false, true] => 0,
            _ => usize::from(b_is_newer && tombstones.counts[1] > 0),
        };
        Ok(tombstones)
    }

    pub(super) fn find(&self, id: TaskId) -> Option<Settlement> {
        let owed = self.owed.iter().rev().find(|(owed, ..)| *owed == id);
        owed.map(|(_, settlement, _)| *settlement)
            .or_else(|| self.segments.iter().find_map(|segment| segment.get(&id)).copied())
    }

    /// From now on the task is over; [`write`](Self::write) makes that durable.
    pub(super) fn add(
        &mut self,
        id: TaskId,
        settlement: Settlement,
        request_id: Option<&str>,
        at: SystemTime,
    ) {
        self.owed.push((id, settlement, encode(id, settlement, request_id, at)));
    }

    /// The folder was made anew: what is known stays known to this process, and new records go to new files.
    pub(super) fn begin_anew(&mut self) {
        self.counts = [0; 2];
    }

    /// Writes what is not on disk yet: the last one, and those before it that the disk refused.
    pub(super) fn write(&mut self, disk: &mut dyn Disk, dir: &Path) -> io::Result<()> {
        if self.counts[self.active] >= SEGMENT {
            let other = 1 - self.active;
            write_whole(disk, dir, NAMES[other], &[])?;
            self.segments[other].clear();
            self.counts[other] = 0;
            self.active = other;
        }
        let path = dir.join(NAMES[self.active]);
        // A write that failed half-way must not push later records off their places.
        let place = (self.counts[self.active] * RECORD) as u64;
        let records = self.owed.iter().map(|(.., record)| *record).collect::<Vec<_>>();
        match disk.write_at_durably(&path, place, records.as_flattened()) {
            Err(e) if files::is_odd(&e) => {
                let mut bytes = disk.read(&path, SEGMENT_MAX).unwrap_or_default();
                bytes.resize(self.counts[self.active] * RECORD, 0);
                bytes.extend_from_slice(records.as_flattened());
                write_whole(disk, dir, NAMES[self.active], &bytes)?;
            }
            written => written?,
        }
        if self.counts[self.active] == 0 {
            // The segment may be new, and its name not durable.
            disk.sync_dir(dir)?;
        }
        self.counts[self.active] += self.owed.len();
        let written = self.owed.drain(..).map(|(id, settlement, _)| (id, settlement));
        self.segments[self.active].extend(written);
        Ok(())
    }
}

/// Gives a segment these contents. One that can't be written in place, having another name elsewhere, is replaced.
fn write_whole(disk: &mut dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (new, path) = (dir.join(NEW), dir.join(name));
    match disk.write_durably(&path, bytes) {
        Err(e) if files::is_odd(&e) => {
            let _ = disk.remove(&new);
            disk.write_durably(&new, bytes)?;
            disk.rename(&new, &path)?;
            disk.sync_dir(dir)
        }
        written => written,
    }
}

fn encode(id: TaskId, settlement: Settlement, request_id: Option<&str>, at: SystemTime) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    record[..16].copy_from_slice(id.as_bytes());
    record[16..24].copy_from_slice(&seconds.to_le_bytes());
    record[24] = match settlement {
        Settlement::Delivered => 1,
        Settlement::TooLate => 2,
        Settlement::Unknown => 3,
        Settlement::Retracted => 4,
        Settlement::Discarded => 5,
    };
    for (place, byte) in record[25..CHECKED].iter_mut().zip(request_id.unwrap_or_default().bytes()) {
        *place = byte;
    }
    let sum = Sha256::digest(&record[..CHECKED]);
    record[CHECKED..].copy_from_slice(&sum[..3]);
    record
}

fn decode(record: &[u8]) -> Option<(TaskId, Settlement, u64)> {
    if Sha256::digest(&record[..CHECKED])[..3] != record[CHECKED..] {
        return None;
    }
    let settlement = match record[24] {
        1 => Settlement::Delivered,
        2 => Settlement::TooLate,
        3 => Settlement::Unknown,
        4 => Settlement::Retracted,
        5 => Settlement::Discarded,
        _ => return None,
    };
    let id = TaskId::from_bytes(*record.first_chunk()?);
    Some((id, settlement, u64::from_le_bytes(*record[16..].first_chunk()?)))
}

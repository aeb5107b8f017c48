//! Opening the log: reads all of it, and writes anew what only the system's memory may hold.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use super::ends::End;
use super::rec::{Num, Rec, ends_of};
use super::record::{Kind, Place, TILE};
use super::resolve::{Hole, Resolved, State, resolve};
use super::scan::{Scan, scan};
use super::segment::{BLOCK, Label, Segment};
use super::space::{FEWEST, path, put};
use super::{Cursor, Log, SPARE, Size, payload};
use crate::TaskId;
use crate::plants::planted;
use crate::spool::{Disk, files};

/// A start leaves so many seqs out: what was being written when the last process ended may have had any of them.
const JUMP: u64 = 1 << 20;

/// What was found.
pub(in crate::spool) struct Opened {
    /// All tasks, and what is left of each.
    pub(in crate::spool) tasks: Vec<(TaskId, State)>,
    /// What was lost though it had been vouched for.
    pub(in crate::spool) bad: Vec<Bad>,
    /// Segments of which a part can't be read now.
    pub(in crate::spool) unclear: Vec<PathBuf>,
}

/// Bytes that make no sense, where a record was.
#[derive(Debug)]
pub(in crate::spool) struct Bad {
    pub(in crate::spool) slot: u16,
    tile: u32,
    /// Whose they are, where that is known.
    id: Option<TaskId>,
    pub(in crate::spool) bytes: Vec<u8>,
}

impl Bad {
    /// A name for them, by their task and their place.
    pub(in crate::spool) fn name(&self) -> String {
        let id = self.id.map(|id| format!("{id}.")).unwrap_or_default();
        format!("{id}{:03}-{:05}.record", self.slot, self.tile)
    }
}

impl Log {
    /// Opens the log in a folder that is there; where there is none yet, makes one. What can't be read now stays where it is, if it
    /// is to be waited for; else it counts as damaged.
    pub(in crate::spool) fn open(
        disk: &mut dyn Disk,
        dir: &Path,
        size: Size,
        waits: bool,
    ) -> io::Result<(Log, Opened)> {
        let slots = slots(disk, dir)?;
        let mut log = Log::empty(dir, size);
        let scans = log.read(disk, &slots, waits)?;
        let resolved = resolve(&scans);
        let unclear = scans.iter().filter(|(_, scan)| scan.is_unclear).map(|(slot, _)| path(dir, *slot));
        let mut opened = Opened { tasks: Vec::new(), bad: Vec::new(), unclear: unclear.collect() };
        log.take_in(&scans, resolved, &mut opened)?;
        drop(scans);
        while log.segments.len() < FEWEST && log.grow(disk)? {}
        Ok((log, opened))
    }

    /// Opens and reads the segments, one after the other.
    fn read(&mut self, disk: &mut dyn Disk, slots: &[u16], waits: bool) -> io::Result<BTreeMap<u16, Scan>> {
        let mut scans = BTreeMap::new();
        self.size.segment =
            slots.iter().find_map(|slot| size_of(disk, &self.dir, *slot)).unwrap_or(self.size.segment);
        for slot in slots.iter().copied() {
            let path = path(&self.dir, slot);
            let file = match disk.open(&path) {
                Err(e) if files::is_odd(&e) && self.unshare(disk, slot).is_ok() => disk.open(&path),
                opened => opened,
            };
            let file = match file {
                Ok(file) => file,
                // Where it can't be set aside: what is no file of ours is left alone.
                Err(e) if files::is_odd(&e) => continue,
                Err(e) => return Err(e),
            };
            let length = file.length()?;
            let mut scan = scan(&*file, slot, self.size.segment)?;
            scan.is_unclear &= waits;
            let mut segment = Segment::new(file, scan.label);
            segment.is_lost = length < self.size.segment.into();
            segment.is_needed = scan.is_unclear;
            segment.from = scan.seen.iter().map(|seen| seen.header.seq).min().unwrap_or(0);
            segment.to = scan.seen.iter().map(|seen| seen.header.seq).max().unwrap_or(0);
            segment.tail = scan.tail();
            self.segments.insert(slot, segment);
            scans.insert(slot, scan.let_go());
        }
        Ok(scans)
    }

    /// A segment that has another name elsewhere, as in a snapshot made of links, gets a file of its own.
    fn unshare(&self, disk: &mut dyn Disk, slot: u16) -> io::Result<()> {
        let bytes = disk.read(&path(&self.dir, slot), self.size.segment.into())?;
        put(disk, &self.dir, slot, &bytes)
    }

    fn take_in(
        &mut self,
        scans: &BTreeMap<u16, Scan>,
        resolved: Resolved,
        opened: &mut Opened,
    ) -> io::Result<()> {
        self.synced = resolved.synced;
        self.start = resolved.start;
        let is_empty = scans.values().all(|scan| scan.seen.is_empty());
        for (id, (object, state)) in &resolved.tasks {
            for place in object.pieces.iter().chain([&object.head]) {
                self.moved(None, Some(*place));
            }
            self.tasks.insert(*id, object.clone());
            opened.tasks.push((*id, *state));
        }
        for void in &resolved.voids {
            self.moved(None, Some(void.place));
        }
        self.voids.clone_from(&resolved.voids);
        for (id, (end, _)) in &resolved.ends {
            self.land_end(*id, *end);
        }
        for hole in &resolved.holes {
            opened.bad.push(self.bad(*hole));
        }
        self.is_unclear = resolved.is_unclear;
        if self.is_unclear {
            return Ok(());
        }
        self.next = resolved.last + 1;
        if !is_empty {
            // What nobody vouches for does not count from now on: what of it is whole is written anew.
            self.owe_void(resolved.synced + 1, resolved.last + JUMP);
            self.next += JUMP;
        }
        self.head = self.cursor();
        let mut queue = self.young(&resolved);
        if planted("start-believes-what-was-not-synced") {
            (self.synced, self.owed_voids) = (self.next - 1, Vec::new());
            queue.clear();
        }
        if !queue.is_empty() {
            self.write(&mut queue, &mut HashSet::new())?;
        }
        if self.free() < SPARE {
            self.tidy();
        }
        Ok(())
    }

    fn bad(&mut self, hole: Hole) -> Bad {
        let mut bytes = vec![0; (hole.to - hole.from) as usize * TILE];
        if let Some(segment) = self.segments.get_mut(&hole.slot) {
            let _ = segment.file.read_at(u64::from(hole.from) * TILE as u64, &mut bytes);
            segment.is_needed = true;
        }
        Bad { slot: hole.slot, tile: hole.from, id: hole.id, bytes }
    }

    /// Goes on in the segment that was written last, behind what is there.
    fn cursor(&self) -> Option<Cursor> {
        let (slot, segment) = self.segments.iter().max_by_key(|(_, segment)| segment.to)?;
        let tile = segment.tail.filter(|_| !segment.is_lost && !segment.is_needed)?;
        (tile < self.size.tiles()).then_some(Cursor { slot: *slot, tile })
    }

    /// What counts and may lie in the system's memory alone, as records to be written.
    fn young(&self, resolved: &Resolved) -> VecDeque<Rec> {
        let mut queue = VecDeque::new();
        for (id, (object, _)) in &resolved.tasks {
            let parts = u16::try_from(object.pieces.len()).unwrap_or(u16::MAX);
            for (part, place) in (0..).zip(&object.pieces) {
                queue.extend(self.again(*id, Kind::Piece, *place, (object.num, part, parts), resolved));
            }
            let version = (object.num, object.version, parts);
            queue.extend(self.again(*id, Kind::Head, object.head, version, resolved));
        }
        let young = resolved.ends.iter().filter(|(_, (_, seq))| *seq > resolved.synced);
        let mut ends: Vec<(TaskId, End)> = young.map(|(id, (end, _))| (*id, *end)).collect();
        ends.sort_unstable_by_key(|(id, end)| (end.stamp, *id));
        queue.extend(ends_of(&ends, true));
        queue
    }

    fn again(
        &self,
        id: TaskId,
        kind: Kind,
        place: Place,
        (num, part, parts): (u64, u16, u16),
        resolved: &Resolved,
    ) -> Option<Rec> {
        let record = resolved.young.contains(&place).then(|| self.record(place))?.ok()?;
        let payload = payload(&record, place, kind, id)?.to_vec();
        Some(Rec { kind, id, num: Num::Known(num), part, parts, is_copy: true, payload })
    }

    /// What was lost in these segments lies elsewhere by now: what is left in them is copied, and they are given free.
    pub(in crate::spool) fn release(&mut self, slots: impl IntoIterator<Item = u16>) {
        for slot in slots {
            if let Some(segment) = self.segments.get_mut(&slot) {
                segment.is_needed = false;
            }
            let is_head = self.head.is_some_and(|head| head.slot == slot);
            self.head = self.head.filter(|_| !is_head);
            // Without room for the copies it stays as it is, and is told again at the next start.
            self.is_tidying = true;
            let _ = self.vacate(slot);
            self.is_tidying = false;
        }
    }
}

/// The numbers of the segments that are there. What was being made when the last process ended goes.
fn slots(disk: &mut dyn Disk, dir: &Path) -> io::Result<Vec<u16>> {
    let mut slots = Vec::new();
    for name in disk.list(dir)? {
        let number = name.strip_suffix(".new").unwrap_or(&name);
        let is_number = number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
        let Some(slot) = number.parse::<u16>().ok().filter(|_| is_number) else { continue };
        if number.len() == name.len() {
            slots.push(slot);
        } else {
            let _ = disk.remove(&dir.join(name));
        }
    }
    slots.sort_unstable();
    Ok(slots)
}

/// How large the segments of this log are, by the label of one.
fn size_of(disk: &mut dyn Disk, dir: &Path, slot: u16) -> Option<u32> {
    let file = disk.open(&path(dir, slot)).ok()?;
    let mut bytes = vec![0; BLOCK];
    let sizes = [0, BLOCK].into_iter().filter_map(|at| {
        file.read_at(at as u64, &mut bytes).ok()?;
        Label::read(&bytes, slot).map(|(_, _, size)| size)
    });
    // A size that no log has comes from no worker.
    sizes.max().filter(|size| (1 << 16..=1 << 24).contains(size) && size.is_multiple_of(BLOCK as u32))
}

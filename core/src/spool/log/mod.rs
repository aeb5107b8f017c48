//! The log: what is known of each task, as records in a few files that are written over and over.
//!
//! # Format
//!
//! `log/000`, `log/001` and so on are [segments](segment) of one size. Into one of them, the head, is written; others are full, or
//! free. A [record](record) is a PIECE of a task's body, a HEAD with its envelope, ENDS of tasks, a VOID, or a SKIP. What one sync carries is
//! a *group*: it begins at a multiple of 4,096, and its records follow each other at multiples of 512. There is one order of records
//! over all segments, `seq`, without a gap within a segment but for what is void, or a SKIP says to lie elsewhere.
//!
//! A body has a number, `num`, the seq of its first piece when that was first written. Of a task the HEAD with the highest `num`
//! counts, and of several with one body that with the highest version. A task is over if an END has a higher stamp than its `num`.
//! So records may be copied about as they are, and several copies of one do no harm.
//!
//! # Invariants
//!
//! 1. A block that was synced is not written again before its segment was given free.
//! 2. *Kept* means that the sync said yes, and that the name still leads to the file that was synced. What a failed sync was to carry
//!    is written anew, elsewhere, from memory; what it left is VOID from then on.
//! 3. A record says up to which seq all was synced. A start believes what that vouches for; whole records that nobody vouches for may
//!    lie in the system's memory alone, and are written anew and synced before anyone hears of them. A VOID comes last of what
//!    replaces what is void. Of those that nobody vouches for none is believed that a failed sync must have left (see [`resolve`]).
//! 4. A record is dead only once what replaces it is synced. A segment is given free, durably, by a label, once all in it is dead;
//!    only then is it written to.
//! 5. The end of a task outlives all records of it: it is forgotten only when no segment in use holds anything as old.
//! 6. At rest [`SPARE`] segments are free, so that there is always somewhere to copy to.
//! 7. What was promised room is counted (see [`space`]), and what can be written without a promise never reaches into it.
//! 8. What is damaged and was vouched for is told with its bytes, and its segment is not given free before they lie elsewhere.

mod crc;
mod ends;
mod group;
mod land;
mod look;
mod open;
mod rec;
mod record;
mod resolve;
mod roll;
mod scan;
mod segment;
mod space;
#[cfg(test)]
mod tests;
mod tidy;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ends::{End, Ends};
pub(super) use look::look;
pub(super) use open::{Bad, Opened};
pub(super) use record::TILE;
use record::{HEADER, Header, Kind, Place};
pub(super) use resolve::State;
use segment::Segment;
pub(super) use space::{Size, cost};
pub(super) use write::Failed;

#[cfg(any(test, feature = "testing"))]
use crate::spool::Disk;
use crate::{Settlement, TaskId};

/// So many segments are free at rest: one to go on in, and one to copy into meanwhile.
const SPARE: usize = 2;

/// All segments, and what in them counts.
pub(super) struct Log {
    dir: PathBuf,
    size: Size,
    segments: BTreeMap<u16, Segment>,
    head: Option<Cursor>,
    /// The head goes on in a segment that was left: the first seq that is not to be looked for there.
    skip: Option<u64>,
    /// By which the records of this process are known.
    start: u16,
    /// The seq of the next record.
    next: u64,
    /// All up to this one were synced, or are void.
    synced: u64,
    /// What the last group that was synced says of that.
    #[cfg(any(test, feature = "testing"))]
    claimed: u64,
    tasks: HashMap<TaskId, Object>,
    ends: Ends,
    /// Those that were written, and are needed yet.
    voids: Vec<Void>,
    /// Those to be written: first and last seq.
    owed_voids: Vec<(u64, u64)>,
    /// A body of which not all is written yet.
    growing: Option<Growing>,
    staged: Vec<Change>,
    is_tidying: bool,
    /// A group failed, and segments were left that were not full.
    is_shaken: bool,
    /// A part of it can't be read now: until it can, nothing is written. Neither the last seq is known nor what was promised.
    is_unclear: bool,
}

/// Where the next group begins.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    slot: u16,
    tile: u32,
}

/// A task's records.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    num: u64,
    version: u16,
    head: Place,
    /// One without tiles: it is lost.
    pieces: Vec<Place>,
}

#[derive(Debug)]
struct Growing {
    id: TaskId,
    num: u64,
    pieces: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Void {
    from: u64,
    to: u64,
    place: Place,
}

/// What the next commit makes durable.
enum Change {
    Put {
        id: TaskId,
        envelope: Vec<u8>,
        /// `None`: it stays as it is.
        body: Option<Vec<u8>>,
    },
    End {
        id: TaskId,
        end: End,
    },
}

impl Change {
    fn id(&self) -> TaskId {
        match self {
            Change::Put { id, .. } | Change::End { id, .. } => *id,
        }
    }
}

/// Why a body can't be had.
#[derive(Debug)]
pub(super) enum NoBody {
    /// No such task is in the log.
    Unknown,
    /// The disk does not give it now.
    Unreadable(io::Error),
    /// It was read, and is damaged: the bytes that are left of it.
    Damaged(Vec<u8>),
}

impl Log {
    /// A log without anything, and without files.
    pub(super) fn empty(dir: &Path, size: Size) -> Self {
        Log {
            dir: dir.to_owned(),
            size,
            segments: BTreeMap::new(),
            head: None,
            skip: None,
            start: 0,
            next: 1,
            synced: 0,
            #[cfg(any(test, feature = "testing"))]
            claimed: 0,
            tasks: HashMap::new(),
            ends: Ends::default(),
            voids: Vec::new(),
            owed_voids: Vec::new(),
            growing: None,
            staged: Vec::new(),
            is_tidying: false,
            is_shaken: false,
            is_unclear: false,
        }
    }

    /// What is known of a task, from the next [`commit`](Log::commit) on. Without a `body` the one that it has stays.
    pub(super) fn put(&mut self, id: TaskId, envelope: Vec<u8>, body: Option<Vec<u8>>) {
        match self.staged.iter_mut().rev().find(|change| change.id() == id) {
            Some(Change::Put { envelope: old, body: old_body, .. }) => {
                *old = envelope;
                *old_body = body.or(old_body.take());
            }
            _ => self.staged.push(Change::Put { id, envelope, body }),
        }
    }

    /// The task is over, or was never accepted. That is durable with the next [`commit`](Log::commit); until then it is not known
    /// here, and the task stays.
    pub(super) fn end(&mut self, id: TaskId, settlement: Option<Settlement>, at: SystemTime) {
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        self.staged.push(Change::End { id, end: End { stamp: 0, settlement, at, slot: 0 } });
    }

    /// Takes back what was staged, but for the ends of tasks.
    pub(super) fn unstage(&mut self) {
        self.staged.retain(|change| matches!(change, Change::End { .. }));
    }

    /// What ended in another log is known to have ended in this one too, durably with the next [`commit`](Log::commit).
    pub(super) fn remember(&mut self, other: &Log) {
        let ends = other.ends.all().into_iter();
        let again = ends.map(|(id, end)| Change::End { id, end: End { stamp: 0, slot: 0, ..end } });
        self.staged.extend(again);
        self.take_over(other);
    }

    /// The ends of tasks that another log was to make durable are this one's to write.
    pub(super) fn take_over(&mut self, other: &Log) {
        self.staged.extend(other.staged.iter().filter_map(|change| match change {
            Change::End { id, end } => Some(Change::End { id: *id, end: *end }),
            Change::Put { .. } => None,
        }));
    }

    /// Whether there is something to be made durable.
    pub(super) fn owes(&self) -> bool {
        !self.staged.is_empty()
    }

    /// How the task ended, as far as that is remembered.
    pub(super) fn settled(&self, id: TaskId) -> Option<Settlement> {
        let staged = self.staged.iter().rev().find_map(|change| match change {
            Change::End { id: ended, end } if *ended == id => Some(end.settlement),
            _ => None,
        });
        staged.unwrap_or_else(|| self.ends.find(id).and_then(|end| end.settlement))
    }

    /// The task's body, as it is or is about to be.
    pub(super) fn body(&self, id: TaskId) -> Result<Vec<u8>, NoBody> {
        let staged = self.staged.iter().rev().find_map(|change| match change {
            Change::Put { id: put, body: Some(body), .. } if *put == id => Some(body.clone()),
            _ => None,
        });
        if let Some(body) = staged {
            return Ok(body);
        }
        let object = self.tasks.get(&id).ok_or(NoBody::Unknown)?;
        let (mut body, mut raw, mut is_whole) = (Vec::new(), Vec::new(), true);
        for place in &object.pieces {
            let record = self.record(*place).map_err(NoBody::Unreadable)?;
            match payload(&record, *place, Kind::Piece, id) {
                Some(payload) => body.extend_from_slice(payload),
                None => is_whole = false,
            }
            raw.extend(record);
        }
        if is_whole { Ok(body) } else { Err(NoBody::Damaged(raw)) }
    }

    /// The task's envelope, as it is on disk.
    pub(super) fn envelope(&self, id: TaskId) -> Result<Vec<u8>, NoBody> {
        let place = self.tasks.get(&id).ok_or(NoBody::Unknown)?.head;
        let record = self.record(place).map_err(NoBody::Unreadable)?;
        let payload = payload(&record, place, Kind::Head, id).map(<[u8]>::to_vec);
        payload.ok_or(NoBody::Damaged(record))
    }

    /// Whether there is nothing of a task but its envelope.
    pub(super) fn is_bare(&self, id: TaskId) -> bool {
        self.tasks.get(&id).is_none_or(|object| object.pieces.is_empty())
    }

    /// The most bytes that the task's body has.
    pub(super) fn body_length(&self, id: TaskId) -> usize {
        let pieces = self.tasks.get(&id).into_iter().flat_map(|object| &object.pieces);
        pieces.map(|place| usize::from(place.tiles) * TILE).sum()
    }

    /// Where the records of a task lie: the one with the envelope, then the pieces of its body.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn lies(&self, id: TaskId) -> Vec<(PathBuf, std::ops::Range<usize>)> {
        let object = self.tasks.get(&id).into_iter();
        let places = object.flat_map(|object| [&object.head].into_iter().chain(&object.pieces));
        let spot = |place: &Place| {
            let at = usize::from(place.tile) * TILE;
            (space::path(&self.dir, place.slot), at..at + usize::from(place.tiles) * TILE)
        };
        places.map(spot).collect()
    }

    /// Whether a group that was synced says of all records of a task that they were.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn is_vouched_for(&self, id: TaskId) -> bool {
        let object = self.tasks.get(&id).into_iter();
        let mut places =
            object.flat_map(|object| [&object.head].into_iter().chain(&object.pieces)).peekable();
        places.peek().is_some()
            && places.all(|place| {
                let record = self.record(*place).unwrap_or_default();
                Header::read(&record, place.slot, place.tile).is_some_and(|header| header.seq <= self.claimed)
            })
    }

    /// The records of a task, as far as they can be read.
    pub(super) fn raw(&self, id: TaskId) -> Vec<u8> {
        let places = self
            .tasks
            .get(&id)
            .into_iter()
            .flat_map(|object| [&object.head].into_iter().chain(&object.pieces));
        places.filter_map(|place| self.record(*place).ok()).flatten().collect()
    }

    fn record(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::from(place.tiles) * TILE];
        let segment = self.segments.get(&place.slot).ok_or(io::ErrorKind::NotFound)?;
        segment.file.read_at(place.at(), &mut bytes)?;
        Ok(bytes)
    }

    /// Whether a record at this place is one that counts.
    fn counts(&self, header: &Header, place: Place) -> bool {
        let id = TaskId::from_bytes(header.id);
        let part = usize::from(header.part);
        match header.kind {
            Kind::Head => self.tasks.get(&id).is_some_and(|object| object.head == place),
            Kind::Piece => {
                let grown =
                    self.tasks.get(&id).filter(|o| o.num == header.num).and_then(|o| o.pieces.get(part));
                let growing = self.growing.as_ref().filter(|g| (g.id, g.num) == (id, header.num));
                let growing = growing.and_then(|growing| growing.pieces.get(part));
                grown == Some(&place) || growing == Some(&place)
            }
            Kind::Void => self.voids.iter().any(|void| void.place == place),
            // Of these each one is asked for by itself.
            Kind::Ends | Kind::Skip => false,
        }
    }

    /// What lies at this place counts from now on; what lay at the other one does not any more.
    fn moved(&mut self, from: Option<Place>, to: Option<Place>) {
        if let Some(segment) = from.and_then(|place| self.segments.get_mut(&place.slot)) {
            segment.live = segment.live.saturating_sub(from.map_or(0, |place| place.tiles.into()));
        }
        if let Some(segment) = to.and_then(|place| self.segments.get_mut(&place.slot)) {
            segment.live += to.map_or(0, |place| u32::from(place.tiles));
        }
    }

    /// The records of a task do not count any more.
    fn drop_object(&mut self, object: &Object) {
        self.moved(Some(object.head), None);
        for piece in &object.pieces {
            self.moved(Some(*piece), None);
        }
    }
}

/// Writes a task into the log of a folder as it is, vouched for, and says where it lies. For fuzzers.
#[cfg(any(test, feature = "testing"))]
pub(super) fn write_task(
    disk: &mut dyn Disk,
    dir: &Path,
    id: TaskId,
    envelope: Vec<u8>,
    body: Vec<u8>,
) -> Vec<(PathBuf, std::ops::Range<usize>)> {
    let Ok((mut log, _)) = Log::open(disk, dir, Size::of(0), true) else { return Vec::new() };
    log.put(id, envelope, Some(body));
    let _ = log.commit();
    log.end(TaskId::from_bytes([9; 16]), None, SystemTime::UNIX_EPOCH);
    let _ = log.commit();
    log.lies(id)
}

/// The payload of a record that was read at its place.
fn payload(record: &[u8], place: Place, kind: Kind, id: TaskId) -> Option<&[u8]> {
    let header = Header::read(record.get(..HEADER)?, place.slot, place.tile)?;
    header.payload(record).filter(|_| header.kind == kind && header.id == *id.as_bytes())
}

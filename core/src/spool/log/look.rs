//! A look into a log from outside: nothing is locked, changed or waited for, so a worker may be writing to it meanwhile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::payload;
use super::record::{HEADER, Kind, TILE};
use super::resolve::{State, resolve};
use super::scan::scan;
use super::segment::{BLOCK, Label};
use crate::TaskId;
use crate::spool::{OpenFile, files};

/// No log has larger segments.
const SEGMENT_MAX: u64 = 1 << 24;

/// What was seen.
#[derive(Default)]
pub(in crate::spool) struct Looked {
    /// The envelopes of all tasks that can be read.
    pub(in crate::spool) tasks: Vec<(TaskId, Vec<u8>)>,
    /// Files of which a part can't be read or not be understood.
    pub(in crate::spool) unreadable: Vec<PathBuf>,
}

/// Looks into the log in a folder. An error: the folder can't be read.
pub(in crate::spool) fn look(dir: &Path) -> io::Result<Looked> {
    let (mut looked, mut scans, mut segments) = (Looked::default(), BTreeMap::new(), BTreeMap::new());
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(slot) = name.filter(|name| name.len() >= 3).and_then(|name| name.parse::<u16>().ok()) else {
            continue;
        };
        let Ok(segment) = open(&path) else {
            looked.unreadable.push(path);
            continue;
        };
        let scan = segment.size(slot).and_then(|size| scan(&segment, slot, size));
        match scan {
            Ok(scan) if !scan.is_unlabelled => drop(scans.insert(slot, scan.let_go())),
            _ => looked.unreadable.push(path.clone()),
        }
        segments.insert(slot, (segment, path));
    }
    let resolved = resolve(&scans);
    let broken = scans.iter().filter(|(_, scan)| scan.is_unclear).map(|(slot, _)| *slot);
    let broken = broken.chain(resolved.holes.iter().map(|hole| hole.slot));
    looked.unreadable.extend(broken.filter_map(|slot| Some(segments.get(&slot)?.1.clone())));
    looked.unreadable.sort();
    looked.unreadable.dedup();
    for (id, (object, _)) in resolved.tasks.iter().filter(|(_, (_, state))| *state != State::Unclear) {
        let mut record = vec![0; usize::from(object.head.tiles) * TILE];
        let Some((segment, _)) = segments.get(&object.head.slot) else { continue };
        let read = segment.read_at(object.head.at(), &mut record);
        let envelope = read.ok().and_then(|()| payload(&record, object.head, Kind::Head, *id));
        looked.tasks.extend(envelope.map(|envelope| (*id, envelope.to_vec())));
    }
    Ok(looked)
}

/// A segment that is only read.
struct Seen {
    file: File,
}

fn open(path: &Path) -> io::Result<Seen> {
    files::length(path)?;
    Ok(Seen { file: files::open_to_read(path)? })
}

impl Seen {
    /// How large the segments of this log are; what has no label that can be read is as large as it is.
    fn size(&self, slot: u16) -> io::Result<u32> {
        let mut bytes = [0; HEADER];
        let labels = [0, BLOCK as u64].into_iter().filter_map(|at| {
            self.read_at(at, &mut bytes).ok()?;
            Label::read(&bytes, slot).map(|(_, _, size)| u64::from(size))
        });
        let size = labels.max().unwrap_or(self.length()?.next_multiple_of(BLOCK as u64));
        u32::try_from(size.clamp(2 * BLOCK as u64, SEGMENT_MAX)).map_err(io::Error::other)
    }
}

impl OpenFile for Seen {
    fn length(&self) -> io::Result<u64> {
        self.file.metadata().map(|about| about.len())
    }

    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, at)
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn is_there(&self) -> bool {
        true
    }
}

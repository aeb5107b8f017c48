//! Writing: all that is staged goes out in as few groups as the segments allow, usually one, and each with one sync.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;

use super::ends;
use super::rec::{Num, Rec, ends_of, short};
use super::record::{Kind, PIECE_MAX};
use super::{Change, End, Log};
use crate::TaskId;

/// A group whose sync failed is written anew so often.
const TRIES: u32 = 2;

/// A commit that did not go through.
#[derive(Debug)]
pub(in crate::spool) struct Failed {
    /// Tasks of which all was kept before the disk refused.
    pub(in crate::spool) kept: HashSet<TaskId>,
    pub(in crate::spool) source: io::Error,
}

impl Log {
    /// Makes durable all that was staged. On an error the ends of tasks stay staged, and nothing else: what of it reached the disk
    /// does not count.
    pub(in crate::spool) fn commit(&mut self) -> Result<(), Failed> {
        let staged = std::mem::take(&mut self.staged);
        if staged.is_empty() {
            return Ok(());
        }
        let mut kept = HashSet::new();
        if self.is_unclear {
            self.staged = staged;
            self.unstage();
            return Err(Failed { kept, source: io::Error::other("a part of the log can't be read now") });
        }
        let mut queue = self.records(&staged);
        let Err(source) = self.write(&mut queue, &mut kept) else { return Ok(()) };
        let unwritten: HashSet<TaskId> =
            queue.iter().filter(|rec| rec.kind == Kind::Ends).flat_map(|rec| in_ends(&rec.payload)).collect();
        let is_left = |change: &Change| matches!(change, Change::End { id, .. } if unwritten.contains(id));
        self.staged = staged.into_iter().filter(is_left).collect();
        Err(Failed { kept, source })
    }

    /// After a commit that failed: whether the disk takes anything by now.
    pub(in crate::spool) fn probe(&mut self) -> io::Result<()> {
        let voids = self.owed_voids.clone();
        if voids.is_empty() {
            return Ok(());
        }
        self.ready(&VecDeque::new(), voids.len() + 1)?;
        let voids = self.owed_voids.clone();
        self.group(&mut VecDeque::new(), &mut HashMap::new(), &voids).map(drop)
    }

    /// The records of these changes, in their order.
    fn records(&self, staged: &[Change]) -> VecDeque<Rec> {
        let mut queue = VecDeque::new();
        let mut over: Vec<(TaskId, End)> = Vec::new();
        for (n, change) in staged.iter().enumerate() {
            match change {
                Change::End { id, end } => over.push((*id, *end)),
                Change::Put { id, envelope, body } => {
                    // A task that begins again does so after its end.
                    if over.iter().any(|(over, _)| over == id) {
                        queue.extend(ends_of(&over, false));
                        over.clear();
                    }
                    self.put_records(n, *id, envelope, body.as_deref(), &mut queue);
                }
            }
        }
        queue.extend(ends_of(&over, false));
        queue
    }

    fn put_records(
        &self,
        change: usize,
        id: TaskId,
        envelope: &[u8],
        body: Option<&[u8]>,
        queue: &mut VecDeque<Rec>,
    ) {
        let held = self.tasks.get(&id);
        let (num, version, parts) = match (body, held) {
            (None, Some(held)) => {
                (Num::Known(held.num), held.version.saturating_add(1), short(held.pieces.len()))
            }
            (body, _) => (Num::Of(change), 0, short(body.unwrap_or_default().chunks(PIECE_MAX).count())),
        };
        for (part, payload) in body.unwrap_or_default().chunks(PIECE_MAX).enumerate() {
            let payload = payload.to_vec();
            queue.push_back(Rec {
                kind: Kind::Piece,
                id,
                num,
                part: short(part),
                parts,
                is_copy: false,
                payload,
            });
        }
        let payload = envelope.to_vec();
        queue.push_back(Rec { kind: Kind::Head, id, num, part: version, parts, is_copy: false, payload });
    }

    /// Writes a queue. On an error what was not written is left in it.
    pub(super) fn write(&mut self, queue: &mut VecDeque<Rec>, kept: &mut HashSet<TaskId>) -> io::Result<()> {
        let mut nums = HashMap::new();
        let mut failed = 0;
        while !queue.is_empty() {
            // One more, should a group fail while room is made.
            let voids = self.owed_voids.len() + 1;
            let written = self.ready(queue, voids).and_then(|()| {
                // To make room can have failed, and left more that is void.
                let voids = self.owed_voids.clone();
                self.group(queue, &mut nums, &voids)
            });
            match written {
                Ok(heads) => {
                    kept.extend(heads);
                    failed = 0;
                }
                Err(_) if self.head.is_none() && failed + 1 < TRIES => failed += 1,
                Err(error) => {
                    self.stop_growing();
                    return Err(error);
                }
            }
        }
        if std::mem::take(&mut self.is_shaken) {
            self.tidy();
        }
        Ok(())
    }

    pub(super) fn stop_growing(&mut self) {
        for piece in self.growing.take().into_iter().flat_map(|growing| growing.pieces) {
            self.moved(Some(piece), None);
        }
    }
}

fn in_ends(payload: &[u8]) -> Vec<TaskId> {
    ends::read(payload, 0, 0).into_iter().map(|(id, _)| id).collect()
}

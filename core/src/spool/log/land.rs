//! What was synced counts from then on, and what it replaces does not.

use super::ends;
use super::group::Written;
use super::rec::Rec;
use super::record::{Kind, Place};
use super::{End, Growing, Log, Object, Void};
use crate::TaskId;

impl Log {
    /// A record is durable: from now on it counts, and what it replaces does not. The task, if it is all there with it.
    pub(super) fn land(&mut self, written: Written) -> Option<TaskId> {
        let Written { rec: Rec { kind, id, part, parts, payload, .. }, num, seq, place } = written;
        match kind {
            Kind::Piece => {
                self.land_piece(id, num, part.into(), place);
                None
            }
            Kind::Head => self.land_head(id, num, part, parts, place),
            Kind::Ends => {
                for (id, end) in ends::read(&payload, seq, place.slot) {
                    self.land_end(id, end);
                }
                None
            }
            Kind::Void | Kind::Skip => None,
        }
    }

    fn land_piece(&mut self, id: TaskId, num: u64, part: usize, place: Place) {
        let grown = self.tasks.get_mut(&id).filter(|object| object.num == num);
        if let Some(there) = grown.and_then(|object| object.pieces.get_mut(part)) {
            let old = std::mem::replace(there, place);
            return self.moved(Some(old), Some(place));
        }
        if self.growing.as_ref().is_none_or(|growing| (growing.id, growing.num) != (id, num)) {
            self.stop_growing();
            self.growing = Some(Growing { id, num, pieces: Vec::new() });
        }
        let Some(growing) = &mut self.growing else { return };
        let old = match growing.pieces.get_mut(part) {
            Some(there) => Some(std::mem::replace(there, place)),
            None => {
                growing.pieces.push(place);
                None
            }
        };
        self.moved(old, Some(place));
    }

    fn land_head(&mut self, id: TaskId, num: u64, version: u16, parts: u16, place: Place) -> Option<TaskId> {
        self.moved(None, Some(place));
        if let Some(object) = self.tasks.get_mut(&id).filter(|object| object.num == num) {
            object.version = version;
            let old = std::mem::replace(&mut object.head, place);
            self.moved(Some(old), None);
            return Some(id);
        }
        let pieces = match self.growing.take() {
            Some(growing) if (growing.id, growing.num) == (id, num) => growing.pieces,
            other => {
                self.growing = other;
                Vec::new()
            }
        };
        debug_assert_eq!(pieces.len(), usize::from(parts), "a body is written in the order of its pieces");
        let new = Object { num, version, head: place, pieces };
        if let Some(old) = self.tasks.insert(id, new) {
            self.drop_object(&old);
        }
        Some(id)
    }

    pub(super) fn land_end(&mut self, id: TaskId, end: End) {
        if self.tasks.get(&id).is_some_and(|object| object.num < end.stamp)
            && let Some(object) = self.tasks.remove(&id)
        {
            self.drop_object(&object);
        }
        if let Some(segment) = self.segments.get_mut(&end.slot) {
            segment.ends += 1;
        }
        let before = self.ends.put(id, end);
        self.forgotten(before);
    }

    /// An end does not lie there any more.
    pub(super) fn forgotten(&mut self, end: Option<End>) {
        if let Some(segment) = end.and_then(|end| self.segments.get_mut(&end.slot)) {
            segment.ends = segment.ends.saturating_sub(1);
        }
    }

    pub(super) fn landed_voids(&mut self, voids: Vec<Void>) {
        for void in voids {
            self.owed_voids.retain(|owed| *owed != (void.from, void.to));
            let before = self.voids.iter().position(|old| (old.from, old.to) == (void.from, void.to));
            let before = before.map(|n| self.voids.swap_remove(n).place);
            self.moved(before, Some(void.place));
            self.voids.push(void);
        }
    }
}

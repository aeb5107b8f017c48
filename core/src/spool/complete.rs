//! Adds what was left unsaid when a task was handed over.

use super::format::{self, Body};
use super::keep::room_for;
use super::types::Later;
use super::{Spool, SpoolError, Staged};
use crate::TaskId;

impl Spool {
    /// Takes in a later word on a task without an outcome: its input, origin and user, each where none was said so far, and its end,
    /// where it has none. Of two words the first one counts. True if that changed anything, which is durable once
    /// [`commit`](Spool::commit) has answered; on an error the task is as it was.
    pub fn complete(&mut self, id: TaskId, later: &Later) -> Result<bool, SpoolError> {
        let file = self.path(id, "task");
        let failed = |source| SpoolError::Io { path: file.clone(), source };
        let Some(entry) = self.tasks.get(id) else {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        };
        if entry.envelope.outcome {
            return Ok(false);
        }
        // What was written, but perhaps not synced, is written anew: a second sync of the same proves nothing.
        let again = entry.unsure.then(|| entry.envelope.clone());
        let Some(envelope) = entry.envelope.completed(later).or(again) else { return Ok(false) };
        let entry_bytes = entry.bytes + entry.room;
        let input = match later.input.as_ref().filter(|_| !entry.envelope.said.input) {
            Some(input) => input.to_string(),
            None => self.input(id).map_err(|error| failed(std::io::Error::other(error.to_string())))?,
        };
        let room = room_for(&envelope, input.len());
        let bytes = format::encode(&envelope, &Body::Input(input));
        let grown = (bytes.len() as u64 + room).saturating_sub(entry_bytes);
        if self.bytes() + grown > self.config.max_bytes {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::StorageFull, "max_bytes is reached")));
        }
        let (new, reserved) = (self.path(id, "new"), self.path(id, "room"));
        // First the room: a task with this input must not be there without it.
        let written = self.disk.preallocate(&reserved, room).and_then(|()| self.replace(&new, &file, &bytes));
        if let Err(source) = written {
            let _ = self.disk.remove(&new);
            return Err(failed(source));
        }
        self.tasks.change(id, |entry| {
            (entry.envelope, entry.bytes, entry.room) = (envelope, bytes.len() as u64, room);
            entry.unsure = false;
        });
        self.staged.push((id, Staged::Later));
        Ok(true)
    }
}

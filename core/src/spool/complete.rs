//! Adds what was left unsaid when a task was handed over.

use std::io;

use super::format::{self, Body};
use super::log::cost;
use super::room::owed_to;
use super::types::Later;
use super::{Spool, SpoolError, Undo};
use crate::TaskId;

impl Spool {
    /// Takes in a later word on a task without an outcome: its input, origin and user, each where none was said so far, and its end,
    /// where it has none. Of two words the first one counts. True if that changed anything, which is durable once
    /// [`commit`](Spool::commit) has answered; on an error the task is as it was.
    pub fn complete(&mut self, id: TaskId, later: &Later) -> Result<bool, SpoolError> {
        let path = self.log_path();
        self.completed(id, later).map_err(|source| SpoolError::Io { path, source })
    }

    fn completed(&mut self, id: TaskId, later: &Later) -> io::Result<bool> {
        let entry = self.tasks.get(&id).ok_or(io::ErrorKind::NotFound)?;
        let (old, owed) = (entry.envelope.clone(), entry.owed);
        if old.outcome {
            return Ok(false);
        }
        let Some(envelope) = old.completed(later) else { return Ok(false) };
        self.there()?;
        let said = later.input.as_ref().filter(|_| !old.said.input);
        let (body, length) = match said {
            Some(input) => {
                let bytes = format::encode_body(&Body::Input(input.to_string()));
                let length = bytes.len();
                (Some(bytes), length)
            }
            None => {
                let input = self.input(id).map_err(|error| io::Error::other(error.to_string()))?;
                (None, format::encode_body(&Body::Input(input)).len())
            }
        };
        let json = format::encode_envelope(&envelope);
        let new = owed_to(&envelope, length);
        // First the room: a task with this input must not be there without it.
        let more = cost(json.len(), body.as_ref().map_or(0, Vec::len)) + new;
        self.find_room(more.saturating_sub(owed))?;
        self.log.put(id, json, body);
        self.owe(id, new);
        if let Some(entry) = self.tasks.get_mut(&id) {
            entry.envelope = envelope;
        }
        self.staged.push((id, Undo::Change(Box::new(old), owed)));
        Ok(true)
    }
}

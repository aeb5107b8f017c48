//! Changes to a task's envelope, its input or outcome as it is.

use super::format::Envelope;
use super::{ReadError, Spool, Staged, StoredTask};
use crate::{Origin, Scope, TaskId};

impl Spool {
    /// Counts one more repetition of the task's handler, and gives the count. It is on disk once [`commit`](Spool::commit) has
    /// answered.
    pub fn count_run(&mut self, id: TaskId) -> Result<u8, ReadError> {
        self.rewrite(id, |envelope| envelope.runs = envelope.runs.saturating_add(1))?;
        self.tasks.get(id).map(|entry| entry.envelope.runs).ok_or(ReadError::NoSuchTask(id))
    }

    /// Makes a task this worker's own, whoever it belonged to: from now on it is `origin`'s and `scope`'s, and of this machine. It is
    /// so on disk once [`commit`](Spool::commit) has answered; of one that is damaged, once the failure is kept that takes its place.
    pub fn claim(
        &mut self,
        id: TaskId,
        origin: &Origin,
        scope: &Scope,
    ) -> Result<(StoredTask, Claimed), ReadError> {
        let machine = self.machine.clone();
        let change = |envelope: &mut Envelope| envelope.claim(origin, scope, machine.clone());
        let how = match self.rewrite(id, change) {
            Ok(()) => Claimed::Whole,
            Err(ReadError::Damaged { .. }) => {
                self.tasks.change(id, |entry| change(&mut entry.envelope));
                Claimed::Damaged
            }
            Err(error) => return Err(error),
        };
        self.task(id).map(|task| (task, how)).ok_or(ReadError::NoSuchTask(id))
    }

    /// The file is written anew and takes the old one's place, so that it is complete at every moment.
    fn rewrite(&mut self, id: TaskId, change: impl FnOnce(&mut Envelope)) -> Result<(), ReadError> {
        let body = self.body(id)?;
        let Some(entry) = self.tasks.get(id) else { return Err(ReadError::NoSuchTask(id)) };
        let mut envelope = entry.envelope.clone();
        change(&mut envelope);
        let bytes = super::format::encode(&envelope, &body);
        let (new, file) = (self.path(id, "new"), self.path(id, "task"));
        self.replace(&new, &file, &bytes).map_err(|source| ReadError::Unreadable { path: file, source })?;
        self.tasks.change(id, |entry| (entry.envelope, entry.bytes) = (envelope, bytes.len() as u64));
        self.staged.push((id, Staged::Envelope));
        Ok(())
    }
}

/// What there is of a task that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// All of it.
    Whole,
    /// Only its envelope: it is to be failed.
    Damaged,
}

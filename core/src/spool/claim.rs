//! Changes to a task's envelope, its input or outcome as it is.

use super::format::{self, Envelope};
use super::{ReadError, Spool, StoredTask, Undo};
use crate::{Origin, Scope, TaskId};

impl Spool {
    /// Counts one more repetition of the task's handler, and gives the count. It is on disk once [`commit`](Spool::commit) has
    /// answered.
    pub fn count_run(&mut self, id: TaskId) -> Result<u8, ReadError> {
        self.rewrite(id, |envelope| envelope.runs = envelope.runs.saturating_add(1))?;
        self.tasks.get(&id).map(|entry| entry.envelope.runs).ok_or(ReadError::NoSuchTask(id))
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
                self.tasks.entry(id).and_modify(|entry| change(&mut entry.envelope));
                Claimed::Damaged
            }
            Err(error) => return Err(error),
        };
        self.task(id).map(|task| (task, how)).ok_or(ReadError::NoSuchTask(id))
    }

    /// The envelope is written anew, the body stays where it is.
    fn rewrite(&mut self, id: TaskId, change: impl FnOnce(&mut Envelope)) -> Result<(), ReadError> {
        self.body(id)?;
        let Some(entry) = self.tasks.get_mut(&id) else { return Err(ReadError::NoSuchTask(id)) };
        let (old, owed) = (entry.envelope.clone(), entry.owed);
        change(&mut entry.envelope);
        self.log.put(id, format::encode_envelope(&entry.envelope), None);
        self.staged.push((id, Undo::Change(Box::new(old), owed)));
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

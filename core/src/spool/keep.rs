//! Taking tasks and outcomes on: staged in the log, and accepted or kept once it was synced.

use std::collections::HashSet;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::format::{self, Body, Envelope};
use super::log::{Failed, cost};
use super::room::owed_to;
use super::{KeepError, NewTask, OVERHEAD, Spool, SpoolError, Undo};
use crate::{Outcome, TaskId};

impl Spool {
    /// Takes a task on, and promises room for its outcome. It is accepted once [`commit`](Spool::commit) has answered.
    pub fn accept(&mut self, task: &NewTask<'_>) -> Result<TaskId, SpoolError> {
        self.take(task, &Body::Input(task.input.to_owned()))
    }

    /// The same with the outcome in place of the input, where it is known at once: there is no moment in which a task that must not be
    /// begun could be found as one to be begun.
    pub fn accept_ended(&mut self, task: &NewTask<'_>, outcome: &Outcome) -> Result<TaskId, SpoolError> {
        self.take(task, &Body::Outcome(fitting(outcome.clone(), task.max_output), None))
    }

    fn take(&mut self, task: &NewTask<'_>, body: &Body) -> Result<TaskId, SpoolError> {
        let id = task.token.id();
        if self.tasks.contains_key(&id) || self.waiting.contains(&id) {
            return Err(SpoolError::Known(id));
        }
        let mut envelope = Envelope::of(task);
        // What this machine takes is its own, whoever made the folder.
        envelope.machine = self.machine.clone().filter(|_| self.copied);
        envelope.outcome = matches!(body, Body::Outcome(..));
        let (json, bytes) = (format::encode_envelope(&envelope), format::encode_body(body));
        let owed = owed_to(&envelope, bytes.len());
        let found = self.there().and_then(|()| self.find_room(cost(json.len(), bytes.len()) + owed));
        if let Err(source) = found {
            return Err(SpoolError::Io { path: self.log_path(), source });
        }
        self.log.put(id, json, Some(bytes));
        self.insert(id, envelope, owed);
        self.staged.push((id, Undo::Task));
        Ok(id)
    }

    /// Puts a task's outcome in place of its input; of a task that an app settles the input stays, behind it. It is kept once
    /// [`commit`](Spool::commit) has answered; if that fails it is *unknown*, and pinned: no other outcome is taken for the task. A
    /// failure's cause is cut to the room there is.
    pub fn keep_outcome(&mut self, id: TaskId, outcome: &Outcome) -> Result<(), KeepError> {
        let entry = self.tasks.get(&id).ok_or(KeepError::NoSuchTask(id))?;
        let (old, owed) = (entry.envelope.clone(), entry.owed);
        let outcome = fitting(outcome.clone(), old.max_output);
        let digest = digest(&outcome);
        if entry.pinned.is_some_and(|pinned| pinned != digest) {
            return Err(KeepError::Pinned(id));
        }
        let path = self.log_path();
        self.there().map_err(|source| KeepError::Io { path: path.clone(), source })?;
        // The app may want to show what it answered. That must not cost the answer: if need be it is kept alone.
        let input = if old.deferred { self.input(id).ok() } else { None };
        let mut new = old.clone();
        new.outcome = true;
        let json = format::encode_envelope(&new);
        let has_input = input.is_some();
        let mut bytes = format::encode_body(&Body::Outcome(outcome.clone(), input));
        let mut found = self.find_room(cost(json.len(), bytes.len()).saturating_sub(owed));
        if found.is_err() && has_input {
            bytes = format::encode_body(&Body::Outcome(outcome, None));
            found = self.find_room(cost(json.len(), bytes.len()).saturating_sub(owed));
        }
        found.map_err(|source| KeepError::Io { path, source })?;
        self.log.put(id, json, Some(bytes));
        if let Some(entry) = self.tasks.get_mut(&id) {
            (entry.envelope, entry.pinned) = (new, Some(digest));
        }
        self.staged.push((id, Undo::Change(Box::new(old), owed)));
        Ok(())
    }

    /// Syncs the log: what was staged is durable from now on, and so are the ends of tasks. On an error tasks staged since the last
    /// commit are given up, outcomes stay pinned, all else is as it was; the ends go along with the next one.
    pub fn commit(&mut self) -> Result<(), SpoolError> {
        let staged = std::mem::take(&mut self.staged);
        let committed = match self.there() {
            Ok(()) => self.log.commit(),
            Err(source) => {
                self.log.unstage();
                Err(Failed { kept: HashSet::new(), source })
            }
        };
        let Err(failed) = committed else {
            staged.into_iter().for_each(|(id, _)| self.is_kept(id));
            return Ok(());
        };
        self.refused = true;
        // The last change of a task first.
        for (id, undo) in staged.into_iter().rev() {
            self.take_back(id, undo, failed.kept.contains(&id));
        }
        Err(SpoolError::Io { path: self.log_path(), source: failed.source })
    }

    fn take_back(&mut self, id: TaskId, undo: Undo, was_kept: bool) {
        match undo {
            Undo::Task => {
                self.drop_task(id);
                if was_kept {
                    // It got there before the disk refused what came after it, and all of that is said to be refused.
                    self.log.end(id, None, SystemTime::UNIX_EPOCH);
                }
            }
            Undo::Change(..) if was_kept => self.is_kept(id),
            Undo::Change(envelope, owed) => {
                if let Some(entry) = self.tasks.get_mut(&id) {
                    entry.envelope = *envelope;
                }
                self.owe(id, owed);
            }
        }
    }

    /// A change of this task is durable.
    fn is_kept(&mut self, id: TaskId) {
        let Some(entry) = self.tasks.get_mut(&id) else { return };
        entry.pinned = None;
        if entry.envelope.outcome {
            self.owe(id, 0);
        }
    }
}

/// The outcome as it fits `max_output`: a failure's cause is cut, but never its name. How long a success may be was judged before.
fn fitting(outcome: Outcome, max_output: usize) -> Outcome {
    match outcome {
        Outcome::Failure(failure) => {
            let left = (max_output + OVERHEAD / 4).saturating_sub(failure.error().len());
            Outcome::Failure(failure.with_cause_cut_to(left))
        }
        success @ Outcome::Success(_) => success,
    }
}

fn digest(outcome: &Outcome) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (tag, payload) in format::outcome_sections(outcome) {
        hash.update(tag);
        hash.update((payload.len() as u64).to_le_bytes());
        hash.update(payload);
    }
    hash.finalize().into()
}

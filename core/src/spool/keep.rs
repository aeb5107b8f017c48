//! Taking tasks and outcomes on: written under another name, renamed, and accepted or kept once the folder was synced.

use std::io;

use sha2::{Digest, Sha256};

use super::format::{self, Body, Envelope};
use super::{Entry, KeepError, NewTask, OVERHEAD, Spool, SpoolError, Staged};
use crate::plants::planted;
use crate::{Outcome, TaskId};

impl Spool {
    /// Writes a task and sets room aside for its outcome. It is accepted once [`commit`](Spool::commit) has answered.
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
        if self.tasks.has(id) || self.unreadable.contains(&id) {
            return Err(SpoolError::Known(id));
        }
        let mut envelope = Envelope::of(task);
        // What this machine takes is its own, whoever made the folder.
        envelope.machine = self.machine.clone().filter(|_| self.copied);
        let room = match body {
            Body::Input(input) => room_for(&envelope, input.len()),
            Body::Outcome(..) => 0,
        };
        envelope.outcome = matches!(body, Body::Outcome(..));
        let bytes = format::encode(&envelope, body);
        let (new, file) = (self.path(id, "new"), self.path(id, "task"));
        let written = self
            .write_anew(&new, &bytes)
            .and_then(|()| match room == 0 || planted("no-room-set-aside") {
                true => Ok(()),
                false => self.set_room_aside(id, room),
            })
            .and_then(|()| self.put(&new, &file));
        if let Err(source) = written {
            self.refused = true;
            self.discard(id);
            return Err(SpoolError::Io { path: file, source });
        }
        self.tasks
            .insert(id, Entry { envelope, bytes: bytes.len() as u64, room, pinned: None, unsure: false });
        self.staged.push((id, Staged::Task));
        Ok(id)
    }

    /// Writes a task's outcome in place of its input; of a task that an app settles the input stays, behind it. It is kept once
    /// [`commit`](Spool::commit) has answered; if that fails it is *unknown*, and pinned: no other outcome is taken for the task. A
    /// failure's cause is cut to the room there is.
    pub fn keep_outcome(&mut self, id: TaskId, outcome: &Outcome) -> Result<(), KeepError> {
        let entry = self.tasks.get(id).ok_or(KeepError::NoSuchTask(id))?;
        let (envelope, mut room) = (entry.envelope.clone(), entry.room);
        let outcome = fitting(outcome.clone(), envelope.max_output);
        let digest = digest(&outcome);
        if entry.pinned.is_some_and(|pinned| pinned != digest) {
            return Err(KeepError::Pinned(id));
        }
        // The app may want to show what it answered. That must not cost the answer: if need be it is kept alone.
        let input = if envelope.deferred { self.input(id).ok() } else { None };
        let alone = Body::Outcome(outcome.clone(), None);
        let mut written = match input {
            Some(input) => self.write_task(id, &mut room, &envelope, &Body::Outcome(outcome, Some(input))),
            None => self.write_task(id, &mut room, &envelope, &alone),
        };
        if written.is_err() && envelope.deferred {
            written = self.write_task(id, &mut room, &envelope, &alone);
        }
        let _ = self.clear(&self.path(id, "room"));
        let file = self.path(id, "task");
        let kept = |entry: &mut Entry| {
            entry.room = 0;
            entry.bytes = written.map_err(|source| KeepError::Io { path: file, source })?;
            (entry.envelope.outcome, entry.pinned) = (true, Some(digest));
            Ok(())
        };
        self.tasks.change(id, kept).ok_or(KeepError::NoSuchTask(id))??;
        self.staged.push((id, Staged::Outcome));
        Ok(())
    }

    /// Writes a task's file anew, into its `room` if that is large enough, and gives its size. A full disk can't refuse the room.
    /// Where there is none (any more), or too little, since the task was accepted for smaller outputs, or its sync fails, a new file
    /// is tried.
    pub(super) fn write_task(
        &mut self,
        id: TaskId,
        room: &mut u64,
        envelope: &Envelope,
        body: &Body,
    ) -> io::Result<u64> {
        let bytes = format::encode(envelope, body);
        let (reserved, new, file) = (self.path(id, "room"), self.path(id, "new"), self.path(id, "task"));
        let size = bytes.len() as u64;
        if *room >= size {
            // What a failed sync left of the room must not be trusted with an outcome again.
            *room = 0;
            if self.disk.write_durably(&reserved, &bytes).is_ok() || planted("second-sync-believed") {
                return self.put(&reserved, &file).map(|()| size);
            }
        }
        let written = self.replace(&new, &file, &bytes);
        if written.is_err() {
            let _ = self.clear(&new);
        }
        written.map(|()| size)
    }

    /// Syncs the folder: what was staged is durable from now on. On an error tasks staged since the last commit are given up,
    /// outcomes stay pinned, and a run may be counted or not.
    pub fn commit(&mut self) -> Result<(), SpoolError> {
        let staged = std::mem::take(&mut self.staged);
        let path = self.config.dir.join("tasks");
        let synced = if planted("no-folder-sync") { Ok(()) } else { self.disk.sync_dir(&path) };
        match synced {
            Ok(()) => {
                for (id, _) in staged {
                    self.tasks.change(id, |entry| entry.pinned = None);
                }
                Ok(())
            }
            Err(source) => {
                self.refused = true;
                for (id, what) in staged {
                    match what {
                        Staged::Task => self.drop_task(id),
                        Staged::Later => _ = self.tasks.change(id, |entry| entry.unsure = true),
                        Staged::Outcome | Staged::Envelope => {}
                    }
                }
                Err(SpoolError::Io { path, source })
            }
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

/// The bytes to set aside for the outcome of a task: of one that an app settles the input stays.
pub(super) fn room_for(envelope: &Envelope, input: usize) -> u64 {
    (OVERHEAD + envelope.max_output + if envelope.deferred { input } else { 0 }) as u64
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

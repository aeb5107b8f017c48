//! What lies in the log, taken in: at the start, and again while a part of it can't be read.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use super::format;
use super::log::{Bad, Log, Opened, Size, State};
use super::marker::{LOADS_MAX, Marker};
use super::open::at;
use super::room::owed_to;
use super::{Found, Spool, SpoolError, StoredTask, log_of};
use crate::TaskId;
use crate::plants::planted;

/// What can't be read so often is damaged.
const LOOKS_MAX: u32 = 10;

impl Spool {
    /// Reads again what could not be read before.
    pub fn reread(&mut self) -> Found {
        let mut found = Found { copied: self.copied, ..Found::default() };
        if self.looks == 0 || self.is_away() {
            return found;
        }
        let (dir, size) = (self.log_path(), Size::of(self.config.max_bytes));
        match Log::open(&mut *self.disk, &dir, size, self.looks < LOOKS_MAX) {
            Ok((mut log, opened)) => {
                log.take_over(&self.log);
                self.log = log;
                self.take_in(opened, &mut found);
            }
            Err(_) => found.unreadable.push(dir),
        }
        found.waiting = self.waiting.len();
        found
    }

    /// Takes in what was found in the log; what is known already is known better.
    pub(super) fn take_in(&mut self, opened: Opened, found: &mut Found) {
        let mut marker = Marker::read(&*self.disk, &self.config.dir);
        self.looks = if opened.unclear.is_empty() { 0 } else { self.looks + 1 };
        self.waiting.clear();
        self.put_aside(&opened.bad, found);
        for (id, state) in opened.tasks {
            if !self.tasks.contains_key(&id) {
                self.load(id, state, &mut marker, found);
            }
        }
        if self.log.owes() {
            // What ended the process again and again must not do so at the next start. Should this fail, it is told once more.
            let _ = self.log.commit();
        }
        found.unreadable.extend(opened.unclear);
        found.waiting = self.waiting.len();
        marker.remove(&mut *self.disk);
    }

    /// What is damaged lies in the quarantine before it goes from the log.
    fn put_aside(&mut self, bad: &[Bad], found: &mut Found) {
        let mut safe = HashSet::new();
        let mut unsafe_slots = HashSet::new();
        for bad in bad {
            let name = self.log_path().join(bad.name());
            let aside = self.copy_aside(&name, &bad.bytes);
            if aside == name && !planted("unmovable-is-forgotten") {
                unsafe_slots.insert(bad.slot);
            }
            safe.insert(bad.slot);
            found.quarantined.push(aside);
        }
        let mut slots: Vec<u16> = safe.difference(&unsafe_slots).copied().collect();
        slots.sort_unstable();
        self.log.release(slots);
    }

    fn load(&mut self, id: TaskId, state: State, marker: &mut Marker, found: &mut Found) {
        let loads = marker.begin_task(&mut *self.disk, id);
        if loads > LOADS_MAX {
            match self.aside(&self.record_name(id)) {
                Some(aside) if loads > 2 * LOADS_MAX => {
                    self.log.end(id, None, SystemTime::UNIX_EPOCH);
                    found.quarantined.push(aside);
                    return;
                }
                Some(_) => {}
                // First copied to where it can be looked at: should it end the process once more, nothing is held up for long.
                None => {
                    marker.outlive_power(&mut *self.disk, id);
                    self.copy_of(id);
                }
            }
        }
        let envelope = match self.log.envelope(id) {
            Ok(bytes) => format::decode_envelope(&bytes),
            Err(_) => None,
        };
        // Under another task's id nothing can be trusted.
        let task = envelope.and_then(|envelope| Some((envelope.task()?, envelope)));
        let Some((task, envelope)) = task.filter(|(task, _)| task.token.id() == id) else {
            let aside = self.copy_of(id);
            found.quarantined.push(aside);
            return;
        };
        let is_whole = state == State::Whole && !self.log.is_bare(id);
        if self.looks > 0 && (!envelope.outcome || !is_whole) {
            self.waiting.insert(id);
            return;
        }
        let task = StoredTask { copied: envelope.is_copy(self.copied, &self.machine), ..task };
        let owed = owed_to(&envelope, self.log.body_length(id));
        self.insert(id, envelope, owed);
        if is_whole {
            found.tasks.push(task);
            return;
        }
        if planted("damaged-is-moved-away") {
            self.log.end(id, None, SystemTime::UNIX_EPOCH);
        }
        found.damaged.push(task);
    }

    /// Copies what there is of a task to the quarantine.
    fn copy_of(&mut self, id: TaskId) -> PathBuf {
        let bytes = self.log.raw(id);
        self.copy_aside(&self.record_name(id), &bytes)
    }

    fn record_name(&self, id: TaskId) -> PathBuf {
        log_of(&self.config.dir).join(format!("{id}.record"))
    }
}

/// Why a log can't be opened.
pub(super) fn not_opened(dir: &std::path::Path, source: io::Error) -> SpoolError {
    match source.kind() {
        io::ErrorKind::Unsupported => SpoolError::UnknownFormat { dir: dir.to_owned() },
        _ => at(&log_of(dir))(source),
    }
}

//! The tasks that lie in the folder, and how many bytes they come to, without adding them up each time.

use std::collections::HashMap;

use super::format::Envelope;
use crate::TaskId;

/// A task that lies in the folder.
pub(super) struct Entry {
    pub(super) envelope: Envelope,
    /// Bytes of its file.
    pub(super) bytes: u64,
    /// Bytes set aside for its outcome.
    pub(super) room: u64,
    /// An outcome whose rename may not be durable: no other one is taken.
    pub(super) pinned: Option<[u8; 32]>,
    /// A later word on it was written, and may not be durable.
    pub(super) unsure: bool,
}

impl Entry {
    fn takes(&self) -> u64 {
        self.bytes + self.room
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Entries {
    entries: HashMap<TaskId, Entry>,
    bytes: u64,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What their files take, and what is set aside for them.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.entries.keys().copied()
    }

    pub(super) fn has(&self, id: TaskId) -> bool {
        self.entries.contains_key(&id)
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn insert(&mut self, id: TaskId, entry: Entry) {
        self.bytes += entry.takes();
        let before = self.entries.insert(id, entry);
        self.bytes -= before.map_or(0, |before| before.takes());
    }

    pub(super) fn remove(&mut self, id: TaskId) {
        self.bytes -= self.entries.remove(&id).map_or(0, |entry| entry.takes());
    }

    /// Changes one, if it is there.
    pub(super) fn change<T>(&mut self, id: TaskId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let entry = self.entries.get_mut(&id)?;
        self.bytes -= entry.takes();
        let result = change(entry);
        self.bytes += entry.takes();
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::spool::{NewTask, Said};
    use crate::{Origin, Scope, TaskToken};

    fn entry(token: &TaskToken, bytes: u64) -> Entry {
        let task = NewTask {
            token,
            origin: &Origin::written("aws", "eu-west-1", "123456789012", None),
            scope: &Scope::default(),
            activity: None,
            deferred: true,
            input: "{}",
            said: Said::ALL,
            max_output: 10,
            accepted: SystemTime::UNIX_EPOCH,
            expires: None,
        };
        Entry { envelope: Envelope::of(&task), bytes, room: 100, pinned: None, unsure: false }
    }

    #[test]
    fn p6_the_sum_of_bytes_follows_each_change() {
        let mut entries = Entries::default();
        let tokens = ["a", "b"].map(|token| TaskToken::new(token).unwrap());
        for token in &tokens {
            entries.insert(token.id(), entry(token, 7));
        }
        assert_eq!((entries.bytes(), entries.len()), (214, 2));
        entries.insert(tokens[0].id(), entry(&tokens[0], 8));
        assert_eq!((entries.bytes(), entries.len()), (215, 2), "in place of the first one");
        entries.change(tokens[1].id(), |entry| (entry.bytes, entry.room) = (20, 0));
        assert_eq!(entries.bytes(), 128);
        entries.remove(tokens[0].id());
        entries.remove(tokens[0].id());
        assert_eq!((entries.bytes(), entries.has(tokens[0].id())), (20, false));
    }
}

//! All tasks held. A task changes nowhere but in [`Table::change`], which puts its entries in the index right afterwards.

use std::collections::BTreeMap;

use super::index::{Index, Keys};
use super::slots::Slot;
use crate::TaskId;

/// The tasks, at most so many, in the order of their ids. It takes memory for those that are there.
#[derive(Debug, Clone)]
pub(super) struct Table {
    slots: BTreeMap<TaskId, Slot>,
    size: usize,
    index: Index,
    refusals: u64,
}

impl Table {
    /// Places for `size` tasks.
    pub(super) fn new(size: usize) -> Self {
        Table { slots: BTreeMap::new(), size, index: Index::default(), refusals: 0 }
    }

    /// Tasks held.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is held.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Places not taken.
    pub(super) fn free(&self) -> usize {
        self.size.saturating_sub(self.slots.len())
    }

    /// What is kept in order of the tasks.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// How often a task came to be among those that the service refuses, or left them.
    pub(super) fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Takes a place. False if there is none, or the task has one already.
    pub(super) fn insert(&mut self, slot: Slot) -> bool {
        if self.free() == 0 || self.slots.contains_key(&slot.id) {
            return false;
        }
        let keys = Keys::of(&slot);
        self.refusals += u64::from(keys.refused);
        self.index.add(slot.id, &keys);
        self.slots.insert(slot.id, slot);
        true
    }

    /// The task with this id.
    pub(super) fn find(&self, id: TaskId) -> Option<&Slot> {
        looked_at(1);
        self.slots.get(&id)
    }

    /// Changes the task with this id, if it is held.
    pub(super) fn change<T>(&mut self, id: TaskId, change: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        looked_at(1);
        let slot = self.slots.get_mut(&id)?;
        Some(changed(&mut self.index, &mut self.refusals, slot, change))
    }

    /// Changes all tasks, in the order of their ids: for what concerns each of them.
    pub(super) fn change_each(&mut self, mut change: impl FnMut(&mut Slot)) {
        looked_at(self.slots.len());
        for slot in self.slots.values_mut() {
            changed(&mut self.index, &mut self.refusals, slot, &mut change);
        }
    }

    /// Gives its place free.
    pub(super) fn remove(&mut self, id: TaskId) -> Option<Slot> {
        looked_at(1);
        let slot = self.slots.remove(&id)?;
        let keys = Keys::of(&slot);
        self.refusals += u64::from(keys.refused);
        self.index.take(id, &keys);
        Some(slot)
    }

    /// All tasks, in the order of their ids: for showing.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values().inspect(|_| looked_at(1))
    }
}

fn changed<T>(
    index: &mut Index,
    refusals: &mut u64,
    slot: &mut Slot,
    change: impl FnOnce(&mut Slot) -> T,
) -> T {
    let before = Keys::of(slot);
    let result = change(slot);
    let after = Keys::of(slot);
    if before != after {
        index.take(slot.id, &before);
        index.add(slot.id, &after);
        *refusals += u64::from(before.refused != after.refused);
    }
    result
}

/// Counts the tasks that are looked at, for a test that holds this down.
#[cfg(not(test))]
fn looked_at(_: usize) {}

#[cfg(test)]
pub(super) use counting::{looked, looked_at};

#[cfg(test)]
mod counting {
    use std::cell::Cell;

    thread_local!(static LOOKED: Cell<usize> = const { Cell::new(0) });

    pub(in crate::engine) fn looked_at(tasks: usize) {
        LOOKED.set(LOOKED.get() + tasks);
    }

    /// How many tasks were looked at on this thread since this was last asked.
    pub(in crate::engine) fn looked() -> usize {
        LOOKED.take()
    }
}

#[cfg(test)]
impl Table {
    /// The index says what a look at all tasks would.
    pub(super) fn check(&self) {
        let mut index = Index::default();
        for (id, slot) in &self.slots {
            index.add(*id, &Keys::of(slot));
        }
        assert_eq!(self.index, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Time;
    use crate::engine::slots::Stage;

    fn slot(n: u8) -> Slot {
        Slot::new(TaskId::from_bytes([n; 16]), None, Stage::Accepting, Time::ZERO)
    }

    #[test]
    fn p6_the_table_holds_no_more_than_it_may_and_a_task_once() {
        let mut table = Table::new(2);
        assert!(table.insert(slot(1)));
        assert!(!table.insert(slot(1)), "the same task twice");
        assert!(table.insert(slot(2)));
        assert!(!table.insert(slot(3)));
        assert!(table.remove(slot(1).id).is_some());
        assert_eq!((table.free(), table.len()), (1, 1));
        assert!(table.insert(slot(3)));
    }

    #[test]
    fn a_task_that_changes_is_found_as_what_it_is_now() {
        let mut table = Table::new(2);
        table.insert(slot(1));
        assert_eq!(table.index().again(), None);
        let at = Time::from_secs(7);
        table.change(slot(1).id, |slot| slot.keep_again = Some(at));
        assert_eq!(table.index().again(), Some((at, slot(1).id)));
        assert!(table.change(slot(2).id, |_| ()).is_none(), "it is not there");
        table.change_each(|slot| slot.stage = Stage::Foreign);
        assert_eq!((table.index().stage(Stage::Accepting), table.index().stage(Stage::Foreign)), (0, 1));
        table.check();
        table.remove(slot(1).id);
        assert_eq!((table.index().again(), table.is_empty()), (None, true));
        table.check();
    }
}

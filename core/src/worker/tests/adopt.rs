//! Tokens that are handed over more than once, in a worker that is stepped by hand.

#![allow(clippy::unwrap_used)] // this is test code, helpers included

use std::sync::Arc;

use crate::spool::{MemoryDisk, Op};
use crate::worker::answers::{AdoptError, Adopted};
use crate::worker::stepped::Stepped;
use crate::worker::tests::letters::{NoOne, store};
use crate::worker::tests::whole::client;
use crate::{Adoption, Origin, TaskToken, Worker};

fn start(disk: &MemoryDisk) -> Stepped {
    let (client, _) = client(Arc::new(NoOne));
    let builder = Worker::builder()
        .client(client)
        .state_dir("/state")
        .machine_id("one")
        .origin(Origin::written("aws", "eu-west-1", "123456789012", None));
    Stepped::start(builder, Box::new(disk.clone())).unwrap()
}

fn alone() -> Adoption {
    Adoption::new(TaskToken::new("pushed").unwrap())
}

#[test]
fn field_23_a_later_word_waits_for_the_first_one_to_be_on_disk() {
    let disk = MemoryDisk::new(None);
    let mut worker = start(&disk);
    let (first, second) = (worker.adopt(alone()), worker.adopt(alone().input("[1]")));
    assert!(first.try_recv().is_err() && second.try_recv().is_err(), "nothing is on disk yet");
    store(&mut worker);
    let id = first.try_recv().unwrap().unwrap().id();
    assert_eq!(second.try_recv().unwrap(), Ok(Adopted::Completed(id)));
    drop(worker);
    disk.power_cut(|| false);
    let mut worker = start(&disk);
    let input = worker.input(id);
    store(&mut worker);
    assert_eq!(input.try_recv().unwrap().as_deref(), Ok("[1]"));
}

#[test]
fn field_23_neither_word_is_told_kept_when_the_log_was_not_synced() {
    let disk = MemoryDisk::new(None);
    let mut worker = start(&disk);
    store(&mut worker);
    disk.set_fault(|op, _| (op == Op::Fsync).then(|| std::io::Error::from_raw_os_error(5)));
    let (first, second) = (worker.adopt(alone()), worker.adopt(alone().input("[1]")));
    store(&mut worker);
    for answer in [first, second] {
        assert!(matches!(answer.try_recv().unwrap(), Err(AdoptError::NotKept(_))));
    }
    assert!(worker.deferred_tasks().is_empty());
}

#[test]
fn field_27_room_that_was_made_is_seen_by_the_next_try() {
    let disk = MemoryDisk::new(None);
    let mut worker = start(&disk);
    store(&mut worker);
    disk.set_fault(|op, _| (op == Op::Write).then(|| std::io::ErrorKind::StorageFull.into()));
    for _ in 0..2 {
        let refused = worker.adopt(alone());
        store(&mut worker);
        assert!(matches!(refused.try_recv().unwrap(), Err(AdoptError::NotKept(_) | AdoptError::Full(_))));
    }
    disk.clear_fault();
    // The person frees some, and does not wait for a minute.
    let tries: Vec<_> = (0..2)
        .map(|_| {
            let adopted = worker.adopt(alone());
            store(&mut worker);
            adopted.try_recv().unwrap()
        })
        .collect();
    assert!(matches!(tries[1], Ok(Adopted::New(_) | Adopted::Known(_))), "{tries:?}");
}

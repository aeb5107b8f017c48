//! Letters in a worker that is stepped by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::aws::{Request, Response, Transport, TransportError};
use crate::spool::{MemoryDisk, Op};
use crate::worker::answers::AnswerError;
use crate::worker::stepped::{Order, Stepped, leave_answer};
use crate::worker::tests::whole::client;
use crate::{Adoption, Origin, Outcome, Output, TaskToken, Worker};

/// No call is carried out here.
pub(super) struct NoOne;

impl Transport for NoOne {
    fn send(&self, _: &Request) -> Result<Response, TransportError> {
        unreachable!("no call is carried out")
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

/// Carries out what the disk is asked for, and nothing else.
pub(super) fn store(worker: &mut Stepped) {
    loop {
        let orders = worker.orders().into_iter();
        let orders: Vec<_> = orders
            .filter_map(|order| match order {
                Order::Disk(order) => Some(order),
                _ => None,
            })
            .collect();
        if orders.is_empty() {
            return;
        }
        for word in worker.store(orders) {
            worker.step(Some(word));
        }
    }
}

#[test]
fn p1_a_letter_stays_while_the_answer_before_it_is_only_perhaps_kept() {
    let (disk, (client, clock)) = (MemoryDisk::new(None), client(Arc::new(NoOne)));
    let builder = Worker::builder()
        .client(client)
        .state_dir("/state")
        .machine_id("one")
        .origin(Origin::written("aws", "eu-west-1", "123456789012", None));
    let mut worker = Stepped::start(builder, Box::new(disk.clone())).unwrap();
    let adopted = worker.adopt(Adoption::new(TaskToken::new("pushed").unwrap()));
    store(&mut worker);
    let id = adopted.try_recv().unwrap().unwrap().id();

    disk.set_fault(|op, path| {
        (op == Op::Fsync && path.starts_with("/state/log")).then(|| std::io::Error::from_raw_os_error(5))
    });
    let answer = worker.answer(id, Outcome::from(Output::parse("1")));
    store(&mut worker);
    assert!(matches!(answer.try_recv(), Ok(Err(AnswerError::Unknown(_)))));
    let state = Path::new("/state");
    leave_answer(&mut disk.clone(), state, id, &Outcome::from(Output::parse("2"))).unwrap();
    let letter = state.join(format!("inbox/{id}.answer"));
    worker.wake();
    store(&mut worker);
    assert!(disk.has(&letter), "it is the only answer that is on disk for good");

    disk.clear_fault();
    clock.advance(Duration::from_secs(300));
    worker.step(None);
    store(&mut worker);
    worker.wake();
    store(&mut worker);
    assert!(!disk.has(&letter), "the first answer is kept: this one came second");
}

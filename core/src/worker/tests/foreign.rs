//! What is kept and not on its way is counted, shown, and ends by a decision; in a worker that is stepped by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what can't go on in a test ends it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::ActivityArn;
use crate::engine::Stop;
use crate::spool::{MemoryDisk, Op};
use crate::worker::activity::Activity;
use crate::worker::answers::DeferredState;
use crate::worker::builder::WorkerBuilder;
use crate::worker::events::Event;
use crate::worker::foreign::{ForeignError, ForeignWhy};
use crate::worker::handler::TaskContext;
use crate::worker::reports::StopReport;
use crate::worker::stepped::{Order, Stepped, leave_token};
use crate::worker::tests::letters::NoOne;
use crate::worker::tests::open;
use crate::worker::tests::whole::client;
use crate::{Adoption, Failure, Origin, Outcome, Output, Scope, Settlement, TaskId, TaskToken, Worker};

const ENDPOINT: &str = "http://127.0.0.1:8083";

fn origin(account: &str, endpoint: Option<&str>) -> Origin {
    Origin::written("aws", "eu-west-1", account, endpoint)
}

/// As the device was set up at first.
fn first() -> Origin {
    origin("123456789012", Some(ENDPOINT))
}

fn builder(origin: Origin) -> WorkerBuilder {
    Worker::builder()
        .client(client(Arc::new(NoOne)).0)
        .state_dir("/state")
        .machine_id("one")
        .comeback_window(Duration::ZERO)
        .max_tasks(4)
        .origin(origin)
}

/// A worker, and the orders to others than the disk.
struct Rig {
    worker: Stepped,
    orders: Vec<Order>,
    events: Vec<Event>,
}

impl Rig {
    fn start(builder: WorkerBuilder, disk: &MemoryDisk) -> Self {
        let worker = Stepped::start(builder, Box::new(disk.clone())).unwrap();
        let mut rig = Rig { worker, orders: Vec::new(), events: Vec::new() };
        rig.store();
        rig
    }

    /// Carries out what the disk is asked for.
    fn store(&mut self) {
        loop {
            let (disk, others): (Vec<_>, Vec<_>) =
                self.worker.orders().into_iter().partition(|order| matches!(order, Order::Disk(_)));
            self.orders.extend(others);
            let disk: Vec<_> = disk
                .into_iter()
                .filter_map(|order| match order {
                    Order::Disk(order) => Some(order),
                    _ => None,
                })
                .collect();
            self.events.extend(self.worker.events());
            if disk.is_empty() {
                return;
            }
            for word in self.worker.store(disk) {
                self.worker.step(Some(word));
            }
        }
    }

    fn adopt(&mut self, token: &str) -> TaskId {
        let adopted = self.worker.adopt(Adoption::new(TaskToken::new(token).unwrap()));
        self.store();
        adopted.try_recv().unwrap().unwrap().id()
    }

    fn answer(&mut self, id: TaskId) {
        let answer = self.worker.answer(id, Outcome::from(Output::parse("\"kept\"")));
        self.store();
        answer.try_recv().unwrap().unwrap();
    }

    fn adopt_foreign(&mut self, id: TaskId) -> Result<(), ForeignError> {
        let answer = self.worker.adopt_foreign(id);
        self.store();
        answer.try_recv().unwrap()
    }

    fn discard(&mut self, id: TaskId) -> Result<(), ForeignError> {
        let answer = self.worker.discard(id);
        self.store();
        answer.try_recv().unwrap()
    }

    /// The reports that it ordered.
    fn reports(&self) -> Vec<(TaskId, &Outcome)> {
        let calls = self.orders.iter().filter_map(|order| match order {
            Order::Call(call) => Some((call.id(), call.outcome()?)),
            _ => None,
        });
        calls.collect()
    }

    fn told(&self) -> String {
        self.events.iter().map(|event| format!("{event}\n")).collect()
    }

    fn end(mut self) -> StopReport {
        self.worker.stop(Stop::Now);
        self.store();
        assert!(self.worker.is_over());
        self.worker.end()
    }
}

/// A disk on which the first setup left a result and an open request.
fn left() -> (MemoryDisk, TaskId, TaskId) {
    let disk = MemoryDisk::new(None);
    let mut rig = Rig::start(builder(first()), &disk);
    let (done, open) = (rig.adopt("done"), rig.adopt("open"));
    rig.answer(done);
    drop(rig);
    (disk, done, open)
}

/// Where the records of a task lie; what was written is vouched for.
fn lies(disk: &MemoryDisk, id: TaskId) -> Vec<(std::path::PathBuf, std::ops::Range<usize>)> {
    let (mut spool, _) = open(disk);
    spool.settle(TaskId::from_bytes([7; 16]), Settlement::Discarded, std::time::SystemTime::UNIX_EPOCH);
    spool.commit().unwrap();
    spool.lies(id)
}

#[test]
fn field_01_what_another_endpoint_account_or_user_left_is_counted_everywhere_and_says_whose_it_is() {
    let elsewhere = [
        (builder(origin("123456789012", Some("http://localhost:8083"))), ForeignWhy::Origin),
        (builder(origin("210987654321", Some(ENDPOINT))), ForeignWhy::Origin),
        (builder(origin("123456789012", None)), ForeignWhy::Origin),
        (builder(first()).scope(Scope("bob".into())), ForeignWhy::User),
    ];
    for (builder, why) in elsewhere {
        let (disk, done, open) = left();
        let mut rig = Rig::start(builder, &disk);
        let foreign = rig.worker.snapshot().foreign;
        let shown: Vec<_> = foreign.iter().map(|task| (task.id, task.why, task.has_outcome)).collect();
        assert_eq!(shown.len(), 2, "{why:?}");
        assert!(shown.contains(&(done, why, true)) && shown.contains(&(open, why, false)));
        assert!(foreign.iter().all(|task| task.origin == first()));
        assert!(rig.reports().is_empty(), "sent nowhere");
        let told = rig.told();
        for id in [done, open] {
            let line = told.lines().find(|line| line.contains(&id.to_string())).unwrap();
            assert!(why == ForeignWhy::User || line.contains(first().as_str()), "{line}");
            assert!(line.contains("waits") && line.contains("adopted or discarded"), "{line}");
        }
        assert!(told.contains("its result is kept"), "{told}");
        let report = rig.end();
        assert_eq!((report.foreign, report.kept), (foreign, 0));
    }
}

#[test]
fn field_01_an_open_task_of_a_copied_folder_is_counted_too_and_a_kept_result_is_sent() {
    let (disk, done, open) = left();
    let mut rig = Rig::start(builder(first()).machine_id("two"), &disk);
    let foreign = rig.worker.snapshot().foreign;
    assert_eq!(foreign.len(), 1);
    assert_eq!((foreign[0].id, foreign[0].why, foreign[0].has_outcome), (open, ForeignWhy::Copied, false));
    assert_eq!(rig.reports().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [done]);
    assert!(rig.told().contains("another machine's state folder"), "{}", rig.told());
}

#[test]
fn field_01_a_foreign_result_that_is_adopted_is_reported_and_stays_adopted() {
    let (disk, done, open) = left();
    let new = origin("123456789012", None);
    let mut rig = Rig::start(builder(new.clone()), &disk);
    assert_eq!(rig.adopt_foreign(done), Ok(()));
    assert_eq!(rig.reports(), [(done, &Outcome::from(Output::parse("\"kept\"")))]);
    assert_eq!(rig.worker.snapshot().foreign.len(), 1, "one decision is one task's");
    assert_eq!(rig.adopt_foreign(done), Err(ForeignError::NoSuchTask(done)), "it is ours");
    // An open one waits for the app again.
    assert_eq!(rig.adopt_foreign(open), Ok(()));
    assert!(
        rig.events.contains(&Event::Accepted { id: open, activity: None }),
        "who shows a list hears of it"
    );
    let deferred = rig.worker.deferred_tasks();
    assert!(deferred.iter().any(|task| (task.id, task.state) == (open, DeferredState::Open)));
    drop(rig);
    disk.power_cut(|| false);
    let mut rig = Rig::start(builder(new), &disk);
    assert_eq!(rig.worker.snapshot().foreign, []);
    assert_eq!(rig.reports().len(), 1);
    rig.answer(open);
    drop(rig);
    // For the first setup they are another's now.
    let mut rig = Rig::start(builder(first()), &disk);
    assert_eq!(rig.worker.snapshot().foreign.len(), 2);
}

#[test]
fn field_01_a_disk_that_refuses_leaves_a_foreign_task_as_it_was() {
    for fault in [Op::Write, Op::Fsync] {
        let (disk, done, _) = left();
        let mut rig = Rig::start(builder(origin("123456789012", None)), &disk);
        disk.set_fault(move |op, path| {
            let hit = op == fault && path.starts_with("/state/log");
            hit.then(|| std::io::Error::from_raw_os_error(28))
        });
        assert!(matches!(rig.adopt_foreign(done), Err(ForeignError::NotKept(_))), "{fault:?}");
        assert_eq!(rig.worker.snapshot().foreign.len(), 2);
        assert!(rig.reports().is_empty());
        disk.clear_fault();
        assert_eq!(rig.adopt_foreign(done), Ok(()), "{fault:?}: once it takes it");
        assert_eq!(rig.reports().len(), 1);
    }
}

#[test]
fn field_01_an_open_task_of_a_copied_folder_that_is_adopted_is_this_machines_from_then_on() {
    let (disk, _, open) = left();
    let here = || builder(first()).machine_id("two");
    let mut rig = Rig::start(here(), &disk);
    assert_eq!(rig.adopt_foreign(open), Ok(()));
    drop(rig);
    disk.process_ends();
    let mut rig = Rig::start(here(), &disk);
    assert_eq!(rig.worker.snapshot().foreign, []);
    assert_eq!(rig.worker.snapshot().deferred, 1);
    drop(rig);
    // The card goes back.
    let mut rig = Rig::start(builder(first()), &disk);
    assert_eq!(
        rig.worker.snapshot().foreign.first().map(|t| (t.id, t.why)),
        Some((open, ForeignWhy::Copied))
    );
}

#[test]
fn field_01_what_a_machine_takes_into_a_copied_folder_is_its_own() {
    let (disk, _, open) = left();
    let here = || builder(first()).machine_id("two");
    let mut rig = Rig::start(here(), &disk);
    let new = rig.adopt("new");
    drop(rig);
    disk.process_ends();
    let mut rig = Rig::start(here(), &disk);
    let foreign: Vec<_> = rig.worker.snapshot().foreign.iter().map(|task| task.id).collect();
    assert_eq!(foreign, [open]);
    assert!(
        rig.worker.deferred_tasks().iter().any(|task| task.id == new && task.state == DeferredState::Open)
    );
}

#[test]
fn field_01_a_discarded_task_ends_for_good_with_a_word() {
    let (disk, done, open) = left();
    let mut rig = Rig::start(builder(origin("123456789012", None)), &disk);
    assert_eq!(rig.discard(done), Ok(()));
    assert!(rig.worker.spool().task(done).is_none() && rig.reports().is_empty());
    let event = rig.events.iter().find(|event| matches!(event, Event::Settled { .. })).unwrap();
    assert_eq!(*event, Event::Settled { id: done, settlement: Settlement::Discarded, request_id: None });
    assert_eq!(event.level(), log::Level::Warn);
    assert_eq!(rig.discard(done), Err(ForeignError::NoSuchTask(done)));
    drop(rig);
    disk.power_cut(|| false);
    let rig = Rig::start(builder(first()), &disk);
    assert_eq!(rig.worker.spool().settled(done), Some(Settlement::Discarded));
    assert!(rig.reports().is_empty() && rig.worker.spool().task(open).is_some());
}

#[test]
fn field_01_a_task_that_is_on_its_way_is_neither_discarded_nor_adopted() {
    let (disk, done, open) = left();
    let mut rig = Rig::start(builder(first()), &disk);
    for id in [done, open] {
        assert_eq!(rig.discard(id), Err(ForeignError::NoSuchTask(id)));
        assert_eq!(rig.adopt_foreign(id), Err(ForeignError::NoSuchTask(id)));
    }
    assert_eq!(rig.worker.spool().len(), 2);
}

#[test]
fn field_01_a_damaged_task_that_is_adopted_is_failed_by_name() {
    let (disk, done, _) = left();
    // Behind the header of its record, and tag, length and digest of its section, lies the outcome.
    let (file, bytes) = lies(&disk, done)[1].clone();
    assert!(disk.rot(&file, bytes.start + 64 + 24));
    let mut rig = Rig::start(builder(origin("123456789012", None)), &disk);
    assert_eq!(rig.adopt_foreign(done), Ok(()));
    let reports = rig.reports();
    let [(id, Outcome::Failure(failure))] = reports[..] else { panic!("{reports:?}") };
    assert_eq!((id, failure.error()), (done, "Worker.Damaged"));
}

#[test]
fn field_01_foreign_tasks_that_fill_all_places_are_named_as_the_reason() {
    let (disk, ..) = left();
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    let echo = |task: &TaskContext| Ok::<_, Failure>(task.input().to_owned());
    let here = origin("123456789012", None);
    let rig = Rig::start(builder(here).max_tasks(2).activity(Activity::handled(arn, echo)), &disk);
    assert!(rig.events.contains(&Event::Full { foreign: 2, held: 0 }), "{:?}", rig.events);
    assert!(rig.told().contains("2 of its tasks are not this worker's"), "{}", rig.told());
    assert!(!rig.orders.iter().any(|order| matches!(order, Order::Poll(_))));
}

#[test]
fn field_01_files_that_can_not_be_read_or_understood_are_counted() {
    let (disk, done, open) = left();
    // A wrong bit in the very first byte: nothing can be known of it.
    let (file, bytes) = lies(&disk, done)[0].clone();
    disk.rot(&file, bytes.start);
    let mut rig = Rig::start(builder(first()), &disk);
    let now = rig.worker.snapshot();
    let [aside] = now.quarantined.as_slice() else { panic!("{:?}", now.quarantined) };
    assert!(aside.starts_with("/state/quarantine") && disk.has(aside));
    assert_eq!(rig.end().quarantined, now.quarantined);

    let (file, bytes) = lies(&disk, open)[1].clone();
    disk.set_unreadable(Some((file.clone(), bytes)));
    let mut rig = Rig::start(builder(first()), &disk);
    assert_eq!(rig.worker.snapshot().unreadable, std::slice::from_ref(&file));
    assert_eq!(rig.end().unreadable, [file]);
}

#[test]
fn field_01_letters_that_find_no_place_and_open_tasks_are_counted() {
    let (disk, ..) = left();
    for token in ["a", "b", "c"] {
        let adoption = Adoption::new(TaskToken::new(token).unwrap());
        leave_token(&mut disk.clone(), Path::new("/state"), &adoption).unwrap();
    }
    let mut rig = Rig::start(builder(first()), &disk);
    assert_eq!(rig.worker.snapshot().letters, 1, "of three, two find a place beside the two that are there");
    let report = rig.end();
    assert_eq!((report.letters, report.open, report.kept), (1, 3, 1));
}

#[test]
fn field_01_a_letter_of_a_task_that_is_not_here_is_counted_until_it_is() {
    let disk = MemoryDisk::new(None);
    let id = TaskToken::new("later").unwrap().id();
    let outcome = Outcome::from(Output::parse("1"));
    crate::worker::stepped::leave_answer(&mut disk.clone(), Path::new("/state"), id, &outcome).unwrap();
    let mut rig = Rig::start(builder(first()), &disk);
    assert_eq!(rig.worker.snapshot().letters, 1);
    rig.adopt("later");
    rig.worker.wake();
    rig.store();
    assert_eq!(rig.worker.snapshot().letters, 0);
}

#[test]
fn field_01_a_task_whose_activity_is_no_longer_configured_ends_and_one_for_the_app_is_told_silent() {
    let disk = MemoryDisk::new(None);
    let mut spool = open(&disk).0;
    let tokens = ["handled", "deferred"].map(|token| TaskToken::new(token).unwrap());
    for (token, deferred) in tokens.iter().zip([false, true]) {
        let task = crate::spool::NewTask {
            said: crate::spool::Said::ALL,
            token,
            origin: &first(),
            scope: &Scope::default(),
            activity: Some("arn:aws:states:eu-west-1:123456789012:activity:gone"),
            deferred,
            input: "{}",
            max_output: 1000,
            accepted: std::time::SystemTime::now(),
            expires: None,
        };
        spool.accept(&task).unwrap();
    }
    spool.commit().unwrap();
    drop(spool);
    let mut rig = Rig::start(builder(first()), &disk);
    assert_eq!(rig.worker.snapshot().reclaiming, 1);
    let Some(Order::Reclaim(order)) = rig.orders.pop() else { panic!("an earlier run is ended first") };
    let word = order.reclaim();
    rig.worker.step(Some(word));
    rig.store();
    let now = rig.worker.snapshot();
    assert_eq!((now.reclaiming, now.deferred, now.silent), (0, 1, 2));
    let reports = rig.reports();
    let [(id, Outcome::Failure(failure))] = reports[..] else { panic!("{reports:?}") };
    assert_eq!((id, failure.error()), (tokens[0].id(), "Worker.Restarted"));
    assert_eq!(rig.end().open, 1);
}

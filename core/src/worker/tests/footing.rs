//! A worker, stepped by hand, whose state folder does not stay what it was.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::ManualClock;
use crate::spool::{Ground, MemoryDisk};
use crate::worker::events::Event;
use crate::worker::reports::StopReport;
use crate::worker::stepped::Stepped;
use crate::worker::tests::letters::{NoOne, store};
use crate::worker::tests::open;
use crate::worker::tests::whole::client;
use crate::{Adoption, Origin, Outcome, Output, TaskId, TaskToken, Worker};

struct Bench {
    disk: MemoryDisk,
    clock: ManualClock,
    worker: Stepped,
    /// With a result that waits, and is small enough to stay in memory; with one that is not.
    small: TaskId,
    large: TaskId,
}

impl Bench {
    fn new() -> Self {
        let (disk, (client, clock)) = (MemoryDisk::new(None), client(Arc::new(NoOne)));
        let origin = Origin::written("aws", "eu-west-1", "123456789012", None);
        let builder = Worker::builder().client(client).state_dir("/state").machine_id("one").origin(origin);
        let mut worker = Stepped::start(builder, Box::new(disk.clone())).unwrap();
        let mut keep = |token: &str, output: String| {
            let adopted = worker.adopt(Adoption::new(TaskToken::new(token).unwrap()));
            store(&mut worker);
            let id = adopted.try_recv().unwrap().unwrap().id();
            let settled = worker.answer(id, Outcome::from(Output::parse(output)));
            store(&mut worker);
            settled.try_recv().unwrap().unwrap();
            id
        };
        let (small, large) =
            (keep("small", "1".to_owned()), keep("large", format!("\"{}\"", "x".repeat(9000))));
        worker.events();
        Bench { disk, clock, worker, small, large }
    }

    /// Lets time pass, and says what was told meanwhile.
    fn told(&mut self, seconds: u64) -> Vec<String> {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.worker.step(None);
            store(&mut self.worker);
        }
        self.worker.wake();
        store(&mut self.worker);
        let warnings = self.worker.events().into_iter().filter_map(|event| match event {
            Event::Warning(warning) => Some(warning.to_string()),
            Event::Full { .. } => Some("full".to_owned()),
            _ => None,
        });
        warnings.filter(|text| !text.contains("inbox")).collect()
    }

    fn end(self) -> StopReport {
        self.worker.end()
    }
}

#[test]
fn field_17_after_a_removal_what_is_in_memory_is_kept_again_and_what_is_not_is_told_as_lost() {
    let mut bench = Bench::new();
    bench.disk.remove_all(Path::new("/state"));
    let told = bench.told(5);
    assert!(told[0].contains("was removed"), "{told:?}");
    assert!(told[1].contains(&bench.large.to_string()) && told[1].contains("lost"), "{told:?}");
    let Bench { disk, small, worker, .. } = bench;
    drop(worker);
    disk.process_ends();
    let (mut spool, _) = open(&disk);
    assert_eq!(spool.outcome(small).unwrap(), Outcome::from(Output::parse("1")));
}

#[test]
fn field_17_a_folder_that_is_back_within_a_minute_is_used_again() {
    let mut bench = Bench::new();
    bench.disk.set_ground(Some(Ground::Elsewhere));
    let told = bench.told(20);
    assert!(
        told.len() == 1 && told[0].contains("not the one that was opened"),
        "once, and no full disk: {told:?}"
    );
    bench.disk.set_ground(None);
    let told = bench.told(10);
    assert!(told.len() == 1 && told[0].contains("is back"), "{told:?}");
    bench.told(200);
    assert!(!bench.worker.is_over());
}

#[test]
fn field_17_a_worker_whose_folder_does_not_come_back_ends_for_its_supervisor_to_start_it_anew() {
    let mut bench = Bench::new();
    bench.disk.set_ground(Some(Ground::Elsewhere));
    let told = bench.told(70);
    assert!(told.last().is_some_and(|text| text.contains("this worker ends")), "{told:?}");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn field_17_a_worker_whose_folder_is_taken_stops_at_once() {
    let mut bench = Bench::new();
    bench.disk.set_ground(Some(Ground::Taken));
    let told = bench.told(0);
    assert!(told.len() == 1 && told[0].contains("in use by another worker now"), "{told:?}");
    assert!(bench.worker.is_over());
    assert_eq!(bench.end().kept, 2, "what was kept is the other one's to send");
}

//! What of the service's dates reaches the disk, and what a start makes of it: a worker that is stepped by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::aws::{
    ActivityArn, ActivityClient, Credentials, Endpoint, Request, Response, StaticCredentials, Transport,
    TransportError,
};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};
use crate::spool::MemoryDisk;
use crate::worker::activity::Activity;
use crate::worker::handler::TaskContext;
use crate::worker::stepped::{Order, Stepped};
use crate::{Adoption, Failure, Settlement, TaskToken, Worker};

const HTTPS: &str = "https://states.example";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The service's time when a device is switched on.
fn today() -> SystemTime {
    SystemTime::UNIX_EPOCH + RELEASE_DATE + 20 * DAY
}

/// Says that it is some time ahead of the true date, by the boot clock.
struct Service {
    clock: ManualClock,
    ahead: Mutex<Duration>,
    closed: AtomicUsize,
}

impl Transport for Service {
    fn send(&self, _: &Request) -> Result<Response, TransportError> {
        use crate::clock::Clock as _;
        let date = today() + self.clock.monotonic() + *self.ahead.lock().unwrap();
        let header = |name: &str, value: String| (name.to_owned(), value);
        let headers = vec![
            header("date", httpdate::fmt_http_date(date)),
            header("content-type", "application/x-amz-json-1.0".to_owned()),
            header("x-amzn-requestid", "1".to_owned()),
        ];
        Ok(Response { status: 200, headers, body: b"{}".to_vec() })
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }

    fn shutdown(&self) {}
}

struct Bench {
    disk: MemoryDisk,
    service: Arc<Service>,
    device: ManualClock,
    client: ActivityClient,
    worker: Stepped,
}

impl Bench {
    fn start(disk: &MemoryDisk, url: &str, wall: SystemTime) -> Self {
        let device = ManualClock::new(wall);
        let (ahead, closed) = (Mutex::default(), AtomicUsize::new(0));
        let service = Arc::new(Service { clock: device.clone(), ahead, closed });
        let client = ActivityClient::builder("eu-west-1")
            .endpoint(Endpoint::own(url).unwrap())
            .credentials(Arc::new(StaticCredentials::new(Credentials::new("A", "S", None, None))))
            .transport(Arc::clone(&service) as _)
            .clock(Arc::new(ServerClock::new(Arc::new(device.clone()))))
            .build()
            .unwrap();
        let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
        let never = |_: &TaskContext| Ok::<_, Failure>(String::new());
        let builder = Worker::builder().client(client.clone()).state_dir("/state").machine_id("one");
        let builder = builder.activity(Activity::handled(arn, never));
        let worker = Stepped::start(builder, Box::new(disk.clone())).unwrap();
        Bench { disk: disk.clone(), service, device, client, worker }
    }

    /// Carries out all orders; polls end empty within a minute.
    fn run(&mut self, time: Duration) {
        let mut polls = Vec::new();
        for _ in 0..time.as_secs() / 60 {
            self.device.advance(MINUTE);
            self.worker.step(None);
            self.carry_out(&mut polls);
            for activity in std::mem::take(&mut polls) {
                let word = self.worker.poll(activity);
                self.worker.step(Some(word));
            }
            self.carry_out(&mut polls);
        }
    }

    fn carry_out(&mut self, polls: &mut Vec<usize>) {
        loop {
            let mut disk = Vec::new();
            for order in self.worker.orders() {
                match order {
                    Order::Disk(order) => disk.push(order),
                    Order::Poll(activity) => polls.push(activity),
                    _ => unreachable!("there is no task"),
                }
            }
            if disk.is_empty() {
                return;
            }
            for word in self.worker.store(disk) {
                self.worker.step(Some(word));
            }
        }
    }

    fn floor_of_the_next_start(&self) -> SystemTime {
        let disk = self.disk.clone();
        disk.process_ends();
        Bench::start(&disk, HTTPS, SystemTime::UNIX_EPOCH).client.clock().floor()
    }

    fn kept(&self) -> bool {
        self.disk.has(Path::new("/state/date"))
    }

    fn say(&self, ahead: Duration) {
        *self.service.ahead.lock().unwrap() = ahead;
    }
}

#[test]
fn field_10_a_date_is_kept_after_an_hour_and_another_connection_and_then_once_a_day() {
    let disk = MemoryDisk::new(None);
    let mut bench = Bench::start(&disk, HTTPS, SystemTime::UNIX_EPOCH);
    bench.run(59 * MINUTE);
    assert!(!bench.kept(), "one answer alone says so, or one connection");
    assert_eq!(bench.service.closed.load(Ordering::SeqCst), 0);
    bench.run(5 * MINUTE);
    assert!(bench.kept());
    assert_eq!(bench.service.closed.load(Ordering::SeqCst), 1);
    bench.run(3 * DAY);
    let closed = bench.service.closed.load(Ordering::SeqCst);
    assert!((3..=4).contains(&closed), "once a day: {closed}");
    let floor = bench.floor_of_the_next_start();
    let now = today() + 3 * DAY + 64 * MINUTE;
    assert!(floor <= now && floor > now - DAY - HOUR, "{floor:?}");
}

#[test]
fn field_10_one_far_date_is_never_kept() {
    for ahead in [37 * DAY, 5 * 365 * DAY, 73 * 365 * DAY] {
        let disk = MemoryDisk::new(None);
        let mut bench = Bench::start(&disk, HTTPS, today());
        // At every minute of the trial, the one that would be kept included.
        for minutes in [1, 30, 30, 1, 1, 1, 57, 3, 60, 61] {
            bench.say(ahead);
            bench.run(MINUTE);
            bench.say(Duration::ZERO);
            bench.run(minutes * MINUTE);
        }
        assert!(bench.floor_of_the_next_start() <= today() + DAY, "{ahead:?}");
        let floor = Bench::start(&disk, HTTPS, today()).client.clock().now();
        assert!(floor <= today() + DAY);
    }
}

#[test]
fn field_10_what_is_said_over_plain_http_is_never_kept() {
    let mut bench = Bench::start(&MemoryDisk::new(None), "http://states.example", today());
    bench.run(3 * DAY);
    assert!(!bench.kept());
    assert_eq!(bench.service.closed.load(Ordering::SeqCst), 0);
}

/// Two answers agreed on it, and were wrong: the server's clock was a month ahead, and was set right. Its certificate holds at both
/// dates, so its word is enough to go on, and two of its words to mend what is on disk.
#[test]
fn field_10_a_floor_ahead_of_all_else_is_mended_on_disk_too() {
    let disk = MemoryDisk::new(None);
    let mut bench = Bench::start(&disk, HTTPS, today());
    bench.say(37 * DAY);
    bench.run(2 * HOUR);
    assert!(bench.floor_of_the_next_start() > today() + 36 * DAY);
    drop(bench);
    let mut bench = Bench::start(&disk, HTTPS, today());
    assert!(bench.client.clock().now() > today() + 36 * DAY);
    bench.run(3 * MINUTE);
    assert!(bench.client.clock().now() < today() + HOUR, "at once");
    bench.run(2 * HOUR);
    assert!(bench.floor_of_the_next_start() < today() + DAY, "and for good");
}

/// A request that ends is let go for good, so one answer's word on the date does not do it.
#[test]
fn field_10_one_far_date_ends_no_request() {
    let mut bench = Bench::start(&MemoryDisk::new(None), HTTPS, today());
    let adoption = Adoption::new(TaskToken::new("pushed").unwrap()).expires(today() + DAY);
    let adopted = bench.worker.adopt(adoption);
    bench.carry_out(&mut Vec::new());
    let id = adopted.try_recv().unwrap().unwrap().id();
    bench.say(37 * DAY);
    bench.run(2 * MINUTE);
    bench.say(Duration::ZERO);
    bench.run(HOUR);
    assert_eq!(bench.worker.spool().settled(id), None);
    assert_eq!(bench.worker.deferred_tasks().len(), 1);
    bench.run(DAY);
    assert_eq!(bench.worker.spool().settled(id), Some(Settlement::TooLate), "its end is its end");
}

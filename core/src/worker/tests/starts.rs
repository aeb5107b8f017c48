//! Handlers that can't be started, in the whole worker with its threads; and limits that a start refuses.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::Failure;
use crate::aws::{ActivityArn, Request, Response, Transport, TransportError};
use crate::engine::Stop;
use crate::spool::MemoryDisk;
use crate::worker::TASKS_MAX;
use crate::worker::activity::Activity;
use crate::worker::builder::StartError;
use crate::worker::events::Event;
use crate::worker::handler::TaskContext;
use crate::worker::running::Worker;
use crate::worker::tests::whole::client;

/// A queue that never ends.
#[derive(Default)]
struct Queue {
    handed_out: AtomicUsize,
    reported: Mutex<Vec<String>>,
}

impl Transport for Queue {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let (_, target) = request.headers.iter().find(|(name, _)| *name == "x-amz-target").unwrap();
        let answer = |body: String| {
            let headers = vec![
                ("x-amzn-requestid".to_owned(), "2a64a8a0-b5c4-4e50-a1a5-1b2f3c4d5e6f".to_owned()),
                ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
            ];
            Response { status: 200, headers, body: body.into_bytes() }
        };
        if target.ends_with("GetActivityTask") {
            let n = self.handed_out.fetch_add(1, Ordering::Relaxed);
            return Ok(answer(format!(r#"{{"taskToken":"token-{n}","input":"{n}"}}"#)));
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        Ok(answer("{}".to_owned()))
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

fn arn() -> ActivityArn {
    ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:print").unwrap()
}

#[test]
fn field_06_a_handler_that_says_that_it_can_not_start_slows_the_polls_and_is_told_once() {
    let queue = Arc::new(Queue::default());
    let (client, clock) = client(Arc::clone(&queue) as Arc<dyn Transport>);
    let fails = |_: &TaskContext| Err::<String, _>(Failure::not_started("/opt/print: No such file"));
    let worker = Worker::builder()
        .client(client)
        .state_dir("/state")
        .comeback_window(Duration::ZERO)
        .activity(Activity::handled(arn(), fails).concurrency(8));
    let (handle, events) = worker.start_on(Box::new(MemoryDisk::new(None))).unwrap();
    // Its clock stands: whatever is taken is taken within one moment.
    let mut told = Vec::new();
    while !told.iter().any(|event| matches!(event, Event::Settled { .. })) {
        told.extend(events.next_within(Duration::from_secs(60)));
    }
    thread::sleep(Duration::from_millis(100));
    let taken = queue.handed_out.load(Ordering::Relaxed);
    assert!(
        (1..=8).contains(&taken),
        "{taken} tasks: at most those that came before the first failure was known"
    );
    let (activity, reason) = ("print".to_owned(), "/opt/print: No such file".to_owned());
    assert!(told.contains(&Event::StartsFail { activity, reason }), "{told:?}");
    assert_eq!(handle.snapshot().unwrap().starts_fail, ["print"]);
    let reported = queue.reported.lock().unwrap_or_else(PoisonError::into_inner)[0].clone();
    assert!(reported.contains("Handler.NotStarted") && reported.contains("No such file"), "{reported}");
    clock.advance(Duration::from_secs(3));
    handle.wake();
    while queue.handed_out.load(Ordering::Relaxed) == taken {
        thread::yield_now();
    }
    handle.stop(Stop::Now);
    told.extend(std::iter::from_fn(|| events.next_within(Duration::ZERO)));
    assert_eq!(told.iter().filter(|event| matches!(event, Event::StartsFail { .. })).count(), 1);
}

#[test]
fn field_28_no_worker_holds_more_than_a_hundred_thousand_tasks() {
    assert_eq!(TASKS_MAX, 100_000);
    let start = |tasks: Option<usize>, concurrency| {
        let echo = |task: &TaskContext| Ok::<_, Failure>(task.input().to_owned());
        let builder = Worker::builder()
            .client(client(Arc::new(Queue::default())).0)
            .state_dir(Path::new("/state"))
            .comeback_window(Duration::from_secs(3600))
            .activity(Activity::handled(arn(), echo).concurrency(concurrency));
        let builder = match tasks {
            Some(tasks) => builder.max_tasks(tasks),
            None => builder,
        };
        builder.start_on(Box::new(MemoryDisk::new(None))).map(|(handle, _)| drop(handle.stop(Stop::Now)))
    };
    assert!(start(Some(100_000), 1).is_ok());
    for tasks in [100_001, 1_000_000, usize::MAX] {
        let Err(StartError::Config(why)) = start(Some(tasks), 1) else { panic!("{tasks} are too many") };
        assert_eq!(why, format!("max_tasks must be at most 100000, and is {tasks}"));
    }
    // Nobody named a number: then the slots do not, and the default is no mistake of theirs.
    for concurrency in [99_990, 160_000, usize::MAX] {
        assert!(start(None, concurrency).is_ok(), "{concurrency}");
    }
}

#[test]
fn field_06_only_a_failure_that_says_so_is_a_failed_start() {
    assert!(Failure::not_started("no process").is_failed_start());
    assert_eq!(Failure::not_started("no process").error(), "Handler.NotStarted");
    assert!(Failure::new("Worker.NotStarted", "no thread").failed_start().is_failed_start());
    assert!(!Failure::new("Handler.NotStarted", "a program may use the name").is_failed_start());
}

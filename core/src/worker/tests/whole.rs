//! The whole worker with its threads, over a service and a disk in memory: short enough for Miri, which runs it with many schedules.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::aws::{
    ActivityArn, ActivityClient, Credentials, Request, Response, StaticCredentials, Transport, TransportError,
};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};
use crate::engine::Stop;
use crate::spool::{MemoryDisk, Op};
use crate::worker::activity::Activity;
use crate::worker::handler::{Handler, TaskContext};
use crate::worker::hub::Events;
use crate::worker::running::Worker;
use crate::worker::tests::open;
use crate::{Adoption, Failure, TaskToken};

/// Hands out one task, holds polls, takes reports.
#[derive(Default)]
struct Service {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    handed_out: bool,
    reported: Vec<String>,
}

impl Service {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        result
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(state, |state| !until(state)));
    }

    fn reported(&self) -> Vec<String> {
        self.change(|state| state.reported.clone())
    }
}

impl Transport for Service {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let target = request.headers.iter().find(|(name, _)| *name == "x-amz-target");
        let target = target.map(|(_, target)| target.clone()).unwrap_or_default();
        let answer = |body: &str| Response { status: 200, headers: marks(), body: body.into() };
        if target.ends_with("SendTaskHeartbeat") {
            return Ok(answer("{}"));
        }
        if !target.ends_with("GetActivityTask") {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            self.change(|state| state.reported.push(body));
            return Ok(answer("{}"));
        }
        if !self.change(|state| std::mem::replace(&mut state.handed_out, true)) {
            return Ok(answer(r#"{"taskToken":"polled","input":"1"}"#));
        }
        self.wait(|state| state.reported.len() == 2);
        Ok(answer("{}"))
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

/// What tells the service's answers from others'.
pub(super) fn marks() -> Vec<(String, String)> {
    let marks = [("x-amzn-requestid", "1"), ("content-type", "application/x-amz-json-1.0")];
    marks.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A client over what is no network, by a clock that stands until it is moved.
pub(super) fn client(transport: Arc<dyn Transport>) -> (ActivityClient, ManualClock) {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH + RELEASE_DATE);
    let client = ActivityClient::builder("eu-west-1")
        .credentials(Arc::new(StaticCredentials::new(Credentials::new("A", "S", None, None))))
        .transport(transport)
        .clock(Arc::new(ServerClock::new(Arc::new(clock.clone()))));
    (client.build().unwrap(), clock)
}

fn start(service: &Arc<Service>, disk: &MemoryDisk, handler: impl Handler) -> (Worker, Events) {
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    let worker = Worker::builder()
        .client(client(Arc::clone(service) as Arc<dyn Transport>).0)
        .state_dir("/state")
        .machine_id("one")
        .comeback_window(Duration::ZERO)
        .activity(Activity::handled(arn, handler));
    worker.start_on(Box::new(disk.clone())).unwrap()
}

#[test]
fn p1_a_polled_and_an_adopted_task_come_home_whatever_the_threads_order() {
    let (service, disk) = (Arc::new(Service::default()), MemoryDisk::new(None));
    let double = |task: &TaskContext| Ok::<_, Failure>(format!("{0}{0}", task.input()));
    let (handle, events) = start(&service, &disk, double);
    let app = thread::spawn({
        let handle = handle.clone();
        move || {
            let adopted = handle.adopt(Adoption::new(TaskToken::new("pushed").unwrap())).unwrap();
            handle.succeed(adopted.id(), "true").unwrap();
            assert!(handle.succeed(adopted.id(), "false").is_err(), "the first answer counts");
        }
    });
    service.wait(|state| state.reported.len() == 2);
    app.join().unwrap();
    let report = handle.stop(Stop::Drain);
    assert_eq!((report.lost, report.kept), (0, 0), "{report:?}");
    while events.next_within(Duration::ZERO).is_some() {}
    assert!(events.is_over());

    let mut reported = service.reported();
    reported.sort();
    assert!(reported[0].contains("polled") && reported[0].contains("11"), "{reported:?}");
    assert!(reported[1].contains("pushed") && reported[1].contains("true"), "{reported:?}");
    assert!(open(&disk).1.tasks.is_empty());
}

#[test]
#[cfg_attr(miri, ignore = "it is about the disk, and to hash its output takes Miri a minute")]
fn p1_a_large_output_that_the_disk_refuses_is_reported_from_memory() {
    let (service, disk) = (Arc::new(Service::default()), MemoryDisk::new(None));
    let output = format!("\"{}\"", "x".repeat(5_000));
    let (full, large) = (disk.clone(), output.clone());
    let fill = move |_: &TaskContext| {
        full.set_fault(|op, _| (op == Op::Write).then(|| std::io::ErrorKind::StorageFull.into()));
        Ok::<_, Failure>(large.clone())
    };
    let (handle, _events) = start(&service, &disk, fill);
    service.wait(|state| !state.reported.is_empty());
    let reported = service.reported();
    disk.clear_fault();
    // The poll that is held may end.
    service.change(|state| state.reported.push(String::new()));
    handle.stop(Stop::Drain);
    assert!(reported[0].contains(&"x".repeat(5_000)), "{}", &reported[0][..200]);
}

//! A polled task whose input can't be used, from the poll to its end: over a service and a disk in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::Failure;
use crate::aws::{ActivityArn, Request, Response, Transport, TransportError};
use crate::engine::Stop;
use crate::spool::{Disk, MemoryDisk};
use crate::worker::activity::Activity;
use crate::worker::events::Event;
use crate::worker::handler::TaskContext;
use crate::worker::hub::Events;
use crate::worker::running::Worker;
use crate::worker::tests::whole::{client, marks};
use crate::worker::warnings::Warning;

/// Answers the first poll with these bytes, holds the others, and takes reports once it is online.
struct Service {
    body: Vec<u8>,
    online: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    polled: bool,
    tried: usize,
    reported: Vec<String>,
    down: bool,
}

impl Service {
    fn new(body: &[u8]) -> Arc<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Arc::new(Service { body: body.to_vec(), online: AtomicBool::new(false), state, changed })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        result
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(state, Duration::from_secs(120), |state| !until(state));
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "nothing happens");
    }
}

impl Transport for Service {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let answer = |body: &[u8]| Ok(Response { status: 200, headers: marks(), body: body.to_vec() });
        let target = request.headers.iter().find(|(name, _)| *name == "x-amz-target");
        let target = target.map(|(_, target)| target.clone()).unwrap_or_default();
        if target.ends_with("GetActivityTask") {
            if !self.change(|state| std::mem::replace(&mut state.polled, true)) {
                return answer(&self.body);
            }
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.changed.wait_while(state, |state| !state.down));
            return Err(TransportError::new("shut down", true));
        }
        if !self.online.load(Ordering::SeqCst) {
            self.change(|state| state.tried += 1);
            return Err(TransportError::new("no network", false));
        }
        if !target.ends_with("SendTaskHeartbeat") {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            self.change(|state| state.reported.push(body));
        }
        answer(b"{}")
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {
        self.change(|state| state.down = true);
    }
}

/// The handler must never see such a task, be it as safe to repeat as it may.
fn start(service: &Arc<Service>, disk: &MemoryDisk, deferred: bool) -> (Worker, Events) {
    service.change(|state| state.down = false);
    let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap();
    let never = |_: &TaskContext| -> Result<String, Failure> { panic!("it was begun") };
    let worker = Worker::builder()
        .client(client(Arc::clone(service) as Arc<dyn Transport>).0)
        .state_dir("/state")
        .machine_id("one")
        .comeback_window(Duration::ZERO)
        .activity(match deferred {
            true => Activity::deferred(arn),
            false => Activity::handled(arn, never).safe_to_repeat(true),
        });
    worker.start_on(Box::new(disk.clone())).unwrap()
}

fn told(events: &Events, wanted: impl Fn(&Event) -> bool) {
    let mut seen = Vec::new();
    while let Some(event) = events.next_within(Duration::from_secs(20)) {
        if wanted(&event) {
            return;
        }
        seen.push(event);
    }
    panic!("not told: {seen:?}");
}

#[test]
fn field_04_a_task_whose_input_cant_be_used_ends_by_name_whatever_happens_on_the_way() {
    for deferred in [false, true] {
        let (service, disk) =
            (Service::new(br#"{"taskToken":"polled","input":"sEcReT\ud800"}"#), MemoryDisk::new(None));
        let (handle, events) = start(&service, &disk, deferred);
        told(&events, |event| matches!(event, Event::Warning(Warning::InvalidInput { .. })));
        told(&events, |event| matches!(event, Event::Kept { .. }));
        // No network, and the power goes.
        service.wait(|state| state.tried > 0);
        let again = disk.clone();
        let report = handle.stop(Stop::Now);
        assert_eq!(report.kept, 1, "{report:?}");
        again.power_cut(|| false);
        service.online.store(true, Ordering::SeqCst);
        let (handle, _events) = start(&service, &again, deferred);
        service.wait(|state| !state.reported.is_empty());
        handle.stop(Stop::Now);
        let reported = service.change(|state| state.reported.clone());
        assert_eq!(
            reported,
            [
                r#"{"taskToken":"polled","error":"Worker.InvalidInput","cause":"the input holds half a character, a wrong escape or a control character"}"#
            ]
        );
    }
}

#[test]
fn field_05_an_input_over_the_limit_never_comes_to_lie_on_disk() {
    let input = "x".repeat(3 << 20);
    let body = format!(r#"{{"taskToken":"polled","input":"{input}"}}"#);
    let (service, disk) = (Service::new(body.as_bytes()), MemoryDisk::new(None));
    let (handle, events) = start(&service, &disk, false);
    told(&events, |event| matches!(event, Event::Kept { .. }));
    let snapshot = handle.snapshot().unwrap();
    assert!(snapshot.held.is_empty());
    for file in disk.files() {
        let bytes = disk.read(&file, u64::MAX).unwrap();
        let longest = bytes.split(|byte| *byte != b'x').map(<[u8]>::len).max();
        assert!(longest < Some(100), "{}", file.display());
    }
    service.online.store(true, Ordering::SeqCst);
    handle.wake();
    service.wait(|state| !state.reported.is_empty());
    handle.stop(Stop::Now);
    let reported = service.change(|state| state.reported.concat());
    assert!(
        reported.contains(r#""cause":"the input has 3145728 bytes, the limit is 1048576""#),
        "{reported}"
    );
}

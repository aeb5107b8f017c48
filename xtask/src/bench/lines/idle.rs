//! A worker that polls and gets nothing, and what a task costs on the wire.

use std::thread::sleep;
use std::time::Duration;

use super::super::figures::OURS;
use super::super::ground::On;
use super::super::service::Service;
use super::super::stand::{CAT, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, Setup, Subject};

/// Instead of the service's 60 s. After less than 5 s a worker would take the answer for dishonest, and pause.
const LONG_POLL: Duration = Duration::from_secs(6);
/// Until what followed a start, or an outage's begin, is over.
const SETTLE: Duration = Duration::from_secs(8);
const MINUTE: f64 = 60.0;
/// Of 60 s each, when polls bring nothing.
const POLLS_AN_HOUR: f64 = 60.0;
const TASKS: usize = 50;

/// Of one kind of worker, for so long.
pub(in crate::bench) fn measure(stand: &Stand, subject: &Subject, watch: Duration) -> Result<(), String> {
    let service = Service::start(LONG_POLL)?;
    let folder = stand.ground.folder(On::Memory, &format!("idle-{}", subject.name()))?;
    let setup = Setup {
        service: &service,
        folder: &folder,
        log: &stand.log,
        concurrency: 1,
        handler: Some(std::path::Path::new(CAT)),
        holds: 0,
    };
    let worker = subject.start(&setup)?;
    sleep(SETTLE);
    let (process, name) = (worker.process(), subject.name());
    let polls = || service.answered("GetActivityTask");
    let (bytes, needed, begun, wakes) =
        (service.bytes(), service.needed_bytes(), polls(), process.wake_ups()?);
    sleep(watch);
    let (bytes, needed) = (service.bytes() - bytes, service.needed_bytes() - needed);
    let (polled, wakes) = ((polls() - begun) as f64, process.wake_ups()? - wakes);
    if polled == 0.0 {
        return Err(format!("{name} did not poll"));
    }
    let add = |line: &str, value: f64| stand.samples.add(line, name, value);
    add("idle.hour", bytes as f64 / polled * POLLS_AN_HOUR);
    add("idle.wakes", wakes as f64 / polled);
    add("idle.threads", process.status("Threads")? as f64);
    add("idle.memory", process.status("VmRSS")? as f64);
    if name == OURS {
        add("idle.own", process.status("RssAnon")? as f64);
        stand.samples.add("idle.hour", "floor", needed as f64 / polled * POLLS_AN_HOUR);
    }
    let (bytes, io) = (service.bytes(), process.io()?);
    service.reported(&service.give(ACTIVITY, TASKS), PATIENCE)?;
    let add = |line: &str, value: f64| stand.samples.add(line, name, value);
    add("task.wire", (service.bytes() - bytes) as f64 / TASKS as f64);
    add("task.memory", process.status("VmRSS")? as f64);
    if name == OURS {
        let after = process.io()?;
        add("task.written", (after.0 - io.0) as f64 / TASKS as f64);
        add("task.writes", (after.1 - io.1) as f64 / TASKS as f64);
        service.go_down();
        sleep(SETTLE);
        let wakes = process.wake_ups()?;
        sleep(watch);
        add("offline.none", (process.wake_ups()? - wakes) as f64 / watch.as_secs_f64() * MINUTE);
    }
    Ok(())
}

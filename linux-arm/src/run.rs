//! `run`: a worker from its start to its end.
//!
//! The main thread waits for the reason to end. `events` remembers why results are held, `signals` listens to SIGTERM and SIGINT,
//! and with `--exit-when-idle` one thread waits for that. What happens is logged by the worker itself.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::worker::{Activity, Event, Events, Stop, StopReport};
use activity_worker::{TaskId, Worker, WorkerHandle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args;
use crate::config::Config;
use crate::connect;
use crate::error::Error;
use crate::exec::{Environment, Exec, Spawner};
use crate::logger;
use crate::state_dir;

/// These threads only wait.
const STACK: usize = 128 * 1024;
/// How often a thread that waits for events looks whether there are to be any more.
const LOOK: Duration = Duration::from_secs(3600);

/// A second signal so soon is the first one's echo: `timeout` and some supervisors tell the process and then its group.
const ECHO: Duration = Duration::from_secs(1);

/// Why a worker is to end.
enum Reason {
    Signal(i32),
    Idle,
    /// It ended by itself.
    Over,
}

/// Runs a worker until a signal ends it, or until it is idle if that was asked for.
pub(crate) fn run(command: args::Run) -> Result<(), Error> {
    logger::start(log_level(command.log_level)?);
    let exit_when_idle = command.exit_when_idle;
    // Signals count from here on, so that none is lost while the worker starts.
    let signals = Signals::new([SIGTERM, SIGINT]).map_err(|e| failed("listen to signals", &e))?;
    let worker = start(command.config()?, Polls::Always)?;
    let (reasons, why) = mpsc::channel();
    let rejections = {
        let (events, over) = (worker.subscribe(), reasons.clone());
        spawn("events", move || {
            let rejections = rejections(&events);
            let _ = over.send(Reason::Over);
            rejections
        })?
    };
    {
        let (worker, reasons) = (worker.clone(), reasons.clone());
        spawn("signals", move || listen(signals, &worker, &reasons))?;
    }
    if exit_when_idle {
        let worker = worker.clone();
        spawn("idle", move || {
            worker.wait_idle();
            let _ = reasons.send(Reason::Idle);
        })?;
    }
    let reason = why.recv().unwrap_or(Reason::Over);
    if let Reason::Signal(signal) = reason {
        let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
        log::info!("{name}: draining; polls end by themselves within a minute. A second {name} stops now");
    }
    let held = worker.snapshot().map(|now| now.held).unwrap_or_default();
    let report = worker.stop(Stop::Drain);
    let rejections = rejections.join().unwrap_or_default();
    farewell(&report);
    match reason {
        Reason::Signal(_) => Ok(()),
        Reason::Over => Err(Error::Failure("the worker ended by itself".into())),
        Reason::Idle => all_settled(&held, &rejections),
    }
}

fn log_level(told: Option<log::LevelFilter>) -> Result<log::LevelFilter, Error> {
    match (told, std::env::var("ACTIVITY_WORKER_LOG")) {
        (Some(level), _) => Ok(level),
        (None, Ok(name)) => {
            args::level(&name).map_err(|e| Error::Config(format!("ACTIVITY_WORKER_LOG: {e}")))
        }
        (None, Err(_)) => Ok(log::LevelFilter::Info),
    }
}

/// When a worker polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polls {
    Always,
    /// By [`WorkerHandle::poll_once`] alone.
    OnRequest,
}

/// The worker that a configuration describes.
pub(crate) fn start(config: Config, polls: Polls) -> Result<WorkerHandle, Error> {
    let state_dir = state_dir::of(config.worker.state_dir.clone())?;
    let environment = Arc::new(Environment::scrubbed());
    let spawner = Arc::new(Spawner::start().map_err(|e| failed("start a thread", &e))?);
    let runs = state_dir.join("run");
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    let region = config.activities.first().map(|a| a.arn.region()).unwrap_or_default();
    let client = connect::client(&config.worker, region)?;
    let mut builder = Worker::builder().state_dir(&state_dir).client(client);
    let settings = config.worker;
    if let Some(name) = settings.worker_name.or_else(connect::host_name) {
        builder = builder.worker_name(name);
    }
    if let Some(tasks) = settings.max_tasks {
        builder = builder.max_tasks(tasks);
    }
    if let Some(bytes) = settings.max_bytes {
        builder = builder.max_bytes(bytes);
    }
    if let Some(window) = settings.comeback_window {
        builder = builder.comeback_window(window);
    }
    // Stopping now must leave each handler its grace, and the time to be reaped.
    let grace = config.activities.iter().map(|a| a.limits.grace).max().unwrap_or_default();
    builder = builder.stop_grace(grace + Duration::from_secs(5));
    builder = builder.allow_unsafe_storage(settings.allow_unsafe_storage.unwrap_or(false));
    for activity in config.activities {
        log::info!(
            "taking tasks of {} in {}, {} at once, for {}",
            activity.arn.name(),
            activity.arn.region(),
            activity.concurrency,
            activity.program.path.display()
        );
        let handler = Exec {
            program: activity.program,
            limits: activity.limits,
            environment: Arc::clone(&environment),
            spawner: Arc::clone(&spawner),
            runs: runs.clone(),
        };
        let activity = Activity::handled(activity.arn, handler)
            .concurrency(activity.concurrency)
            .heartbeat_interval(activity.heartbeat_interval)
            .max_output(activity.limits.max_output)
            .safe_to_repeat(activity.safe_to_repeat)
            .on_request(polls == Polls::OnRequest);
        builder = builder.activity(activity);
    }
    log::info!("keeping tasks and results in {}", state_dir.display());
    builder.start().map_err(connect::start_error)
}

/// Waits for the worker's end, and says why the service rejects the results that are held then.
fn rejections(events: &Events) -> HashMap<TaskId, String> {
    let mut rejections = HashMap::new();
    while !events.is_over() {
        match events.next_within(LOOK) {
            Some(Event::Held { id, reason }) => drop(rejections.insert(id, reason)),
            Some(Event::Settled { id, .. }) => drop(rejections.remove(&id)),
            _ => {}
        }
    }
    rejections
}

fn listen(mut signals: Signals, worker: &WorkerHandle, reasons: &mpsc::Sender<Reason>) {
    let mut first: Option<Instant> = None;
    for signal in signals.forever() {
        if let Some(first) = first {
            if first.elapsed() < ECHO {
                continue;
            }
            log::warn!(
                "stopping now: a poll that is dropped can swallow a task until its HeartbeatSeconds have passed, and handlers \
                 are ended; results stay on disk"
            );
            worker.stop(Stop::Now);
            return;
        }
        first = Some(Instant::now());
        let _ = reasons.send(Reason::Signal(signal));
    }
}

fn farewell(report: &StopReport) {
    if report.dropped_polls > 0 {
        log::warn!("{} polls were dropped", report.dropped_polls);
    }
    if report.abandoned_handlers > 0 {
        let n = report.abandoned_handlers;
        log::warn!("{n} handlers did not end; their tasks fail as Worker.Restarted at the next start");
    }
    if report.lost > 0 {
        log::error!("{} results were never taken by the disk, and are lost", report.lost);
    }
    match report.kept {
        0 => log::info!("stopped; nothing waits"),
        kept => log::warn!(
            "stopped; results that wait on disk for the next start: {kept}, {} of them held",
            report.held.len()
        ),
    }
}

fn all_settled(held: &[TaskId], rejections: &HashMap<TaskId, String>) -> Result<(), Error> {
    for id in held {
        let why = rejections.get(id).map_or("the service rejected it before this start", String::as_str);
        log::error!("held: task {id}: {why}");
    }
    match held.len() {
        0 => Ok(()),
        n => Err(Error::Failure(format!("idle, but the service rejects {n} of the results; they are kept"))),
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, Error> {
    thread::Builder::new()
        .name(name.into())
        .stack_size(STACK)
        .spawn(work)
        .map_err(|e| failed("start a thread", &e))
}

fn failed(what: &str, e: &io::Error) -> Error {
    Error::Failure(format!("can't {what}: {e}"))
}

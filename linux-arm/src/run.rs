//! `run`: a worker from its start to its end.
//!
//! The main thread waits for the reason to end. `events` remembers why results are held, `outside` listens to SIGTERM and SIGINT, and
//! to the kernel's word of the network; with `--exit-when-idle` one thread waits for that. What happens is logged by the worker itself.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use activity_worker::worker::{Activity, CONNECTIONS, Event, Events, Link, Stop, StopReport};
use activity_worker::{TaskId, Worker};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::args;
use crate::config::{ActivityConfig, Config, DEFAULT_COMEBACK_WINDOW, DEFAULT_CONNECTIONS, WorkerConfig};
use crate::connect;
use crate::error::Error;
use crate::exec::{self, Environment, Exec, Spawner};
use crate::logger;
use crate::outside::{Outside, Word};
use crate::process::{self, Wanted};
use crate::state_dir;
use crate::trust;

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
    process::warnings().iter().for_each(|warning| log::warn!("{warning}"));
    let exit_when_idle = command.exit_when_idle;
    // Signals count from here on, so that none is lost while the worker starts.
    let outside = Outside::listen([SIGTERM, SIGINT]).map_err(|e| failed("listen to signals", &e))?;
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
        spawn("outside", move || listen(outside, &worker, &reasons))?;
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
        Reason::Idle => all_settled(&held, &rejections, &report),
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
    /// By [`Worker::poll_once`] alone.
    OnRequest,
}

/// The worker that a configuration describes.
pub(crate) fn start(config: Config, polls: Polls) -> Result<Worker, Error> {
    // All of it, by name: what is read and never applied does not compile.
    let Config { worker, activities, warnings } = config;
    let WorkerConfig {
        service,
        worker_name,
        state_dir,
        max_tasks,
        max_bytes,
        max_connections,
        allow_unsafe_storage,
        comeback_window,
    } = worker;
    let state_dir = state_dir::of(state_dir)?;
    let connections = max_connections.unwrap_or(DEFAULT_CONNECTIONS);
    let allowed = process::reckon(&wanted(&activities), connections).map_err(Error::Config)?;
    let connections = if allowed.roomy { connections } else { *CONNECTIONS.start() };
    let environment = Arc::new(Environment::scrubbed());
    let spawner = Arc::new(Spawner::start().map_err(|e| failed("start a thread", &e))?);
    let runs = state_dir.join("run");
    exec::trusted(&runs).map_err(|e| Error::Config(e.to_string()))?;
    let doubts = activities.iter().filter_map(ActivityConfig::doubt);
    for warning in warnings.into_iter().chain(allowed.warning).chain(doubts) {
        log::warn!("{warning}");
    }
    let region = activities.first().map(|a| a.arn.region()).unwrap_or_default();
    let client = connect::client(&service, region)?;
    for doubt in
        trust::plain_http(&client.endpoint().url()).into_iter().chain(trust::way_to_state(&state_dir))
    {
        log::warn!("{}: {}", doubt.what, doubt.advice);
    }
    let window = comeback_window.unwrap_or(DEFAULT_COMEBACK_WINDOW);
    let mut builder = Worker::builder()
        .state_dir(&state_dir)
        .client(client)
        .comeback_window(window)
        .max_connections(connections);
    if let Some(name) = worker_name.or_else(connect::host_name) {
        builder = builder.worker_name(name);
    }
    if let Some(tasks) = max_tasks {
        builder = builder.max_tasks(tasks);
    }
    if let Some(bytes) = max_bytes {
        builder = builder.max_bytes(bytes);
    }
    // Stopping now must leave each handler its grace, and the time to be reaped.
    let grace = activities.iter().map(|a| a.limits.grace).max().unwrap_or_default();
    builder = builder.stop_grace(grace + Duration::from_secs(5));
    builder = builder.allow_unsafe_storage(allow_unsafe_storage.unwrap_or(false));
    for (activity, at_once) in activities.into_iter().zip(allowed.concurrency) {
        // Of its own concurrency as much as the process may have.
        let ActivityConfig {
            arn,
            program,
            concurrency: _,
            heartbeat_interval,
            limits,
            safe_to_repeat,
            pollers,
        } = activity;
        log::info!(
            "taking tasks of {} in {}, {at_once} at once, for {}",
            arn.name(),
            arn.region(),
            program.path.display()
        );
        let handler = Exec {
            program: program.absolute(),
            limits,
            environment: Arc::clone(&environment),
            spawner: Arc::clone(&spawner),
            runs: runs.clone(),
        };
        let activity = Activity::handled(arn, handler)
            .concurrency(at_once)
            .pollers(if allowed.roomy { pollers } else { 1 })
            .heartbeat_interval(heartbeat_interval)
            .max_output(limits.max_output)
            .safe_to_repeat(safe_to_repeat)
            .on_request(polls == Polls::OnRequest);
        builder = builder.activity(activity);
    }
    log::info!("keeping tasks and results in {}", state_dir.display());
    builder.start().map_err(connect::start_error)
}

/// What the activities ask of the process.
fn wanted(activities: &[ActivityConfig]) -> Vec<Wanted<'_>> {
    let of = activities.iter().map(|a| Wanted {
        activity: a.arn.name(),
        concurrency: a.concurrency,
        pollers: a.pollers,
        max_output: a.limits.max_output,
    });
    of.collect()
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

fn listen(mut outside: Outside, worker: &Worker, reasons: &mpsc::Sender<Reason>) {
    let mut first: Option<Instant> = None;
    loop {
        let signal = match outside.next() {
            Word::Signal(signal) => signal,
            Word::LinkUp => {
                log::debug!("a way to the network may be back");
                worker.set_link(Link::Up);
                continue;
            }
        };
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
    let kept = format!("results that wait on disk for the next start: {}", report.kept);
    let kept = (report.kept > 0).then(|| format!("{kept}, {} of them held", report.held.len()));
    let left: Vec<_> =
        kept.into_iter().chain(counted(&[("open tasks", report.open)])).chain(stranded(report)).collect();
    match left.is_empty() {
        true => log::info!("stopped; nothing waits"),
        false => log::warn!("stopped; {}", left.join("; ")),
    }
}

/// What is kept, and the next start of the same worker does not go on with either.
fn stranded(report: &StopReport) -> Vec<String> {
    counted(&[
        ("tasks that are not this worker's to go on with", report.foreign.len()),
        ("files that can't be read", report.unreadable.len()),
        ("damaged files set aside", report.quarantined.len()),
        ("letters in the inbox", report.letters),
    ])
}

fn counted(counts: &[(&str, usize)]) -> Vec<String> {
    counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what}: {n}")).collect()
}

/// Idle is not done: what is kept and not on its way is told, one by one.
fn all_settled(
    held: &[TaskId],
    rejections: &HashMap<TaskId, String>,
    report: &StopReport,
) -> Result<(), Error> {
    for id in held {
        let why = rejections.get(id).map_or("the service rejected it before this start", String::as_str);
        log::error!("held: task {id}: {why}");
    }
    report.foreign.iter().for_each(|task| log::error!("not this worker's: {task}"));
    report.unreadable.iter().for_each(|path| log::error!("can't be read: {}", path.display()));
    report.quarantined.iter().for_each(|path| log::error!("damaged, and set aside: {}", path.display()));
    let mut left = counted(&[("results that the service rejects", held.len())]);
    left.extend(stranded(report));
    match left.is_empty() {
        true => Ok(()),
        false => Err(Error::Failure(format!("idle, but kept and not on its way: {}", left.join("; ")))),
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

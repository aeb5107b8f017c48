//! The threads: loops around the jobs, nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::carry::{self, CallJob};
use super::disk::{self, DiskJob};
use super::handle::Stuck;
use super::inbox::{HandlerDone, Inbox};
use super::{Handler, TaskContext};
use crate::aws::{ActivityArn, ActivityClient};
use crate::clock::Clock;
use crate::engine::calls::LANES;
use crate::spool::Spool;
use crate::{Failure, Outcome, TaskId, WorkerName};

/// Enough for a TLS handshake; frames of unoptimised code are several times as large.
const STACK: usize = if cfg!(debug_assertions) { 2 << 20 } else { 256 << 10 };
/// At most so many changes share one sync of the folder.
const BATCH: usize = 32;

/// What a thread is at, for [`Snapshot::stuck`](super::Snapshot::stuck).
struct Watched {
    name: &'static str,
    limit: Duration,
    since: Mutex<Option<Duration>>,
}

/// Watches all threads that call the outside world.
#[derive(Clone)]
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    threads: Arc<Mutex<Vec<Arc<Watched>>>>,
}

impl Watch {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Watch { clock, threads: Arc::default() }
    }

    /// The threads that are at one thing for too long.
    pub(super) fn stuck(&self) -> Vec<Stuck> {
        let now = self.clock.monotonic();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let stuck = threads.iter().filter_map(|t| {
            let since = now.saturating_sub((*t.since.lock().unwrap_or_else(PoisonError::into_inner))?);
            (since > t.limit).then_some(Stuck { thread: t.name, since })
        });
        stuck.collect()
    }

    fn add(&self, name: &'static str, limit: Duration) -> Arc<Watched> {
        let watched = Arc::new(Watched { name, limit, since: Mutex::new(None) });
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&watched));
        watched
    }

    fn during<T>(&self, watched: &Watched, work: impl FnOnce() -> T) -> T {
        let set = |at| *watched.since.lock().unwrap_or_else(PoisonError::into_inner) = at;
        set(Some(self.clock.monotonic()));
        let result = work();
        set(None);
        result
    }
}

/// Where the engine's thread puts its jobs. Dropping it ends the threads.
pub(super) struct Crew {
    pub(super) disk: Sender<DiskJob>,
    pub(super) calls: Sender<CallJob>,
    pub(super) polls: Vec<Sender<()>>,
}

/// Starts the threads for storage, calls and polls. The receiver is disconnected when they are gone.
pub(super) fn start(
    spool: Spool,
    max_output: usize,
    client: &ActivityClient,
    activities: Vec<ActivityArn>,
    name: &WorkerName,
    inbox: &Sender<Inbox>,
    watch: &Watch,
) -> std::io::Result<(Crew, Receiver<()>)> {
    let (alive, gone) = channel::<()>();
    let (disk, jobs) = channel();
    let (out, alive_disk) = (inbox.clone(), alive.clone());
    let (watching, watched) = (watch.clone(), watch.add("aw-disk", Duration::from_secs(30)));
    spawn("aw-disk", move || {
        let _alive = alive_disk;
        // Dropped before the line above tells of the end: then the folder's lock is free.
        let mut spool = spool;
        while let Some(batch) = next_batch(&jobs) {
            for done in watching.during(&watched, || disk::batch(&mut spool, batch, max_output)) {
                let _ = out.send(Inbox::Disk(done));
            }
        }
    })?;
    let (calls, jobs) = channel::<CallJob>();
    let jobs = Arc::new(Mutex::new(jobs));
    for name in ["aw-call-1", "aw-call-2", "aw-call-3", "aw-call-4"].into_iter().take(LANES) {
        let (jobs, out, client, alive) = (Arc::clone(&jobs), inbox.clone(), client.clone(), alive.clone());
        let (watch, watched) = (watch.clone(), watch.add(name, Duration::from_secs(120)));
        spawn(name, move || {
            let _alive = alive;
            while let Some(job) = next_job(&jobs) {
                let _ = out.send(Inbox::Call(watch.during(&watched, || carry::call(&client, job))));
            }
        })?;
    }
    let mut polls = Vec::new();
    for (activity, arn) in activities.into_iter().enumerate() {
        let (go, went) = channel();
        polls.push(go);
        let (out, client, name, alive) = (inbox.clone(), client.clone(), name.clone(), alive.clone());
        let (watch, watched) = (watch.clone(), watch.add("aw-poll", Duration::from_secs(240)));
        spawn(&format!("aw-poll-{activity}"), move || {
            let _alive = alive;
            while went.recv().is_ok() {
                let done = watch.during(&watched, || carry::poll(&client, activity, &arn, &name));
                let _ = out.send(Inbox::Poll(done));
            }
        })?;
    }
    Ok((Crew { disk, calls, polls }, gone))
}

/// Starts a handler on a thread of its own. Where none can be had, the task fails as `Worker.NotStarted`.
pub(super) fn run(handler: Arc<dyn Handler>, task: TaskContext, max_output: usize, inbox: Sender<Inbox>) {
    let id = task.id();
    let out = inbox.clone();
    let work = move || {
        let outcome = match catch_unwind(AssertUnwindSafe(|| handler.handle(&task))) {
            Ok(Ok(output)) => Outcome::success(output, max_output),
            Ok(Err(failure)) => Outcome::Failure(failure),
            Err(panic) => Outcome::failure("Handler.Panicked", panic_text(&*panic)),
        };
        let _ = out.send(Inbox::Handler(HandlerDone { id, outcome }));
    };
    // A handler is not ours: it gets the platform's usual stack.
    if let Err(error) = Builder::new().name("aw-task".into()).spawn(work) {
        let outcome = Outcome::Failure(Failure::new(
            "Worker.NotStarted",
            format!("no thread for the handler: {error}"),
        ));
        let _ = inbox.send(Inbox::Handler(HandlerDone { id, outcome }));
    }
}

/// Lets the handler end what an earlier process left running.
pub(super) fn reclaim(handler: Option<Arc<dyn Handler>>, id: TaskId, inbox: Sender<Inbox>) {
    let out = inbox.clone();
    let work = move || {
        let reclaimed = handler.map_or(Ok(Ok(())), |h| catch_unwind(AssertUnwindSafe(|| h.reclaim(id))));
        let _ = out.send(match reclaimed {
            Ok(Ok(())) => Inbox::Reclaimed(id),
            Ok(Err(error)) => Inbox::NotReclaimed(id, error.to_string()),
            Err(panic) => Inbox::NotReclaimed(id, panic_text(&*panic)),
        });
    };
    if let Err(error) = spawn("aw-reclaim", work) {
        let _ = inbox.send(Inbox::NotReclaimed(id, format!("no thread: {error}")));
    }
}

pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work)
}

fn next_batch(jobs: &Receiver<DiskJob>) -> Option<Vec<DiskJob>> {
    let mut batch = vec![jobs.recv().ok()?];
    batch.extend(jobs.try_iter().take(BATCH - 1));
    Some(batch)
}

fn next_job(jobs: &Mutex<Receiver<CallJob>>) -> Option<CallJob> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the handler panicked".to_owned())
}

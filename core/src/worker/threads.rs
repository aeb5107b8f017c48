//! The threads: loops around the jobs, nothing else.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::carry::{self, CallJob};
use super::crew::{Crew, Tools};
use super::disk::{self, DiskJob};
use super::handle::Stuck;
use super::inbox::{HandlerDone, Inbox};
use super::{Handler, TaskContext};
use crate::clock::Clock;
use crate::engine::calls::LANES;
use crate::{Outcome, TaskId};

/// Enough for a TLS handshake; frames of unoptimised code are several times as large.
const STACK: usize = if cfg!(debug_assertions) { 2 << 20 } else { 256 << 10 };
/// At most so many changes share one sync of the folder.
const BATCH: usize = 32;
/// How long the worker's end waits for a thread that hangs.
const THREADS_END: Duration = Duration::from_secs(5);

/// What a thread is at, for [`Snapshot::stuck`](super::Snapshot::stuck).
pub(super) struct Watched {
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

    pub(super) fn add(&self, name: &'static str, limit: Duration) -> Arc<Watched> {
        let watched = Arc::new(Watched { name, limit, since: Mutex::new(None) });
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&watched));
        watched
    }

    pub(super) fn during<T>(&self, watched: &Watched, work: impl FnOnce() -> T) -> T {
        let set = |at| *watched.since.lock().unwrap_or_else(PoisonError::into_inner) = at;
        set(Some(self.clock.monotonic()));
        let result = work();
        set(None);
        result
    }
}

/// The worker's threads. Dropping their queues ends them.
pub(super) struct Threads {
    disk: Sender<DiskJob>,
    calls: Sender<CallJob>,
    polls: Vec<Sender<()>>,
    /// Disconnected once the threads have ended.
    gone: Receiver<()>,
    inbox: Sender<Inbox>,
    watch: Watch,
}

/// Starts the threads for storage, calls and polls.
pub(super) fn start(tools: Tools, inbox: Sender<Inbox>) -> std::io::Result<Threads> {
    let Tools { spool, max_output, client, activities, name } = tools;
    let watch = Watch::new(Arc::clone(client.clock().clock()));
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
    Ok(Threads { disk, calls, polls, gone, inbox, watch })
}

impl Crew for Threads {
    fn poll(&mut self, activity: usize) {
        if let Some(poll) = self.polls.get(activity) {
            let _ = poll.send(());
        }
    }

    fn disk(&mut self, job: DiskJob) {
        let _ = self.disk.send(job);
    }

    fn call(&mut self, job: CallJob) {
        let _ = self.calls.send(job);
    }

    /// On a thread of its own. Where none can be had, the task fails as `Worker.NotStarted`.
    fn run(&mut self, handler: Arc<dyn Handler>, task: TaskContext, max_output: usize) {
        let (id, out) = (task.id(), self.inbox.clone());
        let work = move || drop(out.send(Inbox::Handler(carry::work(&*handler, &task, max_output))));
        // A handler is not ours: it gets the platform's usual stack.
        if let Err(error) = Builder::new().name("aw-task".into()).spawn(work) {
            let cause = format!("no thread for the handler: {error}");
            let outcome = Outcome::failure("Worker.NotStarted", cause);
            let _ = self.inbox.send(Inbox::Handler(HandlerDone { id, outcome }));
        }
    }

    fn reclaim(&mut self, handler: Option<Arc<dyn Handler>>, id: TaskId) {
        let out = self.inbox.clone();
        if let Err(error) = spawn("aw-reclaim", move || drop(out.send(carry::reclaim(handler, id)))) {
            let _ = self.inbox.send(Inbox::NotReclaimed(id, format!("no thread: {error}")));
        }
    }

    fn stuck(&self) -> Vec<Stuck> {
        self.watch.stuck()
    }

    fn end(self: Box<Self>) {
        let Threads { disk, calls, polls, gone, .. } = *self;
        drop((disk, calls, polls));
        // Each thread holds the other end until it is gone. One that hangs must not keep the process from ending.
        let _ = gone.recv_timeout(THREADS_END);
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

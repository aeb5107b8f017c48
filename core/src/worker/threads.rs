//! The threads: loops around the jobs, nothing else.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crate::clock::Clock;
use crate::engine::lanes::LANES;
use crate::worker::driver::crew::{Crew, Tools};
use crate::worker::handler::{Handler, TaskContext};
use crate::worker::jobs::calls::{self, CallJob, HandlerDone, ReclaimDone};
use crate::worker::jobs::disk::{self, DiskJob};
use crate::worker::jobs::spawn::spawn;
use crate::worker::mailbox::Mail;
use crate::worker::reports::Stuck;
use crate::{Failure, Outcome, TaskId};

/// Longer than any deadline of a call lets it be: the largest result both ways over the slowest link, and a third more.
const CALL_MAX: Duration = Duration::from_secs(45 * 60);
/// The same for a poll, whose answer may take an hour.
const POLL_MAX: Duration = Duration::from_secs(75 * 60);
/// At most so many changes share one sync of the folder.
const BATCH: usize = 32;
/// How long the worker's end waits for a thread that hangs.
const THREADS_END: Duration = Duration::from_secs(5);

/// What a thread is at, for [`Snapshot::stuck`](super::Snapshot::stuck).
pub(super) struct Watched {
    name: String,
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
            (since > t.limit).then_some(Stuck { thread: t.name.clone(), since })
        });
        stuck.collect()
    }

    pub(super) fn add(&self, name: &str, limit: Duration) -> Arc<Watched> {
        let watched = Arc::new(Watched { name: name.to_owned(), limit, since: Mutex::new(None) });
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
    mailbox: Sender<Mail>,
    watch: Watch,
}

/// Starts the threads for storage, calls and polls.
pub(super) fn start(tools: Tools, mailbox: Sender<Mail>) -> std::io::Result<Threads> {
    let Tools { spool, max_output, client, activities, name } = tools;
    let watch = Watch::new(Arc::clone(client.clock().clock()));
    let (alive, gone) = channel::<()>();
    let (disk, jobs) = channel();
    let (out, alive_disk) = (mailbox.clone(), alive.clone());
    let (watching, watched) = (watch.clone(), watch.add("aw-disk", Duration::from_secs(30)));
    spawn("aw-disk", move || {
        let _alive = alive_disk;
        // Dropped before the line above tells of the end: then the folder's lock is free.
        let mut spool = spool;
        while let Some(batch) = next_batch(&jobs) {
            for done in watching.during(&watched, || disk::batch(&mut spool, batch, max_output)) {
                let _ = out.send(Mail::Disk(done));
            }
        }
    })?;
    let (calls, jobs) = channel::<CallJob>();
    let jobs = Arc::new(Mutex::new(jobs));
    for name in ["aw-call-1", "aw-call-2", "aw-call-3", "aw-call-4"].into_iter().take(LANES) {
        let (jobs, out, client, alive) = (Arc::clone(&jobs), mailbox.clone(), client.clone(), alive.clone());
        let (watch, watched) = (watch.clone(), watch.add(name, CALL_MAX));
        spawn(name, move || {
            let _alive = alive;
            while let Some(job) = next_job(&jobs) {
                let _ = out.send(Mail::Call(watch.during(&watched, || calls::call(&client, job))));
            }
        })?;
    }
    let mut polls = Vec::new();
    for (activity, arn) in activities.into_iter().enumerate() {
        let (go, went) = channel();
        polls.push(go);
        let (out, client, name, alive) = (mailbox.clone(), client.clone(), name.clone(), alive.clone());
        let thread = format!("aw-poll-{activity}");
        let (watch, watched) = (watch.clone(), watch.add(&thread, POLL_MAX));
        spawn(&thread, move || {
            let _alive = alive;
            while went.recv().is_ok() {
                let done = watch.during(&watched, || calls::poll(&client, activity, &arn, &name));
                let _ = out.send(Mail::Poll(done));
            }
        })?;
    }
    Ok(Threads { disk, calls, polls, gone, mailbox, watch })
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
        let (id, out) = (task.id(), self.mailbox.clone());
        let work = move || drop(out.send(Mail::Handler(calls::work(&*handler, &task, max_output))));
        // A handler is not ours: it gets the platform's usual stack.
        if let Err(error) = Builder::new().name("aw-task".into()).spawn(work) {
            let cause = format!("no thread for the handler: {error}");
            let outcome = Outcome::Failure(Failure::new("Worker.NotStarted", cause).failed_start());
            let _ = self.mailbox.send(Mail::Handler(HandlerDone { id, outcome }));
        }
    }

    fn reclaim(&mut self, handler: Option<Arc<dyn Handler>>, id: TaskId) {
        let out = self.mailbox.clone();
        if let Err(error) =
            spawn("aw-reclaim", move || drop(out.send(Mail::Reclaimed(calls::reclaim(handler, id)))))
        {
            let _ = self
                .mailbox
                .send(Mail::Reclaimed(ReclaimDone { id, result: Err(format!("no thread: {error}")) }));
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

fn next_batch(jobs: &Receiver<DiskJob>) -> Option<Vec<DiskJob>> {
    let mut batch = vec![jobs.recv().ok()?];
    batch.extend(jobs.try_iter().take(BATCH - 1));
    Some(batch)
}

fn next_job(jobs: &Mutex<Receiver<CallJob>>) -> Option<CallJob> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

//! The threads: loops around the jobs, nothing else.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use crate::worker::driver::crew::{Crew, Tools};
use crate::worker::handler::{Handler, TaskContext};
use crate::worker::jobs::calls::{self, CallJob, HandlerDone, ReclaimDone};
use crate::worker::jobs::disk::{self, DiskJob};
use crate::worker::jobs::spawn::spawn;
use crate::worker::mailbox::Mail;
use crate::worker::pool::{Members, Pool};
use crate::worker::reports::Stuck;
use crate::worker::watch::Watch;
use crate::{Failure, Outcome, TaskId};

/// Longer than any deadline of a call lets it be: the largest result both ways over the slowest link, and a third more.
const CALL_MAX: Duration = Duration::from_secs(45 * 60);
/// The same for a poll, whose answer may take an hour.
const POLL_MAX: Duration = Duration::from_secs(75 * 60);
/// Threads for calls that stay, for a worker with little to say.
const CALLS_STAY: usize = 2;
/// At most so many changes share one sync of the folder.
const BATCH: usize = 32;
/// How long the worker's end waits for a thread that hangs.
const THREADS_END: Duration = Duration::from_secs(5);

/// The worker's threads. Dropping their queues ends them.
pub(super) struct Threads {
    disk: Sender<DiskJob>,
    calls: Pool<CallJob>,
    polls: Vec<Pool<()>>,
    /// Disconnected once the threads have ended.
    gone: Receiver<()>,
    mailbox: Sender<Mail>,
    watch: Watch,
}

/// Starts the threads for storage, calls and polls.
pub(super) fn start(tools: Tools, mailbox: Sender<Mail>) -> std::io::Result<Threads> {
    let Tools { spool, max_output, client, activities, connections, name } = tools;
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
    let (out, service) = (mailbox.clone(), client.clone());
    let members = Members { name: "aw-call".into(), stay: CALLS_STAY, most: connections, limit: CALL_MAX };
    let calls = Pool::start(members, watch.clone(), alive.clone(), move |job| {
        let _ = out.send(Mail::Call(calls::call(&service, job)));
    })?;
    let mut polls = Vec::new();
    for (activity, (arn, most)) in activities.into_iter().enumerate() {
        let (out, client, name) = (mailbox.clone(), client.clone(), name.clone());
        let members = Members { name: format!("aw-poll-{activity}"), stay: 1, most, limit: POLL_MAX };
        polls.push(Pool::start(members, watch.clone(), alive.clone(), move |()| {
            let _ = out.send(Mail::Poll(calls::poll(&client, activity, &arn, &name)));
        })?);
    }
    Ok(Threads { disk, calls, polls, gone, mailbox, watch })
}

impl Crew for Threads {
    fn poll(&mut self, activity: usize) {
        if let Some(poll) = self.polls.get(activity) {
            poll.send(());
        }
    }

    fn disk(&mut self, job: DiskJob) {
        let _ = self.disk.send(job);
    }

    fn call(&mut self, job: CallJob) {
        self.calls.send(job);
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

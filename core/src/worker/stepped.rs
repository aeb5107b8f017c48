//! A worker without threads, for simulators: it is stepped by hand, its orders are taken from it and carried out when the simulator
//! likes, with the code that the threads run, and what came of them is handed in. Not covered by semver.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{Engine, Kept, Link, Stop};
use crate::spool::{Disk, MemoryDisk, Spool};
use crate::worker::answers::{AdoptError, Adopted, AnswerError, DeferredTask};
use crate::worker::builder::{StartError, WorkerBuilder};
use crate::worker::driver::Driver;
use crate::worker::driver::crew::{Crew, Tools};
use crate::worker::events::Event;
use crate::worker::foreign::{ForeignError, ForeignTask};
use crate::worker::handler::{Handler, TaskContext};
use crate::worker::hub::Events;
use crate::worker::jobs::calls::{self, CallJob};
use crate::worker::jobs::disk::{self, DiskDone, DiskJob};
use crate::worker::mailbox::{Ask, Lease, Mail};
pub use crate::worker::question::Answer;
use crate::worker::question::{Asker, asked};
use crate::worker::reports::{Snapshot, StopReport, Stuck};
use crate::{Adoption, ErrorClass, InboxError, Outcome, TaskId};

/// The worker. Dropping it is what SIGKILL does to a process.
pub struct Stepped {
    driver: Driver,
    tools: Tools,
    orders: Orders,
    events: Events,
}

/// Something for a thread to do.
pub enum Order {
    /// Poll the activity of this number, in the order in which they were given to the builder.
    Poll(usize),
    /// Read or change the state folder.
    Disk(DiskOrder),
    /// Send a heartbeat or a report.
    Call(CallOrder),
    /// Run a handler.
    Run(Box<RunOrder>),
    /// End what an earlier process left running.
    Reclaim(ReclaimOrder),
}

/// An order to the disk.
pub struct DiskOrder(DiskJob);

/// An order to send a heartbeat or a report.
pub struct CallOrder(CallJob);

/// An order to run a handler.
pub struct RunOrder {
    handler: Arc<dyn Handler>,
    task: TaskContext,
    max_output: usize,
}

/// An order to end what an earlier process left running.
pub struct ReclaimOrder {
    handler: Option<Arc<dyn Handler>>,
    id: TaskId,
}

/// What came of an order.
pub struct Done(Mail);

/// What the disk said to a change, or of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskAnswer {
    /// Whether a task is accepted.
    Accepted(TaskId, bool),
    /// How an outcome is kept.
    Kept(TaskId, Kept),
    /// Whether a task's end is remembered.
    Settled(TaskId, bool),
    /// How many more tasks fit.
    Room(usize),
}

impl Stepped {
    /// Opens the state folder on `disk`, as [`WorkerBuilder::start`] does.
    pub fn start(builder: WorkerBuilder, disk: Box<dyn Disk>) -> Result<Self, StartError> {
        let orders = Orders::default();
        let mut kept = None;
        let (mut driver, events) = builder.driver(disk, |tools| {
            kept = Some(tools);
            Ok(orders.clone())
        })?;
        let tools = kept.ok_or_else(|| StartError::Config("no crew was asked for".to_owned()))?;
        driver.advance();
        Ok(Stepped { driver, tools, orders, events })
    }

    /// When the worker has something to do without a word from outside.
    pub fn due(&self) -> Option<Duration> {
        self.driver.due()
    }

    /// Hands in what came of an order, or lets the worker see that time has passed.
    pub fn step(&mut self, done: Option<Done>) {
        self.driver.step(done.map(|done| done.0));
    }

    /// The orders given since this was last asked.
    pub fn orders(&mut self) -> Vec<Order> {
        self.orders.lock().drain(..).collect()
    }

    /// Carries out orders to the disk as one batch, as the disk's thread does.
    pub fn store(&mut self, orders: Vec<DiskOrder>) -> Vec<Done> {
        let jobs = orders.into_iter().map(|order| order.0).collect();
        let done = disk::batch(&mut self.tools.spool, jobs, self.tools.max_output);
        done.into_iter().map(|done| Done(Mail::Disk(done))).collect()
    }

    /// Sends a heartbeat or a report.
    pub fn call(&self, order: CallOrder) -> Done {
        Done(Mail::Call(calls::call(&self.tools.client, order.0)))
    }

    /// Polls an activity, and answers with what the service said.
    pub fn poll(&self, activity: usize) -> Done {
        let Tools { client, activities, name, .. } = &self.tools;
        Done(Mail::Poll(calls::poll(client, activity, &activities[activity].0, name)))
    }

    /// What has happened since this was last asked.
    pub fn events(&self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.next_within(Duration::ZERO)).collect()
    }

    /// What the worker has decided so far.
    pub fn engine(&self) -> &Engine {
        &self.driver.engine
    }

    /// What the worker believes to lie on disk.
    pub fn spool(&self) -> &Spool {
        &self.tools.spool
    }

    /// The tasks whose secrets are in memory.
    pub fn tasks_in_memory(&self) -> usize {
        self.driver.tasks_in_memory()
    }

    /// Whether the worker has stopped: call [`end`](Self::end).
    pub fn is_over(&self) -> bool {
        self.driver.is_over()
    }

    /// The end after a stop.
    pub fn end(self) -> StopReport {
        let ended = self.driver.ended();
        self.driver.end();
        ended.wait()
    }

    /// As [`Worker::stop`](super::Worker::stop), without waiting for the end.
    pub fn stop(&mut self, how: Stop) {
        self.asked(Ask::Stop(how));
    }

    /// As [`Worker::wake`](super::Worker::wake).
    pub fn wake(&mut self) {
        self.asked(Ask::Wake);
    }

    /// As [`Worker::set_link`](super::Worker::set_link).
    pub fn set_link(&mut self, link: Link) {
        self.asked(Ask::Link(link));
    }

    /// As [`Worker::credentials_changed`](super::Worker::credentials_changed).
    pub fn credentials_changed(&mut self) {
        self.asked(Ask::CredentialsChanged);
    }

    /// As [`Worker::deferred_tasks`](super::Worker::deferred_tasks).
    pub fn deferred_tasks(&mut self) -> Vec<DeferredTask> {
        self.ask(|reply| Ask::Deferred(Lease::Renew, reply)).try_recv().unwrap_or_default()
    }

    /// As [`Worker::input`](super::Worker::input); the answer comes later.
    pub fn input(&mut self, id: TaskId) -> Answer<Result<String, AnswerError>> {
        self.ask(|reply| Ask::ShowInput(id, reply))
    }

    /// As [`Worker::succeed`](super::Worker::succeed) and `fail`; the answer comes later.
    pub fn answer(&mut self, id: TaskId, outcome: Outcome) -> Answer<Result<(), AnswerError>> {
        self.ask(|reply| Ask::Answer(id, outcome, reply))
    }

    /// As [`Worker::adopt`](super::Worker::adopt); the answer comes later.
    pub fn adopt(&mut self, adoption: Adoption) -> Answer<Result<Adopted, AdoptError>> {
        self.ask(|reply| Ask::Adopt(adoption, reply))
    }

    /// As [`Worker::snapshot`](super::Worker::snapshot).
    pub fn snapshot(&mut self) -> Snapshot {
        self.ask(Ask::Snapshot).try_recv().unwrap_or_default()
    }

    /// As [`Worker::foreign_tasks`](super::Worker::foreign_tasks).
    pub fn foreign_tasks(&mut self) -> Vec<ForeignTask> {
        self.ask(Ask::Foreign).try_recv().unwrap_or_default()
    }

    /// As [`Worker::adopt_foreign`](super::Worker::adopt_foreign); the answer comes later.
    pub fn adopt_foreign(&mut self, id: TaskId) -> Answer<Result<(), ForeignError>> {
        self.ask(|reply| Ask::AdoptForeign(id, reply))
    }

    /// As [`Worker::discard`](super::Worker::discard); the answer comes later.
    pub fn discard(&mut self, id: TaskId) -> Answer<Result<(), ForeignError>> {
        self.ask(|reply| Ask::Discard(id, reply))
    }

    fn asked(&mut self, ask: Ask) {
        self.step(Some(Done(Mail::Ask(ask))));
    }

    fn ask<T>(&mut self, ask: impl FnOnce(Asker<T>) -> Ask) -> Answer<T> {
        let (reply, answer) = asked();
        self.asked(ask(reply));
        answer
    }
}

/// Leaves a token in the inbox of a state folder on `disk`, as [`Inbox`](crate::Inbox) does.
pub fn leave_token(
    disk: &mut MemoryDisk,
    state_dir: &Path,
    adoption: &Adoption,
) -> Result<TaskId, InboxError> {
    crate::Inbox::of(state_dir).leave_token_on(disk, adoption)
}

/// Leaves an answer there.
pub fn leave_answer(
    disk: &mut MemoryDisk,
    state_dir: &Path,
    id: TaskId,
    outcome: &Outcome,
) -> Result<(), InboxError> {
    crate::Inbox::of(state_dir).leave_answer_on(disk, id, outcome)
}

impl DiskOrder {
    /// What is to be done, in a word, and for which task.
    pub fn what(&self) -> (&'static str, Option<TaskId>) {
        match &self.0 {
            DiskJob::Accept(accept) => ("accept", Some(accept.token.id())),
            DiskJob::KeepOutcome { id, .. } => ("keep outcome", Some(*id)),
            DiskJob::CountRun { id } => ("count run", Some(*id)),
            DiskJob::Claim(claim) => ("claim", Some(claim.id)),
            DiskJob::ReadInput { id, .. } => ("read input", Some(*id)),
            DiskJob::ShowInput { id, .. } => ("show input", Some(*id)),
            DiskJob::ShowOutcome { id, .. } => ("show outcome", Some(*id)),
            DiskJob::Complete { id, .. } => ("complete", Some(*id)),
            DiskJob::ReadOutcome { id } => ("read outcome", Some(*id)),
            DiskJob::Settle { id, .. } => ("settle", Some(*id)),
            DiskJob::FindSettlement { id, .. } => ("find settlement", Some(*id)),
            DiskJob::ListLetters => ("list letters", None),
            DiskJob::ReadLetter { .. } => ("read letter", None),
            DiskJob::RemoveLetter { .. } => ("remove letter", None),
            DiskJob::KeepDate { .. } => ("keep date", None),
            DiskJob::Look => ("look", None),
            DiskJob::LookAtRoom => ("look at room", None),
        }
    }

    /// The outcome to be kept.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.0 {
            DiskJob::KeepOutcome { outcome, .. } => Some(outcome),
            // A task that can't be begun is kept with its failure.
            DiskJob::Accept(accept) => accept.outcome.as_deref(),
            _ => None,
        }
    }
}

impl CallOrder {
    /// The task.
    pub fn id(&self) -> TaskId {
        self.0.id
    }

    /// What is reported; `None`: a heartbeat.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.0.outcome.as_deref()
    }
}

impl RunOrder {
    /// What the handler gets to see.
    pub fn task(&self) -> &TaskContext {
        &self.task
    }

    /// Works the task, to its end.
    pub fn work(self) -> Done {
        Done(Mail::Handler(calls::work(&*self.handler, &self.task, self.max_output)))
    }
}

impl ReclaimOrder {
    /// The task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Calls the handler.
    pub fn reclaim(self) -> Done {
        Done(Mail::Reclaimed(calls::reclaim(self.handler, self.id)))
    }
}

impl Done {
    /// What the disk, the service or the handler said, in words for a trace.
    pub fn told(&self) -> String {
        match &self.0 {
            Mail::Disk(DiskDone::Accepted { result, .. }) => format!("accepted: {}", result.is_ok()),
            Mail::Disk(DiskDone::OutcomeKept { kept, reason, .. }) => format!("kept: {kept:?} {reason}"),
            Mail::Disk(DiskDone::Settled { error, .. }) => format!("settled: {error:?}"),
            Mail::Disk(DiskDone::Room(tasks)) => format!("room: {tasks}"),
            Mail::Disk(_) => "disk".to_owned(),
            Mail::Call(done) => match &done.answer {
                Ok(_) => "ok".to_owned(),
                Err(error) => format!("{:?}: {error}", error.class),
            },
            Mail::Poll(done) => match &done.answer {
                Ok(Some(task)) => format!("task {}", task.token.id()),
                Ok(None) => "empty".to_owned(),
                Err(error) => format!("{:?}: {error}", error.class),
            },
            Mail::Handler(done) => format!("{:?}", done.outcome),
            Mail::Reclaimed(done) => done.result.clone().err().unwrap_or_else(|| "done".to_owned()),
            Mail::Ask(_) => "done".to_owned(),
        }
    }

    /// What the disk said to a change, or of its room.
    pub fn disk_answer(&self) -> Option<DiskAnswer> {
        Some(match &self.0 {
            Mail::Disk(DiskDone::Accepted { id, result }) => DiskAnswer::Accepted(*id, result.is_ok()),
            Mail::Disk(DiskDone::OutcomeKept { id, kept, .. }) => DiskAnswer::Kept(*id, *kept),
            Mail::Disk(DiskDone::Settled { id, error }) => DiskAnswer::Settled(*id, error.is_none()),
            Mail::Disk(DiskDone::Room(tasks)) => DiskAnswer::Room(*tasks),
            _ => return None,
        })
    }

    /// The class of error that the service's answer, or the lack of one, came to.
    pub fn failure(&self) -> Option<ErrorClass> {
        match &self.0 {
            Mail::Call(done) => done.answer.as_ref().err().map(|error| error.class),
            Mail::Poll(done) => done.answer.as_ref().err().map(|error| error.class),
            _ => None,
        }
    }
}

/// A crew that only writes its orders down.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<VecDeque<Order>>>);

impl Orders {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew for Orders {
    fn poll(&mut self, activity: usize) {
        self.lock().push_back(Order::Poll(activity));
    }

    fn disk(&mut self, job: DiskJob) {
        self.lock().push_back(Order::Disk(DiskOrder(job)));
    }

    fn call(&mut self, job: CallJob) {
        self.lock().push_back(Order::Call(CallOrder(job)));
    }

    fn run(&mut self, handler: Arc<dyn Handler>, task: TaskContext, max_output: usize) {
        self.lock().push_back(Order::Run(Box::new(RunOrder { handler, task, max_output })));
    }

    fn reclaim(&mut self, handler: Option<Arc<dyn Handler>>, id: TaskId) {
        self.lock().push_back(Order::Reclaim(ReclaimOrder { handler, id }));
    }

    fn stuck(&self) -> Vec<Stuck> {
        Vec::new()
    }

    fn end(self: Box<Self>) {}
}

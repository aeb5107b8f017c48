//! A worker without threads, for simulators: it is stepped by hand, its orders are taken from it and carried out when the simulator
//! likes, with the code that the threads run, and what came of them is handed in. Not covered by semver.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::carry::{self, CallJob};
use super::crew::{Crew, Tools};
use super::disk::{self, DiskDone, DiskJob};
use super::driver::Driver;
use super::events::{Event, Events};
use super::handle::{Stop, StopReport, Stuck};
use super::inbox::{Ask, Inbox, Lease};
use super::{
    AdoptError, Adopted, DeferredTask, Handler, Link, SettleError, StartError, TaskContext, WorkerBuilder,
};
use crate::engine::{self, Engine, Kept, LinkHint};
use crate::spool::{Disk, MemoryDisk, Spool};
use crate::{Adoption, Class, InboxError, Outcome, TaskId};

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
pub struct Word(Inbox);

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
    pub fn step(&mut self, word: Option<Word>) {
        self.driver.step(word.map(|word| word.0));
    }

    /// The orders given since this was last asked.
    pub fn orders(&mut self) -> Vec<Order> {
        self.orders.lock().drain(..).collect()
    }

    /// Carries out orders to the disk as one batch, as the disk's thread does.
    pub fn store(&mut self, orders: Vec<DiskOrder>) -> Vec<Word> {
        let jobs = orders.into_iter().map(|order| order.0).collect();
        let done = disk::batch(&mut self.tools.spool, jobs, self.tools.max_output);
        done.into_iter().map(|done| Word(Inbox::Disk(done))).collect()
    }

    /// Sends a heartbeat or a report.
    pub fn call(&self, order: CallOrder) -> Word {
        Word(Inbox::Call(carry::call(&self.tools.client, order.0)))
    }

    /// Polls.
    pub fn poll(&self, activity: usize) -> Word {
        let Tools { client, activities, name, .. } = &self.tools;
        Word(Inbox::Poll(carry::poll(client, activity, &activities[activity], name)))
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
        self.driver.live.len()
    }

    /// Whether the worker has stopped: call [`end`](Self::end).
    pub fn is_over(&self) -> bool {
        self.driver.over
    }

    /// The end after a stop.
    pub fn end(self) -> StopReport {
        let ended = Arc::clone(&self.driver.ended);
        self.driver.end();
        ended.wait()
    }

    /// As [`WorkerHandle::stop`](super::WorkerHandle::stop), without waiting for the end.
    pub fn stop(&mut self, how: Stop) {
        self.asked(Ask::Stop(match how {
            Stop::Drain => engine::Stop::Drain,
            Stop::Now => engine::Stop::Now,
        }));
    }

    /// As [`WorkerHandle::wake`](super::WorkerHandle::wake).
    pub fn wake(&mut self) {
        self.asked(Ask::Wake);
    }

    /// As [`WorkerHandle::set_link`](super::WorkerHandle::set_link).
    pub fn set_link(&mut self, link: Link) {
        self.asked(Ask::Link(match link {
            Link::Up => LinkHint::Up,
            Link::Down => LinkHint::Down,
            Link::Unknown => LinkHint::Unknown,
        }));
    }

    /// As [`WorkerHandle::credentials_changed`](super::WorkerHandle::credentials_changed).
    pub fn credentials_changed(&mut self) {
        self.asked(Ask::CredentialsChanged);
    }

    /// As [`WorkerHandle::deferred_tasks`](super::WorkerHandle::deferred_tasks).
    pub fn deferred_tasks(&mut self) -> Vec<DeferredTask> {
        self.ask(|reply| Ask::Deferred(Lease::Renew, reply)).try_recv().unwrap_or_default()
    }

    /// As [`WorkerHandle::input`](super::WorkerHandle::input); the answer comes later.
    pub fn input(&mut self, id: TaskId) -> Receiver<Result<String, SettleError>> {
        self.ask(|reply| Ask::Input(id, reply))
    }

    /// As [`WorkerHandle::succeed`](super::WorkerHandle::succeed) and `fail`; the answer comes later.
    pub fn settle(&mut self, id: TaskId, outcome: Outcome) -> Receiver<Result<(), SettleError>> {
        self.ask(|reply| Ask::Settle(id, outcome, reply))
    }

    /// As [`WorkerHandle::adopt`](super::WorkerHandle::adopt); the answer comes later.
    pub fn adopt(&mut self, adoption: Adoption) -> Receiver<Result<Adopted, AdoptError>> {
        self.ask(|reply| Ask::Adopt(adoption, reply))
    }

    fn asked(&mut self, ask: Ask) {
        self.step(Some(Word(Inbox::Ask(ask))));
    }

    fn ask<T>(&mut self, ask: impl FnOnce(Sender<T>) -> Ask) -> Receiver<T> {
        let (reply, answer) = channel();
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
            DiskJob::ReadInput { id, .. } => ("read input", Some(*id)),
            DiskJob::ShowInput { id, .. } => ("show input", Some(*id)),
            DiskJob::ReadOutcome { id } => ("read outcome", Some(*id)),
            DiskJob::Settle { id, .. } => ("settle", Some(*id)),
            DiskJob::FindSettlement { id, .. } => ("find settlement", Some(*id)),
            DiskJob::ListLetters => ("list letters", None),
            DiskJob::ReadLetter { .. } => ("read letter", None),
            DiskJob::RemoveLetter { .. } => ("remove letter", None),
            DiskJob::KeepDate { .. } => ("keep date", None),
            DiskJob::Look => ("look", None),
        }
    }

    /// The outcome to be kept.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.0 {
            DiskJob::KeepOutcome { outcome, .. } => Some(outcome),
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
    pub fn work(self) -> Word {
        Word(Inbox::Handler(carry::work(&*self.handler, &self.task, self.max_output)))
    }
}

impl ReclaimOrder {
    /// The task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Calls the handler.
    pub fn reclaim(self) -> Word {
        Word(carry::reclaim(self.handler, self.id))
    }
}

impl Word {
    /// What the disk, the service or the handler said, in words for a trace.
    pub fn told(&self) -> String {
        match &self.0 {
            Inbox::Disk(DiskDone::Accepted { result, .. }) => format!("accepted: {}", result.is_ok()),
            Inbox::Disk(DiskDone::OutcomeKept { kept, reason, .. }) => format!("kept: {kept:?} {reason}"),
            Inbox::Disk(DiskDone::Settled { error, .. }) => format!("settled: {error:?}"),
            Inbox::Disk(DiskDone::Room(tasks)) => format!("room: {tasks}"),
            Inbox::Disk(_) => "disk".to_owned(),
            Inbox::Call(done) => match &done.answer {
                Ok(_) => "ok".to_owned(),
                Err(error) => format!("{:?}: {error}", error.class),
            },
            Inbox::Poll(done) => match &done.answer {
                Ok(Some(task)) => format!("task {}", task.token.id()),
                Ok(None) => "empty".to_owned(),
                Err(error) => format!("{:?}: {error}", error.class),
            },
            Inbox::Handler(done) => format!("{:?}", done.outcome),
            Inbox::Ask(_) | Inbox::Reclaimed(_) => "done".to_owned(),
            Inbox::NotReclaimed(_, why) => why.clone(),
        }
    }

    /// What the disk said to a change, or of its room.
    pub fn disk_answer(&self) -> Option<DiskAnswer> {
        Some(match &self.0 {
            Inbox::Disk(DiskDone::Accepted { id, result }) => DiskAnswer::Accepted(*id, result.is_ok()),
            Inbox::Disk(DiskDone::OutcomeKept { id, kept, .. }) => DiskAnswer::Kept(*id, *kept),
            Inbox::Disk(DiskDone::Settled { id, error }) => DiskAnswer::Settled(*id, error.is_none()),
            Inbox::Disk(DiskDone::Room(tasks)) => DiskAnswer::Room(*tasks),
            _ => return None,
        })
    }

    /// The class of error that the service's answer, or the lack of one, came to.
    pub fn failure(&self) -> Option<Class> {
        match &self.0 {
            Inbox::Call(done) => done.answer.as_ref().err().map(|error| error.class),
            Inbox::Poll(done) => done.answer.as_ref().err().map(|error| error.class),
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

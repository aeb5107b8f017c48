//! The engine's thread: takes in what the other threads and the app say, and hands out what the engine decides. It never blocks
//! on anything but its inbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use super::activity::Activity;
use super::carry::{CallDone, CallJob, PollDone, failure};
use super::crew::Crew;
use super::deferred::SettleError;
use super::disk::{DiskDone, DiskJob};
use super::events::{Event, Hub};
use super::handle::Ended;
use super::inbox::{DrainWait, HandlerDone, Inbox, Live};
use super::poll_once::PollWait;
use super::sweep::Sweep;
use crate::aws::ActivityClient;
use crate::clock::Clock;
use crate::engine::slots::Stage;
use crate::engine::{self, Engine, Kept, PollAnswer};
use crate::plants::planted;
use crate::spool::ReadError;
use crate::{Origin, Outcome, Scope, TaskId, WorkerName};

/// While anything is due later, no wait is longer: a machine that slept must notice soon after it woke.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The boot clock went on for so much longer than the process did: the machine slept.
const SLEPT: Duration = Duration::from_secs(5);
/// The server's date is written to disk so often.
const KEEP_DATE_EVERY: Duration = Duration::from_secs(24 * 3600);
/// While there is no room, or a file can't be read, the disk is looked at again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Outcomes up to this size stay in memory while they wait, larger ones are read from disk for each try.
const SMALL: usize = 4096;

/// The engine's thread.
pub(super) struct Driver {
    pub(super) engine: Engine,
    pub(super) client: ActivityClient,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) activities: Vec<Activity>,
    pub(super) origin: Origin,
    pub(super) scope: Scope,
    pub(super) worker_name: WorkerName,
    pub(super) adopted_max_output: usize,
    pub(super) unsafe_storage: Option<String>,
    pub(super) stop_grace: Duration,
    pub(super) live: HashMap<TaskId, Live>,
    pub(super) crew: Box<dyn Crew>,
    pub(super) hub: Arc<Hub>,
    pub(super) ended: Arc<Ended>,
    /// The last error: what a notice that follows from it tells.
    pub(super) reason: String,
    pub(super) idle_waits: Vec<Sender<()>>,
    pub(super) drains: Vec<DrainWait>,
    pub(super) poll_waits: Vec<PollWait>,
    pub(super) sweep: Sweep,
    pub(super) shown: HashMap<u64, Sender<Result<String, SettleError>>>,
    pub(super) tickets: u64,
    pub(super) settled: usize,
    pub(super) date_kept: Option<Duration>,
    /// The state folder was made on another machine, and that was told.
    pub(super) copied: bool,
    /// There was room for one more task when the disk was last looked at.
    pub(super) has_room: bool,
    pub(super) unreadable: bool,
    pub(super) look_at: Option<Duration>,
    /// The clocks at the last step: the machine's, and the process' own.
    pub(super) stepped: (Duration, Duration),
    pub(super) stop_by: Option<Duration>,
    pub(super) dropped_polls: usize,
    pub(super) over: bool,
}

impl Driver {
    /// Until the worker has stopped.
    pub(super) fn run(mut self, inbox: &Receiver<Inbox>) {
        self.advance();
        while !self.over {
            let word = match self.due().map(|due| due.saturating_sub(self.now()).min(LONGEST_WAIT)) {
                None => inbox.recv().ok(),
                Some(wait) => inbox.recv_timeout(wait).ok(),
            };
            self.step(word);
        }
        self.end();
    }

    /// When there is something to do without a new word.
    pub(super) fn due(&self) -> Option<Duration> {
        let waits = self.drains.iter().map(|d| d.until).chain(self.poll_waits.iter().map(|p| p.until));
        self.engine.wake_at().into_iter().chain(waits).chain(self.stop_by).chain(self.look_at).min()
    }

    /// Takes in a word, or that time has passed, and hands out what the engine decides.
    pub(super) fn step(&mut self, word: Option<Inbox>) {
        match word {
            Some(word) => self.take(word),
            None => self.tell(engine::Event::Tick),
        }
        let clocks = (self.now(), self.clock.awake());
        let last = std::mem::replace(&mut self.stepped, clocks);
        let slept = clocks.0.saturating_sub(last.0).saturating_sub(clocks.1.saturating_sub(last.1));
        if slept > SLEPT {
            log::info!(target: "activity_worker", "the machine slept for {} s", slept.as_secs());
            self.tell(engine::Event::Slept);
        }
        self.advance();
        self.sweep_crowded();
        self.answer_drains();
        self.answer_poll_waits();
        if self.look_at.take_if(|at| *at <= self.clock.monotonic()).is_some() {
            self.disk(DiskJob::Look);
        }
        self.over |= self.stop_by.is_some_and(|at| at <= self.now());
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn tell(&mut self, event: engine::Event) {
        self.engine.handle(self.clock.monotonic(), event);
    }

    pub(super) fn advance(&mut self) {
        while let Some(action) = self.engine.next(self.clock.monotonic()) {
            self.carry_out(action);
        }
    }

    fn take(&mut self, inbox: Inbox) {
        match inbox {
            Inbox::Ask(ask) => self.asked(ask),
            Inbox::Disk(done) => self.disk_done(done),
            Inbox::Call(done) => self.call_done(done),
            Inbox::Poll(done) => self.poll_done(done),
            Inbox::Handler(done) => self.handler_done(done),
            Inbox::Reclaimed(id) => self.tell(engine::Event::Reclaimed { id }),
            Inbox::NotReclaimed(id, why) => {
                let text =
                    format!("task {id}: can't tell whether an earlier run has ended ({why}); trying again");
                self.hub.tell(&Event::Warning { text });
                self.tell(engine::Event::NotReclaimed { id });
            }
        }
    }

    fn poll_done(&mut self, done: PollDone) {
        let PollDone { activity, answer, took } = done;
        let answer = match answer {
            Ok(None) => PollAnswer::Empty,
            Ok(Some(task)) => {
                let id = task.token.id();
                if !self.engine.knows(id) {
                    let date = self.client.clock().now();
                    let mut live = Live::new(task.token, Some(activity), self.scope.clone(), date);
                    live.input = Some(task.input.into());
                    self.live.insert(id, live);
                }
                PollAnswer::Task(id)
            }
            Err(error) => {
                self.reason = error.to_string();
                PollAnswer::Failed(failure(&error))
            }
        };
        self.poll_answered(activity, &answer);
        self.tell(engine::Event::PollEnded { activity, answer, took });
        self.heard();
    }

    fn call_done(&mut self, done: CallDone) {
        let CallDone { id, call, answer, took } = done;
        let (answer, request_id) = match answer {
            Ok(receipt) => (Ok(()), receipt.request_id),
            Err(error) => {
                log::debug!(target: "activity_worker", "task {id}: {call:?} failed: {error}");
                self.reason = error.to_string();
                (Err(failure(&error)), error.request_id)
            }
        };
        if let Some(live) = self.live.get_mut(&id) {
            live.request_id = request_id;
        }
        self.tell(engine::Event::CallEnded { id, call, answer, took });
        self.heard();
    }

    fn handler_done(&mut self, done: HandlerDone) {
        let HandlerDone { id, outcome } = done;
        if self.engine.stage(id) != Some(Stage::Running) {
            return;
        }
        let now = self.now();
        let success = matches!(outcome, Outcome::Success(_));
        let error = match &outcome {
            Outcome::Success(_) => None,
            Outcome::Failure(failure) => Some(failure.error().to_owned()),
        };
        if let Some(live) = self.live.get_mut(&id) {
            self.hub.tell(&Event::Ended { id, error, took: now.saturating_sub(live.started) });
            live.outcome = Some(Arc::new(outcome));
        }
        self.tell(engine::Event::OutcomeReady { id, success });
    }

    fn disk_done(&mut self, done: DiskDone) {
        match done {
            DiskDone::Accepted { id, result } => self.accepted(id, result),
            DiskDone::OutcomeKept { id, kept, reason } => {
                let word = match kept {
                    Kept::Yes => Ok(()),
                    Kept::No => Err(SettleError::NotKept(reason.clone())),
                    Kept::Unknown => Err(SettleError::Unknown(reason.clone())),
                };
                self.reason = reason;
                let settler = self.live.get_mut(&id).and_then(|live| {
                    // A thousand results that wait for a network must not wait in memory.
                    live.outcome.take_if(|outcome| kept == Kept::Yes && outcome.size() > SMALL);
                    live.settler.take()
                });
                self.tell(engine::Event::OutcomeKept { id, kept });
                if let Some(settler) = settler {
                    self.tell_settler(settler, word);
                }
            }
            DiskDone::RunCounted { id, runs } => self.tell(engine::Event::RunCounted { id, runs }),
            DiskDone::Input { id, run, input: Ok(input) } => self.start_handler(id, run, input),
            DiskDone::Outcome { id, outcome: Ok(outcome) } => {
                let outcome = Arc::new(outcome);
                if let Some(live) = self.live.get_mut(&id) {
                    if outcome.size() <= SMALL {
                        live.outcome = Some(Arc::clone(&outcome));
                    }
                    let job = CallJob { id, token: live.token.clone(), outcome: Some(outcome) };
                    self.crew.call(job);
                }
            }
            DiskDone::Input { id, input: Err(error), .. } | DiskDone::Outcome { id, outcome: Err(error) } => {
                self.not_read(id, &error);
            }
            DiskDone::Shown { id, ticket, input } => {
                if let Err(ReadError::Damaged { .. }) = &input
                    && self.engine.stage(id) == Some(Stage::Deferred)
                {
                    self.tell(engine::Event::Damaged { id });
                }
                if let Some(reply) = self.shown.remove(&ticket) {
                    let _ = reply.send(input.map_err(|e| SettleError::Unreadable(e.to_string())));
                }
            }
            DiskDone::Settled { id, error } => {
                if let Some(settler) = self.live.get_mut(&id).and_then(|live| live.settler.take()) {
                    let kept = error.clone().map_or(Ok(()), |why| Err(SettleError::Unknown(why)));
                    self.tell_settler(settler, kept);
                }
                if let Some(error) = error {
                    let text = format!(
                        "task {id}: its end was not written to disk ({error}); it may be reported once more"
                    );
                    self.hub.tell(&Event::Warning { text });
                }
                self.settled += 1;
                if !planted("memory-of-ended-tasks") {
                    self.live.remove(&id);
                }
                self.tell(engine::Event::Forgotten { id });
            }
            DiskDone::Letters(letters) => self.letters(letters),
            DiskDone::Letter { path, letter } => self.letter(path, letter),
            DiskDone::Done => {}
            DiskDone::Looked(found) => self.find(*found),
            DiskDone::Room(tasks) => self.room(tasks),
        }
    }

    /// A disk that is full is said once; that it has room again, too.
    pub(super) fn room(&mut self, tasks: usize) {
        if (tasks > 0) != self.has_room {
            self.has_room = tasks > 0;
            self.hub.tell(&if self.has_room { Event::RoomAgain } else { Event::Full });
        }
        if !self.has_room || self.unreadable {
            self.look_at.get_or_insert(self.clock.monotonic() + LOOK_AGAIN);
        }
        self.tell(engine::Event::Room { tasks });
    }

    fn not_read(&mut self, id: TaskId, error: &ReadError) {
        self.hub.tell(&Event::Warning { text: format!("task {id}: {error}") });
        let event = match error {
            ReadError::Unreadable { .. } => engine::Event::Unreadable { id },
            _ => engine::Event::Damaged { id },
        };
        self.tell(event);
    }

    /// The service may have told the time.
    fn heard(&mut self) {
        self.expire();
        self.keep_date();
    }

    fn keep_date(&mut self) {
        let now = self.now();
        let due = self.date_kept.is_none_or(|at| now.saturating_sub(at) >= KEEP_DATE_EVERY);
        // A floor outlives this process, so it must come from someone who proved to be the service.
        let proven = self.client.endpoint().url().starts_with("https:");
        if due
            && proven
            && let Some(date) = self.client.clock().learnt()
        {
            self.date_kept = Some(now);
            self.disk(DiskJob::KeepDate { date });
        }
    }

    pub(super) fn disk(&mut self, job: DiskJob) {
        self.crew.disk(job);
    }
}

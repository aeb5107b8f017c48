//! The engine's thread: takes in what the other threads and the app say, and hands out what the engine decides. Until the worker's
//! end it blocks on nothing but its mailbox.

mod actions;
mod adopt;
mod arriving;
mod asks;
mod clocks;
pub(super) mod crew;
mod deferred;
mod disk_watch;
mod footing;
mod foreign;
mod letters;
mod live;
mod notices;
mod poll_once;
mod recover;
mod setup;
mod silence;
mod status;
mod sweep;
mod troubles;
mod waiting;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use self::clocks::Clocks;
use self::crew::Crew;
use self::disk_watch::DiskWatch;
use self::live::Lives;
pub(super) use self::setup::Setup;
use self::silence::Silence;
use self::sweep::Sweep;
use self::troubles::Troubles;
use self::waiting::Waiting;
use crate::aws::ActivityClient;
use crate::engine::slots::Stage;
use crate::engine::{self, Engine, Kept};
use crate::plants::planted;
use crate::spool::{Found, ReadError};
use crate::worker::answers::AnswerError;
use crate::worker::events::Event;
use crate::worker::foreign::ForeignError;
use crate::worker::hub::{Events, Hub};
use crate::worker::jobs::calls::{CallDone, CallJob, HandlerDone, ReclaimDone, failure};
use crate::worker::jobs::disk::{DiskDone, DiskJob};
use crate::worker::mailbox::Mail;
use crate::worker::reports::Ended;
use crate::worker::warnings::Warning;
use crate::{Outcome, TaskId};

/// While anything is due later, no wait is longer: a machine that slept must notice soon after it woke.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Outcomes up to this size stay in memory while they wait, larger ones are read from disk for each try.
const SMALL: usize = 4096;

/// The engine's thread.
pub(super) struct Driver {
    pub(super) engine: Engine,
    client: ActivityClient,
    crew: Box<dyn Crew>,
    pub(super) hub: Arc<Hub>,
    setup: Setup,
    live: Lives,
    waiting: Waiting,
    sweep: Sweep,
    disk_watch: DiskWatch,
    clocks: Clocks,
    troubles: Troubles,
    silence: Silence,
    /// How often a notice told why the service refuses a task.
    refusals_told: u64,
    /// The last error: what a notice that follows from it tells.
    reason: String,
    /// Tasks that are over so far.
    over: usize,
    end: End,
}

/// The end of the worker, as far as it has come.
#[derive(Default)]
struct End {
    /// When it is there whatever is still under way.
    by: Option<Duration>,
    dropped_polls: usize,
    over: bool,
    told: Arc<Ended>,
}

impl Driver {
    /// Before its first step: `found` and `room` are what the state folder holds.
    pub(super) fn new(
        engine: Engine,
        client: ActivityClient,
        setup: Setup,
        crew: Box<dyn Crew>,
        found: Found,
        room: usize,
    ) -> (Self, Events) {
        let clocks = Clocks::new(Arc::clone(client.clock().clock()));
        let hub = Arc::new(Hub::default());
        let events = hub.subscribe();
        let mut driver = Driver {
            engine,
            client,
            crew,
            hub,
            setup,
            live: Lives::default(),
            waiting: Waiting::default(),
            sweep: Sweep::default(),
            disk_watch: DiskWatch::default(),
            clocks,
            troubles: Troubles::default(),
            silence: Silence::default(),
            refusals_told: 0,
            reason: String::new(),
            over: 0,
            end: End::default(),
        };
        driver.take_in(found);
        driver.room(room);
        driver.sweep();
        (driver, events)
    }

    /// The tasks whose secrets are in memory.
    #[cfg(feature = "testing")]
    pub(super) fn tasks_in_memory(&self) -> usize {
        self.live.len()
    }

    /// Whether it has stopped, and is to be ended.
    #[cfg(feature = "testing")]
    pub(super) fn is_over(&self) -> bool {
        self.end.over
    }

    /// Where the end is told.
    pub(super) fn ended(&self) -> Arc<Ended> {
        Arc::clone(&self.end.told)
    }

    /// Until the worker has stopped.
    pub(in crate::worker) fn run(mut self, mailbox: &Receiver<Mail>) {
        self.advance();
        while !self.end.over {
            let mail = match self.due().map(|due| due.saturating_sub(self.now()).min(LONGEST_WAIT)) {
                None => mailbox.recv().ok(),
                Some(wait) => mailbox.recv_timeout(wait).ok(),
            };
            self.step(mail);
        }
        self.end();
    }

    /// When there is something to do without new mail.
    pub(in crate::worker) fn due(&self) -> Option<Duration> {
        let own = [self.waiting.until(), self.end.by, self.disk_watch.look_at()];
        self.engine.wake_at().into_iter().chain(own.into_iter().flatten()).min()
    }

    /// Takes in a piece of mail, or that time has passed, and hands out what the engine decides.
    pub(in crate::worker) fn step(&mut self, mail: Option<Mail>) {
        match mail {
            Some(mail) => self.take(mail),
            None => self.feed(engine::Input::Tick),
        }
        if let Some(slept) = self.clocks.slept() {
            log::info!(target: "activity_worker", "the machine slept for {} s", slept.as_secs());
            self.feed(engine::Input::Slept);
        }
        self.advance();
        self.sweep_crowded();
        self.answer_drains();
        self.answer_poll_waits();
        self.tell_status();
        if self.disk_watch.is_due(self.now()) {
            self.disk(DiskJob::Look);
        }
        self.end.over |= self.end.by.is_some_and(|at| at <= self.now());
    }

    fn now(&self) -> Duration {
        self.clocks.now()
    }

    fn feed(&mut self, input: engine::Input) {
        self.engine.apply(self.clocks.now(), input);
    }

    pub(in crate::worker) fn advance(&mut self) {
        while let Some(action) = self.engine.next(self.clocks.now()) {
            self.carry_out(action);
        }
    }

    fn take(&mut self, mail: Mail) {
        match mail {
            Mail::Ask(ask) => self.asked(ask),
            Mail::Disk(done) => self.disk_done(done),
            Mail::Call(done) => self.call_done(done),
            Mail::Poll(done) => self.poll_done(done),
            Mail::Handler(done) => self.handler_done(done),
            Mail::Reclaimed(ReclaimDone { id, result: Ok(()) }) => self.feed(engine::Input::Reclaimed { id }),
            Mail::Reclaimed(ReclaimDone { id, result: Err(why) }) => {
                self.warn(Warning::NotReclaimed { id, reason: why });
                self.feed(engine::Input::NotReclaimed { id });
            }
        }
    }

    fn call_done(&mut self, done: CallDone) {
        let CallDone { id, call, answer, took } = done;
        let (answer, request_id) = match answer {
            Ok(receipt) => (Ok(()), receipt.request_id),
            Err(error) => {
                log::debug!(target: "activity_worker", "task {id}: {call:?} failed: {}", crate::Printable(&error));
                self.reason = error.to_string();
                // With no network a report is what goes out first, and there may be no poll whose end would look.
                if call == engine::Call::Report {
                    self.disk(DiskJob::Look);
                }
                (Err(failure(&error)), error.request_id)
            }
        };
        if let Some(live) = self.live.get_mut(&id) {
            live.request_id = request_id;
        }
        let failure = answer.err().map(|failure| failure.class);
        self.troubles.heard_of_credentials(failure, &self.reason);
        self.feed(engine::Input::CallEnded { id, call, answer, took });
        self.heard_of_network(failure);
        self.heard();
    }

    fn handler_done(&mut self, done: HandlerDone) {
        let HandlerDone { id, outcome } = done;
        if self.engine.stage(id) != Some(Stage::Running) {
            return;
        }
        let now = self.now();
        let success = matches!(outcome, Outcome::Success(_));
        let (error, failed_start) = match &outcome {
            Outcome::Success(_) => (None, false),
            Outcome::Failure(failure) => (Some(failure.error().to_owned()), failure.is_failed_start()),
        };
        if let Outcome::Failure(failure) = &outcome
            && failed_start
        {
            failure.cause().clone_into(&mut self.reason);
        }
        if let Some(live) = self.live.get_mut(&id) {
            self.hub.tell(&Event::Ended { id, error, took: now.saturating_sub(live.started) });
            live.outcome = Some(Arc::new(outcome));
        }
        self.feed(match failed_start {
            true => engine::Input::NotStarted { id },
            false => engine::Input::OutcomeReady { id, success },
        });
    }

    fn disk_done(&mut self, done: DiskDone) {
        match done {
            DiskDone::Accepted { id, result } => self.accepted(id, result),
            DiskDone::OutcomeKept { id, kept, reason } => {
                let word = match kept {
                    Kept::Yes => Ok(()),
                    Kept::No => Err(AnswerError::NotKept(reason.clone())),
                    Kept::Unknown => Err(AnswerError::Unknown(reason.clone())),
                };
                self.reason = reason;
                let answerer = self.live.get_mut(&id).and_then(|live| {
                    // A thousand results that wait for a network must not wait in memory.
                    live.outcome.take_if(|outcome| kept == Kept::Yes && outcome.size() > SMALL);
                    live.answerer.take()
                });
                self.feed(engine::Input::OutcomeKept { id, kept });
                if let Some(answerer) = answerer {
                    self.tell_answerer(answerer, word);
                }
            }
            DiskDone::Claimed { id, result } => self.claimed(id, result),
            DiskDone::RunCounted { id, runs } => self.feed(engine::Input::RunCounted { id, runs }),
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
            DiskDone::Shown { id, ticket, input } => self.input_shown(id, ticket, input),
            DiskDone::ShownOutcome { id, ticket, outcome } => self.answer_shown(id, ticket, outcome),
            DiskDone::Completed { id, ticket, result } => self.completed(id, ticket, result),
            DiskDone::Settled { id, error } => {
                if let Some(answerer) = self.live.get_mut(&id).and_then(|live| live.answerer.take()) {
                    let kept = error.clone().map_or(Ok(()), |why| Err(AnswerError::Unknown(why)));
                    self.tell_answerer(answerer, kept);
                }
                if let Some(decider) = self.live.get_mut(&id).and_then(|live| live.decider.take()) {
                    decider.send(error.clone().map_or(Ok(()), |why| Err(ForeignError::Unknown(why))));
                }
                if let Some(error) = error {
                    self.warn(Warning::EndNotWritten { id, reason: error });
                }
                self.over += 1;
                if !planted("memory-of-ended-tasks") {
                    self.live.remove(&id);
                }
                self.feed(engine::Input::Forgotten { id });
            }
            DiskDone::Letters(letters) => self.letters_listed(letters),
            DiskDone::Letter { path, letter } => self.letter_read(path, letter),
            DiskDone::Done => {}
            DiskDone::Footing(footing) => self.footing(footing),
            DiskDone::Looked(found) => self.take_in(*found),
            DiskDone::Room(tasks) => self.room(tasks),
        }
    }

    /// A disk that is full is said once; that it has room again, too.
    fn room(&mut self, tasks: usize) {
        if let Some(has_room) = self.disk_watch.room(tasks, self.now()) {
            let (foreign, held) = (self.engine.in_stage(Stage::Foreign), self.engine.rejected());
            self.hub.tell(&if has_room { Event::RoomAgain } else { Event::Full { foreign, held } });
        }
        self.feed(engine::Input::Room { tasks });
    }

    fn not_read(&mut self, id: TaskId, error: &ReadError) {
        // That nothing can be read while the folder is not there is no news.
        if !self.disk_watch.is_away() {
            self.warn(Warning::NotRead { id, reason: error.to_string() });
        }
        let input = match error {
            ReadError::Unreadable { .. } => engine::Input::Unreadable { id },
            _ => engine::Input::Damaged { id },
        };
        self.feed(input);
    }

    /// The service may have told the time.
    fn heard(&mut self) {
        self.expire();
        self.keep_date();
    }

    /// A floor outlives this process, so two answers must agree on it. The second one goes over a connection of its own.
    fn keep_date(&mut self) {
        if !self.clocks.may_keep_date() {
            return;
        }
        let clock = Arc::clone(self.client.clock());
        if let Some(date) = clock.confirmed(self.clocks.date_kept) {
            self.clocks.date_kept = Some(self.now());
            self.disk(DiskJob::KeepDate { date });
        } else if clock.wants_another_connection() {
            self.client.transport().close_idle();
        }
    }

    fn warn(&self, warning: Warning) {
        self.hub.tell(&Event::Warning(warning));
    }

    fn disk(&mut self, job: DiskJob) {
        self.crew.disk(job);
    }
}

//! `demo`: a network cut and a power cut, survived for real, without an account and without a network.
//!
//! The service is the emulator, in this process. The worker is this program again, as a process of its own that can be killed;
//! its handler is this program once more. All that is printed comes from what the worker logs and what the service answers.

mod log_lines;
mod order;
mod stage;
mod timeline;
mod worker;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::console;
use crate::error::Error;
use log_lines::{LogLine, short};
use order::{Greeting, Order, greeting_for};
use stage::Stage;
use timeline::{Mark, Timeline};
use worker::{AT_ONCE, Stop, WorkerProcess};

/// Whatever is not there by then will not come.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the device stays without power.
const DARK: Duration = Duration::from_millis(700);
const GUESTS: [&str; 8] = ["Ada", "Grace", "Alan", "Barbara", "Edsger", "Frances", "Ken", "Radia"];

/// Plays the demo, and fails if a result was lost.
pub(crate) fn demo() -> Result<(), Error> {
    let end = Instant::now() + PATIENCE;
    let folder = tempfile::tempdir().map_err(|e| Error::Failure(format!("can't make a folder: {e}")))?;
    let mut play = Play { timeline: Timeline::start(), seen: Seen::default(), stop: Stop::listen()?, end };
    play.timeline.title(
        "A worker, eight tasks, a network cut and a power cut. The service is emulated, all else is real.",
    );

    let stage = Stage::open()?;
    play.say(Mark::Service, &format!("Step Functions (emulated) answers at {}", stage.url()));
    let executions = GUESTS
        .iter()
        .enumerate()
        .map(|(n, guest)| {
            stage.start_execution(&Order { guest: (*guest).into(), milliseconds: 500 + 150 * (n as u64 % 3) })
        })
        .collect::<Result<Vec<_>, _>>()?;
    play.say(
        Mark::Service,
        &format!("{} executions started, each with one task for the device", executions.len()),
    );

    let mut worker = WorkerProcess::start(&stage, folder.path(), &play.stop)?;
    play.say(Mark::Device, &format!("worker started, process {}, {AT_ONCE} tasks at once", worker.id()));
    play.follow(&worker, |seen| seen.delivered.len() >= AT_ONCE && seen.at_work() > 0)?;

    stage.go_down();
    play.say(Mark::Trouble, "the network goes down");
    play.follow(&worker, |seen| seen.waiting() > 0)?;

    worker.kill()?;
    let (waiting, at_work) = (play.seen.waiting(), play.seen.at_work());
    play.say(
        Mark::Trouble,
        &format!("the worker is killed (SIGKILL): {waiting} on disk as results, {at_work} at work"),
    );
    thread::sleep(DARK);

    let mut worker = WorkerProcess::start(&stage, folder.path(), &play.stop)?;
    play.say(
        Mark::Device,
        &format!("worker started again, process {}, still without a network", worker.id()),
    );
    play.follow(&worker, |seen| seen.offline_again || seen.at_work() == 0)?;

    stage.come_back();
    play.say(Mark::Service, "the network is back");
    play.follow(&worker, |seen| seen.delivered.len() >= GUESTS.len())?;
    worker.stop(end)?;

    let delivered = GUESTS.iter().zip(&executions).filter(|(guest, e)| stage.brought(e, guest, end)).count();
    play.verdict(delivered)
}

/// The handler of the demo: takes its time, then greets.
pub(crate) fn handler() -> Result<(), Error> {
    let mut input = String::new();
    let wrong = |e: &dyn std::fmt::Display| Error::Failure(format!("not an order of the demo: {e}"));
    io::stdin().read_to_string(&mut input).map_err(|e| wrong(&e))?;
    let order: Order = serde_json::from_str(&input).map_err(|e| wrong(&e))?;
    thread::sleep(Duration::from_millis(order.milliseconds));
    let greeting = Greeting { greeting: greeting_for(&order.guest) };
    console::print(&serde_json::to_string(&greeting).map_err(|e| wrong(&e))?)
}

/// What the worker told of its tasks, by their short ids.
#[derive(Default)]
struct Seen {
    taken: BTreeSet<String>,
    kept: BTreeSet<String>,
    delivered: BTreeSet<String>,
    /// The worker said so since its last start.
    offline_again: bool,
}

impl Seen {
    fn at_work(&self) -> usize {
        self.taken.len() - self.kept.len()
    }

    fn waiting(&self) -> usize {
        self.kept.len() - self.delivered.len()
    }
}

struct Play {
    timeline: Timeline,
    seen: Seen,
    stop: Arc<Stop>,
    end: Instant,
}

impl Play {
    fn say(&mut self, mark: Mark, text: &str) {
        self.timeline.line(mark, text);
    }

    /// Prints what the worker tells, until `done`.
    fn follow(&mut self, worker: &WorkerProcess, done: impl Fn(&Seen) -> bool) -> Result<(), Error> {
        self.seen.offline_again = false;
        while !done(&self.seen) {
            let Some(line) = worker.next_line(self.end) else {
                if self.stop.was_asked() {
                    return Err(Error::Failure("the demo was stopped".into()));
                }
                return Err(Error::Failure("the demo came to no end in time; please report this".into()));
            };
            self.note(&line);
        }
        Ok(())
    }

    fn note(&mut self, line: &str) {
        // A restarted worker may tell what its predecessor had no time to tell: each step implies the ones before.
        match LogLine::understand(line) {
            Some(LogLine::Accepted(id)) => {
                self.seen.taken.insert(id.to_owned());
                self.say(Mark::Taken, &format!("task {} taken, kept on disk", short(id)));
            }
            Some(LogLine::Again(id)) => self.say(Mark::Device, &format!("task {} runs again", short(id))),
            Some(LogLine::Kept(id)) => {
                self.seen.taken.insert(id.to_owned());
                self.seen.kept.insert(id.to_owned());
                self.say(Mark::Kept, &format!("task {} done, result on disk", short(id)));
            }
            Some(LogLine::Settled(id)) => {
                self.seen.taken.insert(id.to_owned());
                self.seen.kept.insert(id.to_owned());
                self.seen.delivered.insert(id.to_owned());
                self.say(Mark::Delivered, &format!("task {} delivered", short(id)));
            }
            Some(LogLine::Offline) => {
                self.seen.offline_again = true;
                self.say(Mark::Device, "the worker notices that it is offline; results wait on disk");
            }
            None => {}
        }
    }

    fn verdict(&mut self, delivered: usize) -> Result<(), Error> {
        let taken = self.seen.taken.len();
        let lost = taken.saturating_sub(delivered);
        self.timeline.verdict(taken, delivered, lost);
        if lost == 0 && delivered == GUESTS.len() {
            return Ok(());
        }
        Err(Error::Failure(format!("{delivered} of {} executions have their result", GUESTS.len())))
    }
}

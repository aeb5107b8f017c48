//! A device: its disk, its clocks, and, while it runs, the worker with all that is under way for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use activity_worker::aws::{
    ActivityArn, ActivityClient, CachedCredentials, Credentials, CredentialsError, CredentialsProvider,
};
use activity_worker::clock::ServerClock;
use activity_worker::spool::MemoryDisk;
use activity_worker::worker::stepped::{DiskOrder, RunOrder, Stepped};
use activity_worker::worker::{
    Activity, AdoptError, Adopted, Handler, SettleError, StartError, Stop, TaskContext,
};
use activity_worker::{Failure, Origin, TaskId, Worker};

use crate::clock::DeviceClock;
use crate::judge::Judge;
use crate::letters::Letter;
use crate::network::{Outside, Radio};
use crate::scenario::Scenario;
use crate::service::{Report, Service};
use crate::weather::Weather;
use crate::wire;

/// Where the worker keeps its tasks.
pub(crate) const DIR: &str = "/state";

/// Where the worker's answer to the app's decision comes.
type Settling = Receiver<Result<(), SettleError>>;

/// A poll that the device waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenPoll {
    /// Its activity.
    pub(crate) activity: usize,
    /// When it was sent.
    pub(crate) since: Duration,
    /// What its answer meets.
    pub(crate) weather: Option<Weather>,
}

/// A state folder that vanished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The worker can't know it yet.
    Unseen,
    /// A task was refused since.
    Seen,
}

/// Death at a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doom {
    /// After so many more steps of the worker.
    pub(crate) steps: u32,
    /// The power goes, rather than the process.
    pub(crate) power: bool,
}

/// A device.
pub(crate) struct Device {
    /// Its number.
    pub(crate) number: usize,
    /// Its clocks.
    pub(crate) clock: DeviceClock,
    /// Its disk.
    pub(crate) disk: MemoryDisk,
    /// The worker, while its process lives.
    pub(crate) worker: Option<Stepped>,
    /// Which process this is.
    pub(crate) life: u64,
    /// The number of the timer that counts.
    pub(crate) timer: u64,
    /// Orders to the disk's thread, in their order.
    pub(crate) disk_orders: VecDeque<DiskOrder>,
    /// The disk's thread is at work on so many of them.
    pub(crate) disk_busy: usize,
    /// Polls under way.
    pub(crate) polls: BTreeMap<u64, OpenPoll>,
    /// Polls of which the worker has not heard yet.
    pub(crate) polls_out: usize,
    /// Handlers at work, and whether they are about to end.
    pub(crate) handlers: BTreeMap<u64, (Box<RunOrder>, bool)>,
    /// Until when it sleeps.
    pub(crate) asleep_until: Option<Duration>,
    /// When it dies.
    pub(crate) doom: Option<Doom>,
    /// So many more starts are followed by a power cut.
    pub(crate) brownouts: u32,
    /// How it was told to stop, since when nothing stands in the way, and whether something does now.
    pub(crate) stopping: Option<(Stop, Duration, bool)>,
    /// Pushed tokens that the app has not handed over yet, or will hand over again.
    pub(crate) pushed: Vec<String>,
    /// Adoptions that are not answered.
    pub(crate) adoptions: Vec<(String, Receiver<Result<Adopted, AdoptError>>)>,
    /// Tasks that wait for an answer, as the app last saw them.
    pub(crate) seen: Vec<TaskId>,
    /// Letters that lie in the inbox.
    pub(crate) letters: BTreeSet<Letter>,
    /// Answers of the app that are not answered in their turn.
    pub(crate) answers: Vec<(TaskId, Report, Settling)>,
    /// The state folder is gone for now.
    pub(crate) gone: Option<Gone>,
    /// A disk window: until when its fault lasts.
    pub(crate) disk_trouble_until: Duration,
    /// Others changed what is free since the worker last looked.
    pub(crate) room_unknown: bool,
    /// Who looks after it.
    pub(crate) judge: Judge,
}

impl Device {
    /// A new device, switched on at `now`.
    pub(crate) fn new(number: usize, rng: &mut fastrand::Rng, now: Duration) -> Self {
        let rate = 1.0 + (rng.f64() - 0.5) * 1e-4;
        Device {
            number,
            clock: DeviceClock::new(now, rate, Scenario::first_date(rng, now)),
            disk: MemoryDisk::new(None),
            worker: None,
            life: 0,
            timer: 0,
            disk_orders: VecDeque::new(),
            disk_busy: 0,
            polls: BTreeMap::new(),
            polls_out: 0,
            handlers: BTreeMap::new(),
            asleep_until: None,
            doom: None,
            brownouts: 0,
            stopping: None,
            pushed: Vec::new(),
            adoptions: Vec::new(),
            seen: Vec::new(),
            letters: BTreeSet::new(),
            answers: Vec::new(),
            gone: None,
            disk_trouble_until: Duration::ZERO,
            room_unknown: false,
            judge: Judge::new(number),
        }
    }

    /// Starts the worker's process.
    pub(crate) fn start(
        &mut self,
        scenario: &Scenario,
        outside: &Arc<Mutex<Outside>>,
        seed: u64,
    ) -> Result<(), StartError> {
        let server_clock = Arc::new(ServerClock::new(Arc::new(self.clock.clone())));
        let radio = Radio {
            device: self.number,
            outside: Arc::clone(outside),
            clock: self.clock.clone(),
            server_clock: Arc::clone(&server_clock),
        };
        let vending =
            Vending { clock: self.clock.clone(), life: scenario.plan.credentials, radio: radio.clone() };
        let credentials = CachedCredentials::new(Arc::new(vending), Arc::clone(&server_clock));
        let client = ActivityClient::builder("eu-west-1")
            .credentials(Arc::new(credentials))
            .transport(Arc::new(radio))
            .clock(server_clock)
            .build()
            .map_err(|e| StartError::Config(e.to_string()))?;
        let plan = &scenario.plan;
        let mut builder = Worker::builder()
            .client(client)
            .state_dir(DIR)
            .origin(Origin::new("aws", "eu-west-1", "123456789012", None))
            .max_tasks(plan.max_tasks)
            .max_bytes(plan.max_bytes)
            .comeback_window(plan.comeback)
            .max_backoff(plan.max_backoff)
            .lease(plan.lease)
            .adopted_max_output(1000)
            .machine_id(format!("device {}", self.number));
        if let Some(interval) = plan.adopted_heartbeat {
            builder = builder.adopted_heartbeat(interval);
        }
        for (n, plan) in scenario.activities.iter().enumerate() {
            let arn = format!("arn:aws:states:eu-west-1:123456789012:activity:act-{n}");
            let arn = ActivityArn::parse(&arn).map_err(|e| StartError::Config(e.to_string()))?;
            let activity = match plan.deferred {
                true => Activity::deferred(arn),
                false => Activity::handled(arn, Work { seed, max_output: plan.max_output }),
            };
            builder = builder.activity(
                activity
                    .concurrency(plan.concurrency)
                    .heartbeat_interval(plan.heartbeat)
                    .max_output(plan.max_output)
                    .safe_to_repeat(plan.safe_to_repeat),
            );
        }
        self.worker = Some(Stepped::start(builder, Box::new(self.disk.clone()))?);
        Ok(())
    }

    /// Whether it sleeps. If it has just woken, what waited for it counts from now on.
    pub(crate) fn is_asleep(&mut self, now: Duration) -> bool {
        if self.asleep_until.take_if(|until| *until <= now).is_some() {
            self.judge.woke(now);
            if let Some((_, since, _)) = &mut self.stopping {
                *since = now;
            }
        }
        self.asleep_until.is_some()
    }

    /// The process ends, by whatever hand: nothing of it is left but the disk.
    pub(crate) fn clear(&mut self) {
        self.worker = None;
        self.life += 1;
        self.disk_orders.clear();
        self.disk_busy = 0;
        self.polls.clear();
        self.polls_out = 0;
        self.handlers.clear();
        self.doom = None;
        self.stopping = None;
        let unanswered = self.adoptions.drain(..).map(|(token, _)| token);
        self.pushed.extend(unanswered);
        self.answers.clear();
    }
}

/// The work of all handlers: what comes of a task follows from its id.
struct Work {
    seed: u64,
    max_output: usize,
}

/// How a handler behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Ends within seconds.
    Quick,
    /// Ends within an hour.
    Slow,
    /// Ends when it is told to.
    Waits,
    /// Does not end.
    Hangs,
}

/// The handler's manner for this run of a task.
pub(crate) fn manner(seed: u64, task: &TaskContext) -> Manner {
    match dice(seed, task, 1).u8(..20) {
        0..12 => Manner::Quick,
        12..18 => Manner::Slow,
        18 => Manner::Waits,
        _ => Manner::Hangs,
    }
}

fn dice(seed: u64, task: &TaskContext, salt: u64) -> fastrand::Rng {
    let id = u64::from_le_bytes(*task.id().as_bytes().first_chunk().unwrap_or(&[0; 8]));
    fastrand::Rng::with_seed(
        seed ^ id ^ (u64::from(task.run()) << 56) ^ salt.wrapping_mul(0x5851_f42d_4c95_7f2d),
    )
}

impl Handler for Work {
    fn handle(&self, task: &TaskContext) -> Result<String, Failure> {
        let mut rng = dice(self.seed, task, 2);
        match rng.u8(..20) {
            0 => Err(Failure::new("Work.Failed", "x".repeat(rng.usize(..3000)))),
            1 => Ok("no JSON".to_owned()),
            2 => Ok(format!("\"{}\"", "x".repeat(self.max_output))),
            3 => std::panic::resume_unwind(Box::new("the handler panics")),
            4..8 => Ok(format!("\"{}\"", "x".repeat(rng.usize(..self.max_output - 2)))),
            _ => Ok(format!("{{\"run\":{},\"id\":\"{}\"}}", task.run(), task.id())),
        }
    }

    fn reclaim(&self, task: TaskId) -> std::io::Result<()> {
        // Now and then an old run can't be ended at once.
        if task.as_bytes()[0].is_multiple_of(16) && fastrand::bool() {
            return Err(std::io::Error::other("it still runs"));
        }
        Ok(())
    }
}

/// Hands out credentials, unless its network fails.
struct Vending {
    clock: DeviceClock,
    life: Option<Duration>,
    radio: Radio,
}

impl CredentialsProvider for Vending {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let now = self.clock.view();
        if self.radio.sources_down(now) {
            return Err(CredentialsError::Unavailable("no credentials now".to_owned()));
        }
        let ends = now + self.life.unwrap_or(Duration::from_secs(400 * 86_400));
        let token = wire::session_token(now, ends);
        Ok(Credentials::new("AKIDSIM", "secret", Some(token), self.life.map(|_| Service::date(ends))))
    }

    fn name(&self) -> &str {
        "the simulator"
    }
}

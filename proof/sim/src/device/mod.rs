//! A device: its disk, its clocks, and, while it runs, the worker with all that is under way for it.

pub(crate) mod folder;
pub(crate) mod letter;
mod vending;
pub(crate) mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use activity_worker::aws::{
    ActivityArn, ActivityClient, CachedCredentials, Endpoint, EndpointError, OriginError,
};
use activity_worker::clock::ServerClock;
use activity_worker::spool::MemoryDisk;
use activity_worker::worker::stepped::{Answer, DiskOrder, RunOrder, Stepped};
use activity_worker::worker::{Activity, AdoptError, Adopted, AnswerError, ForeignError, StartError, Stop};
use activity_worker::{Origin, TaskId, Worker};

use self::folder::Folder;
use self::letter::Letter;
use self::vending::Vending;
use self::work::{Starts, Work};
use crate::clock::DeviceClock;
use crate::judge::Judge;
use crate::network::faults::Fault;
use crate::network::{Outside, Radio};
use crate::scenario::{Edge, Scenario};
use crate::service::Report;
use crate::state_dir::DIR;

/// The endpoint of a worker that was started for another one.
const ELSEWHERE: &str = "https://elsewhere.example";

/// Where the worker's answer to the app's decision comes.
type Settling = Answer<Result<(), AnswerError>>;

/// A poll that the device waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenPoll {
    /// Its activity.
    pub(crate) activity: usize,
    /// When it was sent.
    pub(crate) since: Duration,
    /// What its answer meets.
    pub(crate) fault: Option<Fault>,
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

/// A decision of the operator's that waits for the worker's answer.
pub(crate) struct Decision {
    pub(crate) id: TaskId,
    pub(crate) adopts: bool,
    pub(crate) answer: Answer<Result<(), ForeignError>>,
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
    pub(crate) adoptions: Vec<(String, Answer<Result<Adopted, AdoptError>>)>,
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
    /// Since when others leave no room for a task.
    pub(crate) full_since: Option<Duration>,
    /// Its worker is started for another endpoint.
    pub(crate) elsewhere: bool,
    /// The operator has gone back to the other endpoint once.
    pub(crate) went_back: bool,
    /// What the operator decided, and waits for.
    pub(crate) decisions: Vec<Decision>,
    /// Until when no handler can be started.
    pub(crate) no_starts_until: Duration,
    /// Those whose start fails.
    pub(crate) starts: Starts,
    /// What became of the state folder.
    pub(crate) folder: Folder,
    /// A bit may have turned in the date that is kept.
    pub(crate) date_rotted: bool,
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
            full_since: None,
            elsewhere: false,
            went_back: false,
            decisions: Vec::new(),
            no_starts_until: Duration::ZERO,
            starts: Starts::default(),
            folder: Folder::default(),
            date_rotted: false,
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
        let mut client = ActivityClient::builder("eu-west-1");
        if let Some(endpoint) = self.endpoint().map_err(|e| StartError::Config(e.to_string()))? {
            client = client.endpoint(endpoint);
        }
        let client = client
            .credentials(Arc::new(credentials))
            .transport(Arc::new(radio))
            .clock(server_clock)
            .build()
            .map_err(|e| StartError::Config(e.to_string()))?;
        let plan = &scenario.plan;
        let mut builder = Worker::builder()
            .client(client)
            .state_dir(DIR)
            .origin(self.origin().map_err(|e| StartError::Config(e.to_string()))?)
            .max_tasks(plan.max_tasks)
            .max_connections(plan.max_connections)
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
                false => Activity::handled(
                    arn,
                    Work {
                        seed,
                        max_output: plan.max_output,
                        large: matches!(scenario.edge, Some(Edge::Uplink | Edge::Folder)),
                        starts: self.starts.clone(),
                    },
                ),
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

    /// Where this process sends what it has to say.
    fn endpoint(&self) -> Result<Option<Endpoint>, EndpointError> {
        self.elsewhere.then(|| Endpoint::own(ELSEWHERE)).transpose()
    }

    /// Whose tasks this process goes on with.
    fn origin(&self) -> Result<Origin, OriginError> {
        let mine = "aws/eu-west-1/123456789012";
        let origin = if self.elsewhere { format!("{mine}/{ELSEWHERE}") } else { mine.to_owned() };
        origin.parse()
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
        self.decisions.clear();
        self.starts.clear();
        if std::mem::take(&mut self.folder).known.is_some() {
            self.gone = None;
        }
    }
}

//! What a worker is told before it starts, and its start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::aws::{ActivityClient, check_origin, partition_of};
use crate::engine::{self, ACTIVITIES_MAX, ActivityRules, Engine, TASKS_MAX};
use crate::spool::{Disk, Found, RealDisk, Spool, SpoolConfig, SpoolError, machine_id};
use crate::task::{INPUT_MAX, OUTPUT_MAX, SCOPE_MAX};
use crate::worker::activity::Activity;
use crate::worker::driver::crew::{Crew, Tools};
use crate::worker::driver::{Driver, Setup};
use crate::worker::hub::Events;
use crate::worker::jobs::disk::AHEAD;
use crate::worker::jobs::spawn::spawn;
use crate::worker::running::{EndGuard, Worker};
use crate::worker::threads;
use crate::{Origin, Scope, WorkerName};

/// A hundred years: no time is longer, whatever the caller says, so that none that is added to another runs over.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Worker {
    /// Starts to describe a worker.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder {
            client: None,
            state_dir: None,
            inbox_dir: None,
            activities: Vec::new(),
            origin: None,
            scope: Scope::default(),
            worker_name: None,
            max_tasks: None,
            max_bytes: 256 << 20,
            comeback_window: Duration::from_secs(30),
            max_backoff: Duration::from_secs(120),
            lease: Duration::from_secs(24 * 3600),
            adopted_heartbeat: None,
            adopted_max_output: OUTPUT_MAX,
            stop_grace: Duration::from_secs(15),
            allow_unsafe_storage: false,
            machine_id: machine_id(),
        }
    }

    /// The bytes on disk that one task may take, the largest input and an outcome of `max_output` bytes included. A worker needs
    /// [`max_bytes`](WorkerBuilder::max_bytes) to be that at least.
    pub fn room_of_task(max_output: usize) -> u64 {
        Spool::least_bytes(max_output)
    }
}

/// Describes a worker. A client and a state folder are needed, and an activity or an origin; all else has a default.
#[must_use = "nothing is polled until it is started"]
pub struct WorkerBuilder {
    client: Option<ActivityClient>,
    state_dir: Option<PathBuf>,
    inbox_dir: Option<PathBuf>,
    activities: Vec<Activity>,
    origin: Option<Origin>,
    scope: Scope,
    worker_name: Option<WorkerName>,
    max_tasks: Option<usize>,
    max_bytes: u64,
    comeback_window: Duration,
    max_backoff: Duration,
    lease: Duration,
    adopted_heartbeat: Option<Duration>,
    adopted_max_output: usize,
    stop_grace: Duration,
    allow_unsafe_storage: bool,
    machine_id: Option<String>,
}

/// Why no worker was started.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum StartError {
    /// Something is missing from what the builder was told, or contradicts itself.
    #[error("{0}")]
    Config(String),
    /// The state folder can't be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The system gave no thread.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl WorkerBuilder {
    /// Signs and sends the calls. Needed.
    pub fn client(self, client: ActivityClient) -> Self {
        WorkerBuilder { client: Some(client), ..self }
    }

    /// The folder for tasks and outcomes, made if it is not there; used by one worker at a time. Needed.
    pub fn state_dir(self, dir: impl Into<PathBuf>) -> Self {
        WorkerBuilder { state_dir: Some(dir.into()), ..self }
    }

    /// A folder apart from the state folder in which other processes of the app leave letters ([`Inbox::at`](crate::Inbox::at)). Nothing in
    /// it is ever locked. Letters in the state folder's own inbox are taken in too.
    pub fn inbox_dir(self, dir: impl Into<PathBuf>) -> Self {
        WorkerBuilder { inbox_dir: Some(dir.into()), ..self }
    }

    /// An activity to take tasks from; up to 16, all of one account and region.
    pub fn activity(mut self, activity: Activity) -> Self {
        self.activities.push(activity);
        self
    }

    /// The account and region of adopted tokens. Default: that of the activities.
    pub fn origin(self, origin: Origin) -> Self {
        WorkerBuilder { origin: Some(origin), ..self }
    }

    /// The user that new tasks belong to. Tasks of other users wait in the state folder until a worker for them is started.
    pub fn scope(self, scope: Scope) -> Self {
        WorkerBuilder { scope, ..self }
    }

    /// The name shown in the execution history. Default: `activity-worker`.
    pub fn worker_name(self, name: WorkerName) -> Self {
        WorkerBuilder { worker_name: Some(name), ..self }
    }

    /// The most tasks held at once, whatever their state: at work, waiting for the app or to be delivered, held. When there is no
    /// place left, nothing is polled. At most [`TASKS_MAX`]. Default: the activities' concurrency added up, and 64 more, or
    /// [`TASKS_MAX`] if that is less.
    pub fn max_tasks(self, tasks: usize) -> Self {
        WorkerBuilder { max_tasks: Some(tasks), ..self }
    }

    /// The most bytes in the state folder, the room set aside for outcomes included. Default 256 MiB.
    pub fn max_bytes(self, bytes: u64) -> Self {
        WorkerBuilder { max_bytes: bytes, ..self }
    }

    /// The first call after the network is said to be back lies at a random point of this window, so that a fleet does not come
    /// back in one second. A tenth of it spreads the first calls after a start. Default 30 s; an app in the foreground sets 0.
    pub fn comeback_window(self, window: Duration) -> Self {
        WorkerBuilder { comeback_window: window, ..self }
    }

    /// The longest pause between two tries while the network does not answer or the service fails. Default 120 s.
    pub fn max_backoff(self, pause: Duration) -> Self {
        WorkerBuilder { max_backoff: pause, ..self }
    }

    /// How long a deferred task's heartbeats go on after the app last asked for its tasks, so that a forgotten workflow can time
    /// out. Default 24 h.
    pub fn lease(self, lease: Duration) -> Self {
        WorkerBuilder { lease, ..self }
    }

    /// The time between heartbeats of adopted tasks. Default: none, as fits `.waitForTaskToken` without HeartbeatSeconds.
    pub fn adopted_heartbeat(self, interval: Duration) -> Self {
        WorkerBuilder { adopted_heartbeat: Some(interval), ..self }
    }

    /// The most bytes of an adopted task's output. Default 262,144.
    pub fn adopted_max_output(self, bytes: usize) -> Self {
        WorkerBuilder { adopted_max_output: bytes, ..self }
    }

    /// How long [`Stop::Now`](super::Stop::Now) waits for handlers that were told to end. Default 15 s.
    pub fn stop_grace(self, grace: Duration) -> Self {
        WorkerBuilder { stop_grace: grace, ..self }
    }

    /// Take a state folder on a file system that can't promise to keep what was written (vfat, exfat, a network mount).
    /// Default false.
    pub fn allow_unsafe_storage(self, allow: bool) -> Self {
        WorkerBuilder { allow_unsafe_storage: allow, ..self }
    }

    /// What tells this machine from another one with a copy of the state folder. Default: `/etc/machine-id`, where there is one.
    pub fn machine_id(self, id: impl Into<String>) -> Self {
        WorkerBuilder { machine_id: Some(id.into()), ..self }
    }

    /// Opens the state folder and starts the threads.
    pub fn start(self) -> Result<Worker, StartError> {
        self.start_subscribed().map(|(handle, _)| handle)
    }

    /// Starts, with a subscription that misses nothing of what was found in the state folder.
    pub fn start_subscribed(self) -> Result<(Worker, Events), StartError> {
        self.start_on(Box::new(RealDisk::default()))
    }

    pub(super) fn start_on(self, disk: Box<dyn Disk>) -> Result<(Worker, Events), StartError> {
        let (to_driver, mailbox) = channel();
        let (driver, events) = self.driver(disk, |tools| threads::start(tools, to_driver.clone()))?;
        let (hub, ended) = (Arc::clone(&driver.hub), driver.ended());
        let handle = Worker { mailbox: to_driver, hub, ended };
        let end = EndGuard(handle.clone());
        spawn("aw-engine", move || {
            let _end = end;
            driver.run(&mailbox);
        })?;
        Ok((handle, events))
    }

    /// The worker, its state folder read, before its first step.
    pub(super) fn driver<C: Crew + 'static>(
        self,
        disk: Box<dyn Disk>,
        crew: impl FnOnce(Tools) -> std::io::Result<C>,
    ) -> Result<(Driver, Events), StartError> {
        let client = self.client.clone().ok_or_else(|| config("a worker needs a client"))?;
        let dir = self.state_dir.clone().ok_or_else(|| config("a worker needs a state folder"))?;
        self.check()?;
        let origin = self.checked_origin(&client)?;
        let name = match &self.worker_name {
            Some(name) => name.clone(),
            None => WorkerName::new("activity-worker").map_err(|e| config(&e.to_string()))?,
        };
        let (mut spool, found) = self.open(disk, &dir, &client)?;
        let max_output = self.max_output();
        let room = spool.make_room(max_output, AHEAD);
        let engine = Engine::new(self.rules(&found)?, client.clock().clock().monotonic());
        let activities = self.activities.iter().map(|a| a.arn.clone()).collect();
        let tools = Tools { spool, max_output, client: client.clone(), activities, name: name.clone() };
        let setup = Setup {
            activities: self.activities,
            origin,
            scope: self.scope,
            worker_name: name,
            adopted_max_output: self.adopted_max_output,
            state_dir: dir,
            max_bytes: self.max_bytes,
            unsafe_storage: found.unsafe_storage.clone(),
            stop_grace: self.stop_grace.min(FOR_EVER),
        };
        Ok(Driver::new(engine, client, setup, Box::new(crew(tools)?), found, room))
    }

    fn check(&self) -> Result<(), StartError> {
        if self.activities.len() > ACTIVITIES_MAX {
            return Err(config(&format!("a worker polls at most {ACTIVITIES_MAX} activities")));
        }
        for activity in &self.activities {
            let name = activity.arn.name();
            if activity.concurrency == 0 {
                return Err(config(&format!("activity {name}: concurrency must be at least 1")));
            }
            if activity.heartbeat_interval < Duration::from_secs(1) {
                return Err(config(&format!("activity {name}: the heartbeat interval must be at least 1 s")));
            }
        }
        if self.adopted_heartbeat.is_some_and(|interval| interval < Duration::from_secs(1)) {
            return Err(config("the heartbeat interval of adopted tasks must be at least 1 s"));
        }
        if self.scope.0.len() > SCOPE_MAX {
            let has = self.scope.0.len();
            return Err(config(&format!(
                "the scope has {has} bytes, {SCOPE_MAX} are allowed: name the user by an id"
            )));
        }
        if let Some(origin) = &self.origin {
            check_origin(origin).map_err(|why| config(&why.to_string()))?;
        }
        if self.places() == 0 {
            return Err(config("max_tasks must be at least 1"));
        }
        if self.places() > TASKS_MAX {
            return Err(config(&format!("max_tasks must be at most {TASKS_MAX}, and is {}", self.places())));
        }
        let one = Worker::room_of_task(self.max_output());
        if self.max_bytes < one {
            return Err(config(&format!(
                "max_bytes must be at least {one}, or no task fits the state folder"
            )));
        }
        Ok(())
    }

    fn checked_origin(&self, client: &ActivityClient) -> Result<Origin, StartError> {
        let mut origins = self.activities.iter().map(|a| client.origin(&a.arn)).chain(self.origin.clone());
        let first = origins
            .next()
            .ok_or_else(|| config("a worker needs an activity, or an origin for adopted tokens"))?;
        // What is asked of another region is signed for this one, and nobody there knows of it.
        let here = format!("{}/{}", partition_of(client.region()), client.region());
        if !first.as_str().starts_with(&format!("{here}/")) {
            return Err(config(&format!(
                "the client signs for {here}, and {} is elsewhere: make the client for the region that the activities are in",
                first.as_str()
            )));
        }
        match origins.find(|other| *other != first) {
            None => Ok(first),
            Some(other) => Err(config(&format!(
                "one worker serves one account and region, not {} and {}: start a second worker with a state folder of its own",
                first.as_str(),
                other.as_str()
            ))),
        }
    }

    fn open(
        &self,
        disk: Box<dyn Disk>,
        dir: &Path,
        client: &ActivityClient,
    ) -> Result<(Spool, Found), StartError> {
        let spool = SpoolConfig {
            dir: dir.to_owned(),
            inbox: self.inbox_dir.clone(),
            max_tasks: self.places(),
            max_bytes: self.max_bytes,
            machine_id: self.machine_id.clone(),
            allow_unsafe_storage: self.allow_unsafe_storage,
        };
        let (spool, found) = Spool::open(disk, spool)?;
        if let Some(date) = spool.date_floor()
            && !client.clock().raise_kept_floor(date, spool.is_date_confirmed())
        {
            log::warn!(
                target: "activity_worker",
                "the date in {} lies too far ahead to be believed: the service is asked anew",
                dir.join("date").display()
            );
        }
        Ok((spool, found))
    }

    /// The most bytes to set aside for the outcome of one task. The input of a task that the app settles stays with it; how long
    /// that of an adopted one is, is known when it comes.
    fn max_output(&self) -> usize {
        let of = |a: &Activity| a.max_output + if a.handler.is_none() { INPUT_MAX } else { 0 };
        self.activities.iter().map(of).fold(self.adopted_max_output, usize::max)
    }

    fn places(&self) -> usize {
        let slots = self.activities.iter().map(|a| a.concurrency).fold(64, usize::saturating_add);
        self.max_tasks.unwrap_or(slots.min(TASKS_MAX))
    }

    fn rules(&self, found: &Found) -> Result<engine::Config, StartError> {
        let mut activities = heapless::Vec::new();
        for activity in &self.activities {
            let rules = ActivityRules {
                concurrency: activity.concurrency,
                heartbeat: activity.heartbeat_interval.min(FOR_EVER),
                deferred: activity.handler.is_none(),
                safe_to_repeat: activity.safe_to_repeat,
                on_request: activity.on_request,
            };
            activities.push(rules).map_err(|_| config("too many activities"))?;
        }
        Ok(engine::Config {
            activities,
            // What lies on disk has a place, even if the limit was lowered since.
            max_tasks: self.places().max(found.count()),
            comeback_window: self.comeback_window.min(FOR_EVER),
            max_backoff: self.max_backoff.min(FOR_EVER),
            lease: self.lease.min(FOR_EVER),
            adopted_heartbeat: self.adopted_heartbeat.map(|interval| interval.min(FOR_EVER)),
            seed: fastrand::u64(..),
        })
    }
}

fn config(text: &str) -> StartError {
    StartError::Config(text.to_owned())
}

//! The world: virtual time, and what happens in it, in one order that follows from the seed alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_worker::TaskId;
use activity_worker::worker::Stop;
use activity_worker::worker::stepped::Done;

use crate::device::Device;
use crate::judge::comeback::ComeBack;
use crate::judge::finding::{Finding, broken};
use crate::network::Outside;
use crate::network::faults::Fault;
use crate::scenario::{Kind, Letters, Scenario};
use crate::service::Service;
use crate::wire::Call;

/// So many things at one moment: something spins.
const SPIN: u32 = 20_000;

/// Something that happens to the world.
pub(crate) enum What {
    /// A device's worker is started.
    Boot(usize),
    /// To a device, in one of its lives.
    To(usize, u64, Box<Deed>),
    /// An execution reaches an activity.
    Arrive(usize),
    /// A token is pushed to a device's app.
    Push(usize),
    /// A device's app looks at its tasks.
    App(usize),
    /// Another process of a device's app runs.
    Extension(usize),
    /// A task may time out.
    Timeout(usize),
    /// A report arrives that its sender has given up.
    Late(usize, Call),
    /// A fault befalls a device.
    Chaos(usize),
    /// The fault befalls a device that is this world's own.
    Edge(usize),
    /// Every fault ceases.
    Quiet,
    /// A fleet's network goes, until this time.
    GoDown(Duration),
    /// A fleet's network comes back.
    ComeBack,
    /// The fleet has had its time to come back.
    Spread,
    /// Whether everything is settled.
    Settled,
    /// A device's disk works again.
    DiskHeals(usize),
}

impl What {
    /// Something happens to a device in one of its lives.
    pub(crate) fn to(device: usize, life: u64, deed: Deed) -> Self {
        What::To(device, life, Box::new(deed))
    }
}

/// Something that happens to a process.
pub(crate) enum Deed {
    /// What it waited for is due.
    Timer(u64),
    /// Its disk has done what it was asked.
    Disk,
    /// An old run has ended.
    Done(Done),
    /// A heartbeat or a report came back after this time; the task that is over, if the answer says so to a report.
    Called(Done, Duration, Option<TaskId>),
    /// A poll came back.
    PollAnswered(Done),
    /// A poll's answer arrives: a task, or nothing.
    PollEnds(u64, Option<usize>),
    /// A handler ends.
    Handler(u64),
    /// Whether it has stopped by now.
    Check,
}

struct Entry(Reverse<(Duration, u64)>, What);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// The world of one seed.
pub(crate) struct World {
    /// Its seed.
    pub(crate) seed: u64,
    /// What the seed makes of it.
    pub(crate) scenario: Scenario,
    /// Its time.
    pub(crate) now: Duration,
    /// Luck.
    pub(crate) rng: fastrand::Rng,
    /// Service and network.
    pub(crate) outside: Arc<Mutex<Outside>>,
    /// The devices.
    pub(crate) devices: Vec<Device>,
    /// No more faults.
    pub(crate) quiet: bool,
    /// What happened, line by line, if anybody wants to read it.
    pub(crate) trace: Option<Vec<String>>,
    /// The fleet's network has just come back.
    pub(crate) comeback: Option<ComeBack>,
    queue: BinaryHeap<Entry>,
    number: u64,
    at_once: u32,
    /// Since when all workers end for good.
    pub(crate) draining: Option<Duration>,
    /// Nothing more happens.
    pub(crate) over: bool,
}

impl World {
    /// The world of this seed, before its first moment.
    pub(crate) fn new(seed: u64, traced: bool) -> Self {
        // Jitter that core draws for itself comes from here too.
        fastrand::seed(seed);
        let scenario = Scenario::of(seed);
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let service = Service::new(scenario.activities.iter().map(|a| a.rules).collect(), seed);
        let outside = Outside::new(service, scenario.devices, rng.u64(..));
        let devices = (0..scenario.devices).map(|n| Device::new(n, &mut rng, Duration::ZERO)).collect();
        let mut world = World {
            seed,
            scenario,
            now: Duration::ZERO,
            rng,
            outside: Arc::new(Mutex::new(outside)),
            devices,
            quiet: false,
            trace: traced.then(Vec::new),
            comeback: None,
            queue: BinaryHeap::new(),
            number: 0,
            at_once: 0,
            draining: None,
            over: false,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for device in 0..self.devices.len() {
            self.after(Duration::ZERO, What::Boot(device));
            let (chaos, app) = (self.about(self.scenario.gap), self.between(1.0, 600.0));
            self.after(chaos, What::Chaos(device));
            self.after(app, What::App(device));
            if self.scenario.edge.is_some() {
                let edge = self.about(self.scenario.gap * 2);
                self.after(edge, What::Edge(device));
            }
            if self.scenario.plan.pushes {
                let push = self.about(self.scenario.arrivals);
                self.after(push, What::Push(device));
            }
            if self.scenario.plan.letters != Letters::None {
                let first = self.between(1.0, 600.0);
                self.after(first, What::Extension(device));
            }
        }
        for activity in 0..self.scenario.activities.len() {
            let first = self.about(self.scenario.arrivals);
            self.after(first, What::Arrive(activity));
        }
        let length = self.scenario.length;
        if self.scenario.kind == Kind::Fleet {
            let down = self.between(60.0, 900.0).mul_f64(f64::from(self.rng.bool()));
            let up = down + self.between(600.0, 1800.0);
            // From the first moment on, or all at once later, with work in hand; either way all fail together.
            self.after(down, What::GoDown(up));
            self.after(up, What::ComeBack);
        }
        self.after(length, What::Quiet);
    }

    /// Runs to the end. A finding comes with the time at which it was made.
    pub(crate) fn run(&mut self) -> Result<(), Finding> {
        while !self.over {
            let Some(Entry(Reverse((at, _)), what)) = self.queue.pop() else {
                return broken("P9", "nothing will ever happen again");
            };
            self.at_once = if at == self.now { self.at_once + 1 } else { 0 };
            if self.at_once > SPIN {
                return broken("P6", "the worker spins");
            }
            self.now = at;
            self.happen(what)?;
        }
        Ok(())
    }

    fn happen(&mut self, what: What) -> Result<(), Finding> {
        match what {
            What::Boot(device) => self.boot(device)?,
            What::To(device, life, deed) => self.to(device, life, *deed)?,
            What::Arrive(activity) => {
                self.outside().service.execute(activity, 0);
                self.dispatch(activity);
                if !self.quiet {
                    let next = self.about(self.scenario.arrivals);
                    self.after(next, What::Arrive(activity));
                }
            }
            What::Push(device) => self.push(device),
            What::App(device) => self.app(device)?,
            What::Extension(device) => self.extension(device)?,
            What::Timeout(place) => self.timeout(place)?,
            What::Late(device, call) => {
                let now = self.now;
                let _ = self.outside().process(&call, device, now);
            }
            What::Chaos(device) => {
                if !self.quiet {
                    self.chaos(device)?;
                    let next = self.about(self.scenario.gap);
                    self.after(next, What::Chaos(device));
                }
            }
            What::Edge(device) => {
                if !self.quiet {
                    self.at_the_edge(device)?;
                    let next = self.about(self.scenario.gap * 2);
                    self.after(next, What::Edge(device));
                }
            }
            What::DiskHeals(device) => {
                self.devices[device].full_since = None;
                self.devices[device].disk.clear_fault();
                self.devices[device].gone = None;
                self.devices[device].disk.set_capacity(None);
                let dev = &mut self.devices[device];
                dev.folder.bring_back(&dev.disk);
                self.devices[device].room_unknown = true;
            }
            What::GoDown(up) => {
                self.outside().links.iter_mut().for_each(|link| link.spell = Some((Fault::Refused, up)));
            }
            What::ComeBack => self.come_back()?,
            What::Spread => self.spread()?,
            What::Quiet => self.fall_quiet()?,
            What::Settled => self.look_at_the_end()?,
        }
        Ok(())
    }

    /// Gives waiting executions to waiting polls.
    pub(crate) fn dispatch(&mut self, activity: usize) {
        let now = self.now;
        loop {
            let handed = self.outside().service.hand_out(activity, now);
            let Some((poll, place)) = handed else { return };
            self.watch(place);
            let owner = self.devices.iter_mut().find(|d| d.polls.contains_key(&poll));
            let Some(owner) = owner else {
                self.outside().fault("task swallowed by a dropped poll");
                self.say(|| format!("task {place} swallowed by dropped poll {poll}"));
                continue;
            };
            let (device, life) = (owner.number, owner.life);
            let way = self.between(0.01, 0.5);
            self.after(way, What::to(device, life, Deed::PollEnds(poll, Some(place))));
        }
    }

    /// Wakes when a task may time out.
    pub(crate) fn watch(&mut self, place: usize) {
        let at = self.outside().service.times_out_at(place);
        if let Some(at) = at {
            self.after(at.saturating_sub(self.now), What::Timeout(place));
        }
    }

    fn timeout(&mut self, place: usize) -> Result<(), Finding> {
        let now = self.now;
        let mut out = self.outside();
        let worn_out = out.service.worn_out(place, now);
        if !out.service.expire(place, now) {
            drop(out);
            self.watch(place);
            return Ok(());
        }
        out.fault("task timed out");
        let activity = out.service.tasks[place].activity;
        drop(out);
        self.say(|| format!("task {place} timed out"));
        if let Some(activity) = activity {
            self.dispatch(activity);
        }
        worn_out.map_or(Ok(()), |patience| self.gave_up(place, patience))
    }

    /// Whose fault it is that a task was given up for silence.
    fn gave_up(&self, place: usize, patience: Duration) -> Result<(), Finding> {
        let out = self.outside();
        let Some(id) = out.service.id(place) else { return Ok(()) };
        for device in &self.devices {
            let stopping = matches!(device.stopping, Some((Stop::Now, ..)));
            let away = device.worker.is_none() || stopping || device.asleep_until.is_some();
            let calm_since = out.links[device.number].trouble_at.max(device.disk_trouble_until);
            if !away {
                device.judge.gave_up(id, calm_since, patience, self.now)?;
            }
        }
        Ok(())
    }

    /// Something will happen.
    pub(crate) fn after(&mut self, by: Duration, what: What) {
        self.number += 1;
        self.queue.push(Entry(Reverse((self.now + by, self.number)), what));
    }

    /// A number that was never given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Service and network.
    pub(crate) fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace.
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>14.3}  {}", self.now.as_secs_f64(), line()));
        }
    }

    /// A random time around `mean`: short ones are frequent, long ones are not.
    pub(crate) fn about(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.rng.f64()).ln())
    }

    /// A random time, in seconds.
    pub(crate) fn between(&mut self, from: f64, to: f64) -> Duration {
        Duration::from_secs_f64(from + (to - from) * self.rng.f64())
    }
}

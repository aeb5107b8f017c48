//! What a seed makes of the world: how many devices, which activities, how long, and how bad.

use std::time::{Duration, SystemTime};

use crate::service::{Service, TaskRules};

/// The activity that has handlers; the other one is an app's.
pub(crate) const HANDLED: usize = 0;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The world of a seed.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// What kind of world.
    pub(crate) kind: Kind,
    /// How long faults happen.
    pub(crate) length: Duration,
    /// Devices.
    pub(crate) devices: usize,
    /// The mean time between two faults of a device.
    pub(crate) gap: Duration,
    /// The mean time between two executions at an activity.
    pub(crate) arrivals: Duration,
    /// The activities, which all devices serve.
    pub(crate) activities: Vec<ActivityPlan>,
    /// What all devices are told.
    pub(crate) plan: Plan,
    /// What befalls devices beside everything else.
    pub(crate) edge: Option<Edge>,
}

/// Kinds of worlds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One to three devices, hours, a fault every few minutes.
    Dense,
    /// One device, weeks or most of a year, outages as long.
    Long,
    /// One device with more work than it can keep alive over a slow link.
    Busy,
    /// Many devices that boot, fail and come back together.
    Fleet,
}

/// A kind of fault at the edges, which befalls the devices of a world beside all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Other programs fill the disk, whatever the worker does.
    IdleDisk,
    /// The service's own answer carries a date that lies.
    Dates,
    /// A body takes minutes on its way up, and gets there.
    Uplink,
    /// Now and then the worker is started for another endpoint: what it holds of the first one waits.
    Origin,
    /// For a spell no handler can be started.
    Starts,
    /// The state folder is removed, moved, taken by another worker, opened or unlocked while it is in use.
    Folder,
}

const EDGES: [Edge; 6] =
    [Edge::IdleDisk, Edge::Dates, Edge::Uplink, Edge::Origin, Edge::Starts, Edge::Folder];

impl Edge {
    /// The world's kind of fault. It has luck of its own, so that it changes nothing of a world that has none.
    pub(crate) fn of(seed: u64, kind: Kind) -> Option<Self> {
        let one = fastrand::Rng::with_seed(seed ^ 0x00ed_6e5e).usize(..2 * EDGES.len());
        EDGES.get(one).copied().filter(|_| matches!(kind, Kind::Dense | Kind::Long))
    }
}

/// An activity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActivityPlan {
    /// An app settles its tasks.
    pub(crate) deferred: bool,
    /// Tasks at once.
    pub(crate) concurrency: usize,
    /// The worker's heartbeat interval; the service waits three times as long.
    pub(crate) heartbeat: Duration,
    /// Run again after a crash.
    pub(crate) safe_to_repeat: bool,
    /// Bytes of output.
    pub(crate) max_output: usize,
    /// What the service does.
    pub(crate) rules: TaskRules,
}

/// Whether other processes of the app leave letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    /// No.
    None,
    /// Beside the app.
    Beside,
    /// The app itself answers nothing, and hands no token over.
    Only,
}

/// What devices are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Places.
    pub(crate) max_tasks: usize,
    /// Bytes on disk.
    pub(crate) max_bytes: u64,
    /// The come-back window.
    pub(crate) comeback: Duration,
    /// The longest pause.
    pub(crate) max_backoff: Duration,
    /// The lease of deferred tasks.
    pub(crate) lease: Duration,
    /// The heartbeat of adopted tasks.
    pub(crate) adopted_heartbeat: Option<Duration>,
    /// How long credentials live; `None`: for ever.
    pub(crate) credentials: Option<Duration>,
    /// Tokens are pushed to the app.
    pub(crate) pushes: bool,
    /// Letters in the inbox.
    pub(crate) letters: Letters,
}

impl Scenario {
    /// The world of this seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let kind = match (seed % 250, rng.u32(..1000)) {
            (7, _) => Kind::Fleet,
            (_, 0..10) => Kind::Long,
            (_, 10..30) => Kind::Busy,
            _ => Kind::Dense,
        };
        let between =
            |rng: &mut fastrand::Rng, from: Duration, to: Duration| from + (to - from).mul_f64(rng.f64());
        let (length, devices, gap, arrivals) = match kind {
            Kind::Dense => {
                let devices = if rng.u8(..5) == 0 { rng.usize(2..4) } else { 1 };
                let length = between(&mut rng, HOUR / 4, 3 * HOUR);
                (
                    length,
                    devices,
                    between(&mut rng, 20 * SECOND, HOUR / 6),
                    between(&mut rng, 20 * SECOND, HOUR / 6),
                )
            }
            Kind::Long => {
                let most = if rng.u8(..30) == 0 { 300 * DAY } else { 45 * DAY };
                (between(&mut rng, 10 * DAY, most), 1, 2 * DAY, DAY / 2)
            }
            Kind::Busy => (
                between(&mut rng, HOUR / 4, HOUR / 2),
                1,
                between(&mut rng, 60 * SECOND, HOUR / 6),
                2 * SECOND,
            ),
            Kind::Fleet => (HOUR, rng.usize(60..240), HOUR, 2 * SECOND),
        };
        let count = rng.usize(1..3);
        let activities = (0..count).map(|n| Self::activity(&mut rng, kind, n)).collect::<Vec<_>>();
        let concurrency: usize = activities.iter().map(|a| a.concurrency).sum();
        let max_output = activities.iter().map(|a| a.max_output).max().unwrap_or_default();
        let max_tasks = concurrency + rng.usize(1..8);
        let needed = activity_worker::spool::Spool::least_bytes(max_output);
        let plan = Plan {
            max_tasks,
            max_bytes: needed * if rng.bool() { 100 } else { rng.u64(2..6) },
            comeback: match kind {
                Kind::Fleet => 10 * SECOND,
                _ => [Duration::ZERO, 30 * SECOND][rng.usize(..2)],
            },
            max_backoff: match kind {
                Kind::Long => HOUR,
                Kind::Fleet => 120 * SECOND,
                Kind::Dense | Kind::Busy => [30 * SECOND, 120 * SECOND][rng.usize(..2)],
            },
            lease: [HOUR, DAY][rng.usize(..2)],
            adopted_heartbeat: rng.bool().then_some(if kind == Kind::Long { HOUR } else { 60 * SECOND }),
            credentials: rng.bool().then(|| between(&mut rng, HOUR / 4, 12 * HOUR)),
            pushes: kind != Kind::Fleet && rng.u8(..3) == 0,
            letters: match (kind, fastrand::Rng::with_seed(seed ^ 0x1e77e5).u8(..8)) {
                (Kind::Dense | Kind::Long, 0) => Letters::Beside,
                (Kind::Dense | Kind::Long, 1) => Letters::Only,
                _ => Letters::None,
            },
        };
        let edge = Edge::of(seed, kind);
        Scenario { kind, length, devices, gap, arrivals, activities, plan, edge }
    }

    fn activity(rng: &mut fastrand::Rng, kind: Kind, n: usize) -> ActivityPlan {
        let heartbeat = match kind {
            Kind::Long => HOUR,
            Kind::Fleet => 300 * SECOND,
            Kind::Dense => [15, 30, 60, 120][rng.usize(..4)] * SECOND,
            Kind::Busy => 15 * SECOND,
        };
        let rules = TaskRules {
            heartbeat: (rng.u8(..4) > 0).then_some(3 * heartbeat),
            timeout: (rng.u8(..3) == 0).then_some(heartbeat * rng.u32(5..100)),
        };
        ActivityPlan {
            deferred: n == 1 && kind != Kind::Fleet,
            concurrency: if kind == Kind::Busy { 20 } else { rng.usize(1..4) },
            heartbeat,
            safe_to_repeat: rng.bool(),
            max_output: [1000, 20_000][rng.usize(..2)],
            rules,
        }
    }

    /// The date that a device's clock shows when it is switched on.
    pub(crate) fn first_date(rng: &mut fastrand::Rng, now: Duration) -> SystemTime {
        let right = Service::date(now);
        match rng.u8(..10) {
            0 => SystemTime::UNIX_EPOCH + Duration::from_secs(rng.u64(..1000)),
            1 => right + 365 * 73 * DAY,
            2 => right - 200 * DAY,
            3 => right + DAY,
            4 => right - rng.u32(400..4000) * SECOND,
            _ => right + rng.u32(..10) * SECOND,
        }
    }
}

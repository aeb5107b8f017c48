//! Decides: what to do next, and in which order. Pure: no I/O, no clock, no threads, no secrets, no bodies.
//!
//! [`Engine::apply`] takes one [`Input`] and the time, then [`Engine::next`] is called until it answers `None`. Each action is
//! carried out elsewhere and comes back as an input. The most dangerous order is decided here and nowhere else: a handler runs
//! only after `TaskKept`; a report goes only after `OutcomeKept`, which says how the disk answered (what it refused is tried again, and
//! reported from memory meanwhile); a task is forgotten only when the service said that it is over, or when somebody withdrew it.
//!
//! Five small machines and their dice, each one file:
//!
//! | machine | decides |
//! |---|---|
//! | [`polls`] | when an activity may be polled; `next` asks for the room on disk before |
//! | [`slots`] | which stage each task is in |
//! | [`lanes`] | which heartbeat or report goes next, over which lane |
//! | [`link`] | whether the service can be reached, and when to try again |
//! | [`jitter`] | every chance: pauses between tries, when the next heartbeat goes |
//! | [`starts`] | whether handlers can be started, and how many tasks may find out |

mod answers;
mod apply;
pub mod jitter;
pub mod lanes;
pub mod link;
mod next;
pub mod polls;
mod protocol;
pub mod slots;
pub mod starts;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use lanes::Lanes;
use link::LinkBelief;
use polls::Polls;
pub use protocol::*;
use slots::{Slot, Slots, Stage};
use starts::Starts;

use crate::TaskId;

/// The limits an engine works within.
#[derive(Debug, Clone)]
pub struct Config {
    /// The activities, at most [`ACTIVITIES_MAX`]; events name them by their place in this list.
    pub activities: heapless::Vec<ActivityRules, ACTIVITIES_MAX>,
    /// The most tasks held at once, whatever their stage.
    pub max_tasks: usize,
    /// The most heartbeats and reports under way at once, one of [`lanes::CONNECTIONS`].
    pub max_connections: usize,
    /// The first call after a come-back of the network lies at a random point of this window.
    pub comeback_window: Duration,
    /// The longest pause between two tries of anything that is not held.
    pub max_backoff: Duration,
    /// How long a deferred task beats after the app last asked for it.
    pub lease: Duration,
    /// The heartbeat interval of adopted tasks; `None`: they have no heartbeats.
    pub adopted_heartbeat: Option<Duration>,
    /// Where jitter comes from. Two devices must not share it.
    pub seed: u64,
}

/// The limits of one activity.
#[derive(Debug, Clone)]
pub struct ActivityRules {
    /// The most tasks being worked (or waiting for the app) at once.
    pub concurrency: usize,
    /// The time between heartbeats.
    pub heartbeat: Duration,
    /// Tasks wait for the app rather than for a handler.
    pub deferred: bool,
    /// A handler that died with its process is run again.
    pub safe_to_repeat: bool,
    /// It is polled only when the app asks for it.
    pub on_request: bool,
    /// The most polls under way at once.
    pub pollers: usize,
}

/// The decider. See the module's text.
#[derive(Debug, Clone)]
pub struct Engine {
    config: Config,
    rng: fastrand::Rng,
    slots: Slots,
    polls: Polls,
    lanes: Lanes,
    link: LinkBelief,
    /// Actions decided but not yet asked for.
    ready: VecDeque<Action>,
    starts: Starts,
    /// How many more tasks fit into the spool, and when that was looked at.
    room: usize,
    room_seen: Time,
    /// It is being looked at.
    room_asked: bool,
    /// Until then polls leave the last place to a token that is handed over.
    tokens_first_until: Time,
    stop: Option<Stop>,
    until_idle: bool,
    stopped_told: bool,
    idle_told: bool,
}

/// How often a handler that is safe to repeat is run again after its process died.
pub const RUNS_MAX: u8 = 3;

impl Engine {
    /// An engine with no tasks, at time `now`.
    pub fn new(config: Config, now: Time) -> Self {
        let mut rng = fastrand::Rng::with_seed(config.seed);
        // Devices that boot together must not call together: a tenth of the come-back window spreads them without making a
        // person wait for the first poll.
        let first = now + jitter::within(&mut rng, config.comeback_window / 10);
        Engine {
            slots: Slots::new(config.max_tasks),
            polls: Polls::new(config.activities.iter().map(|a| a.pollers), first),
            lanes: Lanes::new(config.max_connections, first),
            link: LinkBelief::new(config.comeback_window, config.max_backoff),
            ready: VecDeque::new(),
            starts: Starts::new(config.activities.len()),
            room: 0,
            room_seen: now,
            room_asked: false,
            tokens_first_until: Time::ZERO,
            stop: None,
            until_idle: false,
            stopped_told: false,
            idle_told: false,
            rng,
            config,
        }
    }

    /// Whether a task with this id is held, in whatever stage.
    pub fn knows(&self, id: TaskId) -> bool {
        self.slots.find(id).is_some()
    }

    /// How far the task has come, if it is held.
    pub fn stage(&self, id: TaskId) -> Option<Stage> {
        self.slots.find(id).map(|slot| slot.stage)
    }

    /// The tasks held, for showing.
    pub fn tasks(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Whether one more token can be adopted now. The places of tasks that polls may bring are taken.
    pub fn has_place(&self) -> bool {
        self.stop.is_none()
            && self.slots.free() > self.polls.in_flight()
            && self.room > self.room_spoken_for()
    }

    /// Whether there is a place for one more task, room on disk aside.
    pub fn has_free_place(&self) -> bool {
        self.slots.free() > self.polls.in_flight()
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether calls go slower, since the service throttled some.
    pub fn is_throttled(&self) -> bool {
        self.lanes.is_throttled()
    }

    /// Whether a poll of this activity is under way.
    pub fn is_polling(&self, activity: usize) -> bool {
        self.polls.in_flight_of(activity) > 0
    }

    /// Whether handlers of this activity can't be started.
    pub fn starts_fail(&self, activity: usize) -> bool {
        self.starts.fail(activity)
    }

    /// Polls under way.
    pub fn polls_in_flight(&self) -> usize {
        self.polls.in_flight()
    }

    /// What is believed of the network.
    pub fn link(&self) -> &LinkBelief {
        &self.link
    }

    /// Whether reports are paused, since the service rejected three in a row.
    pub fn reports_paused(&self) -> bool {
        self.lanes.reports_paused()
    }

    /// When the next report is due, if one waits that is not held.
    pub fn next_report(&self) -> Option<Time> {
        self.slots.iter().filter(|s| s.waits() && !s.report.held).map(|s| s.report.due).min()
    }

    fn notify(&mut self, notice: Notice) {
        self.ready.push_back(Action::Notify(notice));
    }
}

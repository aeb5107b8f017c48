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
//!
//! The tasks lie in a table (`table.rs`) whose index (`index.rs`) is kept up with each change, so that no step looks at all of them:
//! what a hundred thousand tasks cost is memory.

mod anew;
mod answers;
mod apply;
mod index;
pub mod jitter;
pub mod lanes;
pub mod link;
mod next;
pub mod polls;
mod protocol;
mod sight;
pub mod slots;
pub mod starts;
mod table;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use lanes::Lanes;
use link::LinkBelief;
use polls::Polls;
pub use protocol::*;
use starts::Starts;
use table::Table;

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
    slots: Table,
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
            slots: Table::new(config.max_tasks),
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

    fn notify(&mut self, notice: Notice) {
        self.ready.push_back(Action::Notify(notice));
    }
}

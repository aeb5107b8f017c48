//! How fast a device calls: slower while the service throttles, and never more tasks than its calls can keep alive.

use std::collections::VecDeque;
use std::time::Duration;

use activity_worker::ErrorClass;

use super::finding::{Finding, broken};
use crate::network::Sent;
use crate::network::faults::Fault;

/// After so many throttled calls of a kind in a row the worker goes at its slowest: one in five to ten seconds.
const SLOWED: u32 = 12;
/// Then at most so many go within a minute: those that were under way come on top.
const MOST: usize = 16;
const MINUTE: Duration = Duration::from_secs(60);
/// Of the calls that may go at once so many may be heartbeats.
const SHARE: f64 = 0.75;
/// No call counts for longer.
const SLOW: Duration = Duration::from_secs(15);

/// The rate of one device.
#[derive(Default)]
pub(crate) struct Rate {
    beats: Run,
    reports: Run,
    /// How long an answered call takes, of late.
    call_time: Duration,
}

/// Calls of one kind that were throttled, one after the other.
#[derive(Default)]
struct Run {
    throttled: u32,
    last: VecDeque<Duration>,
}

impl Rate {
    /// A process begins: it knows nothing of the last one's pace.
    pub(crate) fn born() -> Self {
        Rate { call_time: Duration::from_millis(300), ..Rate::default() }
    }

    /// P10: a request left the device.
    pub(crate) fn sent(&mut self, sent: &Sent) -> Result<(), Finding> {
        if sent.call.token().is_none() {
            return Ok(());
        }
        let run = if sent.call.is_report() { &mut self.reports } else { &mut self.beats };
        let heard = matches!(sent.fault, None | Some(Fault::Slow | Fault::Throttled));
        match sent.verdict {
            Some(Err("ThrottlingException")) if heard => run.throttled += 1,
            Some(_) => *run = Run::default(),
            None => {}
        }
        if run.throttled < SLOWED {
            return Ok(());
        }
        run.last.push_back(sent.at);
        while run.last.front().is_some_and(|first| sent.at.saturating_sub(*first) > MINUTE) {
            run.last.pop_front();
        }
        if run.last.len() > MOST {
            return broken("P10", format!("{} throttled calls of a kind within a minute", run.last.len()));
        }
        Ok(())
    }

    /// A call has come back.
    pub(crate) fn ended(&mut self, failure: Option<ErrorClass>, took: Duration) {
        if !matches!(failure, Some(ErrorClass::Network | ErrorClass::Credentials)) {
            // A report that takes minutes says nothing of the heartbeats beside it.
            self.call_time = (self.call_time * 7 + took.min(SLOW)) / 8;
        }
    }

    /// P2: another task is asked for, where so many heartbeats a second are owed already.
    pub(crate) fn may_poll(&self, owed: f64, more: f64, connections: usize) -> Result<(), Finding> {
        let there_are = SHARE * connections as f64;
        let lanes = (owed + more) * self.call_time.as_secs_f64();
        // One task alone is always taken.
        if owed > 0.0 && lanes > there_are {
            return broken(
                "P2",
                format!("a poll, and heartbeats would take {lanes:.1} of {there_are} lanes"),
            );
        }
        Ok(())
    }
}

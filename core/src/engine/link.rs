//! What is believed of the network, and when the next probe may go.
//!
//! A call that fails on the network may be the link's fault or its own (a proxy that chokes on one large body). An error before
//! the request was written is the link's. One after that is the link's too, unless the service has answered another call
//! within the last two minutes. Only the link's failures take it offline; then one call at a time probes for all, be it a
//! heartbeat, a report or a poll. While tasks beat, one goes at least once in the shortest interval of their heartbeats, so that
//! what an outage takes from HeartbeatSeconds is never much more than its length.

use std::time::Duration;

use super::jitter;
use super::protocol::{Call, Link, Time};
use crate::TaskId;
use crate::plants::planted;

/// The service answered so recently: what fails now is the call's own fault.
const FRESH: Duration = Duration::from_secs(120);
/// The first pause after a failure.
const BASE: Duration = Duration::from_secs(1);

/// The link.
#[derive(Debug, Clone)]
pub struct LinkBelief {
    window: Duration,
    max_backoff: Duration,
    offline: Option<Offline>,
    last_answer: Option<Time>,
}

/// A call that may probe a dead link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A poll of this activity.
    Poll(usize),
    /// A heartbeat or the report of this task.
    Call(Call, TaskId),
}

#[derive(Debug, Clone, Copy)]
struct Offline {
    since: Time,
    failures: u32,
    next_probe: Time,
    probing: Option<Probe>,
    /// When the last probe went, or the outage began, and when the one before; and whether the last one was a heartbeat.
    last: Time,
    before: Time,
    beat_last: bool,
    /// The share of the shortest interval after which the next one goes at the latest.
    share: f64,
    /// The platform says that there is no network.
    told: bool,
}

impl Offline {
    fn new(since: Time, next_probe: Time, rng: &mut fastrand::Rng) -> Self {
        Offline {
            since,
            failures: 1,
            next_probe,
            probing: None,
            last: since,
            before: since,
            beat_last: false,
            share: share(rng),
            told: false,
        }
    }
}

/// A fleet that lost its network together must not try it together.
fn share(rng: &mut fastrand::Rng) -> f64 {
    0.75 + 0.25 * rng.f64()
}

impl LinkBelief {
    /// A link of which nothing is known: calls may go.
    pub fn new(window: Duration, max_backoff: Duration) -> Self {
        LinkBelief { window, max_backoff, offline: None, last_answer: None }
    }

    /// Since when the service has not answered, if it does not.
    pub fn offline_since(&self) -> Option<Time> {
        self.offline.map(|o| o.since)
    }

    /// From when on a poll may go; `None` while another call is out to probe.
    pub fn polls_open_at(&self) -> Option<Time> {
        match self.offline {
            None => Some(Time::ZERO),
            Some(offline) => offline.probing.is_none().then_some(offline.next_probe),
        }
    }

    /// When the next probe of a dead link is due; `None` while it works.
    pub fn next_probe(&self) -> Option<Time> {
        self.offline.map(|o| o.next_probe)
    }

    /// From when on a report may go; `None` while one, or a heartbeat, is out to probe. A poll that probes may be held by the service
    /// for a minute because all is well, so no report waits for it.
    pub fn reports_open_at(&self) -> Option<Time> {
        match self.offline {
            None => Some(Time::ZERO),
            Some(Offline { probing: Some(Probe::Call(..)), .. }) => None,
            Some(offline) => Some(offline.next_probe),
        }
    }

    /// From when on a heartbeat may go. `shortest`: of the intervals at which tasks beat. The next probe goes at most that much after
    /// the last one went, whatever that one is at: a report may be on its way for minutes.
    pub fn beats_open_at(&self, shortest: Duration) -> Option<Time> {
        let Some(offline) = self.offline else { return Some(Time::ZERO) };
        let latest = offline.last + shortest.mul_f64(offline.share);
        match self.reports_open_at() {
            open if planted("probe-rarer-than-beats") => open,
            Some(open) => Some(open.min(latest)),
            None => Some(latest),
        }
    }

    /// Of a heartbeat and a report that may both probe, whether it is the heartbeat's turn: one of the two may fail by its own fault.
    pub fn beats_turn(&self) -> Option<bool> {
        self.offline.map(|offline| !offline.beat_last)
    }

    /// A call goes: while offline it is the probe. A heartbeat beside a report that probes leaves it that.
    pub fn begin(&mut self, now: Time, probe: Probe, rng: &mut fastrand::Rng) {
        if let Some(offline) = &mut self.offline {
            let beat = matches!(probe, Probe::Call(Call::Beat, _));
            (offline.before, offline.last) = (offline.last, now);
            (offline.beat_last, offline.share) = (beat, share(rng));
            if !beat || !matches!(offline.probing, Some(Probe::Call(Call::Report, _))) {
                offline.probing = Some(probe);
            }
        }
    }

    /// The service answered, be it with an error. True if that ends an outage.
    pub fn answered(&mut self, now: Time) -> bool {
        self.last_answer = Some(now);
        self.offline.take().is_some()
    }

    /// A call failed on the network. `written`: after its request was written, at least in part; `shortest`: as in
    /// [`beats_open_at`](Self::beats_open_at), if any task beats. True if an outage begins.
    pub fn failed(
        &mut self,
        now: Time,
        written: bool,
        probe: Probe,
        shortest: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> bool {
        if self.offline.is_some() {
            self.inconclusive(now, probe, shortest, rng);
            return false;
        }
        let fresh = self.last_answer.is_some_and(|at| now.saturating_sub(at) < FRESH);
        if written && fresh {
            return false;
        }
        let next_probe = now + jitter::full(rng, BASE, self.max_backoff, 0);
        self.offline = Some(Offline::new(now, next_probe, rng));
        true
    }

    /// A call was begun, and is not sent after all: as a probe it never was.
    pub fn not_sent(&mut self, now: Time, probe: Probe, shortest: Option<Duration>, rng: &mut fastrand::Rng) {
        if let Some(offline) = self.offline.as_mut().filter(|offline| offline.probing == Some(probe)) {
            offline.last = offline.before;
        }
        self.inconclusive(now, probe, shortest, rng);
    }

    /// A call ended without a word of the service. If it was the probe the next one waits longer.
    pub fn inconclusive(
        &mut self,
        now: Time,
        probe: Probe,
        shortest: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) {
        let (max, Some(offline)) = (self.max_backoff, &mut self.offline) else { return };
        if offline.probing != Some(probe) {
            return;
        }
        offline.probing = None;
        let pause = match shortest.filter(|shortest| *shortest < max && !planted("probe-rarer-than-beats")) {
            None => jitter::full(rng, BASE, max, offline.failures),
            // Heartbeats make the pauses short; none is shorter than it has to be.
            Some(shortest) => {
                let most = BASE.saturating_mul(1u32.checked_shl(offline.failures).unwrap_or(u32::MAX));
                jitter::half(rng, most.min(shortest))
            }
        };
        offline.next_probe = now + pause;
        offline.failures += 1;
    }

    /// The platform says something. `Up` brings the next probe to a random point of the window; `Down` puts it off, once. True if
    /// an outage begins.
    pub fn hint(&mut self, now: Time, hint: Link, rng: &mut fastrand::Rng) -> bool {
        let begins = hint == Link::Down && self.offline.is_none();
        if begins {
            self.offline = Some(Offline::new(now, now, rng));
        }
        let Some(offline) = &mut self.offline else { return false };
        match hint {
            Link::Up => {
                offline.next_probe = offline.next_probe.min(now + jitter::within(rng, self.window));
                offline.failures = 1;
            }
            // A hint may be wrong, so it never stops the probes, however often it comes: it only makes them rare.
            Link::Down if !offline.told => offline.next_probe = now + self.max_backoff,
            Link::Down | Link::Unknown => {}
        }
        offline.told = hint == Link::Down;
        begins
    }

    /// Try now.
    pub fn wake(&mut self, now: Time) {
        if let Some(offline) = &mut self.offline {
            offline.next_probe = now;
            offline.failures = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const REPORT: Probe = Probe::Call(Call::Report, TaskId::from_bytes([1; 16]));
    const BEAT: Probe = Probe::Call(Call::Beat, TaskId::from_bytes([2; 16]));
    const POLL: Probe = Probe::Poll(0);

    fn link() -> (LinkBelief, fastrand::Rng) {
        (LinkBelief::new(30 * S, 120 * S), fastrand::Rng::with_seed(1))
    }

    #[test]
    fn p6_while_offline_one_call_at_a_time_probes_and_pauses_grow_to_the_cap() {
        let (mut link, mut rng) = link();
        let mut now = S;
        assert!(link.failed(now, false, REPORT, None, &mut rng));
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let probe = link.reports_open_at().unwrap();
            assert!(probe > now);
            longest = longest.max(probe - now);
            now = probe;
            link.begin(now, REPORT, &mut rng);
            assert_eq!(link.polls_open_at(), None, "a second call while the first one probes");
            link.failed(now, false, REPORT, None, &mut rng);
        }
        assert!(longest > 60 * S && longest <= 120 * S);
        assert!(link.answered(now));
        assert_eq!(link.polls_open_at(), Some(Time::ZERO));
    }

    #[test]
    fn p6_calls_that_fail_beside_the_probe_neither_put_it_off_nor_take_its_place() {
        let (mut link, mut rng) = link();
        link.failed(S, false, BEAT, None, &mut rng);
        let (due, now) = (link.reports_open_at(), 2 * S);
        for _ in 0..10 {
            link.failed(now, false, BEAT, None, &mut rng);
        }
        assert_eq!(link.reports_open_at(), due, "what was under way says nothing new");
        link.begin(now, REPORT, &mut rng);
        link.failed(3 * S, false, BEAT, None, &mut rng);
        assert_eq!(link.polls_open_at(), None, "the probe is still under way");
    }

    #[test]
    fn p4_while_tasks_beat_a_probe_goes_at_least_once_in_the_shortest_interval() {
        let (mut link, mut rng) = link();
        let (mut now, shortest) = (S, 30 * S);
        link.failed(now, false, BEAT, Some(shortest), &mut rng);
        let mut pauses = Vec::new();
        for n in 0..200 {
            let at = link.beats_open_at(shortest).unwrap().max(now);
            assert!(at - now <= shortest, "{:?} without a probe", at - now);
            pauses.extend((n >= 10).then_some(at - now));
            now = at;
            let probe = if n % 2 == 0 { BEAT } else { REPORT };
            assert_eq!(link.beats_turn(), Some(n == 0 || probe == BEAT), "they take turns");
            link.begin(now, probe, &mut rng);
            link.failed(now + S, false, probe, Some(shortest), &mut rng);
        }
        let mean = pauses.iter().sum::<Duration>() / pauses.len() as u32;
        assert!(mean >= 20 * S, "P6: nor much more often than that: {mean:?}");
        // A task whose interval is shorter has come.
        assert!(link.beats_open_at(5 * S).unwrap() <= now + 5 * S);
        link.hint(now, Link::Down, &mut rng);
        assert!(link.beats_open_at(shortest).unwrap() <= now + shortest, "a hint may be wrong");
    }

    #[test]
    fn p4_a_report_that_can_not_be_read_and_is_not_sent_is_no_probe() {
        let (mut link, mut rng) = link();
        link.failed(S, false, BEAT, Some(30 * S), &mut rng);
        link.begin(20 * S, REPORT, &mut rng);
        link.not_sent(20 * S, REPORT, Some(30 * S), &mut rng);
        assert!(link.beats_open_at(30 * S).unwrap() <= 31 * S);
    }

    #[test]
    fn p4_heartbeats_wait_for_no_report_that_is_long_on_its_way_and_leave_it_the_probe() {
        let (mut link, mut rng) = link();
        link.failed(S, false, REPORT, Some(30 * S), &mut rng);
        link.begin(2 * S, REPORT, &mut rng);
        for n in 1..10 {
            let at = link.beats_open_at(30 * S).unwrap();
            assert!(at <= 2 * S + n * 30 * S, "{at:?}");
            link.begin(at, BEAT, &mut rng);
            link.failed(at + S, false, BEAT, Some(30 * S), &mut rng);
            assert_eq!(link.reports_open_at(), None, "no second report beside it");
        }
        link.failed(400 * S, true, REPORT, Some(30 * S), &mut rng);
        assert!(link.reports_open_at().is_some_and(|at| at > 400 * S));
    }

    #[test]
    fn no_report_waits_for_a_poll_that_the_service_holds() {
        let (mut link, mut rng) = link();
        link.failed(S, false, POLL, None, &mut rng);
        link.begin(S, POLL, &mut rng);
        assert_eq!(link.polls_open_at(), None);
        assert!(link.reports_open_at().is_some());
    }

    #[test]
    fn one_poisonous_body_does_not_take_a_working_link_offline() {
        let (mut link, mut rng) = link();
        link.answered(S);
        assert!(!link.failed(100 * S, true, REPORT, None, &mut rng));
        assert!(
            link.failed(200 * S, true, REPORT, None, &mut rng),
            "no answer for over two minutes: the link's fault"
        );
        let (mut link, mut rng) = self::link();
        link.answered(S);
        assert!(link.failed(121 * S, true, REPORT, None, &mut rng), "nor within just two minutes");
    }

    #[test]
    fn p6_a_wake_probes_a_dead_network_at_once_and_pauses_begin_anew() {
        let (mut link, mut rng) = link();
        let mut now = S;
        link.failed(now, false, BEAT, None, &mut rng);
        for _ in 0..10 {
            now = link.reports_open_at().unwrap();
            link.begin(now, REPORT, &mut rng);
            link.failed(now, false, REPORT, None, &mut rng);
        }
        link.wake(now);
        assert_eq!(link.reports_open_at(), Some(now));
        link.begin(now, REPORT, &mut rng);
        link.failed(now, false, REPORT, None, &mut rng);
        assert!(link.reports_open_at().unwrap() <= now + 2 * S);
    }

    #[test]
    fn p10_a_hint_brings_the_probe_to_a_random_point_of_the_window() {
        let points: Vec<_> = (0..200)
            .map(|seed| {
                let (mut link, _) = link();
                let mut rng = fastrand::Rng::with_seed(seed);
                link.hint(S, Link::Down, &mut rng);
                link.hint(2 * S, Link::Up, &mut rng);
                link.polls_open_at().unwrap() - 2 * S
            })
            .collect();
        assert!(points.iter().all(|p| *p <= 30 * S));
        assert!(points.iter().filter(|p| **p < 15 * S).count().abs_diff(100) < 40);
    }

    #[test]
    fn p6_a_platform_that_keeps_saying_down_does_not_stop_the_probes() {
        let (mut link, mut rng) = link();
        assert!(link.hint(S, Link::Down, &mut rng), "an outage begins");
        for n in 1..1000 {
            assert!(!link.hint(n * S, Link::Down, &mut rng));
        }
        assert_eq!(link.reports_open_at(), Some(121 * S));
        link.hint(1000 * S, Link::Up, &mut rng);
        link.hint(1001 * S, Link::Down, &mut rng);
        assert_eq!(link.reports_open_at(), Some(1121 * S), "a new Down puts it off anew");
    }
}

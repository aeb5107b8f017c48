//! What is believed of the network, and when the next probe may go.
//!
//! A call that fails on the network may be the link's fault or its own (a proxy that chokes on one large body). An error before
//! the request was written is the link's. One after that is the link's too, unless the service has answered another call
//! within the last two minutes. Only the link's failures take it offline; then reports and polls wait, and one call at a time
//! probes. Heartbeats keep their own, tighter schedule, and count as probes.

use std::time::Duration;

use super::jitter;
use super::protocol::{Link, Time};

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

/// What may probe a dead link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A poll.
    Poll,
    /// A report.
    Report,
}

#[derive(Debug, Clone, Copy)]
struct Offline {
    since: Time,
    failures: u32,
    next_probe: Time,
    probing: Option<Probe>,
    /// The platform says that there is no network.
    told: bool,
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

    /// From when on a report or a poll may go; `None` while one is out to probe. A poll that probes may be held by the service
    /// for a minute because all is well, so no report waits for it.
    pub fn opens_at(&self, probe: Probe) -> Option<Time> {
        match (self.offline, probe) {
            (None, _) => Some(Time::ZERO),
            (Some(Offline { probing: None, next_probe, .. }), _)
            | (Some(Offline { probing: Some(Probe::Poll), next_probe, .. }), Probe::Report) => {
                Some(next_probe)
            }
            (Some(_), _) => None,
        }
    }

    /// When the next probe of a dead link is due; `None` while it works.
    pub fn next_probe(&self) -> Option<Time> {
        self.offline.map(|o| o.next_probe)
    }

    /// A report or a poll goes: while offline it is the probe.
    pub fn begin(&mut self, probe: Probe) {
        if let Some(offline) = &mut self.offline {
            offline.probing = Some(probe);
        }
    }

    /// The service answered, be it with an error. True if that ends an outage.
    pub fn answered(&mut self, now: Time) -> bool {
        self.last_answer = Some(now);
        self.offline.take().is_some()
    }

    /// A call failed on the network. `written`: after its request was written, at least in part. `probe`: `None` for a heartbeat.
    /// True if an outage begins.
    pub fn failed(
        &mut self,
        now: Time,
        written: bool,
        probe: Option<Probe>,
        rng: &mut fastrand::Rng,
    ) -> bool {
        if self.offline.is_some() {
            self.inconclusive(now, probe, rng);
            return false;
        }
        let fresh = self.last_answer.is_some_and(|at| now.saturating_sub(at) < FRESH);
        if written && fresh {
            return false;
        }
        let next_probe = now + jitter::full(rng, BASE, self.max_backoff, 0);
        self.offline = Some(Offline { since: now, failures: 1, next_probe, probing: None, told: false });
        true
    }

    /// A call ended without a word of the service: the next probe waits longer.
    pub fn inconclusive(&mut self, now: Time, probe: Option<Probe>, rng: &mut fastrand::Rng) {
        if let Some(offline) = &mut self.offline
            && offline.probing.is_some()
            && offline.probing == probe
        {
            offline.probing = None;
            offline.next_probe = now + jitter::full(rng, BASE, self.max_backoff, offline.failures);
            offline.failures += 1;
        }
    }

    /// The platform says something. `Up` brings the next probe to a random point of the window; `Down` puts it off, once. True if
    /// an outage begins.
    pub fn hint(&mut self, now: Time, hint: Link, rng: &mut fastrand::Rng) -> bool {
        let begins = hint == Link::Down && self.offline.is_none();
        if begins {
            self.offline =
                Some(Offline { since: now, failures: 1, next_probe: now, probing: None, told: false });
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

    fn link() -> (LinkBelief, fastrand::Rng) {
        (LinkBelief::new(30 * S, 120 * S), fastrand::Rng::with_seed(1))
    }

    #[test]
    fn p6_while_offline_one_call_at_a_time_probes_and_pauses_grow_to_the_cap() {
        let (mut link, mut rng) = link();
        let mut now = S;
        assert!(link.failed(now, false, Some(Probe::Report), &mut rng));
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let probe = link.opens_at(Probe::Report).unwrap();
            assert!(probe > now);
            longest = longest.max(probe - now);
            now = probe;
            link.begin(Probe::Report);
            assert_eq!(link.opens_at(Probe::Poll), None, "a second call while the first one probes");
            link.failed(now, false, Some(Probe::Report), &mut rng);
        }
        assert!(longest > 60 * S && longest <= 120 * S);
        assert!(link.answered(now));
        assert_eq!(link.opens_at(Probe::Poll), Some(Time::ZERO));
    }

    #[test]
    fn p6_calls_that_fail_beside_the_probe_neither_put_it_off_nor_take_its_place() {
        let (mut link, mut rng) = link();
        link.failed(S, false, None, &mut rng);
        let due = link.opens_at(Probe::Report);
        for _ in 0..10 {
            link.failed(2 * S, false, None, &mut rng);
        }
        assert_eq!(link.opens_at(Probe::Report), due, "heartbeats go on, and say nothing new");
        link.begin(Probe::Report);
        link.failed(3 * S, false, None, &mut rng);
        assert_eq!(link.opens_at(Probe::Poll), None, "the probe is still under way");
    }

    #[test]
    fn no_report_waits_for_a_poll_that_the_service_holds() {
        let (mut link, mut rng) = link();
        link.failed(S, false, Some(Probe::Poll), &mut rng);
        link.begin(Probe::Poll);
        assert_eq!(link.opens_at(Probe::Poll), None);
        assert!(link.opens_at(Probe::Report).is_some());
    }

    #[test]
    fn one_poisonous_body_does_not_take_a_working_link_offline() {
        let (mut link, mut rng) = link();
        link.answered(S);
        assert!(!link.failed(100 * S, true, Some(Probe::Report), &mut rng));
        assert!(
            link.failed(200 * S, true, Some(Probe::Report), &mut rng),
            "no answer for over two minutes: the link's fault"
        );
        let (mut link, mut rng) = self::link();
        link.answered(S);
        assert!(link.failed(121 * S, true, Some(Probe::Report), &mut rng), "nor within just two minutes");
    }

    #[test]
    fn p6_a_wake_probes_a_dead_network_at_once_and_pauses_begin_anew() {
        let (mut link, mut rng) = link();
        let mut now = S;
        link.failed(now, false, None, &mut rng);
        for _ in 0..10 {
            now = link.opens_at(Probe::Report).unwrap();
            link.begin(Probe::Report);
            link.failed(now, false, Some(Probe::Report), &mut rng);
        }
        link.wake(now);
        assert_eq!(link.opens_at(Probe::Report), Some(now));
        link.begin(Probe::Report);
        link.failed(now, false, Some(Probe::Report), &mut rng);
        assert!(link.opens_at(Probe::Report).unwrap() <= now + 2 * S);
    }

    #[test]
    fn p10_a_hint_brings_the_probe_to_a_random_point_of_the_window() {
        let points: Vec<_> = (0..200)
            .map(|seed| {
                let (mut link, _) = link();
                let mut rng = fastrand::Rng::with_seed(seed);
                link.hint(S, Link::Down, &mut rng);
                link.hint(2 * S, Link::Up, &mut rng);
                link.opens_at(Probe::Poll).unwrap() - 2 * S
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
        assert_eq!(link.opens_at(Probe::Report), Some(121 * S));
        link.hint(1000 * S, Link::Up, &mut rng);
        link.hint(1001 * S, Link::Down, &mut rng);
        assert_eq!(link.opens_at(Probe::Report), Some(1121 * S), "a new Down puts it off anew");
    }
}

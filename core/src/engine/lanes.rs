//! How many heartbeats and reports are under way at once. Of the lanes a quarter is kept for heartbeats and a quarter for reports, so
//! that a slow report never holds up all heartbeats, nor the other way round. A few lanes are always there. Where they do not
//! suffice, each quick answer opens one more, up to what the worker was told; once nothing is under way, or the network is gone, they
//! are few again: what comes back over a thin link must not begin with a crowd.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::jitter;
use super::protocol::{Call, Time};
use crate::plants::planted;

/// So many lanes are always there: as many calls may be under way at once.
pub const LANES_MIN: usize = 4;
/// How many a worker may be told to have. More would crowd the service, and the memory of a small device.
pub const CONNECTIONS: RangeInclusive<usize> = LANES_MIN..=64;
/// An answer that takes longer does not call for more at once.
const QUICK: Duration = Duration::from_secs(5);
/// A task is taken only if heartbeats fit this share of the lanes they may use.
const SHARE: f64 = 0.6;
/// So many rejected reports in a row look like a wrong account rather than like a lost task.
const REJECTIONS: u8 = 3;
/// The pause of all reports after that.
const PAUSE: Duration = Duration::from_secs(3600);
/// A call that seems to take longer was slept through.
const LONGEST: Duration = Duration::from_secs(15);
/// Reports that were written for so long and then failed share a way up that is too narrow for several.
const NARROW: Duration = Duration::from_secs(60);
/// One that is answered so soon shows that it is wide again.
const WIDE: Duration = Duration::from_secs(20);
/// Never slower than one throttled call in this time.
const SLOWEST: Duration = Duration::from_secs(10);

/// The lanes and their pace.
#[derive(Debug, Clone)]
pub struct Lanes {
    beats: Pace,
    reports: Pace,
    /// The lanes there are now, and the most there may be.
    open: usize,
    max: usize,
    /// A moving average over the calls that were answered: a dead network says nothing about the service's pace.
    call_time: Duration,
    /// The way up takes one report at a time: several would hold each other up until all of them fail.
    narrow: bool,
    rejections: u8,
    paused_until: Option<Time>,
    credentials: Option<Refused>,
    first: Time,
}

/// The lanes that calls of one kind take.
#[derive(Debug, Clone, Default)]
struct Pace {
    in_flight: usize,
    /// The time between two, after throttling.
    gap: Duration,
    next: Time,
}

/// The credentials do not work.
#[derive(Debug, Clone, Copy)]
struct Refused {
    failures: u32,
    next: Time,
}

impl Lanes {
    /// At most `max` calls at once, one of [`CONNECTIONS`], and none before `first`.
    pub fn new(max: usize, first: Time) -> Self {
        Lanes {
            beats: Pace::default(),
            reports: Pace::default(),
            open: LANES_MIN,
            max: max.clamp(*CONNECTIONS.start(), *CONNECTIONS.end()),
            call_time: Duration::from_millis(300),
            narrow: false,
            rejections: 0,
            paused_until: None,
            credentials: None,
            first,
        }
    }

    /// Whether a lane is free for a call of this kind.
    pub fn lane_free(&self, call: Call) -> bool {
        let of_a_kind = most_of_a_kind(self.open);
        let most = if call == Call::Report && self.narrow { 1 } else { of_a_kind };
        let (mine, others) = match call {
            Call::Beat => (self.beats.in_flight, self.reports.in_flight),
            Call::Report => (self.reports.in_flight, self.beats.in_flight),
        };
        // Lanes that were open when the others began take none from this kind, now that there are fewer.
        mine < most && mine + others.min(of_a_kind) < self.open
    }

    /// The network is gone: what comes back may be another one.
    pub fn network_lost(&mut self) {
        self.open = LANES_MIN;
    }

    /// A report ended after so long; `written`: it was sent, and no answer came.
    pub fn report_took(&mut self, took: Duration, written: bool) {
        if written && took >= NARROW {
            self.narrow = true;
        } else if !written && took < WIDE {
            self.narrow = false;
        }
    }

    /// When pace and pauses allow a call of this kind; lanes aside.
    pub fn opens_at(&self, call: Call) -> Time {
        let gate = match call {
            Call::Beat => Time::ZERO,
            Call::Report => self.paused_until.unwrap_or_default().max(self.credentials_open_at()),
        };
        self.pace(call).next.max(gate).max(self.first)
    }

    /// Whether a poll may go, as far as credentials are concerned.
    pub fn credentials_open_at(&self) -> Time {
        self.credentials.map_or(Time::ZERO, |c| c.next)
    }

    /// A call goes.
    pub fn begin(&mut self, call: Call, now: Time, rng: &mut fastrand::Rng) {
        if !self.any_in_flight() {
            self.open = LANES_MIN;
        }
        let pace = self.pace_mut(call);
        pace.in_flight += 1;
        let gap = pace.gap;
        pace.next = now + jitter::half(rng, gap);
        if call == Call::Report {
            // Of a pause, one report an hour is let through: it finds out whether things are mended.
            if let Some(until) = &mut self.paused_until {
                *until = now + jitter::half(rng, PAUSE);
            }
        }
    }

    /// The service answered a call.
    pub fn answered(&mut self, call: Call, took: Duration) {
        let narrow = call == Call::Report && self.narrow;
        let full = !narrow && !self.lane_free(call);
        if full && took < QUICK {
            self.open = (self.open + 1).min(self.max);
        }
        self.dropped(call);
        self.call_time = (self.call_time * 7 + took.min(LONGEST)) / 8;
    }

    /// A call ended without an answer, or was not sent after all: its lane is free.
    pub fn dropped(&mut self, call: Call) {
        let pace = self.pace_mut(call);
        pace.in_flight = pace.in_flight.saturating_sub(1);
    }

    /// Whether a report is under way.
    pub fn reports_in_flight(&self) -> bool {
        self.reports.in_flight > 0
    }

    /// Whether a call is under way.
    pub fn any_in_flight(&self) -> bool {
        self.in_flight() > 0
    }

    /// The service throttled a call of this kind: all of its kind slow down. True if they were at full pace.
    pub fn throttled(&mut self, call: Call, now: Time, retry_after: Option<Duration>) -> bool {
        let pace = self.pace_mut(call);
        let full = pace.gap.is_zero();
        if planted("throttling-slows-nothing") {
            return full;
        }
        pace.gap = (pace.gap * 2).clamp(Duration::from_millis(100), SLOWEST);
        pace.next = pace.next.max(now + retry_after.unwrap_or(pace.gap).min(SLOWEST));
        self.open = LANES_MIN;
        full
    }

    /// The service carried out a call of this kind, be it to say that the task is over: its pace recovers slowly.
    pub fn carried_out(&mut self, call: Call) {
        let pace = self.pace_mut(call);
        pace.gap = pace.gap.mul_f64(0.9);
        if pace.gap < Duration::from_millis(20) {
            pace.gap = Duration::ZERO;
        }
    }

    /// Whether calls of any kind are slower than they could be.
    pub fn is_throttled(&self) -> bool {
        !self.beats.gap.is_zero() || !self.reports.gap.is_zero()
    }

    /// A report was rejected. True if reports pause from now on.
    pub fn rejected(&mut self, now: Time, rng: &mut fastrand::Rng) -> bool {
        self.rejections = self.rejections.saturating_add(1);
        if self.rejections < REJECTIONS || self.paused_until.is_some() {
            return false;
        }
        self.paused_until = Some(now + jitter::half(rng, PAUSE));
        true
    }

    /// A report was taken, or other credentials are in use: reports go on. True if they were paused.
    pub fn resume_reports(&mut self) -> bool {
        self.rejections = 0;
        self.paused_until.take().is_some()
    }

    /// Whether reports are paused.
    pub fn reports_paused(&self) -> bool {
        self.paused_until.is_some()
    }

    /// The credentials did not work. True if they did before.
    pub fn credentials_refused(&mut self, now: Time, cap: Duration, rng: &mut fastrand::Rng) -> bool {
        let failures = self.credentials.map_or(0, |c| c.failures);
        // Calls that were under way together are one failure, not four.
        if self.credentials.is_none_or(|c| c.next <= now) {
            let next = now + jitter::full(rng, Duration::from_secs(1), cap, failures);
            self.credentials = Some(Refused { failures: failures + 1, next });
        }
        failures == 0
    }

    /// The credentials worked. True if they did not before.
    pub fn credentials_accepted(&mut self) -> bool {
        self.credentials.take().is_some()
    }

    /// Others are in use, of which nothing is known.
    pub fn credentials_replaced(&mut self) {
        self.credentials = None;
    }

    /// Try now what waits for credentials.
    pub fn hurry(&mut self, now: Time) {
        if let Some(credentials) = &mut self.credentials {
            credentials.next = now;
        }
    }

    /// Whether so many heartbeats per second fit the lanes, at the pace at which calls are answered, and between the gaps that
    /// throttling left.
    pub fn can_pay_for(&self, beats_per_second: f64) -> bool {
        let lanes =
            beats_per_second * self.call_time.as_secs_f64() <= SHARE * most_of_a_kind(self.max) as f64;
        let gaps = beats_per_second * self.beats.gap.as_secs_f64() <= 1.0;
        (lanes || planted("poll-without-lanes")) && (gaps || planted("slow-for-good"))
    }

    fn in_flight(&self) -> usize {
        self.beats.in_flight + self.reports.in_flight
    }

    fn pace(&self, call: Call) -> &Pace {
        match call {
            Call::Beat => &self.beats,
            Call::Report => &self.reports,
        }
    }

    fn pace_mut(&mut self, call: Call) -> &mut Pace {
        match call {
            Call::Beat => &mut self.beats,
            Call::Report => &mut self.reports,
        }
    }
}

/// The most of so many lanes that one kind of call may take.
fn most_of_a_kind(lanes: usize) -> usize {
    lanes - (lanes / 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn p4_three_slow_reports_leave_a_lane_for_heartbeats_and_the_other_way_round() {
        for (slow, other) in [(Call::Report, Call::Beat), (Call::Beat, Call::Report)] {
            let mut rng = fastrand::Rng::with_seed(1);
            let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
            for _ in 0..most_of_a_kind(LANES_MIN) {
                assert!(calls.lane_free(slow));
                calls.begin(slow, S, &mut rng);
            }
            assert!(!calls.lane_free(slow));
            assert!(calls.lane_free(other));
        }
    }

    #[test]
    fn p6_no_more_calls_are_under_way_than_there_are_lanes() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
        for call in [Call::Beat, Call::Beat, Call::Beat, Call::Report] {
            assert!(calls.lane_free(call));
            calls.begin(call, S, &mut rng);
        }
        assert!(!calls.lane_free(Call::Beat) && !calls.lane_free(Call::Report));
        calls.dropped(Call::Beat);
        assert!(calls.lane_free(Call::Beat) && calls.lane_free(Call::Report));
    }

    fn fill(calls: &mut Lanes, call: Call) -> usize {
        let mut rng = fastrand::Rng::with_seed(1);
        let before = calls.in_flight();
        while calls.lane_free(call) {
            calls.begin(call, S, &mut rng);
        }
        calls.in_flight() - before
    }

    #[test]
    fn lanes_are_added_while_all_are_taken_and_answers_are_quick_and_a_quarter_is_kept_for_the_other_kind() {
        let mut calls = Lanes::new(24, Time::ZERO);
        assert_eq!(fill(&mut calls, Call::Report), 3);
        for _ in 0..100 {
            calls.answered(Call::Report, QUICK / 2);
            fill(&mut calls, Call::Report);
        }
        assert_eq!(calls.in_flight(), 18);
        assert_eq!(fill(&mut calls, Call::Beat), 6, "P4: no report takes these");
        // What was answered slowly, or by throttling, asks for no more.
        let mut calls = Lanes::new(24, Time::ZERO);
        fill(&mut calls, Call::Report);
        calls.answered(Call::Report, QUICK);
        assert_eq!(fill(&mut calls, Call::Report), 1);
        calls.answered(Call::Report, S);
        calls.throttled(Call::Report, S, None);
        assert_eq!(fill(&mut calls, Call::Report), 1);
    }

    #[test]
    fn lanes_are_few_again_after_an_outage_and_once_nothing_is_under_way() {
        for lost in [false, true] {
            let mut calls = Lanes::new(24, Time::ZERO);
            for _ in 0..100 {
                fill(&mut calls, Call::Beat);
                calls.answered(Call::Beat, S);
            }
            let taken = calls.in_flight();
            assert!(taken >= 16, "{taken}");
            if lost {
                calls.network_lost();
                (3..taken).for_each(|_| calls.dropped(Call::Beat));
                assert!(!calls.lane_free(Call::Beat), "those under way count");
                (0..3).for_each(|_| calls.dropped(Call::Beat));
            } else {
                (0..taken).for_each(|_| calls.answered(Call::Beat, S));
            }
            assert_eq!(fill(&mut calls, Call::Beat), 3);
        }
    }

    #[test]
    fn p4_reports_that_are_long_on_their_way_leave_a_lane_for_heartbeats_when_there_are_few_again() {
        for (slow, other) in [(Call::Report, Call::Beat), (Call::Beat, Call::Report)] {
            let mut calls = Lanes::new(24, Time::ZERO);
            for _ in 0..100 {
                fill(&mut calls, slow);
                calls.answered(slow, S);
            }
            fill(&mut calls, slow);
            calls.network_lost();
            assert_eq!((calls.pace(slow).in_flight, fill(&mut calls, other)), (18, 1));
        }
    }

    #[test]
    fn a_single_call_after_the_other_opens_no_lane() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = Lanes::new(24, Time::ZERO);
        for _ in 0..100 {
            calls.begin(Call::Beat, S, &mut rng);
            calls.answered(Call::Beat, S);
        }
        assert_eq!(fill(&mut calls, Call::Beat), 3);
    }

    #[test]
    fn p10_after_throttling_calls_of_a_kind_keep_a_gap_that_only_many_good_ones_close() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
        for _ in 0..5 {
            calls.throttled(Call::Beat, S, None);
        }
        let now = 20 * S;
        calls.begin(Call::Beat, now, &mut rng);
        let gap = calls.opens_at(Call::Beat) - now;
        assert!(gap >= 8 * S / 10 && gap <= 16 * S / 10, "half of 1.6 s, and all of it: {gap:?}");
        for good in 0..41 {
            assert!(calls.is_throttled(), "{good} good ones");
            calls.carried_out(Call::Beat);
        }
        calls.carried_out(Call::Beat);
        assert!(!calls.is_throttled());
    }

    #[test]
    fn p10_credentials_that_do_not_work_are_tried_more_and_more_slowly_and_at_once_on_a_wish() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
        let (mut now, mut longest) = (S, Duration::ZERO);
        for failures in 0..50 {
            assert_eq!(calls.credentials_refused(now, 120 * S, &mut rng), failures == 0, "told once");
            let next = calls.credentials_open_at();
            assert!(next > now);
            calls.credentials_refused(now, 120 * S, &mut rng);
            assert_eq!(calls.credentials_open_at(), next, "calls that fail together are one failure");
            assert_eq!(calls.opens_at(Call::Report), next);
            longest = longest.max(next - now);
            now = next;
        }
        assert!(longest > 60 * S && longest <= 120 * S, "{longest:?}");
        calls.credentials_refused(now, 120 * S, &mut rng);
        calls.hurry(now);
        assert_eq!(calls.credentials_open_at(), now);
        assert!(calls.credentials_accepted() && !calls.credentials_accepted());
        assert_eq!(calls.credentials_open_at(), Time::ZERO);
    }

    #[test]
    fn p10_throttling_slows_a_kind_down_and_success_brings_it_back() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
        assert!(calls.throttled(Call::Beat, S, None));
        assert!(!calls.throttled(Call::Beat, S, None), "said once");
        assert!(calls.opens_at(Call::Beat) > S);
        assert!(calls.opens_at(Call::Report) <= S, "reports have a pace of their own");
        for _ in 0..10 {
            calls.throttled(Call::Beat, S, None);
        }
        assert!(calls.opens_at(Call::Beat) <= S + SLOWEST, "P4: never slower than that");
        for _ in 0..100 {
            calls.carried_out(Call::Beat);
        }
        calls.begin(Call::Beat, 20 * S, &mut rng);
        assert!(calls.opens_at(Call::Beat) <= 20 * S);
    }

    #[test]
    fn p2_beats_must_fit_the_lanes() {
        let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
        assert!(calls.can_pay_for(5.0));
        // 1.8 lanes' worth; a call took 0.3 s on average, and this one weighs an eighth: 1.5 s.
        calls.answered(Call::Beat, 10 * S);
        assert!(calls.can_pay_for(1.1) && !calls.can_pay_for(1.3));
        for _ in 0..50 {
            calls.answered(Call::Beat, 10 * S);
        }
        assert!(!calls.can_pay_for(5.0));
    }

    #[test]
    fn p2_lanes_that_may_be_opened_count_for_the_beats_of_another_task() {
        assert!(!Lanes::new(4, Time::ZERO).can_pay_for(7.0));
        let calls = Lanes::new(24, Time::ZERO);
        // 18 lanes, of which 60 % may be taken; a call is taken to last 0.3 s.
        assert!(calls.can_pay_for(35.0) && !calls.can_pay_for(37.0));
    }

    #[test]
    fn p6_of_a_pause_one_report_an_hour_is_let_through() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut calls = Lanes::new(LANES_MIN, Time::ZERO);
        let told: Vec<_> = (0..REJECTIONS).map(|_| calls.rejected(S, &mut rng)).collect();
        assert_eq!(told, [false, false, true]);
        let mut open = calls.opens_at(Call::Report);
        assert!(open >= S + PAUSE / 2 && open <= S + PAUSE);
        for _ in 0..10 {
            calls.begin(Call::Report, open, &mut rng);
            calls.answered(Call::Report, S);
            let next = calls.opens_at(Call::Report);
            assert!(next >= open + PAUSE / 2, "the next one waits as long again");
            open = next;
        }
        assert!(calls.opens_at(Call::Beat) <= open, "P4: heartbeats do not pause");
    }
}

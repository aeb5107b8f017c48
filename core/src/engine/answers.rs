//! What the end of a poll, a heartbeat, a report or a task changes. Which error is in which class is decided in `aws/errors.rs`; the
//! whole table, from class to what follows, stands beside [`ErrorClass`].

use std::time::Duration;

use super::link::Probe;
use super::slots::{Slot, Stage};
use super::{
    Action, BeatsStopped, Call, CallFailure, Cancelled, Engine, Notice, OwnFailure, PollAnswer, Time, jitter,
};
use crate::plants::planted;
use crate::{ErrorClass, Settlement, TaskId};

/// The first pause after a report failed.
const BASE: Duration = Duration::from_secs(1);
/// The longest pause after a report was not allowed.
const DENIED_MAX: Duration = Duration::from_secs(900);
/// The first and the longest pause after a report was rejected.
const HELD_BASE: Duration = Duration::from_secs(3600);
const HELD_MAX: Duration = Duration::from_secs(12 * 3600);

impl Engine {
    pub(super) fn poll_ended(&mut self, now: Time, activity: usize, answer: PollAnswer, took: Duration) {
        let failure = match answer {
            PollAnswer::Failed(failure) => Some(failure),
            _ => None,
        };
        self.learn(now, failure, Some(Probe::Poll));
        if let Some(failure) = failure {
            let (class, after, max) = (failure.class, failure.retry_after, self.config.max_backoff);
            if self.polls.failed(activity, now, class, after, max, &mut self.rng) {
                self.notify(Notice::PollRefused(activity, class));
            }
            return;
        }
        let empty = answer == PollAnswer::Empty;
        if self.polls.answered(activity, now, empty, took, &mut self.rng) {
            self.notify(Notice::PollAccepted(activity));
        }
        let own = matches!(answer, PollAnswer::Unusable(_)).then_some(OwnFailure::InvalidInput);
        if let PollAnswer::Task(id) | PollAnswer::Unusable(id) = answer {
            let Some(rules) = self.config.activities.get(activity) else { return };
            let deferred = rules.deferred;
            let mut slot = Slot { deferred, own, ..Slot::new(id, Some(activity), Stage::Accepting, now) };
            slot.beat.interval = Some(rules.heartbeat);
            // A place was set aside before the poll; only a token that is held already finds none.
            if self.slots.insert(slot) {
                self.ready.push_back(Action::KeepTask { id });
            }
        }
    }

    pub(super) fn call_ended(
        &mut self,
        now: Time,
        id: TaskId,
        call: Call,
        answer: Result<(), CallFailure>,
        took: Duration,
    ) {
        match answer.err().map(|failure| failure.class) {
            Some(ErrorClass::Network | ErrorClass::Credentials) => self.lanes.dropped(call),
            _ => self.lanes.answered(call, took),
        }
        if call == Call::Report {
            let failed = answer.err().filter(|failure| failure.class == ErrorClass::Network);
            // What never went out says nothing of the way up.
            if failed.is_none_or(|failure| failure.maybe_taken) {
                self.lanes.report_took(took, failed.is_some());
            }
        }
        self.learn(now, answer.err(), (call == Call::Report).then_some(Probe::Report));
        let late = answer.is_err_and(|failure| failure.class == ErrorClass::Settled);
        if answer.is_ok() || (late && !planted("slow-for-good")) {
            self.lanes.carried_out(call);
        }
        if let Err(CallFailure { class: ErrorClass::Throttled, retry_after, .. }) = answer
            && self.lanes.throttled(call, now, retry_after.map(|pause| self.bearable(call, pause)))
        {
            self.notify(Notice::Throttled(call));
        }
        match call {
            Call::Beat => self.beat_ended(now, id, answer.map_err(|f| f.class), now.saturating_sub(took)),
            Call::Report => self.report_ended(now, id, answer),
        }
    }

    /// A pause that the service asks for, as far as it lets no task run into its HeartbeatSeconds.
    fn bearable(&self, call: Call, pause: Duration) -> Duration {
        let beating = self.slots.iter().filter(|s| call == Call::Beat && s.beats());
        beating.filter_map(|s| s.beat.interval).min().map_or(pause, |interval| pause.min(interval / 2))
    }

    /// What any answer says of the link and of the credentials.
    fn learn(&mut self, now: Time, failure: Option<CallFailure>, probe: Option<Probe>) {
        match failure.map(|f| (f.class, f.maybe_taken)) {
            Some((ErrorClass::Network, written)) => {
                if self.link.failed(now, written, probe, &mut self.rng) {
                    self.lanes.network_lost();
                    self.notify(Notice::Offline);
                }
                return;
            }
            Some((ErrorClass::Credentials, _)) => {
                if self.lanes.credentials_refused(now, self.config.max_backoff, &mut self.rng) {
                    self.notify(Notice::CredentialsRefused);
                }
                // Perhaps no source of credentials could be reached, so this is no word of the service.
                self.link.inconclusive(now, probe, &mut self.rng);
                return;
            }
            Some((ErrorClass::Clock, _)) => self.notify(Notice::ClockRefused),
            _ => {
                if self.lanes.credentials_accepted() {
                    self.notify(Notice::CredentialsAccepted);
                }
            }
        }
        if self.link.answered(now) {
            self.notify(Notice::Online);
            self.come_back(now);
        }
    }

    /// Results first: what waited for the network is due now, but for what waits for another reason.
    fn come_back(&mut self, now: Time) {
        self.polls.hurry(now);
        let waiting = |s: &&mut Slot| s.waits() && !s.report.held && s.report.denied_since.is_none();
        for slot in self.slots.iter_mut().filter(waiting) {
            slot.report.due = slot.report.due.min(now);
            slot.report.failures = 0;
        }
    }

    fn beat_ended(&mut self, now: Time, id: TaskId, answer: Result<(), ErrorClass>, sent: Time) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        slot.beat.in_flight = false;
        let interval = slot.beat.interval.unwrap_or_default() * if planted("beats-too-rare") { 4 } else { 1 };
        slot.beat.due = match answer {
            Ok(()) => jitter::next_beat(&mut self.rng, sent, interval).max(now),
            Err(_) => now + jitter::half(&mut self.rng, interval / 4),
        };
        slot.beat.denied_told &= answer.is_err();
        match answer {
            Err(ErrorClass::Network) if planted("beat-error-ends-the-beats") => slot.beat.interval = None,
            Err(ErrorClass::Settled) => self.over_by_beat(now, id),
            // Its own report is under way, or was taken: that may be why the service knows the token no more.
            Err(ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity)
                if slot.report.in_flight || slot.stage == Stage::Forgetting => {}
            Err(ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity) => {
                slot.beat.stopped = Some(BeatsStopped::Rejected);
                self.notify(Notice::BeatsStopped(id, BeatsStopped::Rejected));
            }
            Err(ErrorClass::Denied) if !std::mem::replace(&mut slot.beat.denied_told, true) => {
                self.notify(Notice::Denied(id));
            }
            _ => {}
        }
    }

    /// A heartbeat learnt that the service gave the task up. Before any report began this settles it; after that only a report's
    /// answer does, since our own report may be what ended the task.
    fn over_by_beat(&mut self, now: Time, id: TaskId) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        match slot.stage {
            Stage::Running if slot.cancelled.is_none() => {
                slot.cancelled = Some(Cancelled::TimedOut);
                self.ready.push_back(Action::Cancel { id, why: Cancelled::TimedOut });
                self.notify(Notice::Cancelled(id, Cancelled::TimedOut));
            }
            Stage::Deferred => self.forget(id, Settlement::TooLate),
            Stage::Waiting => {
                slot.beat.stopped = Some(BeatsStopped::Rejected);
                slot.report.due = slot.report.due.min(now);
            }
            _ => {}
        }
    }

    fn report_ended(&mut self, now: Time, id: TaskId, answer: Result<(), CallFailure>) {
        let max_backoff = self.config.max_backoff;
        let Some(slot) = self.slots.find_mut(id) else { return };
        slot.report.in_flight = false;
        let Err(failure) = answer else {
            self.resume_reports();
            return self.forget(id, Settlement::Delivered);
        };
        slot.report.maybe_taken |= failure.maybe_taken;
        let failures = slot.report.failures;
        slot.report.failures = failures.saturating_add(1);
        let pause = match failure.class {
            ErrorClass::Throttled if planted("throttled-is-settled") => {
                return self.forget(id, Settlement::Delivered);
            }
            _ if failures > 5 && planted("attempts-drop-a-result") => {
                return self.forget(id, Settlement::Unknown);
            }
            ErrorClass::Settled if !planted("too-late-is-sent-again") => {
                let settlement = slot.settlement_when_over();
                self.resume_reports();
                return self.forget(id, settlement);
            }
            ErrorClass::BadOutput if slot.own.is_none() => {
                return self.fail_for_them(id, OwnFailure::InvalidOutput);
            }
            ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity => {
                let first = !std::mem::replace(&mut slot.report.held, true);
                let pause = (HELD_BASE * 2u32.pow(failures.min(4))).min(HELD_MAX);
                if first {
                    self.notify(Notice::Held(id));
                }
                if self.lanes.rejected(now, &mut self.rng) {
                    self.notify(Notice::ReportsPaused);
                }
                jitter::half(&mut self.rng, pause)
            }
            ErrorClass::Denied => {
                if slot.report.denied_since.is_none() {
                    slot.report.denied_since = Some(now);
                    self.notify(Notice::Denied(id));
                }
                jitter::half(&mut self.rng, (BASE * 30 * 2u32.pow(failures.min(6))).min(DENIED_MAX))
            }
            _ if slot.report.held => jitter::half(&mut self.rng, HELD_BASE),
            _ => jitter::full(&mut self.rng, BASE, max_backoff, failures),
        };
        let due = now + pause.max(failure.retry_after.unwrap_or_default());
        if let Some(slot) = self.slots.find_mut(id) {
            slot.report.due = due;
            if failure.class != ErrorClass::Denied {
                slot.report.denied_since = None;
            }
        }
    }

    /// Somebody lets a task go: the app its open request, or an operator what is kept and can't be delivered.
    pub(super) fn withdraw(&mut self, id: TaskId, settlement: Settlement) {
        let discarded = settlement == Settlement::Discarded;
        let may = self.slots.find(id).is_some_and(|slot| match slot.stage {
            Stage::Deferred => !discarded,
            Stage::Foreign => discarded,
            Stage::Waiting | Stage::NotKept => discarded && slot.report.held && !slot.report.in_flight,
            _ => false,
        });
        if may {
            self.forget(id, settlement);
            // What was rejected is gone: it says nothing of the next one.
            if discarded && !self.slots.iter().any(|slot| slot.waits() && slot.report.held) {
                self.resume_reports();
            }
        }
    }

    /// The task is over: a tombstone is written, then its file goes.
    pub(super) fn forget(&mut self, id: TaskId, settlement: Settlement) {
        let Some(slot) = self.slots.find_mut(id) else { return };
        slot.stage = Stage::Forgetting;
        slot.keep_again = None;
        self.ready.push_back(Action::Forget { id, settlement });
        self.notify(Notice::Settled(id, settlement));
    }

    pub(super) fn forgotten(&mut self, id: TaskId) {
        if self.slots.find(id).is_some_and(|s| s.stage == Stage::Forgetting) {
            self.slots.remove(id);
            self.polls.forget_empty();
        }
    }
}

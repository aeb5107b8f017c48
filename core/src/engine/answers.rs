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
        self.learn(now, failure, Probe::Poll(activity));
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
        self.learn(now, answer.err(), Probe::Call(call, id));
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
        let shortest = self.slots.index().shortest_beat().filter(|_| call == Call::Beat);
        shortest.map_or(pause, |interval| pause.min(interval / 2))
    }

    /// What any answer says of the link and of the credentials.
    fn learn(&mut self, now: Time, failure: Option<CallFailure>, probe: Probe) {
        let shortest = self.slots.index().shortest_beat();
        match failure.map(|f| (f.class, f.maybe_taken)) {
            Some((ErrorClass::Network, written)) => {
                if self.link.failed(now, written, probe, shortest, &mut self.rng) {
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
                self.link.inconclusive(now, probe, shortest, &mut self.rng);
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

    fn beat_ended(&mut self, now: Time, id: TaskId, answer: Result<(), ErrorClass>, sent: Time) {
        let (rng, offline) = (&mut self.rng, self.link.offline_since().is_some());
        let known = self.slots.change(id, |slot| {
            slot.beat.in_flight = false;
            let slower = if planted("beats-too-rare") { 4 } else { 1 };
            let interval = slot.beat.interval.unwrap_or_default() * slower;
            (slot.beat.due, slot.beat.failures) = match answer {
                Ok(()) => (jitter::next_beat(rng, sent, interval).max(now), 0),
                // It is as overdue as before, and goes as such once a probe was answered; or probes again when it is its turn.
                Err(_) if offline => (slot.beat.due, slot.beat.failures.saturating_add(1)),
                Err(_) => (now + jitter::half(rng, interval / 4), slot.beat.failures),
            };
            let told = std::mem::replace(&mut slot.beat.denied_told, answer == Err(ErrorClass::Denied));
            slot.beat.denied_told |= told && answer.is_err();
            match answer {
                Err(ErrorClass::Network) if planted("beat-error-ends-the-beats") => {
                    slot.beat.interval = None;
                    None
                }
                // Its own report is under way, or was taken: that may be why the service knows the token no more.
                Err(ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity)
                    if slot.report.in_flight || slot.stage == Stage::Forgetting =>
                {
                    None
                }
                Err(ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity) => {
                    slot.beat.stopped = Some(BeatsStopped::Rejected);
                    Some(Notice::BeatsStopped(id, BeatsStopped::Rejected))
                }
                Err(ErrorClass::Denied) if !told => Some(Notice::Denied(id)),
                _ => None,
            }
        });
        if let Some(Some(notice)) = known {
            self.notify(notice);
        }
        if answer == Err(ErrorClass::Settled) {
            self.over_by_beat(now, id);
        }
    }

    /// A heartbeat learnt that the service gave the task up. Before any report began this settles it; after that only a report's
    /// answer does, since our own report may be what ended the task.
    fn over_by_beat(&mut self, now: Time, id: TaskId) {
        match self.stage(id) {
            Some(Stage::Running) => {
                let first = |slot: &mut Slot| {
                    let first = slot.cancelled.is_none();
                    slot.cancelled.get_or_insert(Cancelled::TimedOut);
                    first
                };
                if self.slots.change(id, first) == Some(true) {
                    self.ready.push_back(Action::Cancel { id, why: Cancelled::TimedOut });
                    self.notify(Notice::Cancelled(id, Cancelled::TimedOut));
                }
            }
            Some(Stage::Deferred) => self.forget(id, Settlement::TooLate),
            Some(Stage::Waiting) => {
                self.slots.change(id, |slot| {
                    slot.beat.stopped = Some(BeatsStopped::Rejected);
                    slot.report.due = slot.report.due.min(now);
                });
            }
            _ => {}
        }
    }

    fn report_ended(&mut self, now: Time, id: TaskId, answer: Result<(), CallFailure>) {
        let ended = self.slots.change(id, |slot| {
            slot.report.in_flight = false;
            let failures = slot.report.failures;
            if let Err(failure) = answer {
                slot.report.maybe_taken |= failure.maybe_taken;
                slot.report.failures = failures.saturating_add(1);
            }
            (failures, slot.own.is_none(), slot.report.held, slot.is_denied(), slot.settlement_when_over())
        });
        let Some((failures, theirs, held, denied, when_over)) = ended else { return };
        let Err(failure) = answer else {
            self.resume_reports();
            return self.forget(id, Settlement::Delivered);
        };
        let pause = match failure.class {
            ErrorClass::Throttled if planted("throttled-is-settled") => {
                return self.forget(id, Settlement::Delivered);
            }
            _ if failures > 5 && planted("attempts-drop-a-result") => {
                return self.forget(id, Settlement::Unknown);
            }
            ErrorClass::Settled if !planted("too-late-is-sent-again") => {
                self.resume_reports();
                return self.forget(id, when_over);
            }
            ErrorClass::BadOutput if theirs => {
                return self.fail_for_them(id, OwnFailure::InvalidOutput);
            }
            ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity => {
                let pause = (HELD_BASE * 2u32.pow(failures.min(4))).min(HELD_MAX);
                if !held {
                    self.notify(Notice::Held(id));
                }
                if self.lanes.rejected(now, &mut self.rng) {
                    self.notify(Notice::ReportsPaused);
                }
                jitter::half(&mut self.rng, pause)
            }
            ErrorClass::Denied => {
                if !denied {
                    self.notify(Notice::Denied(id));
                }
                jitter::half(&mut self.rng, (BASE * 30 * 2u32.pow(failures.min(6))).min(DENIED_MAX))
            }
            _ if held => jitter::half(&mut self.rng, HELD_BASE),
            _ => jitter::full(&mut self.rng, BASE, self.config.max_backoff, failures),
        };
        let rejects =
            matches!(failure.class, ErrorClass::Held | ErrorClass::BadOutput | ErrorClass::NoActivity);
        self.slots.change(id, |slot| {
            slot.report.held |= rejects;
            slot.report.due = now + pause.max(failure.retry_after.unwrap_or_default());
            match failure.class {
                ErrorClass::Denied => _ = slot.report.denied_since.get_or_insert(now),
                _ => slot.report.denied_since = None,
            }
        });
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
            if discarded && self.slots.index().held() == 0 {
                self.resume_reports();
            }
        }
    }

    /// The task is over: a tombstone is written, then its file goes.
    pub(super) fn forget(&mut self, id: TaskId, settlement: Settlement) {
        let over = |slot: &mut Slot| (slot.stage, slot.keep_again) = (Stage::Forgetting, None);
        if self.slots.change(id, over).is_none() {
            return;
        }
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

//! What begins anew for many tasks at once: they are looked at one by one here, and nowhere else, since it concerns each of them.

use super::slots::{RANK_HELD, Slot, Stage};
use super::{BeatsStopped, Engine, Notice, Time, jitter};
use crate::plants::planted;

impl Engine {
    /// Results first: what waited for the network is due now, but for what waits for another reason.
    pub(super) fn come_back(&mut self, now: Time) {
        self.polls.hurry(now);
        self.bring_forward(now, 0, |slot| !slot.is_denied());
        if planted("beats-wait-for-window") {
            let until = now + jitter::within(&mut self.rng, self.config.comeback_window);
            self.slots.change_each(|slot| slot.beat.due = slot.beat.due.max(until));
        }
    }

    /// The network is said to be back: what waits for it is due at the next probe, or, where that is under way, at a point of the
    /// come-back window. One of them will probe. Beats keep their own schedule, since their interval may leave them less.
    pub(super) fn expect_the_link(&mut self, now: Time) {
        let at = match self.link.next_probe() {
            None => return,
            Some(probe) if probe > now => probe,
            Some(_) => now + jitter::within(&mut self.rng, self.config.comeback_window),
        };
        self.polls.hurry(at);
        // If it is not back after all, pauses grow anew; that the report was tried is not forgotten.
        self.bring_forward(at, 1, |slot| !slot.is_denied());
    }

    /// Reports that are not held are due at `at`, those of which `which` says so, and no more than `failures` of their tries count.
    fn bring_forward(&mut self, at: Time, failures: u32, which: impl Fn(&Slot) -> bool) {
        let index = self.slots.index();
        let waiting: Vec<_> =
            index.reporting().chain(index.reports().waiting_longer(at, RANK_HELD)).collect();
        for id in waiting {
            self.slots.change(id, |slot| {
                if slot.waits() && !slot.report.held && which(slot) {
                    slot.report.due = slot.report.due.min(at);
                    slot.report.failures = slot.report.failures.min(failures);
                }
            });
        }
    }

    pub(super) fn touched(&mut self, now: Time) {
        let (rng, lease) = (&mut self.rng, self.config.lease);
        self.slots.change_each(|slot| {
            if slot.stage != Stage::Deferred {
                return;
            }
            slot.beat.lease_until = now + lease;
            if slot.beat.stopped == Some(BeatsStopped::Lease) {
                slot.beat.stopped = None;
                slot.beat.due = now + jitter::within(rng, slot.beat.interval.unwrap_or_default() / 4);
            }
        });
    }

    /// What waits for time alone is due now; what is held stays slow.
    pub(super) fn hurry(&mut self, now: Time) {
        self.link.wake(now);
        self.lanes.hurry(now);
        self.polls.hurry(now);
        self.bring_forward(now, 0, |_| true);
    }

    /// What the old credentials were refused may be allowed now: another account's word on a token counts no more.
    pub(super) fn credentials_changed(&mut self, now: Time) {
        self.resume_reports();
        self.lanes.credentials_replaced();
        let rng = &mut self.rng;
        self.slots.change_each(|slot| {
            slot.report.held = false;
            slot.report.denied_since = None;
            if matches!(slot.beat.stopped, Some(BeatsStopped::Rejected | BeatsStopped::Denied)) {
                slot.beat.stopped = None;
                Self::arm(slot, slot.beat.interval, now, rng);
            }
        });
        self.hurry(now);
    }

    pub(super) fn resume_reports(&mut self) {
        if self.lanes.resume_reports() {
            self.notify(Notice::ReportsResumed);
        }
    }
}

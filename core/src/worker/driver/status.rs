//! What the worker is up against, kept as a state from what notices tell.

use std::time::Duration;

use super::Driver;
use crate::ErrorClass;
use crate::engine::slots::Stage;
use crate::engine::{Kept, Notice};
use crate::worker::events::Event;
use crate::worker::status::{LeftFor, Refusal, RefusedPolls, Status};

impl Driver {
    /// What a notice says of the state.
    pub(super) fn note(&mut self, notice: Notice) {
        let since = self.client.clock().now();
        self.troubles.note(notice, since, &self.reason);
        if let Notice::Held(id) | Notice::Denied(id) = notice
            && let Some(live) = self.live.get_mut(&id)
        {
            live.refusal.clone_from(&self.reason);
            self.refusals_told += 1;
        }
    }

    pub(super) fn status(&self) -> Status {
        let reason = |id| self.live.get(&id).map(|live| live.refusal.clone()).unwrap_or_default();
        let refused = |held: bool| {
            let refused = self.engine.refused().filter(|slot| slot.report.held == held).map(|slot| slot.id);
            refused.map(|id| Refusal { id, reason: reason(id) }).collect()
        };
        Status { held: refused(true), denied: refused(false), ..self.status_but_refused() }
    }

    /// What can be said without looking at a task.
    fn status_but_refused(&self) -> Status {
        let polls = self.troubles.polls.iter();
        Status {
            offline: self.troubles.offline.clone(),
            credentials: self.troubles.credentials.clone(),
            polls: polls
                .map(|(activity, reason)| RefusedPolls {
                    activity: self.setup.name_of(*activity),
                    reason: reason.clone(),
                })
                .collect(),
            held: Vec::new(),
            denied: Vec::new(),
            reports_paused: self.engine.reports_paused(),
            // A pace is no trouble where nothing waits for it.
            throttled: self.engine.is_throttled() && self.engine.has_calls_to_make(),
            full: !self.disk_watch.has_room() || !self.engine.has_free_place(),
            open: self.engine.in_stage(Stage::Deferred),
            waiting: self.engine.waiting(),
            not_on_disk: self.engine.troubling_the_disk(),
            foreign: self.engine.in_stage(Stage::Foreign),
        }
    }

    /// The state now. From the first time on changes are told.
    pub(super) fn show_status(&mut self) -> Status {
        let status = self.status();
        self.troubles.told(&status);
        status
    }

    pub(super) fn tell_status(&mut self) {
        if !self.troubles.is_asked_for() {
            return;
        }
        // After each step: whoever holds many results that are refused must not pay for all of them each time.
        let glance = (self.status_but_refused(), self.engine.refusals(), self.refusals_told);
        if self.troubles.glanced(glance) && self.troubles.told(&self.status()) {
            self.hub.tell(&Event::StatusChanged);
        }
    }

    /// What the end of a call, which the engine knows of, says of the network.
    pub(super) fn heard_of_network(&mut self, failure: Option<ErrorClass>) {
        if failure == Some(ErrorClass::Network) {
            self.still_offline();
        }
    }

    /// What the platform's word had ended for the status, but not for the engine, begins anew.
    pub(super) fn still_offline(&mut self) {
        if self.engine.link().offline_since().is_some() {
            self.troubles.still_offline(self.client.clock().now(), &self.reason);
        }
    }

    /// For how long the service has not answered, as the status says it.
    pub(super) fn offline_for(&self) -> Option<Duration> {
        let since = self.engine.link().offline_since().filter(|_| self.troubles.offline.is_some())?;
        Some(self.now().saturating_sub(since))
    }

    pub(super) fn left_for(&self) -> LeftFor {
        let mut left = LeftFor::default();
        for slot in self.engine.tasks() {
            let reason = match slot.stage {
                Stage::Foreign if self.live.get(&slot.id).is_some_and(|live| live.answered) => {
                    &mut left.foreign
                }
                Stage::Ended => &mut left.not_on_disk,
                _ if !slot.waits() => continue,
                _ if slot.report.held => &mut left.held,
                _ if slot.outcome != Kept::Yes => &mut left.not_on_disk,
                _ if slot.report.denied_since.is_some() => &mut left.denied,
                _ if self.engine.reports_paused() => &mut left.paused,
                _ if self.troubles.credentials.is_some() => &mut left.credentials,
                _ if self.engine.link().offline_since().is_some() => &mut left.offline,
                _ if slot.report.in_flight => &mut left.under_way,
                _ => &mut left.backing_off,
            };
            *reason += 1;
        }
        left
    }
}

//! What the engine asks for, handed to the threads that do it.

use std::sync::Arc;

use super::adopt::AdoptError;
use super::carry::CallJob;
use super::disk::{Accept, DiskJob};
use super::driver::Driver;
use super::handler::TaskContext;
use super::notices::{cancelled, own_failure};
use crate::engine::{Action, Call, Notice, Which};
use crate::plants::planted;
use crate::{Outcome, Settlement, TaskId};

impl Driver {
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Poll { activity } => self.crew.poll(activity),
            Action::KeepTask { id } => self.keep_task(id),
            Action::Refuse { id } => {
                for adopter in self.live.remove(&id).map(|live| live.adopters).unwrap_or_default() {
                    self.tell_adopter(adopter, Err(AdoptError::Full));
                }
            }
            Action::Reclaim { id } => {
                let activity = self.live.get(&id).and_then(|live| self.activities.get(live.activity?));
                self.crew.reclaim(activity.and_then(|a| a.handler.clone()), id);
            }
            Action::CountRun { id } => self.disk(DiskJob::CountRun { id }),
            Action::Run { id, run } => match self.live.get_mut(&id).and_then(|live| live.input.take()) {
                Some(input) => self.start_handler(id, run, String::from(&*input)),
                None => self.disk(DiskJob::ReadInput { id, run }),
            },
            Action::Cancel { id, why } => {
                if let Some(live) = self.live.get(&id) {
                    live.cancel.cancel(cancelled(why));
                }
            }
            Action::KeepOutcome { id, which } => {
                let Some(live) = self.live.get_mut(&id) else { return };
                if let Which::Own(own) = which {
                    live.outcome = Some(Arc::new(Outcome::Failure(own_failure(own))));
                }
                if let Some(outcome) = live.outcome.clone() {
                    self.disk(DiskJob::KeepOutcome { id, outcome });
                }
            }
            Action::Call { id, call } => self.call(id, call),
            Action::Forget { id, settlement } => {
                let request_id = self.live.get(&id).and_then(|live| live.request_id.clone());
                let at = self.client.clock().now();
                self.disk(DiskJob::Settle { id, settlement, request_id, at });
            }
            Action::DropCalls => {
                self.dropped_polls = self.engine.polls_in_flight();
                self.stop_by = Some(self.now() + self.stop_grace);
                self.client.transport().shutdown();
            }
            Action::CloseConnections => self.client.transport().close_idle(),
            Action::Notify(Notice::Stopped) => self.over = true,
            Action::Notify(Notice::Idle) => {
                for wait in self.idle_waits.drain(..) {
                    let _ = wait.send(());
                }
            }
            Action::Notify(notice) => {
                if let Notice::Held(id) = notice
                    && planted("held-is-dropped")
                {
                    let at = self.client.clock().now();
                    self.disk(DiskJob::Settle { id, settlement: Settlement::Unknown, request_id: None, at });
                }
                if let Some(event) = self.event(notice) {
                    self.hub.tell(&event);
                }
            }
        }
    }

    fn keep_task(&mut self, id: TaskId) {
        let Some(live) = self.live.get(&id) else { return };
        let activity = live.activity.and_then(|a| self.activities.get(a));
        let accept = Accept {
            token: live.token.clone(),
            origin: live.origin.as_ref().unwrap_or(&self.origin).clone(),
            scope: live.scope.clone(),
            activity: activity.map(|a| a.arn.as_str().to_owned()),
            deferred: activity.is_none_or(|a| a.handler.is_none()),
            input: live.input.clone().unwrap_or_else(|| "{}".into()),
            max_output: activity.map_or(self.adopted_max_output, |a| a.max_output),
            at: live.accepted,
            expires: live.expires,
        };
        self.disk(DiskJob::Accept(accept));
    }

    pub(super) fn start_handler(&mut self, id: TaskId, run: u8, input: String) {
        let now = self.now();
        let Some(live) = self.live.get_mut(&id) else { return };
        let Some(activity) = live.activity.and_then(|a| self.activities.get(a)) else { return };
        let Some(handler) = activity.handler.clone() else { return };
        live.started = now;
        let task = TaskContext {
            id,
            activity: activity.arn.clone(),
            worker_name: self.worker_name.clone(),
            input,
            run,
            cancel: Arc::clone(&live.cancel),
        };
        self.crew.run(handler, task, activity.max_output);
    }

    fn call(&mut self, id: TaskId, call: Call) {
        if call == Call::Report && planted("file-removed-before-the-answer") {
            let (settlement, at) = (Settlement::Delivered, self.client.clock().now());
            self.disk(DiskJob::Settle { id, settlement, request_id: None, at });
        }
        let Some(live) = self.live.get(&id) else { return };
        let outcome = match (call, &live.outcome) {
            (Call::Beat, _) => None,
            (Call::Report, Some(outcome)) => Some(Arc::clone(outcome)),
            (Call::Report, None) => return self.disk(DiskJob::ReadOutcome { id }),
        };
        self.crew.call(CallJob { id, token: live.token.clone(), outcome });
    }
}

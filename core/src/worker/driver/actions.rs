//! What the engine asks for, handed to the threads that do it.

use std::sync::Arc;

use super::Driver;
use super::notices::own_failure;
use crate::engine::{Action, Call, Notice, Which};
use crate::plants::planted;
use crate::worker::answers::AdoptError;
use crate::worker::handler::TaskContext;
use crate::worker::jobs::calls::CallJob;
use crate::worker::jobs::disk::{Accept, DiskJob};
use crate::{Outcome, Settlement, TaskId};

impl Driver {
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Poll { activity } => self.crew.poll(activity),
            Action::KeepTask { id } => self.keep_task(id),
            Action::Refuse { id } => {
                if let Some(adopter) = self.live.remove(&id).and_then(|live| live.adopter) {
                    let why = self.why_full();
                    if !self.disk_watch.has_room() {
                        // Whoever made room meanwhile tries again soon.
                        self.disk_watch.look_now(self.now());
                    }
                    self.tell_adopter(adopter, Err(AdoptError::Full(why)));
                }
            }
            Action::LookAtRoom => self.disk(DiskJob::LookAtRoom),
            Action::Reclaim { id } => {
                let activity = self.live.get(&id).and_then(|live| self.setup.activity(live.activity));
                self.crew.reclaim(activity.and_then(|a| a.handler.clone()), id);
            }
            Action::CountRun { id } => self.disk(DiskJob::CountRun { id }),
            Action::Run { id, run } => match self.live.get_mut(&id).and_then(|live| live.input.take()) {
                Some(input) => self.start_handler(id, run, String::from(&*input)),
                None => self.disk(DiskJob::ReadInput { id, run }),
            },
            Action::Cancel { id, why } => {
                if let Some(live) = self.live.get(&id) {
                    live.cancel.cancel(why);
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
                let at = self.client.clock().now();
                self.disk(DiskJob::Settle { id, settlement, at });
            }
            Action::DropCalls => {
                self.end.dropped_polls = self.engine.polls_in_flight();
                self.end.by = Some(self.now() + self.setup.stop_grace);
                self.client.transport().shutdown();
            }
            Action::CloseConnections => self.client.transport().close_idle(),
            Action::Notify(Notice::Stopped) => self.end.over = true,
            Action::Notify(Notice::Idle) => {
                self.waiting.tell_idle();
            }
            Action::Notify(notice) => {
                if let Notice::Held(id) = notice
                    && planted("held-is-dropped")
                {
                    let at = self.client.clock().now();
                    self.disk(DiskJob::Settle { id, settlement: Settlement::Unknown, at });
                }
                self.note(notice);
                if let Some(event) = self.event(notice) {
                    self.hub.tell(&event);
                }
            }
        }
    }

    fn keep_task(&mut self, id: TaskId) {
        let Some(live) = self.live.get(&id) else { return };
        let activity = self.setup.activity(live.activity);
        let accept = Accept {
            token: live.token.clone(),
            origin: live.origin.as_ref().unwrap_or(&self.setup.origin).clone(),
            scope: live.scope.clone(),
            activity: activity.map(|a| a.arn.as_str().to_owned()),
            deferred: activity.is_none_or(|a| a.handler.is_none()),
            outcome: live.outcome.clone(),
            input: live.input.clone().unwrap_or_else(|| "{}".into()),
            said: live.said,
            max_output: self.setup.max_output(live.activity),
            at: live.accepted,
            expires: live.expires,
        };
        self.disk(DiskJob::Accept(accept));
    }

    pub(super) fn start_handler(&mut self, id: TaskId, run: u8, input: String) {
        let now = self.now();
        let Some(live) = self.live.get_mut(&id) else { return };
        let Some(activity) = self.setup.activity(live.activity) else { return };
        let Some(handler) = activity.handler.clone() else { return };
        live.started = now;
        let task = TaskContext {
            id,
            activity: activity.arn.clone(),
            worker_name: self.setup.worker_name.clone(),
            input,
            run,
            cancel: Arc::clone(&live.cancel),
        };
        self.crew.run(handler, task, activity.max_output);
    }

    fn call(&mut self, id: TaskId, call: Call) {
        if call == Call::Report && planted("file-removed-before-the-answer") {
            let (settlement, at) = (Settlement::Delivered, self.client.clock().now());
            self.disk(DiskJob::Settle { id, settlement, at });
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

//! An error in a state: it is tried again, caught, or goes up to the state around it.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::events::{self, Happens};
use super::execution::Status;
use super::host::{Action, Host, TaskError};
use super::machine::Run;
use super::thread::Stage;
use crate::asl::{Catcher, Kind, Raised, State};

impl Run {
    /// The task failed or timed out.
    pub(crate) fn task_failed(&mut self, number: u64, failure: TaskError, host: &mut dyn Host) {
        let Some(id) = self.tasks.remove(&number) else { return };
        let Some(state) = self.state(id) else { return };
        let (happens, raised) = match failure {
            TaskError::Failed { error, cause } => (Happens::Failed, Raised::reported(error, cause)),
            TaskError::Timeout => (Happens::TimedOut, Raised::timeout()),
            TaskError::HeartbeatTimeout => (Happens::TimedOut, Raised::heartbeat_timeout()),
        };
        if let Kind::Task(task) = &state.kind {
            let (error, cause) = raised.parts();
            let details = events::with_resource(&task.work, events::error(error, cause));
            self.record(id, events::of_task(&task.work, happens), details, host);
        }
        self.raise(id, &state, raised, host);
        self.go_on(host);
    }

    /// Tries the state again, goes where a catcher says, or fails what is around it.
    pub(super) fn raise(&mut self, id: u64, state: &Arc<State>, raised: Raised, host: &mut dyn Host) {
        let mut state = Arc::clone(state);
        let mut id = id;
        let mut raised = raised;
        loop {
            let location = raised.take_location();
            if let Some(location) = &location {
                raised = self.record_evaluation(id, &state, location, raised, host);
            }
            let Some(thread) = self.threads.get(&id) else { return };
            raised = raised.in_state(&state.name, thread.entered);
            if self.try_again(id, &state, &raised, host) {
                return;
            }
            self.record_failed(id, &state, location.is_some(), host);
            if let Some(catcher) = state.catchers.iter().find(|catcher| catcher.matches(&raised)) {
                match self.catch(id, &state, catcher, &raised, host) {
                    Ok(()) => return,
                    // What goes wrong in a catcher is not caught by its state.
                    Err(other) => {
                        raised = other.in_state(&state.name, self.threads.get(&id).map_or(0, |t| t.entered))
                    }
                }
            }
            let Some(parent) = self.threads.get(&id).and_then(|thread| thread.parent) else {
                let (error, cause) = raised.into_parts();
                return self.end(Status::Failed, error, cause, host);
            };
            let Some(outer) = self.child_failed(id, raised, host) else { return };
            let Some(around) = self.state(parent) else { return };
            (id, state, raised) = (parent, around, outer);
        }
    }

    /// An expression of the state has no value. The event follows what came before the state, if nothing happened in it.
    fn record_evaluation(
        &mut self,
        id: u64,
        state: &State,
        location: &str,
        raised: Raised,
        host: &dyn Host,
    ) -> Raised {
        let Some(thread) = self.threads.get_mut(&id) else { return raised };
        let entered = thread.entered;
        let raised = raised.in_state(&state.name, entered);
        if thread.last == entered && !matches!(state.kind, Kind::Wait(_)) {
            let before = entered.checked_sub(1).and_then(|index| self.history.get(index as usize));
            thread.last = before.map_or(0, |event| event.previous_event_id);
        }
        let (error, cause) = raised.parts();
        let mut details = events::error(error, cause);
        details["state"] = json!(state.name);
        if !location.is_empty() {
            details["location"] = json!(location);
        }
        self.record(id, "EvaluationFailed", details, host);
        raised
    }

    /// A branch or an item has failed for good; an error of the state itself is none of theirs.
    fn record_failed(&mut self, id: u64, state: &State, is_evaluation: bool, host: &dyn Host) {
        let leads = self.threads.get(&id).is_some_and(|thread| matches!(thread.stage, Stage::Leads(_)));
        if leads || is_evaluation && matches!(state.kind, Kind::Map(_)) {
            let event = if let Kind::Map(_) = state.kind { "MapStateFailed" } else { "ParallelStateFailed" };
            self.record(id, event, Json::Null, host);
        }
    }

    fn try_again(&mut self, id: u64, state: &State, raised: &Raised, host: &mut dyn Host) -> bool {
        let Some(index) = state.retriers.iter().position(|retrier| retrier.matches(raised)) else {
            return false;
        };
        let Some(thread) = self.threads.get_mut(&id) else { return false };
        let (Some(retrier), Some(attempts)) = (state.retriers.get(index), thread.retries.get_mut(index))
        else {
            return false;
        };
        if *attempts >= retrier.max_attempts {
            return false;
        }
        let after = retrier.delay(*attempts, host.chance());
        *attempts += 1;
        let ticket = self.ticket(id, Stage::Rests);
        self.actions.push(Action::Wake { thread: id, ticket, after });
        true
    }

    fn catch(
        &mut self,
        id: u64,
        state: &Arc<State>,
        catcher: &Catcher,
        raised: &Raised,
        host: &mut dyn Host,
    ) -> Result<(), Raised> {
        let given = self.look(id, None, host, |scope| catcher.caught(raised, scope))?;
        self.exit(id, state, given, Some(catcher.next.clone()), host)
    }
}

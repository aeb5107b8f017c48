//! A thread leaves a state: its output, its variables, and where it goes next.

use std::sync::Arc;

use serde_json::json;

use super::events::{self, Happens, data};
use super::host::Host;
use super::machine::Run;
use super::thread::Stage;
use crate::asl::{Kind, Raised, State, Value, no_choice};

/// What a state gives on, and the variables that it sets.
type Given = (Value, Vec<(String, Value)>);

impl Run {
    /// The wait of this thread is over: its Wait state ends, or its state is tried again. A late alarm does nothing.
    pub(crate) fn woken(&mut self, id: u64, ticket: u64, host: &mut dyn Host) {
        let Some(state) = self.state(id) else { return };
        let Some(thread) = self.threads.get_mut(&id).filter(|thread| thread.ticket == ticket) else { return };
        let ended = match std::mem::replace(&mut thread.stage, Stage::Ready) {
            Stage::Waits => self.pass_on(id, &state, host),
            Stage::Rests => self.work(id, &state, host),
            other => {
                thread.stage = other;
                return;
            }
        };
        if let Err(raised) = ended {
            self.raise(id, &state, raised, host);
        }
        self.go_on(host);
    }

    /// A worker has the task.
    pub(crate) fn task_started(&mut self, number: u64, worker: Option<&str>, host: &dyn Host) {
        if let Some(id) = self.tasks.get(&number) {
            let details = worker.map_or_else(|| json!({}), |worker| json!({ "workerName": worker }));
            self.record(*id, "ActivityStarted", details, host);
        }
    }

    /// What the task asked for has begun.
    pub(crate) fn task_submitted(&mut self, number: u64, output: &str, host: &dyn Host) {
        let Some(id) = self.tasks.get(&number).copied() else { return };
        if let Some(Kind::Task(task)) = self.state(id).as_ref().map(|state| &state.kind) {
            let details = events::with_resource(&task.work, data("output", output, json!({})));
            self.record(id, "TaskSubmitted", details, host);
        }
    }

    /// A worker has done the task.
    pub(crate) fn task_succeeded(&mut self, number: u64, output: &str, result: Value, host: &mut dyn Host) {
        let Some(id) = self.tasks.remove(&number) else { return };
        let Some(state) = self.state(id) else { return };
        if let Kind::Task(task) = &state.kind {
            let details = events::with_resource(&task.work, data("output", output, json!({})));
            self.record(id, events::of_task(&task.work, Happens::Succeeded), details, host);
        }
        if let Err(raised) = self.leave(id, &state, result, host) {
            self.raise(id, &state, raised, host);
        }
        self.go_on(host);
    }

    /// Leaves with a result.
    pub(super) fn leave(
        &mut self,
        id: u64,
        state: &Arc<State>,
        result: Value,
        host: &mut dyn Host,
    ) -> Result<(), Raised> {
        let given = self.look(id, None, host, |scope| {
            let result = state.flow.select(result, scope)?;
            let assigned = state.flow.assigned_by(&result, scope)?;
            Ok((state.flow.output(result, scope)?, assigned))
        })?;
        self.exit(id, state, given, state.next.clone(), host)
    }

    /// Leaves with the input.
    pub(super) fn pass_on(&mut self, id: u64, state: &Arc<State>, host: &mut dyn Host) -> Result<(), Raised> {
        let given = self.look(id, None, host, |scope| {
            let narrowed = state.flow.narrowed(scope)?;
            let assigned = state.flow.assigned(&narrowed, scope)?;
            Ok((state.flow.passed(&narrowed, scope)?, assigned))
        })?;
        self.exit(id, state, given, state.next.clone(), host)
    }

    /// Leaves a Choice state by the first rule that holds, or by its default.
    pub(super) fn decide(&mut self, id: u64, state: &Arc<State>, host: &mut dyn Host) -> Result<(), Raised> {
        let Kind::Choice(choice) = &state.kind else { return Ok(()) };
        let (given, next) = self.look(id, None, host, |scope| {
            let narrowed = state.flow.narrowed(scope)?;
            let inner = scope.on(&narrowed);
            let (next, assigned, output) = match (choice.decide(&inner)?, &choice.default) {
                (Some(rule), _) => (rule.next.clone(), rule.assigned(&inner)?, rule.output.as_ref()),
                (None, Some(default)) => (default.clone(), state.flow.assigned(&narrowed, scope)?, None),
                (None, None) => return Err(no_choice()),
            };
            let output = match output {
                Some(output) => output.fill(scope)?,
                None => state.flow.passed(&narrowed, scope)?,
            };
            Ok(((output, assigned), next))
        })?;
        self.exit(id, state, given, Some(next), host)
    }

    /// Writes the exit, sets the variables and goes on: to `next`, or to the end of the thread.
    pub(super) fn exit(
        &mut self,
        id: u64,
        state: &Arc<State>,
        given: Given,
        next: Option<String>,
        host: &mut dyn Host,
    ) -> Result<(), Raised> {
        let (output, assigned) = given;
        let text = self.text(state, &output)?;
        let details = events::with_assigned(&assigned, data("output", &text, json!({ "name": state.name })));
        self.record(id, events::exited(&state.kind), details, host);
        let Some(thread) = self.threads.get_mut(&id) else { return Ok(()) };
        if !assigned.is_empty() {
            Arc::make_mut(&mut thread.variables).extend(assigned);
        }
        match next {
            Some(next) => {
                thread.state = next;
                thread.input = Arc::new(output);
                thread.stage = Stage::Ready;
                self.ready.push_back(id);
            }
            None if thread.parent.is_some() => self.child_succeeded(id, output, host),
            None => self.succeed(text, host),
        }
        Ok(())
    }
}

//! A thread enters a state, and does what the state does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::events::{self, Happens, data};
use super::host::{Action, Host, Order};
use super::machine::{HISTORY_MAX, Run};
use super::thread::Stage;
use crate::asl::{Form, Kind, Quantity, Raised, Scope, State, Task, Value, Words, Work};

impl Run {
    /// Enters the state that the thread is about to; `steps` is how many it has entered.
    pub(super) fn enter(&mut self, id: u64, steps: u64, host: &mut dyn Host) {
        let Some(state) = self.state(id) else { return };
        let Some(thread) = self.threads.get_mut(&id) else { return };
        thread.retries = vec![0; state.retriers.len()];
        thread.can_retry = matches!(state.kind, Kind::Task(_) | Kind::Parallel { .. } | Kind::Map(_));
        thread.entered_at = host.now();
        // A child execution's own history has the same bound; each state makes two events at least.
        if thread.is_silent && steps.saturating_mul(2) > HISTORY_MAX as u64 {
            let words =
                format!("The execution reached the maximum number of history events ({HISTORY_MAX}).");
            return self.raise(id, &state, Raised::placed("States.Runtime", words), host);
        }
        let input = Arc::clone(&thread.input);
        if !thread.is_silent {
            let details = data("input", &input.to_string(), json!({ "name": state.name }));
            let entered = self.record(id, events::entered(&state.kind), details, host);
            if let Some(thread) = self.threads.get_mut(&id) {
                thread.entered = entered;
            }
        }
        if let Err(raised) = self.work(id, &state, host) {
            self.raise(id, &state, raised, host);
        }
    }

    /// Does what the state does; again, if it is tried again.
    pub(super) fn work(&mut self, id: u64, state: &Arc<State>, host: &mut dyn Host) -> Result<(), Raised> {
        match &state.kind {
            Kind::Pass { result } => {
                let result = match result.clone().filter(|_| !state.flow.has_parameters()) {
                    Some(result) => result,
                    None => self.look(id, None, host, |scope| state.flow.payload(scope))?,
                };
                self.leave(id, state, result, host)
            }
            Kind::Succeed => self.pass_on(id, state, host),
            Kind::Choice(_) => self.decide(id, state, host),
            Kind::Wait(wait) => {
                let now = host.now();
                let after = self
                    .look(id, None, host, |scope| wait.time(&scope.on(&state.flow.narrowed(scope)?), now))?;
                let ticket = self.ticket(id, Stage::Waits);
                self.actions.push(Action::Wake { thread: id, ticket, after });
                Ok(())
            }
            Kind::Fail { error, cause } => {
                let words = self.look(id, None, host, |scope| {
                    let text = |words: &Option<_>| {
                        words.as_ref().map(|words: &Words| words.value(scope)).transpose()
                    };
                    Ok((text(error)?, text(cause)?))
                })?;
                Err(Raised::reported(words.0, words.1))
            }
            Kind::Task(task) => self.schedule(id, state, task, host),
            Kind::Parallel { branches } => self.branch(id, state, branches, host),
            Kind::Map(map) => self.map(id, state, map, host),
        }
    }

    /// Evaluates something in the thread's state.
    pub(super) fn look<T>(
        &self,
        id: u64,
        token: Option<&str>,
        host: &mut dyn Host,
        look: impl FnOnce(&Scope<'_>) -> Result<T, Raised>,
    ) -> Result<T, Raised> {
        self.scoped(id, token, host, look).unwrap_or_else(|| Err(Raised::runtime("The thread has ended.")))
    }

    /// The text of data that a state takes or gives, if it is not too large.
    pub(super) fn text(&self, state: &State, value: &Value) -> Result<String, Raised> {
        let text = value.to_string();
        if text.len() <= self.max_data {
            return Ok(text);
        }
        let words = format!(
            "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
            state.name
        );
        Err(Raised::placed("States.DataLimitExceeded", words))
    }

    fn schedule(&mut self, id: u64, state: &State, task: &Task, host: &mut dyn Host) -> Result<(), Raised> {
        let (number, token) = host.task();
        let shown = (!matches!(task.work, Work::Activity(_))).then_some(token.as_str());
        let seconds = |quantity: &Option<Quantity>, name: &str, scope: &Scope<'_>| {
            let value =
                quantity.as_ref().map(|quantity| quantity.value(name, Form::Integer, scope)).transpose()?;
            match value {
                Some(seconds) if !(1.0..=99_999_999.0).contains(&seconds) => {
                    Err(Raised::runtime(format!("{name} must be from 1 to 99999999 but was {seconds}.")))
                }
                value => Ok(value.map(|seconds| Duration::from_secs(seconds as u64))),
            }
        };
        let (input, timeout, heartbeat) = self.look(id, shown, host, |scope| {
            let narrowed = state.flow.narrowed(scope)?;
            let narrowed = scope.on(&narrowed);
            let timeout = seconds(&task.timeout, "TimeoutSeconds", &narrowed)?;
            let heartbeat = seconds(&task.heartbeat, "HeartbeatSeconds", &narrowed)?;
            Ok((state.flow.payload(scope)?, timeout, heartbeat))
        })?;
        let input = self.text(state, &input)?;
        if let Work::Activity(arn) = &task.work
            && !host.has_activity(arn)
        {
            return Err(Raised::runtime(format!("The activity {arn} does not exist.")));
        }
        self.record_scheduled(id, &task.work, &input, (timeout, heartbeat), host);
        self.tasks.insert(number, id);
        self.ticket(id, Stage::Works);
        let order = Order { number, token, work: task.work.clone(), input, timeout, heartbeat };
        self.actions.push(Action::Schedule(order));
        Ok(())
    }

    fn record_scheduled(
        &mut self,
        id: u64,
        work: &Work,
        input: &str,
        times: (Option<Duration>, Option<Duration>),
        host: &dyn Host,
    ) {
        let mut details = match work {
            Work::Activity(arn) => data("input", input, json!({ "resource": arn })),
            push => {
                let region = self.shown.arn.split(':').nth(3);
                events::with_resource(push, json!({ "region": region, "parameters": input }))
            }
        };
        for (key, time) in [("timeoutInSeconds", times.0), ("heartbeatInSeconds", times.1)] {
            if let Some(time) = time {
                details[key] = json!(time.as_secs());
            }
        }
        self.record(id, events::of_task(work, Happens::Scheduled), details, host);
        if let Work::Activity(_) = work {
            return;
        }
        let started = events::with_resource(work, json!({}));
        self.record(id, events::of_task(work, Happens::Started), started, host);
        if let Work::Push(_) = work {
            // The token is on its way.
            let submitted = events::with_resource(work, data("output", "{}", json!({})));
            self.record(id, "TaskSubmitted", submitted, host);
        }
    }
}

//! One execution: walks through the states of its definition and writes its history. Pure; the service carries out what it asks.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::describe::{Execution, Status};
use super::events::{self, Happens, data};
use super::history::HistoryEvent;
use super::moment::Moment;
use crate::asl::{Catcher, Definition, Kind, Misfit, Raised, State, Task, Work};

/// An execution ends when its history is this long. Source: Step Functions quotas.
const HISTORY_MAX: usize = 25_000;

/// What an execution waits for.
#[derive(Debug)]
pub(super) enum Flow {
    /// A worker: put this task in the activity's queue, then call `scheduled` or `no_activity`.
    Schedule(Schedule),
    /// Time: call `woken` after it.
    WakeIn(Duration),
    /// Nothing; it is over.
    Ended,
}

/// A task for a worker.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Given to the execution before, since the input may hold the token.
    pub(super) number: u64,
    pub(super) work: Work,
    pub(super) input: String,
    pub(super) timeout: Option<Duration>,
    pub(super) heartbeat: Option<Duration>,
}

/// How a task ended, if not with an output.
#[derive(Debug)]
pub(super) enum TaskError {
    Failed { error: Option<String>, cause: Option<String> },
    Timeout,
    HeartbeatTimeout,
}

/// One execution at work.
pub(super) struct Run {
    pub(super) shown: Execution,
    pub(super) history: Vec<HistoryEvent>,
    definition: Arc<Definition>,
    /// The most bytes that a state may take or give.
    max_data: usize,
    /// The state it is in, that state's input before InputPath, and the id of the event of its entry.
    state: String,
    input: Value,
    entered: u64,
    /// Retries so far, for each retrier of the state.
    retries: Vec<u64>,
    /// The number and the token of the next task.
    next_task: (u64, String),
}

impl Run {
    /// An execution that has not begun. `input` is the parsed `shown.input`.
    pub(super) fn new(shown: Execution, input: Value, definition: Arc<Definition>, max_data: usize) -> Self {
        let state = definition.start_at.clone();
        Run {
            shown,
            history: Vec::new(),
            definition,
            max_data,
            state,
            input,
            entered: 0,
            retries: Vec::new(),
            next_task: (0, String::new()),
        }
    }

    /// The number and the token that the next task will have.
    pub(super) fn reserve(&mut self, number: u64, token: String) {
        self.next_task = (number, token);
    }

    pub(super) fn start(&mut self, role_arn: &str, now: Moment) -> Flow {
        self.record(
            now,
            "ExecutionStarted",
            data("input", &self.shown.input, json!({ "roleArn": role_arn })),
        );
        self.enter(self.state.clone(), self.input.clone(), now)
    }

    /// The task that `Flow::Schedule` asked for is in the queue.
    pub(super) fn scheduled(&mut self, task: &Schedule, now: Moment) {
        let mut details = match &task.work {
            Work::Activity(arn) => data("input", &task.input, json!({ "resource": arn })),
            push => {
                let region = self.shown.arn.split(':').nth(3);
                events::with_resource(push, json!({ "region": region, "parameters": task.input }))
            }
        };
        for (key, time) in [("timeoutInSeconds", task.timeout), ("heartbeatInSeconds", task.heartbeat)] {
            if let Some(time) = time {
                details[key] = json!(time.as_secs());
            }
        }
        self.record(now, events::of_task(&task.work, Happens::Scheduled), details);
    }

    /// The token is on its way.
    pub(super) fn submitted(&mut self, task: &Schedule, now: Moment) {
        self.record(
            now,
            events::of_task(&task.work, Happens::Started),
            events::with_resource(&task.work, json!({})),
        );
        self.record(now, "TaskSubmitted", events::with_resource(&task.work, data("output", "{}", json!({}))));
    }

    /// There is no such activity. Neither Retry nor Catch help.
    pub(super) fn no_activity(&mut self, activity: &str, now: Moment) -> Flow {
        self.runtime_error(&format!("The activity {activity} does not exist."), now)
    }

    /// A worker has the task.
    pub(super) fn task_started(&mut self, worker: Option<&str>, now: Moment) {
        let details = worker.map_or_else(|| json!({}), |worker| json!({ "workerName": worker }));
        self.record(now, "ActivityStarted", details);
    }

    pub(super) fn task_succeeded(&mut self, output: &str, result: Value, now: Moment) -> Flow {
        self.task_event(Happens::Succeeded, data("output", output, json!({})), now);
        self.leave_with_result(result, now)
    }

    /// The task failed or timed out: try again, catch, or fail.
    pub(super) fn task_failed(&mut self, failure: TaskError, now: Moment) -> Flow {
        let (raised, error, cause) = match &failure {
            TaskError::Failed { error, cause } => {
                self.task_event(Happens::Failed, events::error(error.as_deref(), cause.as_deref()), now);
                (Raised::Failed(error.as_deref().unwrap_or("")), error.clone(), cause.clone())
            }
            TaskError::Timeout | TaskError::HeartbeatTimeout => {
                self.task_event(Happens::TimedOut, events::error(Some("States.Timeout"), None), now);
                let heartbeat = matches!(failure, TaskError::HeartbeatTimeout);
                let raised = if heartbeat { Raised::HeartbeatTimeout } else { Raised::Timeout };
                (raised, Some("States.Timeout".to_owned()), None)
            }
        };
        let definition = Arc::clone(&self.definition);
        let Some(State { kind: Kind::Task(task), .. }) = definition.states.get(&self.state) else {
            return Flow::Ended;
        };
        if let Some(delay) = self.next_try(task, raised) {
            return Flow::WakeIn(delay);
        }
        match task.catchers.iter().find(|c| c.matches(raised)) {
            Some(catcher) => self.caught(catcher, error.as_deref(), cause.as_deref(), now),
            None => self.end(Status::Failed, error, cause, now),
        }
    }

    /// The wait that `Flow::WakeIn` asked for is over: a Wait state ends, a Task state tries again.
    pub(super) fn woken(&mut self, now: Moment) -> Flow {
        let definition = Arc::clone(&self.definition);
        match definition.states.get(&self.state) {
            Some(State { kind: Kind::Wait(_), .. }) => self.leave_with_result(Value::Null, now),
            Some(state @ State { kind: Kind::Task(task), .. }) => self.schedule(state, task, now),
            _ => Flow::Ended,
        }
    }

    /// Ends it from outside: `StopExecution`, or its own TimeoutSeconds.
    pub(super) fn end(
        &mut self,
        status: Status,
        error: Option<String>,
        cause: Option<String>,
        now: Moment,
    ) -> Flow {
        let event = match status {
            Status::Aborted => "ExecutionAborted",
            Status::TimedOut => "ExecutionTimedOut",
            _ => "ExecutionFailed",
        };
        self.record(now, event, events::error(error.as_deref(), cause.as_deref()));
        self.shown.error = error;
        self.shown.cause = cause;
        self.close(status, now)
    }

    /// Goes through states until one waits or ends.
    fn enter(&mut self, mut name: String, mut input: Value, now: Moment) -> Flow {
        let definition = Arc::clone(&self.definition);
        loop {
            // A state's entry and exit, and the end, must still fit.
            if self.history.len() + 3 > HISTORY_MAX {
                let cause =
                    format!("The execution reached the maximum number of history events ({HISTORY_MAX}).");
                return self.end(Status::Failed, Some("States.Runtime".to_owned()), Some(cause), now);
            }
            let Some(state) = definition.states.get(&name) else { return Flow::Ended };
            self.entered = self.record(
                now,
                events::entered(&state.kind),
                data("input", &input.to_string(), json!({ "name": name })),
            );
            self.state = name;
            self.input = input;
            let result = match &state.kind {
                Kind::Fail { error, cause } => {
                    return self.end(Status::Failed, error.clone(), cause.clone(), now);
                }
                Kind::Wait(time) => return Flow::WakeIn(*time),
                Kind::Task(task) => {
                    self.retries = vec![0; task.retriers.len()];
                    return self.schedule(state, task, now);
                }
                Kind::Pass { result } => {
                    result.clone().or_else(|| state.payload(&self.input, &self.context()))
                }
                Kind::Succeed => state.payload(&self.input, &self.context()),
            };
            let Some(result) = result else { return self.path_error("Parameters or InputPath", now) };
            let output = match self.exit(state, result, now) {
                Ok(output) => output,
                Err(flow) => return flow,
            };
            match &state.next {
                Some(next) => (name, input) = (next.clone(), output),
                None => return self.succeed(output, now),
            }
        }
    }

    fn schedule(&mut self, state: &State, task: &Task, now: Moment) -> Flow {
        let Some(input) = state.payload(&self.input, &self.context()) else {
            return self.path_error("Parameters or InputPath", now);
        };
        let input = input.to_string();
        if input.len() > self.max_data {
            return self.too_large(now);
        }
        Flow::Schedule(Schedule {
            number: self.next_task.0,
            work: task.work.clone(),
            input,
            timeout: task.timeout,
            heartbeat: task.heartbeat,
        })
    }

    /// Leaves the state it waited in.
    fn leave_with_result(&mut self, result: Value, now: Moment) -> Flow {
        let definition = Arc::clone(&self.definition);
        let Some(state) = definition.states.get(&self.state) else { return Flow::Ended };
        let result = if matches!(state.kind, Kind::Wait(_)) {
            state.payload(&self.input, &Value::Null)
        } else {
            Some(result)
        };
        let Some(result) = result else { return self.path_error("InputPath", now) };
        let output = match self.exit(state, result, now) {
            Ok(output) => output,
            Err(flow) => return flow,
        };
        match &state.next {
            Some(next) => self.enter(next.clone(), output, now),
            None => self.succeed(output, now),
        }
    }

    /// Makes the state's output of its result, and writes its exit.
    fn exit(&mut self, state: &State, result: Value, now: Moment) -> Result<Value, Flow> {
        let output = match state.output(&self.input, result, &self.context()) {
            Ok(output) => output,
            Err(Misfit::ResultPath) => return Err(self.no_place("ResultPath", now)),
            Err(Misfit::ResultSelector) => return Err(self.path_error("ResultSelector", now)),
            Err(Misfit::OutputPath) => return Err(self.path_error("OutputPath", now)),
        };
        let text = output.to_string();
        if text.len() > self.max_data {
            return Err(self.too_large(now));
        }
        self.record(now, events::exited(&state.kind), data("output", &text, json!({ "name": self.state })));
        Ok(output)
    }

    fn next_try(&mut self, task: &Task, raised: Raised<'_>) -> Option<Duration> {
        let index = task.retriers.iter().position(|r| r.matches(raised))?;
        let (retrier, attempts) = (task.retriers.get(index)?, self.retries.get_mut(index)?);
        if *attempts >= retrier.max_attempts {
            return None;
        }
        *attempts += 1;
        Some(retrier.delay(*attempts - 1, chance()))
    }

    fn caught(&mut self, catcher: &Catcher, error: Option<&str>, cause: Option<&str>, now: Moment) -> Flow {
        let mut caught = json!({ "Error": error.unwrap_or("") });
        if let Some(cause) = cause {
            caught["Cause"] = json!(cause);
        }
        let output = match &catcher.result_path {
            None => Some(self.input.clone()),
            Some(path) => path.put(self.input.clone(), caught),
        };
        let Some(output) = output else {
            return self.no_place("ResultPath of Catch", now);
        };
        let text = output.to_string();
        self.record(now, "TaskStateExited", data("output", &text, json!({ "name": self.state })));
        self.enter(catcher.next.clone(), output, now)
    }

    fn succeed(&mut self, output: Value, now: Moment) -> Flow {
        let output = output.to_string();
        self.record(now, "ExecutionSucceeded", data("output", &output, json!({})));
        self.shown.output = Some(output);
        self.close(Status::Succeeded, now)
    }

    fn no_place(&mut self, field: &str, now: Moment) -> Flow {
        let cause = format!("{field} does not fit the state's input");
        self.end_with("States.ResultPathMatchFailure", &cause, now)
    }

    fn path_error(&mut self, field: &str, now: Moment) -> Flow {
        self.runtime_error(&format!("{field} leads to nothing in the data."), now)
    }

    fn runtime_error(&mut self, reason: &str, now: Moment) -> Flow {
        let place = format!("the state '{}' (entered at the event id #{})", self.state, self.entered);
        self.end_with("States.Runtime", &format!("An error occurred while executing {place}. {reason}"), now)
    }

    fn too_large(&mut self, now: Moment) -> Flow {
        let cause = format!(
            "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
            self.state
        );
        self.end_with("States.DataLimitExceeded", &cause, now)
    }

    fn end_with(&mut self, error: &str, cause: &str, now: Moment) -> Flow {
        self.end(Status::Failed, Some(error.to_owned()), Some(cause.to_owned()), now)
    }

    fn close(&mut self, status: Status, now: Moment) -> Flow {
        self.shown.status = status;
        self.shown.stop_date = Some(now.date);
        Flow::Ended
    }

    /// Something happened to the task of the state it is in.
    fn task_event(&mut self, happens: Happens, details: Value, now: Moment) {
        let definition = Arc::clone(&self.definition);
        if let Some(State { kind: Kind::Task(task), .. }) = definition.states.get(&self.state) {
            let details = events::with_resource(&task.work, details);
            self.record(now, events::of_task(&task.work, happens), details);
        }
    }

    /// The context object, as far as it is known here.
    fn context(&self) -> Value {
        json!({
            "Execution": { "Id": self.shown.arn, "Name": self.shown.name, "Input": serde_json::from_str::<Value>(&self.shown.input).unwrap_or_default() },
            "State": { "Name": self.state },
            "StateMachine": { "Id": self.shown.state_machine_arn },
            "Task": { "Token": self.next_task.1 },
        })
    }

    fn record(&mut self, now: Moment, event_type: &'static str, details: Value) -> u64 {
        let id = self.history.len() as u64 + 1;
        // The service lets the first state follow nothing, like the start itself.
        let previous_event_id = if id == 2 { 0 } else { id - 1 };
        self.history.push(HistoryEvent { id, previous_event_id, timestamp: now.date, event_type, details });
        id
    }
}

/// Anywhere from 0 to 1.
fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

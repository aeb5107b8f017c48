//! An execution at work: what it is told, and the record that it keeps.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::context::context;
use super::events::{self, data};
use super::execution::{Execution, Status};
use super::history::HistoryEvent;
use super::host::{Action, Host};
use super::thread::{Stage, Thread};
use crate::asl::{Chance, Definition, Scope, State, Value};

/// An execution ends when its history is this long. Source: Step Functions quotas.
pub(super) const HISTORY_MAX: usize = 25_000;
/// States that may be entered, those of a distributed Map's items included: they leave no trace in the history.
const STEPS_MAX: u64 = 1_000_000;

/// What an execution is born with.
pub(crate) struct Birth {
    pub(crate) shown: Execution,
    /// The parsed `shown.input`.
    pub(crate) input: Value,
    pub(crate) definition: Arc<Definition>,
    pub(crate) role_arn: String,
    /// The most bytes that a state may take or give.
    pub(crate) max_data: usize,
}

/// One execution at work.
pub(crate) struct Run {
    pub(crate) shown: Execution,
    pub(crate) history: Vec<HistoryEvent>,
    definition: Arc<Definition>,
    pub(super) input: Arc<Value>,
    role_arn: String,
    pub(super) max_data: usize,
    pub(super) threads: BTreeMap<u64, Thread>,
    next_thread: u64,
    /// Threads that can go on.
    pub(super) ready: VecDeque<u64>,
    /// The threads of the tasks that are with their workers.
    pub(super) tasks: BTreeMap<u64, u64>,
    pub(super) actions: Vec<Action>,
    steps: u64,
}

/// The execution's own thread.
pub(super) const MAIN: u64 = 0;

impl Run {
    /// An execution that has not begun.
    pub(crate) fn new(birth: Birth) -> Self {
        let Birth { shown, input, definition, role_arn, max_data } = birth;
        Run {
            shown,
            history: Vec::new(),
            definition,
            input: Arc::new(input),
            role_arn,
            max_data,
            threads: BTreeMap::new(),
            next_thread: 0,
            ready: VecDeque::new(),
            tasks: BTreeMap::new(),
            actions: Vec::new(),
            steps: 0,
        }
    }

    /// Begins.
    pub(crate) fn start(&mut self, host: &mut dyn Host) {
        let block = Arc::clone(&self.definition.block);
        let thread = Thread {
            parent: None,
            index: 0,
            state: block.start_at.clone(),
            block,
            input: Arc::clone(&self.input),
            entered: 0,
            entered_at: host.now(),
            last: 0,
            variables: Arc::default(),
            item: None,
            retries: Vec::new(),
            can_retry: false,
            stage: Stage::Ready,
            ticket: 0,
            is_silent: false,
            steps: 0,
        };
        self.spawn(thread);
        let details = data("input", &self.shown.input, json!({ "roleArn": self.role_arn }));
        // The first state follows nothing, like the start itself.
        self.record_aside(MAIN, "ExecutionStarted", details, host);
        self.go_on(host);
    }

    /// The orders since the last call.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// The execution ends from outside: `StopExecution`, or its own TimeoutSeconds.
    pub(crate) fn stop(
        &mut self,
        status: Status,
        error: Option<String>,
        cause: Option<String>,
        host: &mut dyn Host,
    ) {
        if self.shown.status == Status::Running {
            self.end(status, error, cause, host);
        }
    }

    /// Lets all threads go on as far as they can, in turn.
    pub(super) fn go_on(&mut self, host: &mut dyn Host) {
        while let Some(id) = self.ready.pop_front() {
            let Some(thread) = self.threads.get_mut(&id) else { continue };
            thread.steps += 1;
            let own = thread.steps;
            self.steps += 1;
            // A state's entry and exit, and the end, must still fit.
            if self.history.len() + 3 > HISTORY_MAX || self.steps > STEPS_MAX {
                let words =
                    format!("The execution reached the maximum number of history events ({HISTORY_MAX}).");
                return self.end(Status::Failed, Some("States.Runtime".to_owned()), Some(words), host);
            }
            self.enter(id, own, host);
        }
    }

    /// The state that a thread is in.
    pub(super) fn state(&self, id: u64) -> Option<Arc<State>> {
        let thread = self.threads.get(&id)?;
        thread.block.states.get(&thread.state).cloned()
    }

    /// Adds a thread that can go on.
    pub(super) fn spawn(&mut self, thread: Thread) -> u64 {
        let id = self.next_thread;
        self.next_thread += 1;
        self.threads.insert(id, thread);
        self.ready.push_back(id);
        id
    }

    /// Calls `look` with what expressions of this thread's state see. `token` is the task's.
    pub(super) fn scoped<T>(
        &self,
        id: u64,
        token: Option<&str>,
        host: &mut dyn Host,
        look: impl FnOnce(&Scope<'_>) -> T,
    ) -> Option<T> {
        let thread = self.threads.get(&id)?;
        let make = || context(&self.shown, &self.input, &self.role_arn, thread, token);
        let chance: &mut dyn Chance = host;
        let chance = RefCell::new(chance);
        let scope = Scope::new(&thread.input, &make, &thread.variables, &chance);
        Some(look(&scope))
    }

    /// A ticket for what a thread waits for now.
    pub(super) fn ticket(&mut self, id: u64, stage: Stage) -> u64 {
        self.threads.get_mut(&id).map_or(0, |thread| {
            thread.stage = stage;
            thread.ticket += 1;
            thread.ticket
        })
    }

    /// Writes an event that the thread's next one follows.
    pub(super) fn record(
        &mut self,
        id: u64,
        event_type: &'static str,
        details: Json,
        host: &dyn Host,
    ) -> u64 {
        let event = self.record_aside(id, event_type, details, host);
        if let Some(thread) = self.threads.get_mut(&id).filter(|_| event > 0) {
            thread.last = event;
        }
        event
    }

    /// Writes an event beside the thread's own course: its next one follows what was before. Returns 0 for a silent thread.
    pub(super) fn record_aside(
        &mut self,
        id: u64,
        event_type: &'static str,
        details: Json,
        host: &dyn Host,
    ) -> u64 {
        let Some(thread) = self.threads.get(&id).filter(|thread| !thread.is_silent) else { return 0 };
        let (previous_event_id, id) = (thread.last, self.history.len() as u64 + 1);
        self.history.push(HistoryEvent { id, previous_event_id, timestamp: host.now(), event_type, details });
        id
    }

    pub(super) fn succeed(&mut self, output: String, host: &dyn Host) {
        self.record(MAIN, "ExecutionSucceeded", data("output", &output, json!({})), host);
        self.shown.output = Some(output);
        self.close(Status::Succeeded, host);
    }

    /// Ends without an output.
    pub(super) fn end(
        &mut self,
        status: Status,
        error: Option<String>,
        cause: Option<String>,
        host: &dyn Host,
    ) {
        let event = match status {
            Status::Aborted => "ExecutionAborted",
            Status::TimedOut => "ExecutionTimedOut",
            _ => "ExecutionFailed",
        };
        self.record(MAIN, event, events::error(error.as_deref(), cause.as_deref()), host);
        self.shown.error = error;
        self.shown.cause = cause;
        self.close(status, host);
    }

    fn close(&mut self, status: Status, host: &dyn Host) {
        self.shown.status = status;
        self.shown.stop_date = Some(host.now());
        self.drop_below(MAIN);
        self.threads.clear();
        self.ready.clear();
    }
}

//! The service itself: activities, state machines, executions and tasks. No sockets, no threads, no clock: time is passed in.

mod activity;
mod awaited;
mod host;
mod moment;
mod nested;
mod push;
mod resources;
mod state_machine;
mod tasks;
mod testing;
#[cfg(test)]
mod tests;
mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use self::activity::{Activity, Task};
use self::awaited::Awaited;
use self::host::ServiceHost;
pub(crate) use self::moment::Moment;
pub use self::push::Push;
use self::push::Pushes;
use self::state_machine::StateMachine;
use self::token::Tokens;
pub(crate) use self::token::{hex, hmac_sha256, token_id};
use crate::asl::{Nested, Value, Work, Workflow};
use crate::error::{ApiError, Resource};
use crate::names::{check_arn, check_name, partition};
use crate::run::{Action, Birth, Execution, HistoryEvent, Host, Order, Run, Status};

/// Executions that ended are forgotten beyond this many, oldest first: a test bench must not grow for ever.
const ENDED_MAX: usize = 10_000;
/// Executions at work at once: those that start each other without end must not grow for ever either. The service: a million.
const RUNNING_MAX: usize = 20_000;
/// Source: Step Functions quotas: an Express execution takes at most five minutes.
const EXPRESS_TIMEOUT: Duration = Duration::from_secs(300);

/// What the service is told once.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) long_poll: Duration,
    pub(crate) max_data: usize,
}

/// Step Functions, as far as activities need it.
pub(crate) struct Service {
    settings: Settings,
    tokens: Tokens,
    activities: BTreeMap<String, Activity>,
    machines: BTreeMap<String, StateMachine>,
    executions: HashMap<String, Run>,
    /// All executions in the order of their start.
    order: Vec<String>,
    tasks: HashMap<u64, Task>,
    /// Executions that tasks wait for.
    nested: HashMap<String, Awaited>,
    pushes: Pushes,
    alarms: BTreeMap<(Duration, u64), Alarm>,
    /// The last number given to a task, a poll or an alarm.
    last: u64,
}

/// Something that is due. An alarm may come too late for what it was set for, and then does nothing.
#[derive(Debug)]
enum Alarm {
    PollEnds { activity: String, poll: u64 },
    TaskTimeout(u64),
    Heartbeat(u64),
    Wake { execution: String, thread: u64, ticket: u64 },
    ExecutionTimeout { execution: String },
    StartNested { execution: String, order: Box<Order> },
    NestedEnded { execution: String, task: u64, mode: Nested, child: String },
}

impl Service {
    pub(crate) fn new(settings: Settings) -> Self {
        Service {
            settings,
            tokens: Tokens::new(),
            activities: BTreeMap::new(),
            machines: BTreeMap::new(),
            executions: HashMap::new(),
            order: Vec::new(),
            tasks: HashMap::new(),
            nested: HashMap::new(),
            pushes: Pushes::default(),
            alarms: BTreeMap::new(),
            last: 0,
        }
    }

    /// Carries out what is due. Returns whether anything was.
    pub(crate) fn tick(&mut self, now: Moment) -> bool {
        let mut rang = false;
        while let Some(alarm) = self.alarms.first_entry().filter(|a| a.key().0 <= now.at) {
            let alarm = alarm.remove();
            rang = true;
            match alarm {
                Alarm::PollEnds { activity, poll } => self.end_poll(&activity, poll),
                Alarm::TaskTimeout(task) => self.task_timeout(task, now),
                Alarm::Heartbeat(task) => self.heartbeat_due(task, now),
                Alarm::Wake { execution, thread, ticket } => {
                    self.go_on(&execution, now, |run, host| run.woken(thread, ticket, host));
                }
                Alarm::StartNested { execution, order } => self.start_nested(&execution, &order, now),
                Alarm::NestedEnded { execution, task, mode, child } => {
                    self.nested_ended(&execution, task, mode, &child, now);
                }
                Alarm::ExecutionTimeout { execution } => {
                    self.end_execution(
                        &execution,
                        Status::TimedOut,
                        Some("States.Timeout".to_owned()),
                        None,
                        now,
                    );
                }
            }
        }
        rang
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.alarms.first_key_value().map(|(key, _)| key.0)
    }

    /// Starts an execution. The same name and input again, while it runs, is the same execution.
    pub(crate) fn start_execution(
        &mut self,
        machine_arn: &str,
        name: Option<&str>,
        input: &str,
        now: Moment,
    ) -> Result<&Execution, ApiError> {
        check_arn(machine_arn, Resource::StateMachine)?;
        let name = name.map_or_else(|| self.unused_name(), str::to_owned);
        check_name(&name)?;
        let parsed = self.parse_input(input)?;
        let machine = self
            .machines
            .get(machine_arn)
            .ok_or_else(|| ApiError::no_such(Resource::StateMachine, machine_arn))?;
        let is_express = machine.workflow == Workflow::Express;
        let arn = if is_express {
            // Express executions of one name are executions of their own.
            let id = token_id(&self.tokens.issue(self.last));
            self.arn("express", &format!("{}:{name}:{id}", machine.name))
        } else {
            self.arn("execution", &format!("{}:{name}", machine.name))
        };
        let is_running = |run: &&Run| run.shown.status == Status::Running;
        if self.executions.len() >= RUNNING_MAX
            && self.executions.values().filter(is_running).count() >= RUNNING_MAX
        {
            let words = format!("There are {RUNNING_MAX} executions at work");
            return Err(ApiError::service("ExecutionLimitExceeded", words));
        }
        if let Some(run) = self.executions.get(&arn) {
            let same = run.shown.status == Status::Running && run.shown.input == input;
            if !same {
                return Err(ApiError::service(
                    "ExecutionAlreadyExists",
                    format!("Execution Already Exists: '{arn}'"),
                ));
            }
            return self.known(&arn);
        }
        let (definition, role_arn) = (Arc::clone(&machine.definition), machine.role_arn.clone());
        let timeout = definition.timeout.or(is_express.then_some(EXPRESS_TIMEOUT));
        let shown = Execution {
            arn: arn.clone(),
            name,
            state_machine_arn: machine_arn.to_owned(),
            status: Status::Running,
            input: input.to_owned(),
            output: None,
            error: None,
            cause: None,
            start_date: now.date,
            stop_date: None,
        };
        self.forget_oldest();
        self.order.push(arn.clone());
        let max_data = self.settings.max_data;
        let birth = Birth { shown, input: parsed, definition, role_arn, max_data };
        self.executions.insert(arn.clone(), Run::new(birth));
        if let Some(timeout) = timeout {
            self.alarm(now.at + timeout, Alarm::ExecutionTimeout { execution: arn.clone() });
        }
        self.go_on(&arn, now, Run::start);
        // A number that the next Express execution does not have.
        self.last += 1;
        self.known(&arn)
    }

    /// Stops an execution; one that has ended stays as it is.
    pub(crate) fn stop_execution(
        &mut self,
        arn: &str,
        error: Option<String>,
        cause: Option<String>,
        now: Moment,
    ) -> Result<&Execution, ApiError> {
        self.execution(arn)?;
        self.end_execution(arn, Status::Aborted, error, cause, now);
        self.execution(arn)
    }

    pub(crate) fn execution(&self, arn: &str) -> Result<&Execution, ApiError> {
        check_arn(arn, Resource::Execution)?;
        self.executions
            .get(arn)
            .map(|run| &run.shown)
            .ok_or_else(|| ApiError::no_such(Resource::Execution, arn))
    }

    /// An execution of either kind.
    fn known(&self, arn: &str) -> Result<&Execution, ApiError> {
        let run = self.executions.get(arn).map(|run| &run.shown);
        run.ok_or_else(|| ApiError::no_such(Resource::Execution, arn))
    }

    /// An execution of either kind, if it has ended.
    pub(crate) fn ended(&self, arn: &str) -> Option<&Execution> {
        let run = self.executions.get(arn).map(|run| &run.shown);
        run.filter(|shown| shown.status != Status::Running)
    }

    pub(crate) fn history(&self, arn: &str) -> Result<&[HistoryEvent], ApiError> {
        self.execution(arn)?;
        Ok(self.executions.get(arn).map_or(&[], |run| &run.history))
    }

    /// All executions of a state machine (all there are, if none is named), newest first.
    pub(crate) fn executions(&self, machine_arn: Option<&str>) -> impl Iterator<Item = &Execution> {
        let runs = self.order.iter().rev().filter_map(|arn| self.executions.get(arn)).map(|run| &run.shown);
        runs.filter(move |run| machine_arn.is_none_or(|arn| arn == run.state_machine_arn))
    }

    /// The push of this number, if there was one and it is not forgotten.
    pub(crate) fn push(&self, number: usize) -> Option<&Push> {
        self.pushes.get(number)
    }

    /// All pushes that are remembered, oldest first.
    pub(crate) fn pushes(&self) -> impl Iterator<Item = &Push> {
        self.pushes.iter()
    }

    /// Ends the polls and forgets the rest: the threads that wait for an answer get none.
    pub(crate) fn close(&mut self) {
        self.activities.clear();
        self.alarms.clear();
    }

    /// Lets an execution go on, and carries out what it orders.
    fn go_on(&mut self, arn: &str, now: Moment, step: impl FnOnce(&mut Run, &mut dyn Host)) {
        let Some(run) = self.executions.get_mut(arn).filter(|r| r.shown.status == Status::Running) else {
            return;
        };
        let mut host =
            ServiceHost { now, tokens: &self.tokens, last: &mut self.last, activities: &self.activities };
        step(run, &mut host);
        for action in run.actions() {
            match action {
                Action::Wake { thread, ticket, after } => {
                    let alarm = Alarm::Wake { execution: arn.to_owned(), thread, ticket };
                    self.alarm(now.at.saturating_add(after), alarm);
                }
                Action::Cancel(number) => {
                    self.tasks.remove(&number);
                    self.abandon_nested(number, now);
                }
                Action::Schedule(order) => self.schedule(arn, order, now),
            }
        }
        self.look_after(arn, now);
    }

    /// Gives a task to its workers.
    fn schedule(&mut self, execution: &str, order: Order, now: Moment) {
        if let Work::Push(resource) = &order.work {
            self.pushes.keep(execution, resource, &order.input, order.token.clone());
        }
        self.enqueue(execution, order, now);
    }

    fn end_execution(
        &mut self,
        arn: &str,
        status: Status,
        error: Option<String>,
        cause: Option<String>,
        now: Moment,
    ) {
        self.go_on(arn, now, |run, host| run.stop(status, error, cause, host));
    }

    fn forget_oldest(&mut self) {
        if self.order.len() < ENDED_MAX {
            return;
        }
        let ended =
            |arn: &String| self.executions.get(arn).is_none_or(|run| run.shown.status != Status::Running);
        if let Some(index) = self.order.iter().position(ended) {
            let arn = self.order.remove(index);
            self.executions.remove(&arn);
        }
    }

    fn parse_input(&self, input: &str) -> Result<Value, ApiError> {
        if input.len() > self.settings.max_data {
            let limit = self.settings.max_data;
            let constraint = format!("Member must have length less than or equal to {limit}");
            return Err(ApiError::validation(&format!(
                "Value at 'input' failed to satisfy constraint: {constraint}"
            )));
        }
        Value::parse(input).map_err(|e| {
            let reason = if input.is_empty() { "Invalid execution input.".to_owned() } else { e.to_string() };
            ApiError::service(
                "InvalidExecutionInput",
                format!("Invalid State Machine Execution Input: '{reason}'"),
            )
        })
    }

    fn alarm(&mut self, due: Duration, alarm: Alarm) {
        let number = self.number();
        self.alarms.insert((due, number), alarm);
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A name in the form of a UUID.
    fn unused_name(&mut self) -> String {
        let number = self.number();
        let h = token_id(&self.tokens.issue(number));
        format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }

    fn arn(&self, kind: &str, name: &str) -> String {
        let Settings { region, account, .. } = &self.settings;
        format!("arn:{}:states:{region}:{account}:{kind}:{name}", partition(region))
    }
}

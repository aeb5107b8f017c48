//! A workflow as a function: the whole execution at once, with made-up answers for its tasks, in virtual time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::execution::{Execution, Status};
use super::history::HistoryEvent;
use super::host::{Action, Host, Order, TaskError};
use super::machine::{Birth, Run};
use crate::asl::{Chance, Definition, Value, Work};

/// A task that waits for an answer. `Debug` shows no input and no token.
#[derive(Clone)]
#[non_exhaustive]
pub struct TaskCall {
    /// The state's `Resource`.
    pub resource: String,
    /// What the task is given: JSON.
    pub input: String,
    /// Its token.
    pub token: String,
    /// How many tasks there were before it.
    pub number: u64,
}

impl fmt::Debug for TaskCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskCall({}, {})", self.number, self.resource)
    }
}

/// What a made-up worker answers. `Debug` shows no output and no error.
#[derive(Clone)]
#[non_exhaustive]
pub enum Answer {
    /// The task succeeds with this output: JSON. What is no JSON is an output of the text.
    Output(String),
    /// The task fails.
    Failure {
        /// The error's name.
        error: String,
        /// Its cause.
        cause: String,
    },
    /// No answer comes: the task ends by its TimeoutSeconds or HeartbeatSeconds, or never.
    Silence,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Output(_) => "Output",
            Answer::Failure { .. } => "Failure",
            Answer::Silence => "Silence",
        })
    }
}

/// An execution that came as far as it can.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finished {
    /// The execution; still [`Status::Running`] if it waits for a task that no one answers.
    pub execution: Execution,
    /// What happened in it.
    pub history: Vec<HistoryEvent>,
}

/// Source: Step Functions quotas, "payload size".
const MAX_DATA: usize = 262_144;

/// Runs a state machine from its start to its end. Time passes at once: a Wait of three days takes as long as one of a second, and
/// histories begin in 1970. The same arguments and answers give the same execution, jitter, random numbers and UUIDs included.
///
/// # Errors
/// The input is no JSON.
pub fn run(
    definition: &Arc<Definition>,
    input: &str,
    mut answer: impl FnMut(&TaskCall) -> Answer,
) -> Result<Finished, serde_json::Error> {
    let shown = Execution {
        arn: "arn:aws:states:eu-west-1:123456789012:execution:machine:execution".to_owned(),
        name: "execution".to_owned(),
        state_machine_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:machine".to_owned(),
        status: Status::Running,
        input: input.to_owned(),
        output: None,
        error: None,
        cause: None,
        start_date: SystemTime::UNIX_EPOCH,
        stop_date: None,
    };
    let parsed = Value::parse(input)?;
    let role_arn = "arn:aws:iam::123456789012:role/machine".to_owned();
    let definition = Arc::clone(definition);
    let timeout = definition.timeout;
    let mut run = Run::new(Birth { shown, input: parsed, definition, role_arn, max_data: MAX_DATA });
    let mut bench = Bench::default();
    if let Some(timeout) = timeout {
        bench.set(timeout, Alarm::Stop);
    }
    run.start(&mut bench);
    loop {
        for action in run.actions() {
            bench.carry_out(action, &mut answer);
        }
        if run.shown.status != Status::Running {
            break;
        }
        let Some(((at, _), alarm)) = bench.alarms.pop_first() else { break };
        bench.at = at;
        bench.ring(alarm, &mut run);
    }
    Ok(Finished { execution: run.shown, history: run.history })
}

/// Virtual time, and what is due in it.
#[derive(Default)]
struct Bench {
    at: Duration,
    alarms: BTreeMap<(Duration, u64), Alarm>,
    last: u64,
    chances: u64,
}

enum Alarm {
    Wake { thread: u64, ticket: u64 },
    Output(u64, String),
    Failed(u64, TaskError),
    Stop,
}

impl Bench {
    fn set(&mut self, after: Duration, alarm: Alarm) {
        self.last += 1;
        self.alarms.insert((self.at.saturating_add(after), self.last), alarm);
    }

    fn carry_out(&mut self, action: Action, answer: &mut impl FnMut(&TaskCall) -> Answer) {
        match action {
            Action::Cancel(_) => {}
            Action::Wake { thread, ticket, after } => self.set(after, Alarm::Wake { thread, ticket }),
            Action::Schedule(order) => self.ask(order, answer),
        }
    }

    fn ask(&mut self, order: Order, answer: &mut impl FnMut(&TaskCall) -> Answer) {
        let (Work::Activity(resource)
        | Work::Push(resource)
        | Work::Nested(resource, _)
        | Work::Other(resource)) = order.work;
        let call = TaskCall { resource, input: order.input, token: order.token, number: order.number };
        match answer(&call) {
            Answer::Output(output) => self.set(Duration::ZERO, Alarm::Output(order.number, output)),
            Answer::Failure { error, cause } => {
                let failed = TaskError::Failed { error: Some(error), cause: Some(cause) };
                self.set(Duration::ZERO, Alarm::Failed(order.number, failed));
            }
            Answer::Silence => {
                let times =
                    [(order.timeout, TaskError::Timeout), (order.heartbeat, TaskError::HeartbeatTimeout)];
                for (time, error) in times {
                    if let Some(time) = time {
                        self.set(time, Alarm::Failed(order.number, error));
                    }
                }
            }
        }
    }

    fn ring(&mut self, alarm: Alarm, run: &mut Run) {
        match alarm {
            Alarm::Wake { thread, ticket } => run.woken(thread, ticket, self),
            Alarm::Failed(number, error) => run.task_failed(number, error, self),
            Alarm::Stop => run.stop(Status::TimedOut, Some("States.Timeout".to_owned()), None, self),
            Alarm::Output(number, output) => {
                let result = Value::parse(&output);
                let (output, result) = match result {
                    Ok(result) => (output, result),
                    Err(_) => {
                        let result = Value::String(output);
                        (result.to_string(), result)
                    }
                };
                run.task_succeeded(number, &output, result, self);
            }
        }
    }
}

impl Chance for Bench {
    fn chance(&mut self) -> f64 {
        // A step of splitmix64: the same row of numbers each time.
        self.chances = self.chances.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.chances ^ (self.chances >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    fn uuid(&mut self) -> String {
        self.last += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.last)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(self.at).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl Host for Bench {
    fn task(&mut self) -> (u64, String) {
        self.last += 1;
        (self.last, format!("token-{}", self.last))
    }

    fn has_activity(&self, _: &str) -> bool {
        true
    }
}

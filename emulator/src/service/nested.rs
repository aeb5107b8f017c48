//! Executions that a task starts: `states:startExecution`, `.sync`, `.sync:2` and `.waitForTaskToken`.

use std::time::{Duration, SystemTime};

use super::awaited::Awaited;
use super::moment::Moment;
use super::{Alarm, Service};
use crate::asl::{Nested, Object, Value, Work, format_timestamp};
use crate::error::ApiError;
use crate::run::{Execution, Order, Status, TaskError};

/// An execution that a task starts begins so much later: those that start each other without end then take turns with all else.
const PAUSE: Duration = Duration::from_millis(1);

impl Service {
    /// Starts an execution for a task, soon.
    pub(super) fn schedule_nested(&mut self, execution: &str, order: Order, now: Moment) {
        let alarm = Alarm::StartNested { execution: execution.to_owned(), order: Box::new(order) };
        self.alarm(now.at + PAUSE, alarm);
    }

    /// Starts the execution, if its task is still wanted.
    pub(super) fn start_nested(&mut self, execution: &str, order: &Order, now: Moment) {
        let Work::Nested(_, mode) = &order.work else { return };
        let (mode, task) = (*mode, order.number);
        if !self.tasks.contains_key(&task) {
            return;
        }
        let started = self.begin_nested(&order.input, mode, now);
        let (child, answer) = match started {
            Ok(started) => started,
            Err(error) => {
                self.tasks.remove(&task);
                let failed = self.refused(&error);
                return self.go_on(execution, now, |run, host| run.task_failed(task, failed, host));
            }
        };
        let text = answer.to_string();
        match mode {
            Nested::Started => {
                self.tasks.remove(&task);
                self.go_on(execution, now, |run, host| run.task_succeeded(task, &text, answer, host));
            }
            Nested::Token => self.go_on(execution, now, |run, host| run.task_submitted(task, &text, host)),
            Nested::Sync | Nested::SyncJson => {
                self.go_on(execution, now, |run, host| run.task_submitted(task, &text, host));
                let awaited = Awaited { execution: execution.to_owned(), task, mode };
                self.nested.insert(child.clone(), awaited);
                self.look_after(&child, now);
            }
        }
    }

    fn begin_nested(&mut self, input: &str, mode: Nested, now: Moment) -> Result<(String, Value), ApiError> {
        let parameters = Value::parse(input).unwrap_or_default();
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(str::to_owned);
        let machine = text("StateMachineArn").unwrap_or_default();
        let name = text("Name").filter(|name| !name.is_empty());
        let data = match parameters.get("Input") {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        if matches!(mode, Nested::Sync | Nested::SyncJson) && self.state_machine(&machine)?.is_express() {
            let words = "This operation is not supported by this type of state machine";
            return Err(ApiError::service("StateMachineTypeNotSupported", words));
        }
        let started = self.start_execution(&machine, name.as_deref(), &data, now)?;
        let (child, date) = (started.arn.clone(), started.start_date);
        let answer = self.started(&child, date);
        Ok((child, answer))
    }

    /// If an execution that a task waits for has ended, its task ends, soon.
    pub(super) fn look_after(&mut self, child: &str, now: Moment) {
        let is_over = self.executions.get(child).is_none_or(|run| run.shown.status != Status::Running);
        if is_over && let Some(Awaited { execution, task, mode }) = self.nested.remove(child) {
            self.alarm(now.at, Alarm::NestedEnded { execution, task, mode, child: child.to_owned() });
        }
    }

    pub(super) fn nested_ended(
        &mut self,
        execution: &str,
        task: u64,
        mode: Nested,
        child: &str,
        now: Moment,
    ) {
        if self.tasks.remove(&task).is_none() {
            return;
        }
        let Some(shown) = self.executions.get(child).map(|run| &run.shown) else { return };
        let is_success = shown.status == Status::Succeeded;
        let described = described(shown, mode == Nested::SyncJson && is_success);
        let text = described.to_string();
        self.go_on(execution, now, |run, host| {
            if is_success {
                run.task_succeeded(task, &text, described, host);
            } else {
                let failed =
                    TaskError::Failed { error: Some("States.TaskFailed".to_owned()), cause: Some(text) };
                run.task_failed(task, failed, host);
            }
        });
    }

    /// A task that waited is not wanted any more: what it started is stopped.
    pub(super) fn abandon_nested(&mut self, task: u64, now: Moment) {
        let child =
            self.nested.iter().find(|(_, awaited)| awaited.task == task).map(|(child, _)| child.clone());
        if let Some(child) = child {
            self.nested.remove(&child);
            self.end_execution(&child, Status::Aborted, None, None, now);
        }
    }

    /// The error of a task whose execution could not be started.
    fn refused(&mut self, error: &ApiError) -> TaskError {
        let (code, id) = (error.code().to_owned(), self.unused_name());
        let cause = format!(
            "{} (Service: AWSStepFunctions; Status Code: {}; Error Code: {code}; Request ID: {id}; Proxy: null)",
            error.message(),
            error.status()
        );
        TaskError::Failed { error: Some(format!("StepFunctions.{code}Exception")), cause: Some(cause) }
    }

    /// What a task gets that has started an execution: the call's answer, with what the SDK tells of it.
    fn started(&mut self, arn: &str, date: SystemTime) -> Value {
        let id = self.unused_name();
        let body = format!("{{\"executionArn\":\"{arn}\",\"startDate\":1.7E9}}");
        let http_date = httpdate::fmt_http_date(date);
        let length = body.len().to_string();
        let headers = [
            ("connection", "keep-alive"),
            ("x-amzn-RequestId", id.as_str()),
            ("Date", http_date.as_str()),
            ("Content-Length", length.as_str()),
            ("Content-Type", "application/x-amz-json-1.0"),
        ];
        let all = headers.map(|(name, value)| (name, Value::Array(vec![Value::from(value)])));
        let plain = headers.map(|(name, value)| (name, Value::from(value)));
        object([
            ("ExecutionArn", Value::from(arn)),
            (
                "SdkHttpMetadata",
                object([
                    ("AllHttpHeaders", object(all)),
                    ("HttpHeaders", object(plain)),
                    ("HttpStatusCode", Value::whole(200)),
                ]),
            ),
            ("SdkResponseMetadata", object([("RequestId", Value::from(id.as_str()))])),
            ("StartDate", Value::from(format_timestamp(date))),
        ])
    }
}

/// An execution as `DescribeExecution` tells of it; its input and output as JSON, if asked for.
fn described(shown: &Execution, as_json: bool) -> Value {
    let data = |text: &str| if as_json { Value::parse(text).unwrap_or_default() } else { Value::from(text) };
    let millis = |date: SystemTime| {
        let since = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Value::whole(i64::try_from(since.as_millis()).unwrap_or(0))
    };
    let included = || object([("Included", Value::Bool(true))]);
    let mut fields = vec![
        ("ExecutionArn", Value::from(shown.arn.as_str())),
        ("Input", data(&shown.input)),
        ("InputDetails", included()),
        ("Name", Value::from(shown.name.as_str())),
    ];
    if let Some(output) = &shown.output {
        fields.extend([("Output", data(output)), ("OutputDetails", included())]);
    }
    for (name, text) in [("Error", &shown.error), ("Cause", &shown.cause)] {
        fields.extend(text.as_deref().map(|text| (name, Value::from(text))));
    }
    fields.push(("StartDate", millis(shown.start_date)));
    fields.push(("StateMachineArn", Value::from(shown.state_machine_arn.as_str())));
    fields.push(("Status", Value::from(shown.status.as_str())));
    fields.extend(shown.stop_date.map(|date| ("StopDate", millis(date))));
    object(fields)
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let fields: Object = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Object(fields)
}

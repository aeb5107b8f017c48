//! Polls and tasks: what comes of them, from a task's scheduling over its hand-out to its end.

use std::sync::mpsc;

use super::activity::{Activity, Handout, Poll, Task, Waiting};
use super::host::ServiceHost;
use super::moment::Moment;
use super::{Alarm, Service};
use crate::asl::{Value, Work};
use crate::error::{ApiError, Resource};
use crate::run::{Order, TaskError};

/// Polls that one activity takes at once. Source: API reference, `GetActivityTask`.
const POLLS_MAX: usize = 1_000;
/// The largest output, in bytes of UTF-8. Source: API reference, `SendTaskSuccess`.
const OUTPUT_MAX: usize = 262_144;

impl Service {
    /// `GetActivityTask`: the answer comes at once, or when a task does, or when the long poll is over.
    pub(crate) fn poll(
        &mut self,
        activity_arn: &str,
        worker: Option<String>,
        now: Moment,
    ) -> Result<Poll, ApiError> {
        self.activity(activity_arn)?;
        let number = self.number();
        let (answer, poll) = mpsc::channel();
        let Some(activity) = self.activities.get_mut(activity_arn) else { return Ok(poll) };
        if activity.polls.len() >= POLLS_MAX {
            let message = format!(
                "The maximum number of workers concurrently polling for activity tasks has been reached: {POLLS_MAX}"
            );
            return Err(ApiError::service("ActivityWorkerLimitExceeded", message));
        }
        activity.polls.push_back(Waiting { number, worker, answer });
        let due = now.at + self.settings.long_poll;
        self.alarm(due, Alarm::PollEnds { activity: activity_arn.to_owned(), poll: number });
        self.hand_out(activity_arn, now);
        Ok(poll)
    }

    /// `SendTaskSuccess`.
    pub(crate) fn task_succeeded(&mut self, token: &str, output: &str, now: Moment) -> Result<(), ApiError> {
        if output.len() > OUTPUT_MAX {
            let constraint = format!("Member must have length less than or equal to {OUTPUT_MAX}");
            return Err(ApiError::validation(&format!(
                "Value at 'output' failed to satisfy constraint: {constraint}"
            )));
        }
        let number = self.open(token)?;
        let result = Value::parse(output)
            .map_err(|e| ApiError::service("InvalidOutput", format!("Invalid Output: '{e}'")))?;
        let task = self.settle(number)?;
        self.go_on(&task.execution, now, |run, host| run.task_succeeded(number, output, result, host));
        Ok(())
    }

    /// `SendTaskFailure`.
    pub(crate) fn task_failed(
        &mut self,
        token: &str,
        error: Option<String>,
        cause: Option<String>,
        now: Moment,
    ) -> Result<(), ApiError> {
        let number = self.open(token)?;
        let task = self.settle(number)?;
        let failed = TaskError::Failed { error, cause };
        self.go_on(&task.execution, now, |run, host| run.task_failed(number, failed, host));
        Ok(())
    }

    /// `SendTaskHeartbeat`: puts the next heartbeat off, never TimeoutSeconds.
    pub(crate) fn heartbeat(&mut self, token: &str, now: Moment) -> Result<(), ApiError> {
        let number = self.open(token)?;
        self.check_live(number)?;
        if let Some(task) = self.tasks.get_mut(&number) {
            task.heartbeat_due = task.heartbeat.map(|h| now.at + h);
        }
        Ok(())
    }

    /// Puts a task in its activity's queue, or hands it out at once. One whose token is pushed is handed out by that.
    pub(super) fn enqueue(&mut self, execution: &str, task: Order, now: Moment) {
        let number = task.number;
        if let Some(timeout) = task.timeout {
            self.alarm(now.at + timeout, Alarm::TaskTimeout(number));
        }
        let execution = execution.to_owned();
        if let Work::Nested(..) = task.work {
            let heartbeat = task.heartbeat;
            let waiting = Task {
                execution,
                work: task.work.clone(),
                input: String::new(),
                heartbeat,
                heartbeat_due: None,
            };
            let of = waiting.execution.clone();
            self.tasks.insert(number, waiting);
            self.expect_heartbeat(number, now);
            return self.schedule_nested(&of, task, now);
        }
        let Order { work, input, heartbeat, .. } = task;
        let task = Task { execution, work: work.clone(), input, heartbeat, heartbeat_due: None };
        self.tasks.insert(number, task);
        match work {
            Work::Activity(arn) => {
                if let Some(activity) = self.activities.get_mut(&arn) {
                    activity.queue.push_back(number);
                }
                self.hand_out(&arn, now);
            }
            Work::Push(_) | Work::Nested(..) | Work::Other(_) => self.expect_heartbeat(number, now),
        }
    }

    /// From the hand-out on.
    fn expect_heartbeat(&mut self, number: u64, now: Moment) {
        let Some(task) = self.tasks.get_mut(&number) else { return };
        task.heartbeat_due = task.heartbeat.map(|h| now.at + h);
        if let Some(due) = task.heartbeat_due {
            self.alarm(due, Alarm::Heartbeat(number));
        }
    }

    /// Tasks of this activity that no worker has yet.
    pub(crate) fn queued(&self, activity: &Activity) -> usize {
        activity.queue.iter().filter(|number| self.tasks.contains_key(number)).count()
    }

    pub(super) fn end_poll(&mut self, activity_arn: &str, poll: u64) {
        let Some(activity) = self.activities.get_mut(activity_arn) else { return };
        if let Some(index) = activity.polls.iter().position(|p| p.number == poll)
            && let Some(poll) = activity.polls.remove(index)
        {
            poll.answer(None);
        }
    }

    pub(super) fn task_timeout(&mut self, number: u64, now: Moment) {
        if let Some(task) = self.tasks.remove(&number) {
            self.go_on(&task.execution, now, |run, host| run.task_failed(number, TaskError::Timeout, host));
        }
    }

    /// One alarm per task: when it rings too early, because heartbeats came, it is set again.
    pub(super) fn heartbeat_due(&mut self, number: u64, now: Moment) {
        match self.tasks.get(&number).and_then(|t| t.heartbeat_due) {
            Some(due) if due > now.at => self.alarm(due, Alarm::Heartbeat(number)),
            Some(_) => {
                if let Some(task) = self.tasks.remove(&number) {
                    let failed = TaskError::HeartbeatTimeout;
                    self.go_on(&task.execution, now, |run, host| run.task_failed(number, failed, host));
                }
            }
            None => {}
        }
    }

    /// Brings waiting tasks and waiting polls together. Each token leaves here once.
    fn hand_out(&mut self, activity_arn: &str, now: Moment) {
        while let Some(activity) = self.activities.get_mut(activity_arn) {
            if activity.polls.is_empty() {
                return;
            }
            let Some(number) = activity.queue.pop_front() else { return };
            // One that timed out in the queue, or whose execution ended, is gone.
            let Some(task) = self.tasks.get_mut(&number) else { continue };
            let Some(poll) = activity.polls.pop_front() else { return };
            let (input, execution) = (task.input.clone(), task.execution.clone());
            let host =
                ServiceHost { now, tokens: &self.tokens, last: &mut self.last, activities: &self.activities };
            if let Some(run) = self.executions.get_mut(&execution) {
                run.task_started(number, poll.worker.as_deref(), &host);
            }
            self.expect_heartbeat(number, now);
            poll.answer(Some(Handout { token: self.tokens.issue(number), input }));
        }
    }

    fn open(&self, token: &str) -> Result<u64, ApiError> {
        self.tokens.open(token).ok_or_else(ApiError::invalid_token)
    }

    /// Takes the task out: the first report counts, any later one finds nothing.
    fn settle(&mut self, number: u64) -> Result<Task, ApiError> {
        self.check_live(number)?;
        self.tasks.remove(&number).ok_or_else(gone)
    }

    fn check_live(&self, number: u64) -> Result<(), ApiError> {
        let task = self.tasks.get(&number).ok_or_else(gone)?;
        let Work::Activity(arn) = &task.work else { return Ok(()) };
        if self.activities.contains_key(arn) {
            return Ok(());
        }
        // When the service answers so is not documented beyond "the activity does not exist".
        let message =
            format!("Task Does Not Exist: '{}'", ApiError::no_such(Resource::Activity, arn).message());
        Err(ApiError::service("TaskDoesNotExist", message))
    }
}

fn gone() -> ApiError {
    ApiError::service("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
}

//! The service under virtual time.

mod nested;
mod pushed;

use std::time::SystemTime;

use serde_json::{Value, json};

use super::activity::Poll;
use super::*;
use crate::asl::Workflow;

struct Bench {
    service: Service,
    seconds: f64,
    activity: String,
}

impl Bench {
    fn new() -> Self {
        let (region, account) = ("eu-west-1".to_owned(), "123456789012".to_owned());
        let settings = Settings { region, account, long_poll: Duration::from_secs(60), max_data: 262_144 };
        let mut bench = Bench { service: Service::new(settings), seconds: 0.0, activity: String::new() };
        let now = bench.now();
        bench.activity = bench.service.create_activity("pump", now).unwrap().0;
        bench
    }

    fn now(&self) -> Moment {
        let at = Duration::from_secs_f64(self.seconds);
        Moment { at, date: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + at }
    }

    fn wait(&mut self, seconds: f64) {
        self.seconds += seconds;
        let now = self.now();
        self.service.tick(now);
    }

    /// Starts an execution of these states, `Work` first; `Resource` is filled in.
    fn start(&mut self, mut states: Value) -> String {
        for state in states.as_object_mut().unwrap().values_mut() {
            if state["Type"] == "Task" && state["Resource"].is_null() {
                state["Resource"] = json!(self.activity);
            }
        }
        let definition = json!({ "StartAt": "Work", "States": states }).to_string();
        let (now, name) = (self.now(), format!("m{}", self.service.number()));
        let machine = self
            .service
            .create_state_machine(&name, &definition, "arn:r", Workflow::Standard, now)
            .unwrap()
            .0;
        self.service.start_execution(&machine, None, r#"{"in":1}"#, now).unwrap().arn.clone()
    }

    fn poll(&mut self) -> Poll {
        let (activity, now) = (self.activity.clone(), self.now());
        self.service.poll(&activity, Some("w".to_owned()), now).unwrap()
    }

    /// The token a poll brings now, if any.
    fn token(&mut self) -> Option<String> {
        self.poll().try_recv().ok().flatten().map(|handout| handout.token)
    }

    fn succeed(&mut self, token: &str) -> Result<(), ApiError> {
        let now = self.now();
        self.service.task_succeeded(token, r#"{"out":2}"#, now)
    }

    fn beat(&mut self, token: &str) -> Result<(), ApiError> {
        let now = self.now();
        self.service.heartbeat(token, now)
    }

    fn events(&self, execution: &str) -> Vec<&'static str> {
        self.service.history(execution).unwrap().iter().map(|e| e.event_type).collect()
    }

    fn shown(&self, execution: &str) -> &Execution {
        self.service.execution(execution).unwrap()
    }

    fn output(&self, execution: &str) -> Value {
        serde_json::from_str(self.shown(execution).output.as_deref().unwrap()).unwrap()
    }
}

fn task(fields: Value) -> Value {
    let mut task = json!({ "Type": "Task", "End": true });
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    if task["Catch"].is_null() {
        return json!({ "Work": task });
    }
    json!({ "Work": task, "Sorry": { "Type": "Pass", "End": true } })
}

#[test]
fn heartbeat_seconds_count_from_the_hand_out() {
    let mut bench = Bench::new();
    let execution = bench.start(task(json!({ "HeartbeatSeconds": 10 })));
    bench.wait(1_000.0);
    let token = bench.token().unwrap();
    bench.wait(9.9);
    assert_eq!(bench.shown(&execution).status, Status::Running);
    bench.beat(&token).unwrap();
    bench.wait(9.9);
    assert_eq!(bench.shown(&execution).status, Status::Running);
    bench.wait(0.2);
    let shown = bench.shown(&execution);
    assert_eq!((shown.status, shown.error.as_deref()), (Status::Failed, Some("States.Timeout")));
    let end = ["ActivityScheduled", "ActivityStarted", "ActivityTimedOut", "ExecutionFailed"];
    assert_eq!(bench.events(&execution)[2..], end);
    assert_eq!(bench.beat(&token).unwrap_err().code(), "TaskTimedOut");
}

#[test]
fn timeout_seconds_count_from_the_scheduling_and_heartbeats_do_not_extend_them() {
    let mut bench = Bench::new();
    let execution = bench.start(task(json!({ "TimeoutSeconds": 20, "HeartbeatSeconds": 15 })));
    bench.wait(10.0);
    let token = bench.token().unwrap();
    bench.wait(9.0);
    bench.beat(&token).unwrap();
    bench.wait(1.0);
    assert_eq!(bench.shown(&execution).status, Status::Failed);
    assert_eq!(
        bench.succeed(&token).unwrap_err().message(),
        "Task Timed Out: 'Provided task does not exist anymore'"
    );
}

#[test]
fn a_task_that_timed_out_in_the_queue_is_not_handed_out() {
    let mut bench = Bench::new();
    bench.start(task(json!({ "TimeoutSeconds": 5 })));
    bench.wait(6.0);
    assert_eq!(bench.token(), None);
}

#[test]
fn retry_waits_longer_each_time_and_hands_out_a_new_token() {
    let mut bench = Bench::new();
    let retry = json!([{ "ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 3.0 }]);
    let execution = bench.start(task(json!({ "Retry": retry })));
    let mut tokens = Vec::new();
    for wait in [2.0, 6.0, 0.0] {
        let token = bench.token().unwrap();
        assert!(!tokens.contains(&token));
        let now = bench.now();
        bench.service.task_failed(&token, Some("E".to_owned()), Some("why".to_owned()), now).unwrap();
        tokens.push(token);
        if wait > 0.0 {
            bench.wait(wait - 0.1);
            assert_eq!(bench.events(&execution).last(), Some(&"ActivityFailed"));
            bench.wait(0.1);
        }
    }
    let shown = bench.shown(&execution);
    assert_eq!(
        (shown.status, shown.error.as_deref(), shown.cause.as_deref()),
        (Status::Failed, Some("E"), Some("why"))
    );
    assert_eq!(bench.events(&execution).iter().filter(|e| **e == "ActivityScheduled").count(), 3);
}

#[test]
fn catch_puts_error_and_cause_where_it_is_told() {
    let mut bench = Bench::new();
    let catch =
        json!([{ "ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Sorry", "ResultPath": "$.why" }]);
    let execution = bench.start(task(json!({ "HeartbeatSeconds": 5, "Catch": catch })));
    bench.token().unwrap();
    bench.wait(5.0);
    assert_eq!(bench.shown(&execution).status, Status::Succeeded);
    assert_eq!(
        bench.output(&execution),
        json!({ "in": 1, "why": { "Error": "States.Timeout", "Cause": "" } })
    );
}

#[test]
fn a_dropped_poll_swallows_one_task_until_its_minute_is_over() {
    let mut bench = Bench::new();
    drop(bench.poll());
    bench.wait(59.0);
    let execution = bench.start(task(json!({})));
    assert_eq!(bench.events(&execution).last(), Some(&"ActivityStarted"));
    assert_eq!(bench.token(), None);

    drop(bench.poll());
    bench.wait(60.0);
    bench.start(task(json!({})));
    assert!(bench.token().is_some());
}

#[test]
fn polls_are_answered_in_turn_each_token_once_and_the_rest_empty() {
    let mut bench = Bench::new();
    let (first, second) = (bench.poll(), bench.poll());
    bench.start(task(json!({})));
    assert!(first.try_recv().unwrap().is_some());
    assert!(second.try_recv().is_err());
    bench.wait(60.0);
    assert!(second.try_recv().unwrap().is_none());
}

#[test]
fn a_thousand_polls_are_the_most() {
    let mut bench = Bench::new();
    let polls: Vec<Poll> = (0..1_000).map(|_| bench.poll()).collect();
    let (activity, now) = (bench.activity.clone(), bench.now());
    assert_eq!(bench.service.poll(&activity, None, now).unwrap_err().code(), "ActivityWorkerLimitExceeded");
    bench.wait(60.0);
    assert!(polls.iter().all(|p| matches!(p.try_recv(), Ok(None))));
    bench.poll();
}

#[test]
fn the_first_report_counts_and_no_other() {
    let mut bench = Bench::new();
    let execution = bench.start(task(json!({})));
    let token = bench.token().unwrap();
    assert_eq!(
        bench.service.task_succeeded(&token, "{nope", bench.now()).unwrap_err().code(),
        "InvalidOutput"
    );
    let long = format!("\"{}\"", "x".repeat(262_143));
    assert_eq!(
        bench.service.task_succeeded(&token, &long, bench.now()).unwrap_err().code(),
        "ValidationException"
    );
    bench.succeed(&token).unwrap();
    assert_eq!(bench.succeed(&token).unwrap_err().code(), "TaskTimedOut");
    assert_eq!(
        bench.service.task_failed(&token, None, None, bench.now()).unwrap_err().code(),
        "TaskTimedOut"
    );
    assert_eq!(bench.succeed("never").unwrap_err().code(), "InvalidToken");
    assert_eq!(bench.output(&execution), json!({ "out": 2 }));
}

#[test]
fn states_pass_their_data_on() {
    let mut bench = Bench::new();
    let execution = bench.start(json!({
        "Work": { "Type": "Pass", "Result": { "a": [1, 2] }, "ResultPath": "$.made", "Next": "Nap" },
        "Nap": { "Type": "Wait", "Seconds": 30, "Next": "Do" },
        "Do": {
            "Type": "Task",
            "InputPath": "$.made",
            "Parameters": { "second.$": "$.a[1]", "fixed": true },
            "ResultPath": "$.done",
            "OutputPath": "$.done",
            "Next": "Good",
        },
        "Good": { "Type": "Succeed" },
    }));
    bench.wait(29.0);
    assert_eq!(bench.events(&execution).last(), Some(&"WaitStateEntered"));
    bench.wait(1.0);
    let handout = bench.poll().try_recv().unwrap().unwrap();
    assert_eq!(handout.input, r#"{"fixed":true,"second":2}"#);
    bench.succeed(&handout.token).unwrap();
    assert_eq!(bench.output(&execution), json!({ "out": 2 }));
    let events = bench.events(&execution);
    for state in ["Pass", "Wait", "Task", "Succeed"] {
        assert!(events.contains(&format!("{state}StateEntered").as_str()), "{events:?}");
        assert!(events.contains(&format!("{state}StateExited").as_str()), "{events:?}");
    }
}

#[test]
fn a_fail_state_and_a_path_to_nothing_fail_the_execution() {
    let mut bench = Bench::new();
    let execution = bench.start(json!({ "Work": { "Type": "Fail", "Error": "E", "Cause": "c" } }));
    let shown = bench.shown(&execution);
    assert_eq!(
        (shown.status, shown.error.as_deref(), shown.cause.as_deref()),
        (Status::Failed, Some("E"), Some("c"))
    );
    let execution = bench.start(task(json!({ "InputPath": "$.nothing" })));
    assert_eq!(bench.shown(&execution).error.as_deref(), Some("States.Runtime"));
}

#[test]
fn an_endless_loop_of_pass_states_ends_with_its_history() {
    let mut bench = Bench::new();
    let rule = json!({ "Variable": "$.none", "IsPresent": true, "Next": "End" });
    let execution = bench.start(json!({
        "Work": { "Type": "Choice", "Choices": [rule], "Default": "Again" },
        "Again": { "Type": "Pass", "Next": "Work" },
        "End": { "Type": "Succeed" },
    }));
    assert_eq!(bench.shown(&execution).status, Status::Failed);
    assert!((24_990..=25_000).contains(&bench.events(&execution).len()));
}

#[test]
fn a_task_of_a_deleted_activity_fails_the_execution_or_can_only_time_out() {
    let mut bench = Bench::new();
    let activity = bench.activity.clone();
    let running = bench.start(task(json!({ "TimeoutSeconds": 30 })));
    let token = bench.token().unwrap();
    let poll = bench.poll();
    bench.service.delete_activity(&activity).unwrap();
    bench.service.delete_activity(&activity).unwrap();
    assert!(poll.try_recv().unwrap().is_none());
    assert_eq!(bench.succeed(&token).unwrap_err().code(), "TaskDoesNotExist");
    let late = bench.start(task(json!({})));
    let cause = bench.shown(&late).cause.clone().unwrap();
    let place = "An error occurred while executing the state 'Work' (entered at the event id #2).";
    assert_eq!(cause, format!("{place} The activity {activity} does not exist."));
    bench.wait(30.0);
    assert_eq!(bench.shown(&running).error.as_deref(), Some("States.Timeout"));
}

#[test]
fn a_stopped_execution_takes_its_task_along() {
    let mut bench = Bench::new();
    let execution = bench.start(task(json!({})));
    let token = bench.token().unwrap();
    let now = bench.now();
    bench.service.stop_execution(&execution, Some("E".to_owned()), None, now).unwrap();
    assert_eq!(bench.shown(&execution).status, Status::Aborted);
    assert_eq!(bench.succeed(&token).unwrap_err().code(), "TaskTimedOut");
    bench.start(task(json!({})));
    assert!(bench.token().is_some());
}

#[test]
fn a_state_machine_may_time_out_as_a_whole() {
    let mut bench = Bench::new();
    let wait = json!({ "Type": "Wait", "Seconds": 100, "End": true });
    let definition = json!({ "StartAt": "W", "TimeoutSeconds": 10, "States": { "W": wait } }).to_string();
    let now = bench.now();
    let machine =
        bench.service.create_state_machine("t", &definition, "arn:r", Workflow::Standard, now).unwrap().0;
    let execution = bench.service.start_execution(&machine, Some("x"), "{}", now).unwrap().arn.clone();
    bench.wait(10.0);
    assert_eq!(bench.shown(&execution).status, Status::TimedOut);
    bench.wait(100.0);
    assert_eq!(bench.events(&execution).last(), Some(&"ExecutionTimedOut"));
}

#[test]
fn a_result_selector_shapes_the_result_of_a_task_before_result_path() {
    let mut bench = Bench::new();
    let selector = json!({ "got.$": "$.out", "by.$": "$$.State.Name" });
    let fields = json!({ "ResultSelector": selector, "ResultPath": "$.made" });
    let execution = bench.start(task(fields));
    let token = bench.token().unwrap();
    bench.succeed(&token).unwrap();
    assert_eq!(bench.output(&execution), json!({ "in": 1, "made": { "got": 2, "by": "Work" } }));

    let execution = bench.start(task(json!({ "ResultSelector": { "got.$": "$.none" } })));
    let token = bench.token().unwrap();
    bench.succeed(&token).unwrap();
    let shown = bench.shown(&execution);
    assert_eq!((shown.status, shown.error.as_deref()), (Status::Failed, Some("States.Runtime")));
    let cause =
        "The JSONPath '$.none' specified for the field 'got.$' could not be found in the input '{\"out\":2}'";
    assert!(shown.cause.as_deref().unwrap().ends_with(cause), "{:?}", shown.cause);
}

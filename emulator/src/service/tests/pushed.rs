//! Tasks whose token is pushed: `.waitForTaskToken`.

use super::*;

const SQS: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

fn pushing(more: Value) -> Value {
    let parameters = json!({ "MessageBody": { "token.$": "$$.Task.Token", "order.$": "$.in", "from.$": "$$.State.Name" } });
    let mut state = json!({ "Type": "Task", "Resource": SQS, "Parameters": parameters, "End": true });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "Work": state })
}

#[test]
fn a_token_that_is_pushed_is_settled_like_a_polled_one() {
    let mut bench = Bench::new();
    let execution = bench.start(pushing(json!({})));
    let push = bench.service.push(0).unwrap().clone();
    assert_eq!((push.execution_arn.as_str(), push.resource.as_str()), (execution.as_str(), SQS));
    let body: Value = serde_json::from_str(&push.payload).unwrap();
    assert_eq!(body["MessageBody"], json!({ "token": push.token, "order": 1, "from": "Work" }));
    assert!(!format!("{push:?}").contains(&push.token));
    bench.succeed(&push.token).unwrap();
    assert_eq!(bench.service.execution(&execution).unwrap().output.as_deref(), Some(r#"{"out":2}"#));
    assert_eq!(bench.succeed(&push.token).unwrap_err().code(), "TaskTimedOut", "only the first one counts");
    let types: Vec<_> = bench.service.history(&execution).unwrap().iter().map(|e| e.event_type).collect();
    let task = ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"];
    assert_eq!(types[2..6], task);
    let details = &bench.service.history(&execution).unwrap()[2].details;
    let expected = json!({
        "resourceType": "sqs", "resource": "sendMessage.waitForTaskToken", "region": "eu-west-1",
        "parameters": push.payload,
    });
    assert_eq!(details, &expected);
}

#[test]
fn a_pushed_task_times_out_beats_and_is_pushed_anew_by_a_retry() {
    let mut bench = Bench::new();
    let retry = json!([{ "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0 }]);
    let execution = bench.start(pushing(json!({ "HeartbeatSeconds": 10, "Retry": retry })));
    let first = bench.service.push(0).unwrap().token.clone();
    bench.wait(9.0);
    let now = bench.now();
    bench.service.heartbeat(&first, now).unwrap();
    bench.wait(9.0);
    assert!(bench.service.push(1).is_none(), "the heartbeat held it");
    bench.wait(2.0);
    bench.wait(2.0);
    let second = bench.service.push(1).unwrap().token.clone();
    assert_ne!(first, second);
    assert_eq!(bench.succeed(&first).unwrap_err().code(), "TaskTimedOut");
    bench.succeed(&second).unwrap();
    assert_eq!(bench.service.execution(&execution).unwrap().status, Status::Succeeded);
    assert_eq!(bench.service.pushes().count(), 2);
}

#[test]
fn timeout_seconds_of_a_pushed_task_count_from_the_push_and_catch_receives_its_end() {
    let mut bench = Bench::new();
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.why", "Next": "Sorry" }]);
    let fields = json!({ "TimeoutSeconds": 20, "HeartbeatSeconds": 15, "Catch": catch });
    let start = |bench: &mut Bench| {
        let mut states = pushing(fields.clone());
        states["Sorry"] = json!({ "Type": "Pass", "End": true });
        bench.start(states)
    };
    let late = start(&mut bench);
    let token = bench.service.push(0).unwrap().token.clone();
    bench.wait(14.0);
    bench.beat(&token).unwrap();
    bench.wait(5.9);
    assert_eq!(bench.shown(&late).status, Status::Running);
    bench.wait(0.2);
    assert_eq!(bench.output(&late), json!({ "in": 1, "why": { "Error": "States.Timeout", "Cause": "" } }));
    assert_eq!(bench.events(&late)[4..6], ["TaskSubmitted", "TaskTimedOut"]);
    assert_eq!(bench.beat(&token).unwrap_err().code(), "TaskTimedOut");

    let refused = start(&mut bench);
    let token = bench.service.push(1).unwrap().token.clone();
    let now = bench.now();
    bench.service.task_failed(&token, Some("No".to_owned()), Some("busy".to_owned()), now).unwrap();
    assert_eq!(bench.output(&refused)["why"], json!({ "Error": "No", "Cause": "busy" }));
    assert_eq!(bench.events(&refused)[5], "TaskFailed");
    let details = &bench.service.history(&refused).unwrap()[5].details;
    assert_eq!((&details["resourceType"], &details["error"]), (&json!("sqs"), &json!("No")));
}

#[test]
fn a_pushed_token_of_a_stopped_execution_is_over() {
    let mut bench = Bench::new();
    let execution = bench.start(pushing(json!({ "HeartbeatSeconds": 5 })));
    let token = bench.service.push(0).unwrap().token.clone();
    let now = bench.now();
    bench.service.stop_execution(&execution, None, None, now).unwrap();
    assert_eq!(bench.beat(&token).unwrap_err().code(), "TaskTimedOut");
    assert_eq!(bench.succeed(&token).unwrap_err().code(), "TaskTimedOut");
    bench.wait(10.0);
    assert_eq!(bench.shown(&execution).status, Status::Aborted);
}

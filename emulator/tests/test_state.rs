//! `TestState` over a socket: what a state makes of its data, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use activity_emulator::{Emulator, Options};
use serde_json::{Value, json};

use self::common::Client;

/// What `TestState` answers: its body, or its error's code and words.
fn tried(mut body: Value) -> Result<Value, (String, String)> {
    let emulator = Emulator::start(Options::default()).unwrap();
    let definition = body["definition"].to_string();
    body["definition"] = json!(definition);
    let answer = Client::connect(&emulator).call("TestState", &body).unwrap();
    let json = answer.json();
    if answer.status == 200 {
        Ok(json)
    } else {
        Err((answer.code(), json["message"].as_str().unwrap().to_owned()))
    }
}

fn lambda(more: Value) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "After" });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

#[test]
fn a_state_tells_what_its_data_was_like_on_its_way() {
    let state = lambda(json!({
        "InputPath": "$.a", "Parameters": { "p.$": "$.b" }, "ResultSelector": { "r.$": "$.x" }, "ResultPath": "$.got"
    }));
    let mock = json!({ "result": r#"{"x":5}"# });
    let body =
        json!({ "definition": state, "input": r#"{"a":{"b":1}}"#, "inspectionLevel": "TRACE", "mock": mock });
    let answer = tried(body).unwrap();
    let data = json!({
        "input": r#"{"a":{"b":1}}"#,
        "afterInputPath": r#"{"b":1}"#,
        "afterParameters": r#"{"p":1}"#,
        "result": r#"{"x":5}"#,
        "afterResultSelector": r#"{"r":5}"#,
        "afterResultPath": r#"{"a":{"b":1},"got":{"r":5}}"#,
    });
    let expected = json!({
        "status": "SUCCEEDED", "output": r#"{"a":{"b":1},"got":{"r":5}}"#, "nextState": "After", "inspectionData": data
    });
    assert_eq!(answer, expected);
}

#[test]
fn an_error_is_retried_caught_or_the_end() {
    let errors = json!({
        "Retry": [{ "ErrorEquals": ["Slow"], "IntervalSeconds": 2, "MaxAttempts": 3 }],
        "Catch": [{ "ErrorEquals": ["Other"], "Next": "No" }, { "ErrorEquals": ["States.ALL"], "Next": "Sorry", "ResultPath": "$.e" }],
    });
    let with = |error: &str, retries: u64| {
        tried(json!({
            "definition": lambda(errors.clone()), "input": "{}", "inspectionLevel": "DEBUG",
            "mock": { "errorOutput": { "error": error, "cause": "c" } },
            "stateConfiguration": { "retrierRetryCount": retries },
        }))
        .unwrap()
    };
    let retried = with("Slow", 2);
    assert_eq!(
        (&retried["status"], &retried["error"], &retried["cause"]),
        (&json!("RETRIABLE"), &json!("Slow"), &json!("c"))
    );
    assert_eq!(
        retried["inspectionData"]["errorDetails"],
        json!({ "retryIndex": 0, "retryBackoffIntervalSeconds": 8 })
    );
    let caught = with("Slow", 3);
    assert_eq!((&caught["status"], &caught["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Sorry")));
    assert_eq!(caught["output"], r#"{"e":{"Error":"Slow","Cause":"c"}}"#);
    assert_eq!(caught["inspectionData"]["errorDetails"]["catchIndex"], 1);
    let state = json!({ "Type": "Fail", "Error": "E", "Cause": "c" });
    let failed = tried(json!({ "definition": state })).unwrap();
    assert_eq!(failed, json!({ "status": "FAILED", "error": "E", "cause": "c" }));
}

#[test]
fn a_state_of_a_machine_is_tried_by_its_name_with_variables_and_a_context() {
    let inner = json!({ "Type": "Pass", "Output": "{% $v & $states.context.Execution.Name %}", "QueryLanguage": "JSONata", "End": true });
    let map = json!({ "Type": "Map", "ItemProcessor": { "StartAt": "Inner", "States": { "Inner": inner } }, "End": true });
    let answer = tried(json!({
        "definition": { "StartAt": "M", "States": { "M": map } },
        "stateName": "Inner", "variables": r#"{"v":"x-"}"#, "context": r#"{"Execution":{"Name":"run"}}"#,
    }));
    assert_eq!(answer.unwrap(), json!({ "status": "SUCCEEDED", "output": "\"x-run\"" }));
}

#[test]
fn a_map_fails_when_more_items_have_failed_than_it_tolerates() {
    let processor = json!({
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "I", "States": { "I": { "Type": "Pass", "End": true } }
    });
    let map = json!({ "Type": "Map", "ItemProcessor": processor, "ToleratedFailureCount": 1, "End": true });
    let with = |failed: u64| {
        let body = json!({
            "definition": map, "input": "[1,2,3]", "mock": { "result": "[1,2,3]" },
            "stateConfiguration": { "mapIterationFailureCount": failed },
        });
        tried(body)
    };
    assert_eq!(with(1).unwrap()["status"], "SUCCEEDED");
    assert_eq!(with(2).unwrap()["error"], "States.ExceedToleratedFailureThreshold");
    assert!(with(4).unwrap_err().1.contains("less than or equal to the number of Map iterations"));
}

#[test]
fn what_the_service_refuses_is_refused_in_its_words() {
    let succeed = json!({ "Type": "Succeed" });
    let parallel = |branches: usize| {
        let branch = |n: usize| json!({ "StartAt": format!("B{n}"), "States": { format!("B{n}"): { "Type": "Succeed" } } });
        json!({ "Type": "Parallel", "Branches": (0..branches).map(branch).collect::<Vec<_>>(), "End": true })
    };
    let mock = |result: &str| json!({ "result": result });
    for (body, code, words) in [
        (
            json!({ "definition": succeed, "mock": mock("{}") }),
            "ValidationException",
            "State type 'Succeed' is not supported when a mock is specified",
        ),
        (
            json!({ "definition": lambda(json!({})) }),
            "ValidationException",
            "RoleArn must be specified when testing a Task state",
        ),
        (
            json!({ "definition": lambda(json!({})), "roleArn": "arn:r" }),
            "ValidationException",
            "give a mock for 'arn:aws:states:::lambda:invoke'",
        ),
        (
            json!({ "definition": parallel(1) }),
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states.",
        ),
        (
            json!({ "definition": parallel(2), "mock": mock("[1]") }),
            "ValidationException",
            "Mocked result must contain the same number of items",
        ),
        (
            json!({ "definition": parallel(0), "mock": mock("[]") }),
            "InvalidDefinition",
            "Value cannot be empty at /States/StateName/Branches",
        ),
        (
            json!({ "definition": succeed, "stateConfiguration": { "mapIterationFailureCount": 0 } }),
            "ValidationException",
            "does not support MapIterationFailureCount when a mock is not specified",
        ),
        (json!({ "definition": { "Type": "None" } }), "InvalidDefinition", "should have one of these values"),
        (json!({ "definition": succeed, "input": "{" }), "ValidationException", "'input' is no JSON"),
    ] {
        let (found, message) = tried(body.clone()).unwrap_err();
        assert_eq!(found, code, "{body}");
        assert!(message.contains(words), "{message}");
    }
}

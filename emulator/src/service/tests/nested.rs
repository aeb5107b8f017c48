//! Executions that tasks start.

use super::*;

const START: &str = "arn:aws:states:::states:startExecution";

impl Bench {
    /// A state machine of one state.
    fn machine(&mut self, name: &str, state: Value, workflow: Workflow) -> String {
        let definition = json!({ "StartAt": "Inner", "States": { "Inner": state } }).to_string();
        let now = self.now();
        self.service.create_state_machine(name, &definition, "arn:r", workflow, now).unwrap().0
    }

    fn starting(&mut self, form: &str, machine: &str, more: Value) -> String {
        let parameters = json!({ "StateMachineArn": machine, "Input.$": "$", "Name": "inner" });
        let mut state = json!({ "Type": "Task", "Resource": format!("{START}{form}"), "Parameters": parameters, "End": true });
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let execution = self.start(json!({ "Work": state }));
        self.wait(0.01);
        execution
    }

    fn inner(&self, machine: &str) -> &Execution {
        self.service.executions(Some(machine)).next().unwrap()
    }
}

#[test]
fn a_task_starts_an_execution_and_does_not_wait() {
    let mut bench = Bench::new();
    let machine =
        bench.machine("inner", json!({ "Type": "Wait", "Seconds": 60, "End": true }), Workflow::Standard);
    let outer = bench.starting("", &machine, json!({}));
    let output = bench.output(&outer);
    assert_eq!(output["ExecutionArn"], json!(bench.inner(&machine).arn));
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert_eq!(bench.inner(&machine).status, Status::Running);
    let task = ["TaskScheduled", "TaskStarted", "TaskSucceeded"];
    assert_eq!(bench.events(&outer)[2..5], task);
}

#[test]
fn sync_waits_for_the_end_and_gives_the_output_as_text_or_as_json() {
    for (form, output) in [(".sync", json!("{\"in\":1}")), (".sync:2", json!({ "in": 1 }))] {
        let mut bench = Bench::new();
        let machine =
            bench.machine("inner", json!({ "Type": "Wait", "Seconds": 60, "End": true }), Workflow::Standard);
        let outer = bench.starting(form, &machine, json!({}));
        assert_eq!(bench.shown(&outer).status, Status::Running);
        bench.wait(60.0);
        bench.wait(0.01);
        let described = bench.output(&outer);
        assert_eq!(
            (&described["Status"], &described["Name"], &described["Output"]),
            (&json!("SUCCEEDED"), &json!("inner"), &output)
        );
        let task = ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"];
        assert_eq!(bench.events(&outer)[2..6], task);
    }
}

#[test]
fn the_failure_of_what_was_started_is_the_tasks() {
    let mut bench = Bench::new();
    let machine =
        bench.machine("inner", json!({ "Type": "Fail", "Error": "E", "Cause": "c" }), Workflow::Standard);
    let outer = bench.starting(".sync", &machine, json!({}));
    bench.wait(0.01);
    let shown = bench.shown(&outer);
    assert_eq!(shown.error.as_deref(), Some("States.TaskFailed"));
    let cause: Value = serde_json::from_str(shown.cause.as_deref().unwrap()).unwrap();
    assert_eq!(
        (&cause["Error"], &cause["Cause"], &cause["Status"]),
        (&json!("E"), &json!("c"), &json!("FAILED"))
    );
}

#[test]
fn what_cannot_be_started_fails_the_task_by_its_error() {
    let mut bench = Bench::new();
    let none = "arn:aws:states:eu-west-1:123456789012:stateMachine:none";
    let outer = bench.starting("", none, json!({}));
    let shown = bench.shown(&outer);
    assert_eq!(shown.error.as_deref(), Some("StepFunctions.StateMachineDoesNotExistException"));
    let cause = format!(
        "State Machine Does Not Exist: '{none}' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: "
    );
    assert!(shown.cause.as_deref().unwrap().starts_with(&cause), "{:?}", shown.cause);
    let express = bench.machine("quick", json!({ "Type": "Succeed" }), Workflow::Express);
    let outer = bench.starting(".sync", &express, json!({}));
    assert_eq!(
        bench.shown(&outer).error.as_deref(),
        Some("StepFunctions.StateMachineTypeNotSupportedException")
    );
}

#[test]
fn what_a_task_waits_for_is_stopped_with_it() {
    let mut bench = Bench::new();
    let machine =
        bench.machine("inner", json!({ "Type": "Wait", "Seconds": 60, "End": true }), Workflow::Standard);
    let outer = bench.starting(".sync:2", &machine, json!({}));
    let now = bench.now();
    bench.service.stop_execution(&outer, None, None, now).unwrap();
    assert_eq!(bench.inner(&machine).status, Status::Aborted);
}

#[test]
fn a_token_goes_to_what_is_started_and_ends_the_task() {
    let mut bench = Bench::new();
    let machine = bench.machine("inner", json!({ "Type": "Succeed" }), Workflow::Standard);
    let parameters = json!({ "StateMachineArn": machine, "Input": { "token.$": "$$.Task.Token" } });
    let outer = bench.starting(".waitForTaskToken", "", json!({ "Parameters": parameters }));
    let input: Value = serde_json::from_str(&bench.inner(&machine).input).unwrap();
    assert_eq!(bench.shown(&outer).status, Status::Running);
    bench.succeed(input["token"].as_str().unwrap()).unwrap();
    assert_eq!(bench.output(&outer), json!({ "out": 2 }));
}

#[test]
fn executions_that_start_each_other_without_end_come_to_a_bound() {
    let mut bench = Bench::new();
    let own = "arn:aws:states:eu-west-1:123456789012:stateMachine:again";
    let parameters = json!({ "StateMachineArn": own });
    let state =
        json!({ "Type": "Task", "Resource": format!("{START}.sync"), "Parameters": parameters, "End": true });
    let machine = bench.machine("again", state, Workflow::Standard);
    let now = bench.now();
    bench.service.start_execution(&machine, None, "{}", now).unwrap();
    for _ in 0..100 {
        bench.wait(0.002);
    }
    // One begins each millisecond, and no more at once.
    assert!((50..=101).contains(&bench.service.executions(None).count()));
}

#[test]
fn an_express_execution_ends_at_once_and_has_an_arn_of_its_own() {
    let mut bench = Bench::new();
    let machine =
        bench.machine("quick", json!({ "Type": "Pass", "Result": 7, "End": true }), Workflow::Express);
    let now = bench.now();
    let start = |bench: &mut Bench| {
        bench.service.start_execution(&machine, Some("e"), "{}", now).unwrap().arn.clone()
    };
    let (first, second) = (start(&mut bench), start(&mut bench));
    assert_ne!(first, second);
    assert!(first.starts_with("arn:aws:states:eu-west-1:123456789012:express:quick:e:"), "{first}");
    assert_eq!(bench.service.ended(&first).unwrap().output.as_deref(), Some("7"));
}

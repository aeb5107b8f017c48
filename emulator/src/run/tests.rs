//! The interpreter's bounds, and the order of its events.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::asl::Definition;

fn definition(text: &str) -> Arc<Definition> {
    Arc::new(Definition::parse(text).unwrap())
}

fn silent(_: &TaskCall) -> Answer {
    Answer::Silence
}

/// A loop of these states, which `Stop` would end.
fn endless(state: &str) -> String {
    format!(
        r#"{{"StartAt":"Look","States":{{
            "Look":{{"Type":"Choice","Choices":[{{"Variable":"$.stop","IsPresent":true,"Next":"Stop"}}],"Default":"Do"}},
            "Do":{state},"Stop":{{"Type":"Succeed"}}}}}}"#
    )
}

#[test]
fn an_endless_loop_ends_with_its_history() {
    let finished = run(&definition(&endless(r#"{"Type":"Pass","Next":"Look"}"#)), "{}", silent).unwrap();
    assert_eq!(finished.execution.status, Status::Failed);
    assert_eq!(finished.execution.error.as_deref(), Some("States.Runtime"));
    assert!((24_990..=25_000).contains(&finished.history.len()), "{}", finished.history.len());
}

#[test]
fn data_that_is_wrapped_again_and_again_ends_at_a_depth() {
    let wrap = r#"{"Type":"Pass","Parameters":{"in.$":"$"},"Next":"Look"}"#;
    let finished = run(&definition(&endless(wrap)), "{}", silent).unwrap();
    let cause = finished.execution.cause.unwrap();
    assert!(cause.ends_with("The data is nested more than 300 levels deep."), "{cause}");
}

#[test]
fn an_endless_loop_in_a_distributed_map_ends_too() {
    let inner = endless(r#"{"Type":"Pass","Next":"Look"}"#);
    let inner = inner.trim_start().strip_prefix('{').unwrap();
    let text = format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true,"ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},{inner}}}}}}}"#
    );
    let finished = run(&definition(&text), "[{},{}]", silent).unwrap();
    assert_eq!(finished.execution.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    assert!(finished.history.len() < 10);
}

#[test]
fn many_items_fail_the_execution_and_not_the_machine() {
    let text = r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,
        "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}}}"#;
    let input = format!("[{}0]", "0,".repeat(60_000));
    let finished = run(&definition(text), &input, silent).unwrap();
    assert_eq!(finished.execution.error.as_deref(), Some("States.Runtime"));
    assert!(finished.history.len() <= 25_000);
}

#[test]
fn each_event_names_the_one_that_it_follows() {
    let text = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"End":true,
        "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}}}"#;
    let finished = run(&definition(text), "[1,2]", silent).unwrap();
    let followed: Vec<_> = finished.history.iter().map(|event| (event.id, event.previous_event_id)).collect();
    // The next item follows the last state of the one before it, not the end of its iteration.
    let expected = [
        (1, 0),
        (2, 0),
        (3, 2),
        (4, 3),
        (5, 4),
        (6, 5),
        (7, 6),
        (8, 6),
        (9, 8),
        (10, 9),
        (11, 10),
        (12, 11),
        (13, 11),
        (14, 13),
    ];
    assert_eq!(followed, expected);
}

#[test]
fn time_passes_at_once_and_in_the_right_order() {
    let text = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"Long","States":{"Long":{"Type":"Wait","Seconds":259200,"End":true}}},
        {"StartAt":"Short","States":{"Short":{"Type":"Wait","Seconds":60,"End":true}}}]}}}"#;
    let finished = run(&definition(text), "{}", silent).unwrap();
    let exits = finished.history.iter().filter(|event| event.event_type == "WaitStateExited");
    let names: Vec<_> = exits.map(|event| event.details["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["Short", "Long"]);
    let execution = finished.execution;
    let took = execution.stop_date.unwrap().duration_since(execution.start_date).unwrap();
    assert_eq!(took, Duration::from_secs(259_200));
}

#[test]
fn the_same_answers_give_the_same_execution() {
    let text = r#"{"StartAt":"W","States":{"W":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:eu-west-1:123456789012:activity:a",
        "Parameters":{"id.$":"States.UUID()","n.$":"States.MathRandom(0, 1000000)"},
        "Retry":[{"ErrorEquals":["States.ALL"],"JitterStrategy":"FULL"}]}}}"#;
    let definition = definition(text);
    let inputs = || {
        let mut inputs = Vec::new();
        let finished = run(&definition, "{}", |call| {
            inputs.push(call.input.clone());
            Answer::Failure { error: "E".to_owned(), cause: String::new() }
        });
        let dates: Vec<_> = finished.unwrap().history.iter().map(|event| event.timestamp).collect();
        (inputs, dates)
    };
    let first = inputs();
    assert_eq!(first.0.len(), 4);
    assert_ne!(first.0[0], first.0[1]);
    assert_eq!(first, inputs());
}

#[test]
fn a_task_that_no_one_answers_leaves_the_execution_running() {
    let text = r#"{"StartAt":"W","States":{"W":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:eu-west-1:123456789012:activity:a"}}}"#;
    let finished = run(&definition(text), "{}", silent).unwrap();
    assert_eq!(finished.execution.status, Status::Running);
    assert!(run(&definition(text), "{", silent).is_err());
}

#[test]
fn no_data_in_debug() {
    let call = TaskCall {
        resource: "r".to_owned(),
        input: "sEcReT".to_owned(),
        token: "sEcReT".to_owned(),
        number: 1,
    };
    let answers = [Answer::Output("sEcReT".to_owned()), Answer::Silence];
    assert!(!format!("{call:?} {answers:?}").contains("sEcReT"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_states_and_input_come_to_an_end(
        kinds in proptest::collection::vec(0..6_usize, 1..5),
        path in "\\$[.a-c\\[\\]*0-2]{0,6}",
        input in "(\\{\"a\":[0-9]\\}|\\[\\]|\\[1,[0-9]\\]|null|\"x\"|\\{\"a\":\\[\\{\"b\":1\\}\\]\\})",
    ) {
        let last = kinds.len();
        let mut states: Vec<String> = kinds.iter().enumerate().map(|(i, kind)| {
            let next = format!("\"Next\":\"S{}\"", i + 1);
            let state = match kind {
                0 => format!(r#""Type":"Pass","InputPath":"{path}",{next}"#),
                1 => format!(r#""Type":"Pass","Parameters":{{"a.$":"{path}"}},"ResultPath":"$.r",{next}"#),
                2 => format!(r#""Type":"Wait","SecondsPath":"{path}",{next}"#),
                3 => format!(r#""Type":"Choice","Choices":[{{"Variable":"{path}","IsNumeric":true,{next}}}],"Default":"S0""#),
                4 => format!(r#""Type":"Map","ItemsPath":"{path}","Iterator":{{"StartAt":"I{i}","States":{{"I{i}":{{"Type":"Pass","End":true}}}}}},{next}"#),
                _ => format!(r#""Type":"Parallel","OutputPath":"{path}","Branches":[{{"StartAt":"I{i}","States":{{"I{i}":{{"Type":"Succeed"}}}}}}],{next}"#),
            };
            format!(r#""S{i}":{{{state}}}"#)
        }).collect();
        states.push(format!(r#""S{last}":{{"Type":"Succeed"}}"#));
        let text = format!(r#"{{"StartAt":"S0","States":{{{}}}}}"#, states.join(","));
        if let Ok(definition) = Definition::parse(&text) {
            let finished = run(&Arc::new(definition), &input, silent).unwrap();
            proptest::prop_assert!(finished.execution.status != Status::Running);
            let ids: Vec<u64> = finished.history.iter().map(|event| event.id).collect();
            proptest::prop_assert!(ids.iter().enumerate().all(|(i, id)| *id == i as u64 + 1));
            proptest::prop_assert!(finished.history.iter().all(|event| event.previous_event_id < event.id));
        }
    }
}

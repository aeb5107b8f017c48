//! The language, case by case: `language/*.jsonl`.
//!
//! The first line of each file names its topic and its source; every other one is a case:
//!
//! - what runs: `definition`; or one state `S`, as `state`, which may go to `T` (whose output is `"then"`) or `E` (`"else"`); or a
//!   `rule` of a Choice state between these two; or a `call` or `path` in the Parameters of a Pass state;
//! - with which `input` (`{}` if it is not there), and what workers answer: `answers`, each an `output`, an `error` with its `cause`,
//!   null for silence, or a text of so many `bytes`;
//! - what comes of it: `output`, or `error` and the end of its `cause`, or `refused` with a part of a problem's text; `events` if the
//!   types of all events are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use activity_emulator::Status;
use activity_emulator::asl::{self, Definition};
use activity_emulator::run::{Answer, run};
use serde_json::{Value, json};

struct Case {
    place: String,
    value: Value,
    /// Its text: `serde_json` does not keep the order of fields, in which some paths find them.
    input: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{name}:{}: {e}", number + 1));
            if number == 0 {
                assert!(value["source"].is_string(), "{name} begins with its source");
                continue;
            }
            let ordered = asl::Value::parse(line).unwrap();
            let input = ordered.get("input").map_or_else(|| "{}".to_owned(), ToString::to_string);
            cases.push(Case { place: format!("{name}:{}", number + 1), value, input });
        }
    }
    cases
}

/// The definition of a case.
fn definition(case: &Value) -> String {
    if case["definition"].is_object() {
        return case["definition"].to_string();
    }
    let dynamic = ["call", "path"].into_iter().find_map(|key| case[key].as_str());
    let state = if let Some(dynamic) = dynamic {
        json!({ "Type": "Pass", "Parameters": { "v.$": dynamic }, "OutputPath": "$.v", "End": true })
    } else if case["rule"].is_object() {
        let mut rule = case["rule"].clone();
        rule["Next"] = json!("T");
        json!({ "Type": "Choice", "Choices": [rule], "Default": "E" })
    } else {
        case["state"].clone()
    };
    let mut states = json!({ "S": state });
    for (name, word) in [("T", "then"), ("E", "else")] {
        let text = state.to_string();
        if ["Next", "Default"].iter().any(|field| text.contains(&format!("\"{field}\":\"{name}\""))) {
            states[name] = json!({ "Type": "Pass", "Result": word, "End": true });
        }
    }
    json!({ "StartAt": "S", "States": states }).to_string()
}

fn answer(answers: &Value, number: usize) -> Answer {
    let answer = &answers[number];
    if let Some(error) = answer["error"].as_str() {
        let cause = answer["cause"].as_str().unwrap_or_default().to_owned();
        return Answer::Failure { error: error.to_owned(), cause };
    }
    if let Some(bytes) = answer["bytes"].as_u64() {
        return Answer::Output(json!("y".repeat(bytes as usize)).to_string());
    }
    answer.get("output").map_or(Answer::Silence, |output| Answer::Output(output.to_string()))
}

/// What is wrong, if the case does not come out as it says.
fn wrong(Case { value: case, input, .. }: &Case) -> Option<String> {
    let parsed = Definition::parse(&definition(case));
    if let Some(expected) = case["refused"].as_str() {
        return match parsed {
            Ok(_) => Some("it was taken".to_owned()),
            Err(problems) => {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                (!told.iter().any(|problem| problem.contains(expected))).then(|| format!("{told:?}"))
            }
        };
    }
    let definition = match parsed {
        Ok(definition) => Arc::new(definition),
        Err(problems) => return Some(format!("refused: {problems:?}")),
    };
    let mut asked = 0;
    let finished = run(&definition, input, |_| {
        asked += 1;
        answer(&case["answers"], asked - 1)
    });
    let finished = finished.unwrap();
    let execution = finished.execution;
    let types: Vec<_> = finished.history.iter().map(|event| event.event_type).collect();
    if case["events"].is_string() && case["events"] != json!(types.join(" ")) {
        return Some(types.join(" "));
    }
    if let Some(error) = case.get("error") {
        let is_right = execution.status != Status::Succeeded
            && execution.error.as_deref() == error.as_str()
            && execution.cause.as_deref().unwrap_or("").ends_with(case["cause"].as_str().unwrap_or(""));
        return (!is_right)
            .then(|| format!("{:?} {:?} {:?}", execution.output, execution.error, execution.cause));
    }
    let output = execution.output.as_deref().map(|text| serde_json::from_str::<Value>(text).unwrap());
    let is_right = output.as_ref() == Some(&case["output"]);
    (!is_right).then(|| format!("{:?} {:?} {:?}", execution.output, execution.error, execution.cause))
}

#[test]
fn every_case_comes_out_as_it_says() {
    let cases = cases();
    let wrong: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.place, wrong(case)?))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 400, "there are {} cases", cases.len());
}

#[test]
fn three_cases_at_least_for_each_operator_function_and_error() {
    let texts: Vec<String> = cases().iter().map(|case| case.value.to_string()).collect();
    let kinds = ["String", "Numeric", "Timestamp"];
    let orders = ["Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"];
    let mut names: Vec<String> = Vec::new();
    for path in ["", "Path"] {
        names.push(format!("\"BooleanEquals{path}\""));
        for kind in kinds {
            names.extend(orders.map(|order| format!("\"{kind}{order}{path}\"")));
        }
    }
    for name in [
        "IsNull",
        "IsPresent",
        "IsNumeric",
        "IsString",
        "IsBoolean",
        "IsTimestamp",
        "StringMatches",
        "And",
        "Or",
        "Not",
        "Result",
        "InputPath",
        "OutputPath",
        "ResultPath",
        "Parameters",
        "ResultSelector",
        "Assign",
        "Retry",
        "Catch",
        "Seconds",
        "SecondsPath",
        "Timestamp",
        "TimestampPath",
        "ItemsPath",
        "ItemSelector",
        "MaxConcurrency",
        "MaxConcurrencyPath",
        "ToleratedFailureCount",
        "ToleratedFailurePercentage",
        "Branches",
        "ItemProcessor",
        "Iterator",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Error",
        "ErrorPath",
        "Cause",
        "CausePath",
        "MaxAttempts",
        "IntervalSeconds",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Default",
    ] {
        names.push(format!("\"{name}\":"));
    }
    for name in [
        "Format",
        "StringToJson",
        "JsonToString",
        "Array",
        "ArrayPartition",
        "ArrayContains",
        "ArrayRange",
        "ArrayGetItem",
        "ArrayLength",
        "ArrayUnique",
        "Base64Encode",
        "Base64Decode",
        "Hash",
        "JsonMerge",
        "MathRandom",
        "MathAdd",
        "StringSplit",
        "UUID",
    ] {
        names.push(format!("States.{name}("));
    }
    for name in [
        "ALL",
        "TaskFailed",
        "Timeout",
        "HeartbeatTimeout",
        "Runtime",
        "DataLimitExceeded",
        "IntrinsicFailure",
        "NoChoiceMatched",
        "ResultPathMatchFailure",
        "ExceedToleratedFailureThreshold",
    ] {
        names.push(format!("\"States.{name}\""));
    }
    let few: Vec<_> = names
        .into_iter()
        .map(|name| (texts.iter().filter(|text| text.contains(&name)).count(), name))
        .filter(|(count, _)| *count < 3)
        .collect();
    assert!(few.is_empty(), "{few:?}");
}

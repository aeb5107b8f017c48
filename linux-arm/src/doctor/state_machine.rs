//! `--state-machine FILE`: would a lost answer, a dead device or a restart cost a task?
//!
//! Looks at each Task state that names one of the activities, within Map and Parallel states too. Source: Amazon States Language.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::examined::One;
use super::report::{Report, Step, Verdict};

/// Deeper than any definition that the service takes.
const DEPTH: usize = 32;
/// The longest time that the service takes.
const SECONDS_MAX: u64 = 99_999_999;

pub(super) fn look(file: &Path, activities: &[One], report: &mut Report) {
    let name = file.display();
    let mut say = |verdict, what: String, advice: &str| {
        report.say(Step::StateMachine, verdict, &what, advice);
    };
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(e) => return say(Verdict::Problem, format!("can't read {name}: {e}"), ""),
    };
    let definition: Value = match serde_json::from_slice(&text) {
        Ok(answer) => definition_of(answer),
        Err(e) => {
            let advice = "aws stepfunctions describe-state-machine --query definition --output text gives it";
            return say(Verdict::Problem, format!("{name}:{}: it is not JSON: {e}", e.line()), advice);
        }
    };
    let mut tasks = Vec::new();
    collect(&definition, DEPTH, &mut tasks);
    let mut met = false;
    for (state, task) in tasks {
        let resource = task["Resource"].as_str().unwrap_or_default();
        let Some(activity) = activities.iter().find(|one| one.arn.as_str() == resource) else { continue };
        met = true;
        let flaws = flaws(task, activity);
        if flaws.is_empty() {
            say(Verdict::Ok, format!("{state}: no task is lost for good"), "");
        }
        for (what, add) in flaws {
            say(Verdict::Warning, format!("{state}: {what}"), &add);
        }
    }
    if !met {
        let what = format!("{name}: no Task state has one of the activities as its Resource");
        say(Verdict::Warning, what, "is it the right definition, with its placeholders filled in?");
    }
}

/// The definition, also where it stands as a text in the whole answer of `describe-state-machine`.
fn definition_of(answer: Value) -> Value {
    let within = answer["definition"].as_str().and_then(|text| serde_json::from_str(text).ok());
    within.unwrap_or(answer)
}

/// All Task states, by name, in the order of their names.
fn collect<'a>(machine: &'a Value, depth: usize, tasks: &mut Vec<(&'a str, &'a Value)>) {
    let Some(states) = machine["States"].as_object().filter(|_| depth > 0) else { return };
    for (name, state) in states {
        if state["Type"] == "Task" {
            tasks.push((name, state));
        }
        let branches = state["Branches"].as_array().into_iter().flatten();
        let within = branches.chain([&state["ItemProcessor"], &state["Iterator"]]);
        within.for_each(|machine| collect(machine, depth - 1, tasks));
    }
}

/// What may cost a task, and the JSON to add.
fn flaws(task: &Value, activity: &One) -> Vec<(String, String)> {
    let mut flaws = Vec::new();
    let interval = activity.heartbeat_interval.as_millis().div_ceil(1000) as u64;
    // At most a third of HeartbeatSeconds is what docs/device.md asks for.
    let good = interval * 3;
    let has = |key: &str| !task[key].is_null() || !task[format!("{key}Path")].is_null();
    if !has("HeartbeatSeconds") {
        let what =
            "no HeartbeatSeconds: the task of a device that dies waits for TimeoutSeconds, if not for ever";
        flaws.push((what.to_owned(), format!("add \"HeartbeatSeconds\": {good}{}", longer(task, good))));
    } else if let Some(seconds) = task["HeartbeatSeconds"].as_u64().filter(|seconds| *seconds < interval * 2)
    {
        let what = format!(
            "HeartbeatSeconds {seconds} is shorter than two heartbeats, one each {interval} s: one that is late costs the task"
        );
        let or = match seconds / 3 {
            0 => String::new(),
            third => format!("; or heartbeat_interval = \"{third}s\""),
        };
        let longer = longer(task, good);
        flaws.push((what, format!("set \"HeartbeatSeconds\": {good} or more{longer}{or}")));
    }
    for key in ["HeartbeatSeconds", "TimeoutSeconds"].into_iter().filter(|key| !is_time(&task[key])) {
        let what =
            format!("{key} is {}, and no whole number of seconds: the service refuses that", task[key]);
        flaws.push((what, format!("set \"{key}\" to a number from 1 to {SECONDS_MAX}")));
    }
    let (heartbeat, timeout) = (task["HeartbeatSeconds"].as_u64(), task["TimeoutSeconds"].as_u64());
    if let Some((heartbeat, timeout)) =
        heartbeat.zip(timeout).filter(|(heartbeat, timeout)| heartbeat >= timeout)
    {
        let what = format!(
            "HeartbeatSeconds {heartbeat} is not smaller than TimeoutSeconds {timeout}: the service refuses that"
        );
        flaws.push((what, format!("set \"TimeoutSeconds\" to more than {heartbeat}")));
    }
    if !has("TimeoutSeconds") {
        let what = "no TimeoutSeconds: a handler that hangs, or a queue without a device, has no end";
        flaws.push((what.to_owned(), "add \"TimeoutSeconds\": 86400, or as long as it may take".to_owned()));
    }
    let retries = task["Retry"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The first that matches decides, and the service tries three times unless it is told otherwise.
    let retried = |errors: &[&str]| {
        let first = retries.iter().find(|retry| matches(retry, errors));
        first.is_some_and(|retry| retry["MaxAttempts"] != 0)
    };
    let timeout = retried(&["States.ALL", "States.Timeout", "States.HeartbeatTimeout"]);
    let ours = |error| retried(&["States.ALL", "States.TaskFailed", error]);
    let names = [
        ("States.Timeout", timeout, "a task that is lost on its way"),
        ("Worker.Restarted", ours("Worker.Restarted"), "a power cut while the handler runs"),
        ("Worker.NotKept", ours("Worker.NotKept"), "a device that can't begin the task"),
        ("Worker.NotStarted", ours("Worker.NotStarted"), "a device that can't begin the task"),
    ];
    let missing: Vec<_> = names.iter().filter(|(_, retried, _)| !retried).map(|(name, ..)| *name).collect();
    if !missing.is_empty() {
        let mut costs: Vec<_> =
            names.iter().filter(|(_, retried, _)| !retried).map(|(.., cost)| *cost).collect();
        costs.dedup();
        let what =
            format!("no Retry on {}: {} fails the execution", listed(&missing, "and"), listed(&costs, "or"));
        let errors = missing.join("\", \"");
        let retry =
            format!("{{ \"ErrorEquals\": [\"{errors}\"], \"IntervalSeconds\": 5, \"MaxAttempts\": 3 }}");
        // In front, none that gives up or that has States.ALL, which must be the last, comes before it.
        let add = match retries.is_empty() {
            true => format!("add \"Retry\": [{retry}]"),
            false => format!("add to the front of \"Retry\": {retry}"),
        };
        flaws.push((what, add));
    }
    flaws
}

/// `a, b and c`.
fn listed(words: &[&str], and: &str) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

/// A number that the service takes, an expression in JSONata, or nothing.
fn is_time(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.starts_with("{%"),
        other => other.as_u64().is_some_and(|seconds| (1..=SECONDS_MAX).contains(&seconds)),
    }
}

/// A task must be allowed to take longer than a heartbeat: the service refuses the definition otherwise.
fn longer(task: &Value, heartbeat: u64) -> &'static str {
    match task["TimeoutSeconds"].as_u64() {
        Some(seconds) if seconds <= heartbeat => ", and a \"TimeoutSeconds\" greater than that",
        _ => "",
    }
}

/// Whether a retrier counts for one of these names of an error.
fn matches(retry: &Value, errors: &[&str]) -> bool {
    let named = retry["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
    named.into_iter().any(|name| errors.contains(&name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use activity_worker::aws::ActivityArn;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:states:eu-west-1:123456789012:activity:print";

    fn said(task: Value) -> Vec<String> {
        let activity = One {
            arn: ActivityArn::parse(ARN).unwrap(),
            heartbeat_interval: Duration::from_secs(30),
            concurrency: 1,
            max_output: 1,
        };
        flaws(&task, &activity).into_iter().map(|(what, add)| format!("{what} -> {add}")).collect()
    }

    fn good() -> Value {
        json!({
            "HeartbeatSeconds": 90,
            "TimeoutSeconds": 3600,
            "Retry": [{ "ErrorEquals": ["States.Timeout", "Worker.Restarted", "Worker.NotKept", "Worker.NotStarted"] }]
        })
    }

    #[test]
    fn p3_each_way_to_lose_a_task_is_told_with_what_to_add() {
        assert_eq!(said(good()), [""; 0]);
        let without = |key: &str| {
            let mut task = good();
            task.as_object_mut().unwrap().remove(key);
            said(task).join("\n")
        };
        assert!(without("HeartbeatSeconds").ends_with("-> add \"HeartbeatSeconds\": 90"));
        assert!(without("TimeoutSeconds").contains("-> add \"TimeoutSeconds\": 86400"));
        assert!(without("Retry").ends_with(
            "-> add \"Retry\": [{ \"ErrorEquals\": [\"States.Timeout\", \"Worker.Restarted\", \"Worker.NotKept\", \"Worker.NotStarted\"], \"IntervalSeconds\": 5, \"MaxAttempts\": 3 }]"
        ));
        let with = |key: &str, value: Value| {
            let mut task = good();
            task[key] = value;
            said(task).join("\n")
        };
        assert!(
            with("HeartbeatSeconds", json!(59))
                .contains("set \"HeartbeatSeconds\": 90 or more; or heartbeat_interval = \"19s\"")
        );
        assert_eq!(with("HeartbeatSeconds", json!(60)), "");
        assert_eq!(with("HeartbeatSeconds", json!("{% $x %}")), "");
        assert!(with("HeartbeatSeconds", json!(1)).ends_with("90 or more"));
        // A definition whose heartbeat is no shorter than its timeout is refused.
        let short = |heartbeat: Value| {
            said(json!({ "HeartbeatSeconds": heartbeat, "TimeoutSeconds": 90, "Retry": good()["Retry"] }))
                .join("\n")
        };
        assert!(
            short(Value::Null)
                .ends_with("-> add \"HeartbeatSeconds\": 90, and a \"TimeoutSeconds\" greater than that")
        );
        assert!(short(json!(45)).ends_with(
            "set \"HeartbeatSeconds\": 90 or more, and a \"TimeoutSeconds\" greater than that; or heartbeat_interval = \"15s\""
        ));
    }

    #[test]
    fn times_that_the_service_refuses_are_told() {
        let with = |key: &str, value: Value| {
            let mut task = good();
            task[key] = value;
            said(task).join("\n")
        };
        for wrong in [json!("90"), json!(-1), json!(0), json!(1.5), json!(100_000_000)] {
            let told = with("TimeoutSeconds", wrong);
            assert!(told.contains("no whole number of seconds"), "{told}");
        }
        assert!(with("HeartbeatSeconds", json!("x")).contains("HeartbeatSeconds is \"x\""));
        assert!(with("TimeoutSeconds", json!(30)).contains("is not smaller than TimeoutSeconds 30"));
        assert_eq!(with("TimeoutSeconds", json!("{% $states.input.time %}")), "");
    }

    #[test]
    fn the_whole_answer_of_the_cli_will_do() {
        let definition = json!({ "States": { "A": good() } });
        assert_eq!(definition_of(json!({ "name": "m", "definition": definition.to_string() })), definition);
        assert_eq!(definition_of(definition.clone()), definition);
    }

    #[test]
    fn a_retry_counts_if_it_matches_and_tries() {
        let retry = |retry: Value| {
            let mut task = good();
            task["Retry"] = json!([retry]);
            said(task).join("\n")
        };
        assert_eq!(retry(json!({ "ErrorEquals": ["States.ALL"] })), "");
        assert!(
            retry(json!({ "ErrorEquals": ["States.ALL"], "MaxAttempts": 0 }))
                .contains("no Retry on States.Timeout, ")
        );
        assert!(
            retry(json!({ "ErrorEquals": ["States.TaskFailed"] })).contains("no Retry on States.Timeout:")
        );
        let one = retry(json!({ "ErrorEquals": ["States.HeartbeatTimeout"] }));
        assert!(
            one.contains("no Retry on Worker.Restarted, Worker.NotKept and Worker.NotStarted: a power cut while the handler runs or a device that can't begin the task fails") && one.contains("add to the front of \"Retry\": {"),
            "{one}"
        );
    }

    #[test]
    fn field_02_what_a_device_could_not_begin_is_to_be_retried() {
        let retry = |errors: Value| {
            let mut task = good();
            task["Retry"] = json!([{ "ErrorEquals": errors }]);
            said(task).join("\n")
        };
        let told = retry(json!(["States.Timeout", "Worker.Restarted"]));
        let what = "no Retry on Worker.NotKept and Worker.NotStarted: a device that can't begin the task fails the execution";
        assert!(told.starts_with(what), "{told}");
        assert!(told.contains("\"ErrorEquals\": [\"Worker.NotKept\", \"Worker.NotStarted\"]"), "{told}");
        assert!(
            retry(json!(["States.Timeout", "Worker.Restarted", "Worker.NotKept"]))
                .contains("no Retry on Worker.NotStarted:")
        );
        assert_eq!(retry(json!(["States.Timeout", "States.TaskFailed"])), "");
    }

    /// The samples in the documents are what people copy.
    #[test]
    fn field_02_the_samples_in_the_documents_lose_no_task() {
        for (name, text) in [
            ("README.md", include_str!("../../../README.md")),
            ("docs/device.md", include_str!("../../../docs/device.md")),
        ] {
            let samples = text.split("```json").skip(1).filter_map(|rest| rest.split("```").next());
            let samples = samples.filter_map(|sample| serde_json::from_str::<Value>(sample).ok());
            let mut tasks: Vec<Value> = Vec::new();
            for sample in samples {
                let mut found = Vec::new();
                collect(&sample, DEPTH, &mut found);
                tasks.extend(found.into_iter().map(|(_, task)| task.clone()));
                tasks.extend((sample["Type"] == "Task").then_some(sample));
            }
            assert!(!tasks.is_empty(), "{name} has no sample");
            for task in tasks {
                assert_eq!(said(task), [""; 0], "{name}");
            }
        }
    }

    #[test]
    fn of_several_retries_the_first_that_matches_counts() {
        let none = json!({ "ErrorEquals": ["States.Timeout", "Worker.Restarted", "Worker.NotKept"], "MaxAttempts": 0 });
        let all = json!({ "ErrorEquals": ["States.ALL"] });
        let retries = |retries: [&Value; 2]| {
            let mut task = good();
            task["Retry"] = json!(retries);
            said(task).join("\n")
        };
        let first = retries([&none, &all]);
        assert!(
            first.contains("no Retry on States.Timeout, Worker.Restarted and Worker.NotKept:"),
            "{first}"
        );
        assert!(first.contains("add to the front of \"Retry\": {"), "{first}");
        assert_eq!(retries([&good()["Retry"][0], &none]), "");
    }

    #[test]
    fn tasks_within_map_and_parallel_states_are_found() {
        let task = json!({ "Type": "Task", "Resource": ARN });
        let machine = |name: &str| json!({ "States": { name: task } });
        let all = json!({ "States": {
            "A": task,
            "B": { "Type": "Parallel", "Branches": [machine("C"), { "States": { "D": { "Type": "Map", "ItemProcessor": machine("E") } } }] },
            "F": { "Type": "Map", "Iterator": machine("G") },
        }});
        let mut tasks = Vec::new();
        collect(&all, DEPTH, &mut tasks);
        assert_eq!(tasks.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["A", "C", "E", "G"]);
    }

    #[test]
    fn no_json_makes_it_panic() {
        for odd in [
            "[]",
            "7",
            "{\"States\": []}",
            "{\"States\": {\"A\": 1, \"B\": {\"Type\": \"Task\", \"Branches\": 3}}}",
        ] {
            let odd: Value = serde_json::from_str(odd).unwrap();
            collect(&odd, DEPTH, &mut Vec::new());
            said(odd);
        }
    }
}

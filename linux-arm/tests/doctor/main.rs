//! `doctor` as a process, on set-ups that are broken in one place each: the one clear line, what to do, and the exit code.

#[path = "../bench/mod.rs"]
mod bench;
mod device;
mod machine;
mod network;
mod service;

use std::fs;

use bench::Service;
use device::Device;
use serde_json::{Value, json};

#[test]
fn all_is_well() {
    let service = Service::start();
    let told = Device::of(&service).run();
    told.only(0, &[]);
    told.has("ok config: $DIR/worker.toml: work in eu-west-1, account 123456789012");
    told.has("ok state: $DIR/state: ");
    told.has("ok dns: 127.0.0.1 in ");
    told.has("ok tcp: connected in ");
    told.has("ok proxy: none: the way is direct");
    told.has("ok tls: none: the endpoint's URL begins with http://");
    told.has("ok credentials: the environment: key ...MPLE, for good");
    told.has("ok signature: accepted");
    told.has("ok describe: work exists");
    told.has("ok clock: ");
    assert_eq!(told.not_done(), ["poll"], "{}", told.text);
    assert!(told.text.contains("- profile: not set up (the profile \"default\" in "), "{}", told.text);
    assert_eq!(service.emulator.polls(&service.activity), 0, "a task may have been taken");
}

#[test]
fn p3_a_definition_that_may_cost_a_task() {
    let service = Service::start();
    let mut device = Device::of(&service);
    let file = device.folder.path().join("machine.json");
    let machine = json!({ "States": { "Each": { "Type": "Map", "ItemProcessor": { "States": {
        "Print": { "Type": "Task", "Resource": service.activity, "HeartbeatSeconds": 45, "TimeoutSeconds": 600 },
    } } } } });
    fs::write(&file, machine.to_string()).unwrap();
    device.command.arg("--state-machine").arg(&file);
    device.run().only(
        0,
        &[
            "warning state-machine: Print: HeartbeatSeconds 45 is shorter than two heartbeats, one each 30 s: one that is late costs the task -> set \"HeartbeatSeconds\": 90 or more; or heartbeat_interval = \"15s\"",
            "warning state-machine: Print: no Retry on States.Timeout, Worker.Restarted, Worker.NotKept and Worker.NotStarted: a task that is lost on its way, a power cut while the handler runs or a device that can't begin the task fails the execution -> add \"Retry\": [{ \"ErrorEquals\": [\"States.Timeout\", \"Worker.Restarted\", \"Worker.NotKept\", \"Worker.NotStarted\"], \"IntervalSeconds\": 5, \"MaxAttempts\": 3 }]",
        ],
    );
    let mut device = Device::of(&service);
    device.command.arg("--state-machine").arg("/nonexistent.json");
    device.run().only(
        1,
        &["problem state-machine: can't read /nonexistent.json: No such file or directory (os error 2)"],
    );
}

#[test]
fn the_json_has_the_documented_shape() {
    let service = Service::start();
    let mut device = Device::of(&service);
    device.command.arg("--json");
    device.without_keys();
    let output = device.command.output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (told["version"].as_u64(), told["exit_code"].as_i64()),
        (Some(1), output.status.code().map(i64::from))
    );
    assert_eq!(told["problems"], 1);
    let findings = told["findings"].as_array().unwrap();
    let mut steps: Vec<_> = findings.iter().map(|f| f["step"].as_str().unwrap()).collect();
    steps.dedup();
    assert_eq!(
        steps,
        [
            "config",
            "state",
            "dns",
            "tcp",
            "proxy",
            "tls",
            "clock",
            "credentials",
            "signature",
            "describe",
            "poll"
        ]
    );
    for finding in findings {
        let keys: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["advice", "details", "said", "step", "verdict"]);
        assert!(["ok", "warning", "problem", "not-done"].contains(&finding["verdict"].as_str().unwrap()));
        assert!(finding["said"].is_string() && finding["details"].is_array());
        assert!(finding["advice"].is_string() || finding["advice"].is_null());
    }
    let credentials = findings.iter().find(|f| f["step"] == "credentials").unwrap();
    assert_eq!(
        (credentials["verdict"].as_str(), credentials["details"].as_array().unwrap().len()),
        (Some("problem"), 5)
    );
}

#[test]
fn the_policy_is_the_least_that_a_worker_needs() {
    let arn = "arn:aws:states:eu-west-1:123456789012:activity:work";
    let output = bench::output(&["iam-policy", "--activity-arn", arn]);
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Action": ["states:GetActivityTask"], "Resource": [arn] },
            {
                "Effect": "Allow",
                "Action": ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"],
                "Resource": "*"
            }
        ]
    });
    assert_eq!(policy, expected);
    let output = bench::output(&["iam-policy", "--activity-arn", arn, "--describe"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("states:DescribeActivity"));
}

//! The scenarios. Each has an activity of its own; what it asserts is what the service shows afterwards.
//!
//! Handlers take at least 100 ms: LocalStack can lose a result that comes within some 50 ms of the poll's answer. Where AWS would say
//! `TaskTimedOut`, LocalStack says `InvalidToken` or takes the late report, so nothing here depends on that answer.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::machine::task;
use super::proxy::Proxy;
use super::stage::{Stage, wait_for_file};
use super::worker::{SECRET, WORKER_NAME};
use crate::suites::step_functions::Execution;

/// What it shows, and how.
pub(super) type Scenario = (&'static str, fn(&Stage) -> Result<(), String>);

/// Starts no execution, so it can run beside the others; it takes as long as an empty poll.
pub(super) const IDLE: Scenario = ("idle, the worker ends with code 0 after an empty poll", idle);

pub(super) const ALL: &[Scenario] = &[
    ("a success with its output", success),
    ("a failure that Catch receives with our error and cause", caught_failure),
    ("an exit code that Catch receives by name, with the end of stderr", caught_exit),
    ("a handler four times as long as HeartbeatSeconds lives by heartbeats", heartbeats),
    ("a missed heartbeat times out; Retry on States.Timeout brings the task back", missed_heartbeat),
    ("50 executions, 8 at once, each with its own result", many),
    ("the network is cut during the handler; the result is delivered after", network_cut),
    ("the network falls silent during the handler; the result is delivered after", network_silent),
    ("kill -9 between handler end and report; delivered after the restart", killed_before_report),
    ("kill -9 during the handler; Retry on Worker.Restarted runs it again", killed_in_handler),
    ("an input of 900 KB", large_input),
    ("a role of a profile, taken on with keys of another account", role_of_profile),
    ("a role of a web identity, taken on with nothing but a token", role_of_web_identity),
];

fn success(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let input = json!({ "door": 7, "name": "Tür über \u{1F6AA} \"quoted\"", "pin": SECRET });
    let execution = stage.execute(&task(&activity), &input)?;
    let setup = stage.worker(&activity, stage.aws.url())?;
    let _worker = setup.start(r#"sleep 0.1; printf '{"took":'; cat; printf '}'"#)?;
    succeeded(&stage.end_of(&execution)?, &json!({ "took": input }))?;
    let started = stage.event(&execution, "ActivityStarted")?;
    let name = &started["activityStartedEventDetails"]["workerName"];
    require(name == WORKER_NAME, || format!("the history names the worker {name}"))
}

fn idle(stage: &Stage) -> Result<(), String> {
    let setup = stage.worker(&stage.activity()?, stage.aws.url())?.with(&["--exit-when-idle"]);
    let mut worker = setup.start("true")?;
    // The poll comes back empty after a minute.
    let status = worker.ended_within(Duration::from_secs(90)).ok_or("the idle worker did not end")?;
    require(status.code() == Some(0), || format!("the idle worker ended with {status}"))
}

fn caught_failure(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let machine = task(&activity).catch("Bridge.Stuck");
    let execution = stage.execute(&machine, &json!({}))?;
    let handler = r#"sleep 0.1; echo '{"error": "Bridge.Stuck", "cause": "motor 2 does not turn"}'; exit 1"#;
    let _worker = stage.worker(&activity, stage.aws.url())?.start(handler)?;
    let caught = json!({ "caught": { "Error": "Bridge.Stuck", "Cause": "motor 2 does not turn" } });
    succeeded(&stage.end_of(&execution)?, &caught)?;
    let failed = &stage.event(&execution, "ActivityFailed")?["activityFailedEventDetails"];
    require(failed["error"] == "Bridge.Stuck", || format!("the history shows {failed}"))
}

fn caught_exit(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let execution = stage.execute(&task(&activity).catch("Handler.Exit3"), &json!({}))?;
    let handler = "sleep 0.1; echo 'no paper' >&2; exit 3";
    let _worker = stage.worker(&activity, stage.aws.url())?.start(handler)?;
    let end = stage.end_of(&execution)?;
    let caught = &end.output["caught"];
    require(end.status == "SUCCEEDED" && caught["Error"] == "Handler.Exit3", || shown(&end))?;
    require(caught["Cause"].as_str().is_some_and(|cause| cause.contains("no paper")), || shown(&end))
}

fn heartbeats(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let execution = stage.execute(&task(&activity).heartbeat_seconds(3), &json!({}))?;
    let setup = stage.worker(&activity, stage.aws.url())?.with(&["--heartbeat-interval", "1s"]);
    let _worker = setup.start(r#"sleep 12; echo '"slept"'"#)?;
    succeeded(&stage.end_of(&execution)?, &json!("slept"))?;
    require(stage.events(&execution, "ActivityTimedOut")?.is_empty(), || "it timed out on the way".into())
}

fn missed_heartbeat(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let machine = task(&activity).heartbeat_seconds(3).retry("States.Timeout");
    let execution = stage.execute(&machine, &json!({}))?;
    let setup = stage.worker(&activity, stage.aws.url())?.with(&["--heartbeat-interval", "1s"]);
    let worker = setup.start(r#"sleep 1; echo '"done"'"#)?;
    stage.event(&execution, "ActivityStarted")?;
    worker.freeze()?;
    stage.event(&execution, "ActivityTimedOut")?;
    worker.thaw()?;
    succeeded(&stage.end_of(&execution)?, &json!("done"))
}

fn many(stage: &Stage) -> Result<(), String> {
    const EXECUTIONS: usize = 50;
    const AT_ONCE: u64 = 8;
    let activity = stage.activity()?;
    let folder = stage.folder()?;
    let machine = stage.aws.create_state_machine("many", task(&activity).definition())?;
    let start = |n| stage.aws.start_execution(&machine, &json!({ "n": n }));
    let executions = (0..EXECUTIONS).map(start).collect::<Result<Vec<_>, _>>()?;
    // Each handler counts those that run beside it.
    let handler = format!(
        r#"f={}/$$; touch $f; sleep 0.5; n=$(ls {} | wc -l); rm $f; printf '{{"beside":%d,"input":' $n; cat; printf '}}'"#,
        folder.display(),
        folder.display()
    );
    let _worker = stage.worker(&activity, stage.aws.url())?.with(&["--concurrency", "8"]).start(&handler)?;
    let mut most = 0;
    for (n, execution) in executions.iter().enumerate() {
        let end = stage.end_of(execution)?;
        let is_own = end.status == "SUCCEEDED" && end.output["input"] == json!({ "n": n });
        require(is_own, || format!("execution {n}: {}", shown(&end)))?;
        most = most.max(end.output["beside"].as_u64().unwrap_or(0));
    }
    require((2..=AT_ONCE).contains(&most), || format!("{most} handlers ran at once"))
}

fn network_cut(stage: &Stage) -> Result<(), String> {
    network_gone(stage, Proxy::cut)
}

fn network_silent(stage: &Stage) -> Result<(), String> {
    network_gone(stage, Proxy::silence)
}

fn network_gone(stage: &Stage, go: fn(&Proxy)) -> Result<(), String> {
    let activity = stage.activity()?;
    let proxy = Proxy::before(stage.aws.url())?;
    let ended = stage.folder()?.join("ended");
    let execution = stage.execute(&task(&activity), &json!({}))?;
    let handler = format!(r#"sleep 3; echo '"measured"'; echo once >> {}"#, ended.display());
    let setup = stage.worker(&activity, &proxy.url())?.with(&["--heartbeat-interval", "1s"]);
    let _worker = setup.start(&handler)?;
    stage.event(&execution, "ActivityStarted")?;
    go(&proxy);
    wait_for_file(&ended)?;
    // Time for a first report, which must not get through.
    thread::sleep(Duration::from_secs(3));
    still_running(stage, &execution)?;
    proxy.heal();
    succeeded(&stage.end_of(&execution)?, &json!("measured"))?;
    ran(&ended, 1)
}

fn killed_before_report(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let proxy = Proxy::before(stage.aws.url())?;
    let ended = stage.folder()?.join("ended");
    let execution = stage.execute(&task(&activity), &json!({}))?;
    let handler = format!(r#"sleep 2; echo '"measured"'; echo once >> {}"#, ended.display());
    let setup = stage.worker(&activity, &proxy.url())?;
    let worker = setup.start(&handler)?;
    stage.event(&execution, "ActivityStarted")?;
    proxy.cut();
    wait_for_file(&ended)?;
    // Time to keep the outcome; the report waits for the network.
    thread::sleep(Duration::from_secs(2));
    worker.kill();
    still_running(stage, &execution)?;
    proxy.heal();
    let _restarted = setup.start(&handler)?;
    succeeded(&stage.end_of(&execution)?, &json!("measured"))?;
    ran(&ended, 1)
}

fn killed_in_handler(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let (begun, again) = (stage.folder()?.join("begun"), stage.folder()?.join("again"));
    let machine = task(&activity).retry("Worker.Restarted");
    let execution = stage.execute(&machine, &json!({}))?;
    // The first run would take a minute, the second finds the first one's mark.
    let handler = format!(
        r#"if [ -e {0} ]; then sleep 0.1; echo once >> {1}; echo '"second run"'; else echo $$ > {0}; exec sleep 60; fi"#,
        begun.display(),
        again.display()
    );
    let setup = stage.worker(&activity, stage.aws.url())?;
    let worker = setup.start(&handler)?;
    wait_for_file(&begun)?;
    worker.kill();
    let _restarted = setup.start(&handler)?;
    succeeded(&stage.end_of(&execution)?, &json!("second run"))?;
    let failed = &stage.event(&execution, "ActivityFailed")?["activityFailedEventDetails"];
    require(failed["error"] == "Worker.Restarted", || format!("the history shows {failed}"))?;
    ran(&again, 1)?;
    let first = fs::read_to_string(&begun).map_err(|e| format!("the first run left no process id: {e}"))?;
    // A zombie has no command line any more.
    let command_line = fs::read(format!("/proc/{}/cmdline", first.trim())).unwrap_or_default();
    require(command_line.is_empty(), || "the first run's process lives on beside the second".into())
}

fn large_input(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let text = "0123456789".repeat(90_000);
    let execution = stage.execute(&task(&activity), &json!({ "digits": text }))?;
    let _worker = stage.worker(&activity, stage.aws.url())?.start("sleep 0.1; tr -cd 0-9 | wc -c")?;
    succeeded(&stage.end_of(&execution)?, &json!(text.len()))
}

/// LocalStack tells the account from the key. The keys of the source are another's, which has no such activity: only who has taken on
/// the role finds it.
const ROLE: &str = "arn:aws:iam::000000000000:role/worker";

fn role_of_profile(stage: &Stage) -> Result<(), String> {
    let keys = format!("aws_access_key_id = 111111111111\naws_secret_access_key = {SECRET}\n");
    let home = stage.folder()?;
    let write = |config: &str| {
        fs::create_dir_all(home.join(".aws"))
            .and_then(|()| fs::write(home.join(".aws/config"), config))
            .map_err(|e| format!("can't write a profile: {e}"))
    };
    let sts = stage.aws.url();
    let run = |profile: &'static str, stage: &Stage, activity: &str| {
        let environment = [("HOME", home.to_str().unwrap_or_default()), ("AWS_ENDPOINT_URL_STS", sts)];
        let setup = stage.worker(activity, sts)?.with_environment(&environment);
        setup.with(&["--profile", profile]).start(r#"sleep 0.1; printf '{"took":'; cat; printf '}'"#)
    };
    write(&format!(
        "[profile base]\n{keys}[profile worker]\nrole_arn = {ROLE}\nsource_profile = base\nregion = us-east-1\n"
    ))?;
    let activity = stage.activity()?;
    let input = json!({ "door": 7 });
    let execution = stage.execute(&task(&activity), &input)?;
    {
        let _stranger = run("base", stage, &activity)?;
        thread::sleep(Duration::from_secs(4));
        let begun = stage.events(&execution, "ActivityStarted")?;
        require(begun.is_empty(), || "the keys of the source alone did it".into())?;
    }
    let _worker = run("worker", stage, &activity)?;
    succeeded(&stage.end_of(&execution)?, &json!({ "took": input }))
}

fn role_of_web_identity(stage: &Stage) -> Result<(), String> {
    let activity = stage.activity()?;
    let token = stage.folder()?.join("token");
    fs::write(&token, format!("header.{SECRET}.signature\n"))
        .map_err(|e| format!("can't write a token: {e}"))?;
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap_or_default()),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ROLE_SESSION_NAME", "localstack-suite"),
        ("AWS_ENDPOINT_URL_STS", stage.aws.url()),
    ];
    let execution = stage.execute(&task(&activity), &json!("x"))?;
    let setup = stage.worker(&activity, stage.aws.url())?.with_environment(&environment);
    let _worker = setup.start(r#"sleep 0.1; echo '"done"'"#)?;
    succeeded(&stage.end_of(&execution)?, &json!("done"))
}

fn succeeded(end: &Execution, output: &Value) -> Result<(), String> {
    require(end.status == "SUCCEEDED" && end.output == *output, || format!("{}, not {output}", shown(end)))
}

fn still_running(stage: &Stage, execution: &str) -> Result<(), String> {
    let now = stage.aws.execution(execution)?;
    require(now.status == "RUNNING", || format!("over while the network was away: {}", shown(&now)))
}

/// The handler ran so many times, by the lines it left.
fn ran(file: &std::path::Path, times: usize) -> Result<(), String> {
    let lines = fs::read_to_string(file).unwrap_or_default().lines().count();
    require(lines == times, || format!("the handler ran {lines} times"))
}

fn shown(end: &Execution) -> String {
    let output: String = end.output.to_string().chars().take(300).collect();
    format!("{} {output} {} {}", end.status, end.error, end.cause).trim_end().to_owned()
}

fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

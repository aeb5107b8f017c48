//! A service that refuses: credentials that end, an hour without permission (shortened), a storm of throttling. Results come home
//! after, and until then the calls stay few.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::checks::{require, wait_for};
use super::keys::SECRET_ACCESS_KEY;
use super::ledger::Ledger;
use super::service::Service;
use super::stage::Stage;
use super::worker::Setup;

const SOON: Duration = Duration::from_secs(120);

/// The credentials end at the service, long before the date they came with; new ones come some seconds later.
pub(super) fn credentials(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("credentials", 60)?;
    let folder = stage.folder("aws")?;
    let (file, config) = (folder.join("credentials.json"), folder.join("config"));
    let failed = |e: std::io::Error| e.to_string();
    fs::write(&config, format!("[default]\ncredential_process = /bin/cat {}\n", file.display()))
        .map_err(failed)?;
    let give = |name: &str| {
        let given = json!({
            "Version": 1, "AccessKeyId": name, "SecretAccessKey": SECRET_ACCESS_KEY, "SessionToken": name,
            "Expiration": "2099-01-01T00:00:00Z"
        });
        // In place, whole: the worker may read at any moment.
        let new = folder.join("credentials.new");
        fs::write(&new, given.to_string()).and_then(|()| fs::rename(&new, &file)).map_err(failed)
    };
    let take = |name: &str, seconds: u32| {
        let signer = json!({
            "accessKeyId": name, "secretAccessKey": SECRET_ACCESS_KEY, "sessionToken": name, "expiresInSeconds": seconds
        });
        service.tell("/credentials", &signer)
    };
    let mut setup = stage.worker("worker", &activity, service.url())?.work("sleep 0.3");
    setup.without("AWS_ACCESS_KEY_ID");
    setup.without("AWS_SECRET_ACCESS_KEY");
    let setup = setup.variable("AWS_CONFIG_FILE", config);
    give("FIRST")?;
    take("FIRST", 4)?;
    let worker = setup.start()?;
    let mut executions = Vec::new();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(9) {
        executions.push(service.execute(&machine, executions.len())?);
        thread::sleep(Duration::from_millis(600));
    }
    let refused = service.calls()?.iter().filter(|call| call.code == "ExpiredTokenException").count();
    give("SECOND")?;
    take("SECOND", 3600)?;
    let home = service.all_succeed(&executions, SOON)?;
    accounts(&setup, &service, worker)?;
    require(refused > 0, || "the credentials did not end".into())?;
    // A heartbeat that failed goes again within a quarter of its second.
    require(refused <= 45, || format!("{refused} calls with dead credentials in 5 s"))?;
    require(setup.logged("credentials do not work") == 1, || "it was not said once".into())?;
    Ok(format!(
        "credentials dead for 5 s: {refused} calls refused, all {} tasks done {:.1} s after new ones came",
        executions.len(),
        home.as_secs_f64()
    ))
}

pub(super) fn denied(stage: &Stage) -> Result<String, String> {
    const DENIED: Duration = Duration::from_secs(40);
    const TASKS: usize = 3;
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("denied", 8)?;
    let setup = stage.worker("worker", &activity, service.url())?.concurrency(TASKS).work("sleep 0.3");
    for operation in ["SendTaskSuccess", "SendTaskFailure"] {
        service.inject(&json!({ "fault": "access-denied", "operation": operation }))?;
    }
    let worker = setup.start()?;
    let executions = (0..TASKS).map(|n| service.execute(&machine, n)).collect::<Result<Vec<_>, _>>()?;
    thread::sleep(DENIED);
    let sent = service.count("SendTaskSuccess")?;
    service.mend()?;
    let home = service.all_succeed(&executions, SOON)?;
    accounts(&setup, &service, worker)?;
    require(sent as usize >= TASKS && sent as usize <= TASKS * 4, || {
        format!("{sent} reports of {TASKS} results")
    })?;
    let begun = fs::read_to_string(&setup.effects).unwrap_or_default().lines().count();
    require(begun == TASKS, || format!("{begun} handlers ran: a task was not kept alive"))?;
    Ok(format!(
        "denied for {} s: {sent} reports of {TASKS} results, heartbeats went on, all home {:.1} s after",
        DENIED.as_secs(),
        home.as_secs_f64()
    ))
}

pub(super) fn throttled(stage: &Stage) -> Result<String, String> {
    const STORM: Duration = Duration::from_secs(30);
    const TASKS: usize = 8;
    /// A second, of all calls together: 8 tasks, whose heartbeats and reports all are due at once.
    const MOST: f64 = 4.0;
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("throttled", 120)?;
    let setup = stage.worker("worker", &activity, service.url())?.concurrency(TASKS).work("sleep 2");
    let worker = setup.start()?;
    let executions = (0..TASKS).map(|n| service.execute(&machine, n)).collect::<Result<Vec<_>, _>>()?;
    wait_for("the handlers", SOON, || {
        Ok(fs::read_to_string(&setup.effects).unwrap_or_default().lines().count() == TASKS)
    })?;
    service.inject(&json!({ "fault": "throttle" }))?;
    thread::sleep(STORM);
    let calls = service.calls()?;
    service.mend()?;
    let storm: Vec<f64> = calls.iter().filter(|c| c.code == "ThrottlingException").map(|c| c.at).collect();
    let home = service.all_succeed(&executions, SOON)?;
    accounts(&setup, &service, worker)?;
    #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
    let rate = storm.len() as f64 / STORM.as_secs_f64();
    let half = storm.first().copied().unwrap_or_default() + STORM.as_secs_f64() / 2.0;
    let late = storm.iter().filter(|at| **at > half).count();
    require(rate <= MOST, || format!("{rate:.1} calls a second in the storm"))?;
    require(!storm.is_empty() && late * 2 <= storm.len(), || {
        format!("{} calls, {late} of them in the second half", storm.len())
    })?;
    Ok(format!(
        "throttled for {} s: {} calls, {late} of them in the second half, {TASKS} results home {:.1} s after",
        STORM.as_secs(),
        storm.len(),
        home.as_secs_f64()
    ))
}

fn accounts(setup: &Setup, service: &Service, worker: super::worker::Worker) -> Result<(), String> {
    // What follows the service's answer: the receipt.
    thread::sleep(Duration::from_millis(200));
    worker.kill();
    let status = setup.run_until_idle(SOON)?;
    require(status.success(), || format!("the last worker ended with {status}"))?;
    let figures = Ledger::of(setup).check(setup, &service.calls()?)?;
    let late = figures.late;
    require(late == 0, || format!("{late} results were late"))
}

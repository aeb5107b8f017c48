//! Clocks that are wrong, over TLS and signed calls: the device's, at its start and in a step while it runs, and the service's.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::checks::{require, wait_for};
use super::ledger::Ledger;
use super::stage::Stage;
use super::tls::{SERVER, Secure};
use super::worker::Setup;
use crate::tls_proxy::TlsProxy;

const PORT: u16 = 8443;
const ENDPOINT: &str = "https://localhost:8443";
const SOON: Duration = Duration::from_secs(90);

pub(super) fn in_1970(stage: &Stage) -> Result<String, String> {
    starts_at(stage, "1970-01-02 00:00:00")
}

pub(super) fn in_2099(stage: &Stage) -> Result<String, String> {
    starts_at(stage, "2099-06-01 12:00:00")
}

fn starts_at(stage: &Stage, date: &str) -> Result<String, String> {
    const TASKS: usize = 3;
    let secure = Secure::new(stage, "clock", ENDPOINT)?;
    let _proxy = TlsProxy::start(SERVER, PORT, secure.authority.certificate("localhost", 30)?)?;
    let setup = faked(&secure.setup)?.variable("FAKETIME", format!("@{date}"));
    let worker = setup.start()?;
    let executions =
        (0..TASKS).map(|n| secure.service.execute(&secure.machine, n)).collect::<Result<Vec<_>, _>>()?;
    let took = secure.service.all_succeed(&executions, SOON)?;
    let year = date.split('-').next().unwrap_or(date);
    require(setup.read_log().starts_with(year), || "the clock was not changed".into())?;
    worker.kill();
    accounts(&secure, &setup)?;
    Ok(format!(
        "a worker that starts in {year}: {TASKS} tasks done over TLS after {:.1} s, no restart",
        took.as_secs_f64()
    ))
}

/// While a handler runs the clock jumps to 2031, and then to 2001.
pub(super) fn step(stage: &Stage) -> Result<String, String> {
    let secure = Secure::new(stage, "clock", ENDPOINT)?;
    let _proxy = TlsProxy::start(SERVER, PORT, secure.authority.certificate("localhost", 30)?)?;
    let file = stage.folder("faketime")?.join("offset");
    let set = |offset: &str| fs::write(&file, offset).map_err(|e| e.to_string());
    set("+0")?;
    let setup =
        faked(&secure.setup)?.variable("FAKETIME_TIMESTAMP_FILE", &file).variable("FAKETIME_NO_CACHE", "1");
    let setup = setup.work("sleep 1.5");
    let worker = setup.start()?;
    let mut executions = Vec::new();
    let mut took = Vec::new();
    let begun = || fs::read_to_string(&setup.effects).unwrap_or_default().lines().count();
    for offset in ["+5y", "-25y", "+0"] {
        let n = executions.len();
        executions.push(secure.service.execute(&secure.machine, n)?);
        wait_for("the handler", SOON, || Ok(begun() > n))?;
        set(offset)?;
        took.push(format!("{:.1}", secure.service.all_succeed(&executions, SOON)?.as_secs_f64()));
    }
    let log = setup.read_log();
    let years = log.lines().filter_map(|l| l.get(..4)).collect::<std::collections::BTreeSet<_>>();
    require(years.len() >= 3, || format!("the clock did not jump: {years:?}"))?;
    worker.kill();
    set("+0")?;
    accounts(&secure, &setup)?;
    Ok(format!(
        "steps of +5, -30 and +25 years while a handler ran: its result home after {} s",
        took.join(", ")
    ))
}

/// The service's date moves while the worker runs: its signatures must follow.
pub(super) fn of_the_service(stage: &Stage) -> Result<String, String> {
    let secure = Secure::new(stage, "clock", "http://127.0.0.1:8083")?;
    let worker = secure.setup.start()?;
    let mut executions = Vec::new();
    let mut took = Vec::new();
    for hours in [2, -3, 0] {
        secure.service.tell("/clock", &json!({ "offsetSeconds": hours * 3600 }))?;
        for _ in 0..3 {
            executions.push(secure.service.execute(&secure.machine, executions.len())?);
        }
        took.push(format!("{:.1}", secure.service.all_succeed(&executions, SOON)?.as_secs_f64()));
    }
    worker.kill();
    accounts(&secure, &secure.setup)?;
    Ok(format!(
        "a service 2 h ahead, 3 h behind and right again: {} tasks done, after {} s",
        executions.len(),
        took.join(", ")
    ))
}

fn accounts(secure: &Secure, setup: &Setup) -> Result<(), String> {
    let status = setup.run_until_idle(SOON)?;
    require(status.success(), || format!("the last worker ended with {status}"))?;
    Ledger::of(setup).check(setup, &secure.service.calls()?).map(drop)
}

/// Under libfaketime: the date is its, the time since the start is not.
fn faked(setup: &Setup) -> Result<Setup, String> {
    let library = |folder: fs::DirEntry| -> Option<PathBuf> {
        let file = folder.path().join("faketime/libfaketimeMT.so.1");
        file.exists().then_some(file)
    };
    let folders = fs::read_dir("/usr/lib").map_err(|e| e.to_string())?;
    let library = folders.flatten().find_map(library).ok_or("no libfaketime below /usr/lib")?;
    Ok(setup.clone().variable("LD_PRELOAD", library).variable("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
}

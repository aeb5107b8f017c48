//! A device that was offline for long enough that its own pauses are long, and whose link comes back: the kernel says so, and the
//! worker hears it.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::checks::{require, wait_for};
use super::service::Service;
use super::stage::{Stage, run};
use crate::process;

const DEVICE: &[&str] = &["ip", "netns", "exec", "device"];
const ENDPOINT: &str = "http://10.77.0.1:8083";
/// By then the pauses between probes are up to half a minute and longer.
const DARK: Duration = Duration::from_secs(45);
/// What the kernel says settles in a second, the window is another one; the rest is for a loaded machine.
const BACK: Duration = Duration::from_secs(4);
/// Containers that come and go on the device while it is offline.
const CONTAINERS: usize = 20;
/// What the worker logs when it hears of a way back.
const HINT: &str = "a way to the network may be back";

pub(super) fn comes_back(stage: &Stage) -> Result<String, String> {
    build()?;
    let service = Service::start(stage, &["--long-poll", "2s"])?;
    let (activity, machine) = service.machine("comeback", 300)?;
    // Heartbeats are so rare that none of them finds the link before the report does.
    let setup =
        stage.worker("worker", &activity, ENDPOINT)?.under(DEVICE).beating_every("90s").work("sleep 3");
    let worker = setup.start()?;
    let execution = service.execute(&machine, 0)?;
    wait_for("the task", Duration::from_secs(20), || Ok(!setup.files("tasks").is_empty()))?;
    // Connections go first, so that none of them is waited for.
    service.inject(&json!({ "fault": "refuse", "seconds": 2 }))?;
    thread::sleep(Duration::from_millis(500));
    on_the_device("link set device down")?;
    wait_for("the end of the network", Duration::from_secs(30), || Ok(setup.logged("offline: ") > 0))?;
    let dark = Instant::now();
    let before = setup.logged(HINT);
    churn()?;
    thread::sleep(DARK.saturating_sub(dark.elapsed()));
    let hints = setup.logged(HINT) - before;
    require(hints == 0, || format!("{hints} hints for {CONTAINERS} containers"))?;
    require(service.execution(&execution)?.status == "RUNNING", || "the link was not cut".into())?;
    on_the_device("link set device up")?;
    let back = Instant::now();
    wait_for("the first report", BACK, || Ok(service.count("SendTaskSuccess")? > 0))?;
    let reported = back.elapsed();
    service.all_succeed(&[execution], Duration::from_secs(30))?;
    // A pause of its own may have come to its end before the word was passed on.
    wait_for("the kernel's word", BACK, || Ok(setup.logged(HINT) > before))?;
    require(setup.logged(HINT) == before + 1, || "one link was more than one hint".into())?;
    worker.kill();
    Ok(format!(
        "after {} s offline the result was reported {:.1} s after the link was back (window 1 s); {CONTAINERS} containers beside it were no hint",
        DARK.as_secs(),
        reported.as_secs_f64()
    ))
}

/// service - device, and a bridge for containers on the device.
fn build() -> Result<(), String> {
    run("mount", &["-t", "tmpfs", "names", "/run"])?;
    for command in [
        "netns add device",
        "link add service type veth peer name device netns device",
        "addr add 10.77.0.1/24 dev service",
        "link set service up",
    ] {
        ip(command)?;
    }
    for command in [
        "addr add 10.77.0.2/24 dev device",
        "link set device up",
        "link set lo up",
        "link add containers type bridge",
        // A port that is always there, so that the bridge itself does not come and go.
        "link add always type veth peer name other",
        "link set always master containers",
        "link set always up",
        "link set other up",
        "link set containers up",
    ] {
        on_the_device(command)?;
    }
    Ok(())
}

/// As a container engine does it.
fn churn() -> Result<(), String> {
    ip("netns add container")?;
    for n in 0..CONTAINERS {
        for command in [
            format!("link add veth{n} type veth peer name eth{n} netns container"),
            format!("link set veth{n} master containers"),
            format!("link set veth{n} up"),
        ] {
            on_the_device(&command)?;
        }
        ip(&format!("-n container link set eth{n} up"))?;
        on_the_device(&format!("link del veth{n}"))?;
    }
    Ok(())
}

fn on_the_device(command: &str) -> Result<(), String> {
    ip(&format!("-n device {command}"))
}

fn ip(command: &str) -> Result<(), String> {
    process::read(Command::new("ip").args(command.split(' '))).map(drop)
}

//! `kill -9` at random moments, under load.

use std::fs;
use std::thread;
use std::time::Duration;

use super::checks::{require, wait_for};
use super::ledger::Ledger;
use super::service::Service;
use super::stage::Stage;
use super::worker::Setup;

/// Side by side, each with a state folder of its own.
const WORKERS: usize = 4;
/// Of each worker.
const KILLS: usize = 120;
/// A worker lives at most this long.
const LIFE: u64 = 400;

pub(super) fn kill(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let setups = (0..WORKERS).map(|n| worker(stage, &service, n)).collect::<Result<Vec<_>, _>>()?;
    let executions = thread::scope(|scope| {
        let lanes: Vec<_> =
            setups.iter().map(|(setup, machine)| scope.spawn(|| lane(&service, setup, machine))).collect();
        lanes
            .into_iter()
            .map(|l| l.join().map_err(|_| "a lane panicked".to_owned())?)
            .collect::<Result<Vec<_>, String>>()
    })?;
    let calls = service.calls()?;
    let (mut accepted, mut kept, mut late) = (0, 0, 0);
    for (setup, _) in &setups {
        let figures = Ledger::of(setup).check(setup, &calls)?;
        (accepted, kept, late) = (accepted + figures.accepted, kept + figures.kept, late + figures.late);
    }
    let executions: usize = executions.iter().sum();
    Ok(format!(
        "{} kills, {executions} executions, {accepted} tasks accepted and settled, {kept} results kept and sent ({late} late), 0 left",
        WORKERS * KILLS
    ))
}

fn worker(stage: &Stage, service: &Service, n: usize) -> Result<(Setup, String), String> {
    let name = format!("worker-{n}");
    let (activity, machine) = service.machine(&name, 4)?;
    let setup =
        stage.worker(&name, &activity, service.url())?.concurrency(4).work(&format!("sleep 0.0{}", n * 3));
    Ok((setup, machine))
}

/// Kills one worker after the other, then lets one finish. How many executions there were.
fn lane(service: &Service, setup: &Setup, machine: &str) -> Result<usize, String> {
    let mut rng = fastrand::Rng::new();
    let mut executions = Vec::new();
    for _ in 0..KILLS {
        let worker = setup.start()?;
        for _ in 0..2 {
            executions.push(service.execute(machine, executions.len())?);
        }
        thread::sleep(Duration::from_millis(rng.u64(0..LIFE)));
        worker.kill();
    }
    let worker = setup.start()?;
    service.all_succeed(&executions, Duration::from_secs(150))?;
    worker.stop(Duration::from_secs(30))?;
    Ok(executions.len())
}

/// A worker is killed while its handler waits for a child, which does not notice. The next worker ends it before the task is
/// reported, though nobody here reaps the handler itself: this process is the init of its namespace, and no good one.
pub(super) fn handler(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("handler", 30)?;
    let begun = stage.folder("mark")?.join("begun");
    let work = format!("if [ ! -e {0} ]; then touch {0}; sleep 300; fi", begun.display());
    let setup = stage.worker("worker", &activity, service.url())?.work(&work);
    let worker = setup.start()?;
    let execution = service.execute(&machine, 0)?;
    let sleeps = || {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines.filter(|line| line == b"sleep\x00300\x00").count()
    };
    wait_for("the handler's child", Duration::from_secs(20), || Ok(sleeps() == 1))?;
    worker.kill();
    let worker = setup.start()?;
    let took = service.all_succeed(&[execution], Duration::from_secs(30))?;
    require(sleeps() == 0, || "the first run's child lives on beside the second run".into())?;
    worker.kill();
    let status = setup.run_until_idle(Duration::from_secs(30))?;
    require(status.success(), || format!("the last worker ended with {status}"))?;
    Ledger::of(&setup).check(&setup, &service.calls()?)?;
    Ok(format!(
        "an orphan of the first run ended, the second run done {:.1} s after the restart",
        took.as_secs_f64()
    ))
}

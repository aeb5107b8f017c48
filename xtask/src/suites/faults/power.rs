//! The power goes at random moments, under load: the file system stops without writing its log, the processes end, and the next
//! start finds what had been synced.

use std::thread;
use std::time::Duration;

use super::ledger::Ledger;
use super::service::Service;
use super::stage::Stage;
use super::volume::Volume;

const CUTS: usize = 80;
const DEATHS: usize = 20;
const OUTLIVES: Worker = Worker::Outlives(Duration::from_millis(400));
/// The power stays on at most this long.
const LIFE: u64 = 450;

/// What becomes of the worker when the disk goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worker {
    GoesToo,
    /// It goes on for so long, with a file system that has shut itself down: nothing may be called kept that is not.
    Outlives(Duration),
}

pub(super) fn ext4(stage: &Stage) -> Result<String, String> {
    cuts(stage, "ext4", CUTS, Worker::GoesToo)
}

pub(super) fn xfs(stage: &Stage) -> Result<String, String> {
    cuts(stage, "xfs", CUTS, Worker::GoesToo)
}

pub(super) fn dying_ext4(stage: &Stage) -> Result<String, String> {
    cuts(stage, "ext4", DEATHS, OUTLIVES)
}

pub(super) fn dying_xfs(stage: &Stage) -> Result<String, String> {
    cuts(stage, "xfs", DEATHS, OUTLIVES)
}

fn cuts(stage: &Stage, kind: &str, count: usize, fate: Worker) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let volume = Volume::new(stage, kind)?;
    let (activity, machine) = service.machine("power", 4)?;
    let mut setup = stage.worker("worker", &activity, service.url())?.concurrency(4).work("sleep 0.03");
    // The log and the handlers' file stay outside: they tell what was said before the cut.
    setup.state_dir = volume.folder().join("state");
    if fate != Worker::GoesToo {
        // A handler that ends in time would be reported from memory, and hide what was lost.
        let log = setup.state_dir.join("log").to_string_lossy().into_owned();
        setup = setup.under(&slow(&log)).work("sleep 0.6");
    }
    let mut rng = fastrand::Rng::new();
    let mut executions = Vec::new();
    for _ in 0..count {
        let worker = setup.start()?;
        for _ in 0..3 {
            executions.push(service.execute(&machine, executions.len())?);
        }
        thread::sleep(Duration::from_millis(rng.u64(0..LIFE)));
        if fate == Worker::GoesToo {
            worker.freeze()?;
        }
        volume.cut()?;
        if let Worker::Outlives(by) = fate {
            thread::sleep(by);
        }
        worker.kill();
        volume.unmount()?;
        volume.mount()?;
    }
    let worker = setup.start()?;
    service.all_succeed(&executions, Duration::from_secs(150))?;
    worker.stop(Duration::from_secs(30))?;
    let figures = Ledger::of(&setup).check(&setup, &service.calls()?)?;
    Ok(format!(
        "{count} cuts, {} executions, {} tasks accepted and settled, {} results kept and sent ({} late), 0 lost",
        executions.len(),
        figures.accepted,
        figures.kept,
        figures.late
    ))
}

/// What must be caught is a sync of this folder that begins when all is over: each waits a little first.
fn slow(folder: &str) -> [&str; 12] {
    let delay = "inject=fsync:delay_enter=100000";
    ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-P", folder, "-e", "trace=fsync", "-e", delay]
}

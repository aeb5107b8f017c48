//! Storage that fails: full, read-only, gone, and a folder with damaged and foreign files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::checks::{require, wait_for};
use super::ledger::Ledger;
use super::service::Service;
use super::stage::{Stage, run};
use super::volume::Volume;
use super::worker::Setup;

const SOON: Duration = Duration::from_secs(60);
/// The worker looks again at a full disk once a minute.
const LOOK_AGAIN: Duration = Duration::from_secs(75);

/// Another program fills the disk while a handler runs.
pub(super) fn full(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("full", 120)?;
    let small = stage.folder("small")?;
    run("mount", &["-t", "tmpfs", "-o", "size=4m,mode=700", "small", &small.to_string_lossy()])?;
    let mut setup = stage.worker("worker", &activity, service.url())?.work("sleep 1");
    setup.state_dir = small.join("state");
    let worker = setup.start()?;
    let mut executions = vec![service.execute(&machine, 0)?];
    wait_for("the handler", SOON, || Ok(setup.effects.exists()))?;
    let filler = small.join("filler");
    fill(&filler)?;
    // The room for this result was set aside before.
    service.all_succeed(&executions, SOON)?;
    require(setup.logged("result kept") == 1, || {
        "the full disk refused a result whose room was set aside".into()
    })?;
    wait_for("a word about it", SOON, || Ok(setup.logged("no room for one more task") == 1))?;
    thread::sleep(Duration::from_secs(2));
    let polls = service.count("GetActivityTask")?;
    executions.push(service.execute(&machine, 1)?);
    thread::sleep(Duration::from_secs(10));
    let more = service.count("GetActivityTask")? - polls;
    require(more == 0, || format!("{more} polls on a full disk"))?;
    require(setup.logged("no room for one more task") == 1, || "it was not said once".into())?;
    // The next one starts there too, though the disk does not even take its process id.
    worker.kill();
    fs::write(setup.state_dir.join("lock"), "").map_err(|e| e.to_string())?;
    fill(&filler)?;
    let worker = setup.start()?;
    wait_for("a word about it", SOON, || Ok(setup.logged("no room for one more task") == 2))?;
    fs::remove_file(&filler).map_err(|e| e.to_string())?;
    let again = service.all_succeed(&executions, LOOK_AGAIN)?;
    require(setup.logged("room for tasks again") == 1, || {
        "that there is room again was not said once".into()
    })?;
    accounts(&setup, &service, worker)?;
    Ok(format!(
        "full disk: the running task's result kept and delivered, no poll, said once, also after a restart there; {:.0} s after there was room the next task was done",
        again.as_secs_f64()
    ))
}

fn fill(file: &Path) -> Result<(), String> {
    let mut file = OpenOptions::new().create(true).append(true).open(file).map_err(|e| e.to_string())?;
    let block = [0; 4096];
    while file.write_all(&block).is_ok() {}
    Ok(())
}

/// A file system that turns read-only under the worker, as one with a dying disk does; and a worker that starts on one.
pub(super) fn read_only(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("read-only", 120)?;
    let volume = Volume::new(stage, "ext4")?;
    let folder = volume.folder().to_string_lossy().into_owned();
    run("mount", &["-o", "remount,errors=remount-ro", &folder])?;
    let mut setup = stage.worker("worker", &activity, service.url())?.work("sleep 1");
    setup.state_dir = volume.folder().join("state");
    let worker = setup.start()?;
    let mut executions = vec![service.execute(&machine, 0)?];
    wait_for("the handler", SOON, || Ok(setup.effects.exists()))?;
    let device = run("findmnt", &["-no", "SOURCE", &folder])?;
    let device = device.trim().trim_start_matches("/dev/");
    fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "scenario")
        .map_err(|e| format!("no fault: {e}"))?;
    // From memory: the disk takes nothing any more.
    service.all_succeed(&executions, SOON)?;
    require(setup.logged("the result can't be kept on disk") > 0, || "the disk took the result".into())?;
    thread::sleep(Duration::from_secs(2));
    let polls = service.count("GetActivityTask")?;
    executions.push(service.execute(&machine, 1)?);
    thread::sleep(Duration::from_secs(8));
    let more = service.count("GetActivityTask")? - polls;
    require(more == 0, || format!("{more} polls on a read-only disk"))?;
    worker.kill();
    let before = setup.read_log().len();
    let status = setup.run_until_idle(SOON)?;
    let said = setup.read_log().split_off(before);
    require(status.code() == Some(78), || format!("a start on a read-only folder ended with {status}"))?;
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("error")).collect();
    require(errors.len() == 1 && errors[0].contains("state"), || format!("it said: {said}"))?;
    volume.unmount()?;
    volume.mount()?;
    let worker = setup.start()?;
    service.all_succeed(&executions, SOON)?;
    accounts(&setup, &service, worker)?;
    Ok(format!(
        "read-only disk: the result delivered from memory, no poll, a start refused with 78 ({}), all done once mended",
        errors[0]
    ))
}

/// Somebody removes the state folder while a handler runs.
pub(super) fn removed(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("removed", 20)?;
    let setup = stage.worker("worker", &activity, service.url())?.work("sleep 1");
    let worker = setup.start()?;
    let mut executions = vec![service.execute(&machine, 0)?];
    wait_for("the handler", SOON, || Ok(setup.effects.exists()))?;
    fs::remove_dir_all(&setup.state_dir).map_err(|e| e.to_string())?;
    let home = service.all_succeed(&executions, SOON)?;
    require(setup.logged("was removed while it was in use") == 1, || "it was not said once".into())?;
    executions.push(service.execute(&machine, 1)?);
    service.all_succeed(&executions, SOON)?;
    require(setup.logged("result kept") == 2, || "the new folder took no result".into())?;
    // A folder that was moved is somewhere, with all that was kept: none is made in its place.
    let elsewhere = setup.state_dir.with_extension("moved");
    fs::rename(&setup.state_dir, &elsewhere).map_err(|e| e.to_string())?;
    thread::sleep(Duration::from_secs(2));
    let polls = service.count("GetActivityTask")?;
    executions.push(service.execute(&machine, 2)?);
    thread::sleep(Duration::from_secs(8));
    let more = service.count("GetActivityTask")? - polls;
    require(more == 0, || format!("{more} polls without a folder"))?;
    require(!setup.state_dir.exists(), || "a folder was made in its place".into())?;
    fs::rename(&elsewhere, &setup.state_dir).map_err(|e| e.to_string())?;
    service.all_succeed(&executions, SOON)?;
    worker.kill();
    // The dead one's last poll would swallow a task.
    thread::sleep(Duration::from_millis(1500));
    let worker = setup.start()?;
    executions.push(service.execute(&machine, 3)?);
    service.all_succeed(&executions, SOON)?;
    worker.kill();
    Ok(format!(
        "folder removed: the result home {:.1} s later, a new folder at once, the next task kept there; folder moved: no poll until it was back",
        home.as_secs_f64()
    ))
}

/// Half of the files of a dead worker are damaged, and others lie beside them.
pub(super) fn damaged(stage: &Stage) -> Result<String, String> {
    const TASKS: usize = 5;
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("damaged", 6)?;
    let setup = stage.worker("worker", &activity, service.url())?.concurrency(TASKS);
    let slow = setup.clone().work("sleep 20");
    let worker = slow.start()?;
    let executions = (0..TASKS).map(|n| service.execute(&machine, n)).collect::<Result<Vec<_>, _>>()?;
    let begun = || fs::read_to_string(&setup.effects).unwrap_or_default().lines().count();
    wait_for("the handlers", SOON, || Ok(begun() == TASKS))?;
    worker.kill();
    let tasks = setup.state_dir.join("tasks");
    let files: Vec<String> =
        setup.files("tasks").into_iter().filter(|name| name.ends_with(".task")).collect();
    require(files.len() == TASKS, || format!("{} task files", files.len()))?;
    let change = |name: &str, change: fn(&mut Vec<u8>)| -> Result<(), String> {
        let path = tasks.join(name);
        let mut bytes = fs::read(&path).map_err(|e| e.to_string())?;
        change(&mut bytes);
        fs::write(&path, bytes).map_err(|e| e.to_string())
    };
    change(&files[0], |bytes| bytes.truncate(bytes.len() / 2))?;
    change(&files[1], |bytes| bytes.truncate(bytes.len() - 3))?;
    change(&files[2], |bytes| {
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 0x20
        }
    })?;
    change(&files[3], Vec::clear)?;
    let foreign = ["notes.txt", "tasks/README", "tasks/zz.task", "tasks/0123456789abcdef.task"];
    for name in foreign {
        fs::write(setup.state_dir.join(name), "not ours").map_err(|e| e.to_string())?;
    }
    for name in ["date", "loading", "owner", "settled.a"] {
        fs::write(setup.state_dir.join(name), [0xff; 100]).map_err(|e| e.to_string())?;
    }
    let worker = setup.start()?;
    let home = service.all_succeed(&executions, SOON)?;
    thread::sleep(Duration::from_millis(300));
    worker.kill();
    let status = setup.run_until_idle(SOON)?;
    require(status.success(), || format!("the last worker ended with {status}"))?;
    let calls = service.calls()?;
    // The token of what can still be read is failed at once, the others' workflows wait for the heartbeat.
    let failed = |name: &str| {
        let id = name.trim_end_matches(".task");
        calls.iter().any(|c| c.operation == "SendTaskFailure" && c.task == id)
    };
    let told: Vec<bool> = files.iter().map(|name| failed(name)).collect();
    require(told[1..] == [true, true, false, true], || format!("failed to the service: {told:?}"))?;
    let aside = setup.files("quarantine");
    require(aside == files[..4], || format!("in quarantine: {aside:?}"))?;
    let gone: Vec<_> = foreign.iter().filter(|name| !setup.state_dir.join(name).exists()).collect();
    require(gone.is_empty(), || format!("foreign files gone: {gone:?}"))?;
    Ok(format!(
        "of {TASKS} task files one halved, one short by 3 bytes, one with a wrong bit, one empty, beside 8 foreign or wrong files: 4 set aside, {} failed by their token, all tasks done {:.1} s later",
        told.iter().filter(|told| **told).count(),
        home.as_secs_f64()
    ))
}

fn accounts(setup: &Setup, service: &Service, worker: super::worker::Worker) -> Result<(), String> {
    // What follows the service's answer: the receipt.
    thread::sleep(Duration::from_millis(200));
    worker.kill();
    let status = setup.run_until_idle(SOON)?;
    require(status.success(), || format!("the last worker ended with {status}"))?;
    Ledger::of(setup).check(setup, &service.calls()?).map(drop)
}

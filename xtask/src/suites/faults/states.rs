//! Every state that the disk goes through in one task's life.
//!
//! The writes of the block device are logged; then the log is replayed write by write, and after each one a worker starts on what
//! the disk would hold had the power gone there. Beside each such state stands a torn one: of the writes since the last flush, which
//! a disk may carry out in any order, some are missing.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::checks::{require, wait_for};
use super::service::Service;
use super::stage::{Stage, run};
use super::volume::Volume;
use super::worker::Setup;
use crate::process::{self, Group};

const SOON: Duration = Duration::from_secs(30);
/// The life's image: small, since it is copied for each state.
const BYTES: u64 = 32 << 20;
/// Kept in each torn state: this part of the writes since the last flush.
const KEPT: f64 = 0.5;

/// How long the log was when something was promised, in entries.
struct Promises {
    accepted: usize,
    kept: usize,
    /// From here on the service may have taken the result.
    sent: usize,
}

impl Promises {
    /// Whether the task must be there, wherever in this part of the log the disk stands.
    fn has_task(&self, at: &RangeInclusive<usize>) -> bool {
        *at.start() >= self.accepted && *at.end() <= self.sent
    }

    fn has_result(&self, at: &RangeInclusive<usize>) -> bool {
        *at.start() >= self.kept && *at.end() <= self.sent
    }
}

pub(super) fn ext4(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "0.2s"])?;
    let folder = stage.folder("device")?;
    let image = folder.join("base");
    File::create(&image).and_then(|f| f.set_len(BYTES)).map_err(|e| format!("no image: {e}"))?;
    process::read(Command::new("mkfs.ext4").arg("-q").arg(&image))?;
    run("cp", &["--sparse=always", &shown(&image), &shown(&folder.join("state"))])?;
    let (activity, machine) = service.machine("states", 60)?;
    let mut setup = stage.worker("worker", &activity, service.url())?;
    setup.state_dir = stage.folder("volume")?.join("state");
    let promises = record(stage, &service, &setup, &machine, &folder)?;
    let log = read_log(&folder.join("log"))?;
    // The disk as it was before the life.
    run("cp", &["--sparse=always", &shown(&folder.join("state")), &shown(&image)])?;
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut states, mut torn, mut flushed) = (0, 0, 0);
    // States in which a task, and in which a result, must be found.
    let (mut with_task, mut with_result) = (0, 0);
    for now in 0..=log.len() {
        let whole: Vec<&Entry> = log[..now].iter().collect();
        let is_new = now == 0 || !log[now - 1].bytes.is_empty();
        if now > 0 && log[now - 1].is_flush {
            flushed = now;
        }
        if is_new {
            replay(&image, &folder.join("state"), &whole)?;
            comes_back(stage, &service, &setup, &folder, &promises, now..=now)
                .map_err(|e| format!("state {now} of {}, {e}", log.len()))?;
            states += 1;
            with_task += usize::from(promises.has_task(&(now..=now)));
            with_result += usize::from(promises.has_result(&(now..=now)));
        }
        if is_new && now > flushed + 1 {
            let mut some = whole[..flushed].to_vec();
            some.extend(whole[flushed..].iter().filter(|e| e.is_durable || rng.f64() < KEPT));
            replay(&image, &folder.join("state"), &some)?;
            comes_back(stage, &service, &setup, &folder, &promises, flushed..=now)
                .map_err(|e| format!("torn state {now} of {}, flushed at {flushed}, {e}", log.len()))?;
            torn += 1;
        }
    }
    let calls = service.calls()?.into_iter().filter(|call| call.operation == "SendTaskSuccess");
    let said: BTreeSet<_> = calls.map(|call| call.body_hash).collect();
    require(said.len() == 1, || format!("one result, and {} different ones were reported", said.len()))?;
    require(with_result > 0 && with_task > with_result, || "no state lies between the promises".into())?;
    Ok(format!(
        "{states} states of the disk ({with_task} must hold the task, {with_result} its result) and {torn} torn ones from {} writes, each mounted, started on and right",
        log.iter().filter(|e| !e.bytes.is_empty()).count()
    ))
}

/// Lives a task's life on a logged disk.
fn record(
    stage: &Stage,
    service: &Service,
    setup: &Setup,
    machine: &str,
    folder: &Path,
) -> Result<Promises, String> {
    let (export, log, go) = (folder.join("export"), folder.join("log"), folder.join("go"));
    for file in [&export, &log] {
        File::create(file).map_err(|e| format!("can't make {}: {e}", file.display()))?;
    }
    OpenOptions::new()
        .write(true)
        .open(&log)
        .and_then(|f| f.set_len(256 << 20))
        .map_err(|e| e.to_string())?;
    let mut daemon = Command::new("qemu-storage-daemon");
    for device in [
        format!("driver=file,node-name=f0,filename={},cache.direct=off", folder.join("base").display()),
        format!("driver=file,node-name=l0,filename={}", log.display()),
        "driver=blklogwrites,node-name=lw,file=f0,log=l0".to_owned(),
    ] {
        daemon.args(["--blockdev", &device]);
    }
    let fuse = format!("type=fuse,id=e0,node-name=lw,mountpoint={},writable=on", export.display());
    let daemon = Group::spawn(daemon.args(["--export", &fuse]))?;
    wait_for("the logged device", SOON, || {
        Ok(fs::read_to_string("/proc/mounts").unwrap_or_default().contains(&shown(&export)))
    })?;
    let volume = Volume::of(stage, export.clone())?;
    let handler = format!("while [ ! -e {} ]; do sleep 0.02; done", go.display());
    let setup = setup.clone().work(&handler);
    let worker = setup.start()?;
    service.inject(&json!({ "fault": "error", "status": 503, "code": "ServiceUnavailable", "message": "", "operation": "SendTaskSuccess" }))?;
    let execution = service.execute(machine, 0)?;
    wait_for("the handler", SOON, || Ok(setup.effects.exists()))?;
    let accepted = entries(&log)?;
    File::create(&go).map_err(|e| e.to_string())?;
    wait_for("the result on disk", SOON, || Ok(setup.logged("result kept") > 0))?;
    let kept = entries(&log)?;
    // Heartbeats and refused reports write nothing; what the file system writes late belongs to this time.
    thread::sleep(Duration::from_secs(6));
    run("sync", &["-f", &shown(volume.folder())])?;
    let sent = entries(&log)?;
    service.mend()?;
    service.all_succeed(&[execution], SOON)?;
    worker.stop(SOON)?;
    volume.unmount()?;
    run("umount", &[&shown(&export)])?;
    drop(daemon);
    Ok(Promises { accepted, kept, sent })
}

/// Starts a worker on the state, and looks whether it does what was promised of a disk that is somewhere in this part of the log.
fn comes_back(
    stage: &Stage,
    service: &Service,
    setup: &Setup,
    folder: &Path,
    promises: &Promises,
    at: RangeInclusive<usize>,
) -> Result<(), String> {
    let reports = || Ok::<_, String>((service.count("SendTaskSuccess")?, service.count("SendTaskFailure")?));
    let before = reports()?;
    let volume = Volume::of(stage, folder.join("state"))?;
    let _ = fs::remove_file(&setup.log);
    let status = setup.run_until_idle(SOON)?;
    let left = (setup.files("tasks"), setup.files("quarantine"));
    volume.unmount()?;
    require(status.success(), || format!("the worker ended with {status}"))?;
    require(left.0.is_empty() && left.1.is_empty(), || format!("left: {left:?}"))?;
    let after = reports()?;
    let (successes, failures) = (after.0 - before.0, after.1 - before.1);
    let told = || format!("{successes} successes and {failures} failures were reported");
    let is_answered = !promises.has_task(&at) || successes + failures > 0;
    require(is_answered, || format!("an accepted task is lost: {}", told()))?;
    require(!promises.has_result(&at) || successes > 0, || format!("a kept result is lost: {}", told()))?;
    require(*at.start() < promises.kept || failures == 0, || format!("a kept result was changed: {}", told()))
}

/// One entry of the log: a write (discards are written as zeros), or a flush.
struct Entry {
    place: u64,
    bytes: Vec<u8>,
    is_flush: bool,
    /// It reached the disk before it was answered.
    is_durable: bool,
}

/// The log's head. Source: the kernel's Documentation/admin-guide/device-mapper/log-writes.rst, whose format qemu writes.
fn head(log: &File) -> Result<(u64, u64), String> {
    let mut head = [0; 28];
    log.read_exact_at(&mut head, 0).map_err(|e| format!("no log: {e}"))?;
    let sector = u32::from_le_bytes(head[24..28].try_into().unwrap_or_default());
    Ok((number(&head[16..24]), u64::from(sector)))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map(u64::from_le_bytes).unwrap_or_default()
}

/// Entries so far; the head is written with each flush.
fn entries(log: &Path) -> Result<usize, String> {
    let file = File::open(log).map_err(|e| e.to_string())?;
    usize::try_from(head(&file)?.0).map_err(|e| e.to_string())
}

fn read_log(path: &Path) -> Result<Vec<Entry>, String> {
    const FLUSH: u64 = 1;
    const FUA: u64 = 2;
    const DISCARD: u64 = 4;
    let log = File::open(path).map_err(|e| e.to_string())?;
    let (count, sector) = head(&log)?;
    let mut at = sector;
    let mut entries = Vec::new();
    for _ in 0..count {
        let mut head = [0; 32];
        log.read_exact_at(&mut head, at).map_err(|e| format!("the log is short: {e}"))?;
        at += sector;
        let (place, sectors, flags) = (number(&head[..8]), number(&head[8..16]), number(&head[16..24]));
        let mut bytes = vec![0; usize::try_from(sectors * sector).map_err(|e| e.to_string())?];
        if flags & DISCARD == 0 && sectors > 0 {
            log.read_exact_at(&mut bytes, at).map_err(|e| format!("the log is short: {e}"))?;
            at += sectors * sector;
        }
        let (is_flush, is_durable) = (flags & FLUSH != 0, flags & FUA != 0);
        entries.push(Entry { place: place * sector, bytes, is_flush, is_durable });
    }
    Ok(entries)
}

/// The disk as it was, with these writes.
fn replay(base: &Path, state: &PathBuf, writes: &[&Entry]) -> Result<(), String> {
    run("cp", &["--sparse=always", &shown(base), &shown(state)])?;
    let disk = OpenOptions::new().write(true).open(state).map_err(|e| e.to_string())?;
    for entry in writes {
        disk.write_all_at(&entry.bytes, entry.place).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

//! Every system call of a task's life that changes something: the process killed before it, or the call made to fail, once each.
//!
//! strace counts calls by thread. So a life without faults is watched first, and then each call of each thread gets a life of its
//! own. A life is seen twice: from an idle worker that is given a task, and from the start of a worker that died with one.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::checks::{require, wait_for};
use super::ledger::Ledger;
use super::service::Service;
use super::stage::Stage;
use super::trace::{Point, Scene, Target, Trace};
use super::worker::{Setup, Worker};
use crate::process::Group;

/// `?`: not every machine has all of them.
const CALLS: &str = "?write,?writev,?pwrite64,?rename,?renameat,?renameat2,?fsync,?fdatasync,?fallocate,?ftruncate,?unlink,?unlinkat,?sendto,?sendmsg";
/// Lives side by side.
const LANES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn killed(stage: &Stage) -> Result<String, String> {
    sweep(stage, "signal=KILL")
}

pub(super) fn eio(stage: &Stage) -> Result<String, String> {
    sweep(stage, "error=EIO")
}

pub(super) fn enospc(stage: &Stage) -> Result<String, String> {
    sweep(stage, "error=ENOSPC")
}

pub(super) fn eintr(stage: &Stage) -> Result<String, String> {
    sweep(stage, "error=EINTR")
}

fn sweep(stage: &Stage, how: &str) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let mut points = Vec::new();
    for scene in [Scene::Idle, Scene::Start] {
        let life = Life::new(stage, &service, scene, usize::from(scene == Scene::Start))?;
        let census = life.live(None)?;
        let seen = census.points(scene);
        require(!seen.is_empty(), || "strace saw no call in a life without faults".into())?;
        points.extend(seen);
    }
    let lives = points
        .iter()
        .enumerate()
        .map(|(n, point)| Life::new(stage, &service, point.scene, n + 2))
        .collect::<Result<Vec<_>, _>>()?;
    let (next, hits, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    let (Some(point), Some(life)) = (points.get(n), lives.get(n)) else { return };
                    match life.live(Some((point, how))) {
                        Ok(trace) => drop(hits.fetch_add(usize::from(trace.hit), Ordering::SeqCst)),
                        Err(reason) => {
                            let log = crate::process::last_lines(&life.setup.read_log(), 25);
                            let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                            failed.push(format!("{how} at {}: {reason}\n{log}", point.shown()));
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    let hits = hits.into_inner();
    require(failed.is_empty(), || {
        format!("{} of {} lives\n{}", failed.len(), points.len(), failed.join("\n"))
    })?;
    // A thread that shares its name may have made fewer calls than another one in the life that was watched.
    require(hits * 4 >= points.len() * 3, || format!("only {hits} of {} faults came about", points.len()))?;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for point in &points {
        *kinds.entry(&point.call).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.into_iter().map(|(call, count)| format!("{call} {count}")).collect();
    Ok(format!(
        "{how}: {hits} faults in {} lives ({}), every result came home",
        points.len(),
        kinds.join(", ")
    ))
}

/// One task, one worker, one fault.
struct Life<'a> {
    service: &'a Service,
    setup: Setup,
    machine: String,
    scene: Scene,
    trace: PathBuf,
}

impl<'a> Life<'a> {
    fn new(stage: &Stage, service: &'a Service, scene: Scene, n: usize) -> Result<Self, String> {
        let name = format!("life-{n}");
        let (activity, machine) = service.machine(&name, 4)?;
        let setup = stage.worker(&name, &activity, service.url())?.work("sleep 0.05");
        let trace = stage.folder(&name)?.join("trace");
        Ok(Life { service, setup, machine, scene, trace })
    }

    /// Lives it to its end, and checks the accounts.
    fn live(&self, fault: Option<(&Point, &str)>) -> Result<Trace, String> {
        let (execution, trace) = match self.scene {
            Scene::Idle => self.given_a_task(fault)?,
            Scene::Start => self.started_on_one(fault)?,
        };
        self.service.all_succeed(&[execution], PATIENCE)?;
        let status = self.setup.run_until_idle(PATIENCE)?;
        require(status.success(), || format!("the last worker ended with {status}"))?;
        Ledger::of(&self.setup).check(&self.setup, &self.service.calls()?)?;
        trace.check_syncs()?;
        Ok(trace)
    }

    fn given_a_task(&self, fault: Option<(&Point, &str)>) -> Result<(String, Trace), String> {
        let mut worker = self.setup.start()?;
        self.service.wait_poll(&self.setup.activity)?;
        let threads = threads(worker.id());
        let target = fault.map_or(&Target::Process, |(point, _)| &point.target);
        let mut strace = Some(self.attach(worker.id(), target, &threads, fault)?);
        let execution = self.service.execute(&self.machine, 0)?;
        self.settled_or_dead(&execution, &mut worker, || {
            // Threads that come later, and handlers, would each get the fault anew.
            if strace.is_some() && Trace::has_hit(&self.trace) {
                strace = None;
            }
        })?;
        let has_died = worker.ended().is_some();
        worker.kill();
        drop(strace);
        let trace = Trace::read(&self.trace, threads, has_died)?;
        if self.service.execution(&execution)?.status == "RUNNING" {
            self.finish(&execution)?;
        }
        Ok((execution, trace))
    }

    fn started_on_one(&self, fault: Option<(&Point, &str)>) -> Result<(String, Trace), String> {
        let worker = self.setup.start()?;
        let execution = self.service.execute(&self.machine, 0)?;
        wait_for("the handler", PATIENCE, || Ok(self.setup.effects.exists()))?;
        worker.kill();
        // The worker stays our child, strace is beside it.
        let mut strace = vec!["strace".to_owned(), "-D".to_owned()];
        strace.extend(self.options(fault));
        let words: Vec<&str> = strace.iter().map(String::as_str).collect();
        let mut worker = self.setup.clone().under(&words).start()?;
        self.settled_or_dead(&execution, &mut worker, || {})?;
        let has_died = worker.ended().is_some();
        worker.kill();
        let trace = Trace::read(&self.trace, BTreeMap::new(), has_died)?;
        if self.service.execution(&execution)?.status == "RUNNING" {
            self.finish(&execution)?;
        }
        Ok((execution, trace))
    }

    /// Waits until the worker has said that the task of the execution is over, or is dead.
    fn settled_or_dead(
        &self,
        execution: &str,
        worker: &mut Worker,
        mut meanwhile: impl FnMut(),
    ) -> Result<(), String> {
        wait_for("the task's end", PATIENCE, || {
            meanwhile();
            Ok(worker.ended().is_some() || self.service.execution(execution)?.status != "RUNNING")
        })?;
        // What follows the answer belongs to the life: the receipt, and the file's end.
        thread::sleep(Duration::from_millis(150));
        Ok(())
    }

    fn finish(&self, execution: &str) -> Result<(), String> {
        let worker = self.setup.start()?;
        self.service.all_succeed(&[execution.to_owned()], PATIENCE)?;
        thread::sleep(Duration::from_millis(100));
        worker.kill();
        Ok(())
    }

    fn options(&self, fault: Option<(&Point, &str)>) -> Vec<String> {
        // The path of every descriptor stands in the trace, signals do not.
        let mut options = vec![
            "-y".into(),
            "-e".into(),
            "signal=none".into(),
            "-o".into(),
            self.trace.display().to_string(),
        ];
        options.extend(["-e".into(), format!("trace={CALLS}")]);
        if let Some((point, how)) = fault {
            options.extend(["-e".into(), format!("inject={}:{how}:when={}", point.call, point.number)]);
        }
        options
    }

    fn attach(
        &self,
        process: u32,
        target: &Target,
        threads: &BTreeMap<u32, String>,
        fault: Option<(&Point, &str)>,
    ) -> Result<Group, String> {
        let thread = match target {
            Target::Process => None,
            Target::Thread(name) => {
                let found = threads.iter().find(|(_, known)| *known == name);
                Some(found.map(|(id, _)| *id).ok_or_else(|| format!("no thread {name}"))?)
            }
        };
        let mut command = Command::new("strace");
        command.args(self.options(fault)).arg("-q");
        if thread.is_none() {
            command.arg("-f");
        }
        command.args(["-p", &thread.unwrap_or(process).to_string()]);
        command.stderr(std::process::Stdio::null());
        let strace = Group::spawn(&mut command)?;
        wait_for("strace", PATIENCE, || {
            // With -f every thread must be held, or its first calls are missed.
            let held = |id: &u32| is_traced(process, *id);
            Ok(thread.as_ref().map_or_else(|| threads.keys().all(held), held))
        })?;
        Ok(strace)
    }
}

fn threads(process: u32) -> BTreeMap<u32, String> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let one = |entry: fs::DirEntry| {
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, name.trim().to_owned()))
    };
    entries.filter_map(one).collect()
}

fn is_traced(process: u32, thread: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/task/{thread}/status")).unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

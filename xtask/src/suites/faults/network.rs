//! The link and the names: packets that vanish, so that nobody is told that a connection is over, and a name server that is gone.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::checks::{require, wait_for};
use super::ledger::Ledger;
use super::service::Service;
use super::stage::{Stage, run};
use crate::process;

/// The device's end of the link is in a network namespace of its own.
const DEVICE: &[&str] = &["ip", "netns", "exec", "device"];
const ENDPOINT: &str = "http://10.77.0.1:8083";
/// The worker's deadline of a poll, and what a loaded machine may add.
const POLL_DEADLINE: Duration = Duration::from_secs(65);
const SLACK: Duration = Duration::from_secs(5);

/// A link that can be cut without a word.
struct Link;

impl Link {
    fn new() -> Result<Self, String> {
        // Namespaces are named by files there; this keeps them out of the machine's own folder.
        run("mount", &["-t", "tmpfs", "names", "/run"])?;
        for command in [
            "netns add device",
            "link add service type veth peer name device netns device",
            "addr add 10.77.0.1/24 dev service",
            "link set service up",
            "-n device addr add 10.77.0.2/24 dev device",
            "-n device link set device up",
            "-n device link set lo up",
        ] {
            process::read(Command::new("ip").args(command.split(' ')))?;
        }
        Ok(Link)
    }

    fn cut(&self) -> Result<(), String> {
        run("iptables", &["-A", "INPUT", "-i", "service", "-j", "DROP"])?;
        run("iptables", &["-A", "OUTPUT", "-o", "service", "-j", "DROP"]).map(drop)
    }

    fn heal(&self) -> Result<(), String> {
        run("iptables", &["-F"]).map(drop)
    }

    /// Connections that the device believes in.
    fn established(&self) -> Result<usize, String> {
        let shown = process::read(Command::new(DEVICE[0]).args(&DEVICE[1..]).args([
            "ss",
            "-Htn",
            "state",
            "established",
        ]))?;
        Ok(shown.lines().count())
    }
}

pub(super) fn half_open(stage: &Stage) -> Result<String, String> {
    let link = Link::new()?;
    let service = Service::start(stage, &[])?;
    let (activity, machine) = service.machine("idle", 60)?;
    let setup = stage.worker("worker", &activity, ENDPOINT)?.under(DEVICE);
    let worker = setup.start()?;
    service.wait_poll(&activity)?;
    let polled = Instant::now();
    thread::sleep(Duration::from_secs(1));
    link.cut()?;
    thread::sleep(Duration::from_secs(30));
    require(link.established()? > 0, || "the connection did not stay half-open".into())?;
    wait_for("the half-open poll's end", POLL_DEADLINE + SLACK, || Ok(setup.logged("offline: ") > 0))?;
    let found = polled.elapsed();
    require(found <= POLL_DEADLINE + SLACK, || format!("found after {} s", found.as_secs()))?;
    thread::sleep(Duration::from_secs(3));
    link.heal()?;
    let healed = Instant::now();
    let execution = service.execute(&machine, 0)?;
    service.all_succeed(&[execution], Duration::from_secs(120))?;
    require(setup.logged("offline: ") == 1, || "offline was said more than once".into())?;
    worker.kill();
    Ok(format!(
        "an idle poll on a dead link was given up {:.1} s after it began (deadline 65), a task done {:.1} s after the link came back",
        found.as_secs_f64(),
        healed.elapsed().as_secs_f64()
    ))
}

pub(super) fn cut(stage: &Stage) -> Result<String, String> {
    const TASKS: usize = 4;
    const DARK: Duration = Duration::from_secs(20);
    let link = Link::new()?;
    let service = Service::start(stage, &["--long-poll", "2s"])?;
    let (activity, machine) = service.machine("cut", 120)?;
    let setup = stage.worker("worker", &activity, ENDPOINT)?.under(DEVICE).concurrency(TASKS).work("sleep 2");
    let worker = setup.start()?;
    let executions = (0..TASKS).map(|n| service.execute(&machine, n)).collect::<Result<Vec<_>, _>>()?;
    let begun = || fs::read_to_string(&setup.effects).unwrap_or_default().lines().count();
    wait_for("the handlers", Duration::from_secs(20), || Ok(begun() == TASKS))?;
    link.cut()?;
    wait_for("the results on disk", Duration::from_secs(30), || Ok(setup.logged("result kept") == TASKS))?;
    thread::sleep(DARK);
    require(service.execution(&executions[0])?.status == "RUNNING", || "the link was not cut".into())?;
    link.heal()?;
    let home = service.all_succeed(&executions, Duration::from_secs(120))?;
    thread::sleep(Duration::from_millis(200));
    worker.kill();
    let status = setup.run_until_idle(Duration::from_secs(60))?;
    require(status.success() && begun() == TASKS, || format!("{} handlers ran, then {status}", begun()))?;
    let figures = Ledger::of(&setup).check(&setup, &service.calls()?)?;
    require(figures.late == 0, || format!("{} results were late", figures.late))?;
    Ok(format!(
        "{TASKS} results kept in {} s without a link, all home {:.1} s after it came back, each handler ran once",
        DARK.as_secs(),
        home.as_secs_f64()
    ))
}

pub(super) fn dns(stage: &Stage) -> Result<String, String> {
    let names = Names::serve(stage)?;
    let service = Service::start(stage, &["--long-poll", "1s"])?;
    let (activity, machine) = service.machine("dns", 120)?;
    let setup = stage.worker("worker", &activity, "http://service.test:8083")?.work("sleep 1");
    let worker = setup.start()?;
    let mut executions = vec![service.execute(&machine, 0)?];
    service.all_succeed(&executions, Duration::from_secs(30))?;
    executions.push(service.execute(&machine, 1)?);
    let begun = || fs::read_to_string(&setup.effects).unwrap_or_default().lines().count();
    wait_for("the handler", Duration::from_secs(20), || Ok(begun() == 2))?;
    // Open connections need no name: they go too.
    names.say(SILENT);
    service.inject(&json!({ "fault": "refuse", "seconds": 1 }))?;
    wait_for("the result on disk", Duration::from_secs(30), || Ok(setup.logged("result kept") == 2))?;
    thread::sleep(Duration::from_secs(12));
    require(setup.logged("offline: ") == 1, || "offline was not said once".into())?;
    // A worker that starts without names keeps what it finds.
    worker.kill();
    names.say(NO_SUCH_NAME);
    let worker = setup.start()?;
    thread::sleep(Duration::from_secs(5));
    require(service.execution(&executions[1])?.status == "RUNNING", || "names were still found".into())?;
    names.say(ANSWER);
    let home = service.all_succeed(&executions, Duration::from_secs(120))?;
    thread::sleep(Duration::from_millis(200));
    worker.kill();
    let status = setup.run_until_idle(Duration::from_secs(60))?;
    require(status.success() && begun() == 2, || format!("{} handlers ran, then {status}", begun()))?;
    Ledger::of(&setup).check(&setup, &service.calls()?)?;
    Ok(format!(
        "a name server silent for 12 s, then without the name, over a restart: the result came home {:.1} s after names did",
        home.as_secs_f64()
    ))
}

const ANSWER: u8 = 0;
const SILENT: u8 = 1;
const NO_SUCH_NAME: u8 = 2;

/// A name server that knows one address for every name, and what it is to do with questions.
struct Names(Arc<AtomicU8>);

impl Names {
    fn serve(stage: &Stage) -> Result<Self, String> {
        let socket = UdpSocket::bind("127.0.0.1:53").map_err(|e| format!("no name server: {e}"))?;
        let file = stage.folder("names")?.join("resolv.conf");
        fs::write(&file, "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
            .map_err(|e| e.to_string())?;
        run("mount", &["--bind", &file.to_string_lossy(), "/etc/resolv.conf"])?;
        let mode = Arc::new(AtomicU8::new(ANSWER));
        let shared = Arc::clone(&mode);
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                if let Some(answer) = answer(&question[..length], shared.load(Ordering::SeqCst)) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(Names(mode))
    }

    fn say(&self, mode: u8) {
        self.0.store(mode, Ordering::SeqCst);
    }
}

/// RFC 1035, as far as a question for one address needs it.
fn answer(question: &[u8], mode: u8) -> Option<Vec<u8>> {
    if mode == SILENT {
        return None;
    }
    // The name's labels, each with its length, to the empty one; then type and class.
    let name = question.get(12..)?.iter().position(|byte| *byte == 0)? + 13;
    let is_address = question.get(name..name + 2)? == [0, 1];
    let mut answer = question.get(..name + 4)?.to_vec();
    let answers = u8::from(is_address && mode == ANSWER);
    answer[2..12].copy_from_slice(&[
        0x81,
        if mode == ANSWER { 0x80 } else { 0x83 },
        0,
        1,
        0,
        answers,
        0,
        0,
        0,
        0,
    ]);
    if answers > 0 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

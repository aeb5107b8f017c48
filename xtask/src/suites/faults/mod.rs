//! Real faults on the real binary: the release build of `activity-worker` at work for the emulator while processes are killed,
//! links cut, disks filled, clocks set and the power taken away.
//!
//! Each scenario runs in a process of its own, as the first one of a PID, network and mount namespace: what it starts, mounts and
//! attaches is gone when it ends, however it ends. Several run side by side, since most of them wait.

mod calls;
mod checks;
mod clock;
mod comeback;
mod disk;
mod keys;
mod kill;
mod ledger;
mod machine;
mod names;
mod nat;
mod network;
mod power;
mod refusals;
mod service;
mod soak;
mod stage;
mod states;
mod tls;
mod trace;
mod uplink;
mod volume;
mod worker;

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::stage::Stage;
use super::suite::Stop;
use crate::cross::target::X86_64;
use crate::cross::toolchain::Toolchain;
use crate::cross::{DEVICE, Site};
use crate::process::{self, Group};
use crate::workspace::Workspace;

/// What `SUITE:PART` can name.
pub(crate) const PARTS: &[&str] =
    &["kill", "network", "dns", "nat", "tls", "disk", "clock", "service", "soak", "power", "states", "calls"];

/// The command with which xtask starts itself for one scenario.
pub(crate) const INSIDE: &str = "fault-scenario";

/// Side by side: most of a scenario is waiting, but a build machine has two processors.
const AT_ONCE: usize = 5;
/// No scenario takes half as long.
const PATIENCE: Duration = Duration::from_secs(600);

/// Something goes wrong, and results come home all the same. Gives its figures.
struct Scenario {
    part: &'static str,
    name: &'static str,
    play: fn(&Stage) -> Result<String, String>,
}

const fn scenario(
    part: &'static str,
    name: &'static str,
    play: fn(&Stage) -> Result<String, String>,
) -> Scenario {
    Scenario { part, name, play }
}

/// The longest come first, so that none is left over at the end.
const SCENARIOS: &[Scenario] = &[
    scenario("calls", "kill", calls::killed),
    scenario("calls", "eio", calls::eio),
    scenario("calls", "enospc", calls::enospc),
    scenario("calls", "eintr", calls::eintr),
    scenario("states", "ext4", states::ext4),
    scenario("network", "half-open", network::half_open),
    scenario("nat", "forgets", nat::forgets),
    scenario("disk", "full", disk::full),
    scenario("soak", "soak", soak::soak),
    scenario("power", "ext4", power::ext4),
    scenario("power", "xfs", power::xfs),
    scenario("power", "dying-ext4", power::dying_ext4),
    scenario("power", "dying-xfs", power::dying_xfs),
    scenario("kill", "kill", kill::kill),
    scenario("kill", "handler", kill::handler),
    scenario("network", "cut", network::cut),
    scenario("network", "comeback", comeback::comes_back),
    scenario("network", "slow-uplink", uplink::slow),
    scenario("network", "dns", network::dns),
    scenario("dns", "static", names::of_the_static_binary),
    scenario("dns", "glibc", names::of_the_c_library),
    scenario("tls", "certificates", tls::certificates),
    scenario("tls", "old", tls::old),
    scenario("disk", "read-only", disk::read_only),
    scenario("disk", "removed", disk::removed),
    scenario("disk", "damaged", disk::damaged),
    scenario("clock", "1970", clock::in_1970),
    scenario("clock", "2099", clock::in_2099),
    scenario("clock", "step", clock::step),
    scenario("clock", "service", clock::of_the_service),
    scenario("service", "credentials", refusals::credentials),
    scenario("service", "denied", refusals::denied),
    scenario("service", "throttled", refusals::throttled),
];

/// Plays every scenario of the part, or all of them, and prints a line for each.
pub(super) fn run(workspace: &Workspace, part: Option<&str>) -> Result<String, Stop> {
    machine::prepare().map_err(Stop::Skipped)?;
    let packages = ["--package", "activity-worker-device", "--package", "activity-emulator"];
    process::run(workspace.cargo(&["build", "--locked", "--release"]).args(packages))?;
    let chosen: Vec<&Scenario> =
        SCENARIOS.iter().filter(|s| part.is_none_or(|part| part == s.part)).collect();
    if chosen.iter().any(|s| s.part == "dns") {
        build_static(workspace)?;
    }
    // By now cargo may have put another file where this one was started from.
    let own = process::copy_of_own().map_err(Stop::Failed)?;
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(scenario) = chosen.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if !play(scenario, &own) {
                        failed
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push(scenario.title());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    match failed.len() {
        0 => Ok(format!("{} scenarios", chosen.len())),
        _ => Err(Stop::Failed(failed.join(", "))),
    }
}

/// What `cross` has built for this machine, or does now: next to nothing where that suite has run before.
fn build_static(workspace: &Workspace) -> Result<(), String> {
    if std::env::var_os("ACTIVITY_WORKER_BINARY").is_some() {
        return Ok(());
    }
    let toolchain = Toolchain::install(workspace)?;
    Site::of(workspace).build(&toolchain, &DEVICE, &[&X86_64])
}

/// Plays a scenario in namespaces of its own and prints its line. Returns whether it went well.
fn play(scenario: &Scenario, own: &Path) -> bool {
    let start = Instant::now();
    let result = start_inside(scenario, own);
    let took = start.elapsed().as_secs_f64();
    // One print, so that lines of scenarios side by side stay whole.
    match &result {
        Ok(figures) => println!("ok     {took:>6.1} s  {:<18} {}", scenario.title(), figures.trim_end()),
        Err(reason) => println!("FAILED {took:>6.1} s  {:<18} {}", scenario.title(), reason.trim_end()),
    }
    result.is_ok()
}

fn start_inside(scenario: &Scenario, own: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("can't start: {e}");
    let said = tempfile::NamedTempFile::new().map_err(failed)?;
    let output = || File::options().append(true).open(said.path()).map_err(failed);
    let mut command = Command::new("unshare");
    command.args(machine::NAMESPACES).arg(own).args([INSIDE, &scenario.title()]);
    command.stdout(output()?).stderr(output()?).stdin(std::process::Stdio::null());
    let mut group = Group::spawn(&mut command)?;
    // The soak is as long as it is told to be.
    let patience = PATIENCE + soak::length()?;
    let status = group.wait_within(patience);
    drop(group);
    let said = std::fs::read_to_string(said.path()).map_err(failed)?;
    match status {
        Some(status) if status.success() => Ok(said),
        Some(_) => Err(said),
        None => Err(format!("not over after {} s\n{said}", patience.as_secs())),
    }
}

/// Plays the scenario named, once this process is in the namespaces made for it.
pub(crate) fn inside(workspace: &Workspace, names: &[String]) -> ExitCode {
    let found = names.first().and_then(|name| SCENARIOS.iter().find(|s| s.title() == *name));
    let result = match found {
        // Outside it would mount over folders of the machine.
        _ if std::process::id() != 1 => {
            Err(format!("{INSIDE} is not for people; see cargo xtask test faults"))
        }
        None => Err("no such scenario".to_owned()),
        Some(scenario) => Stage::set_up(workspace).and_then(|stage| {
            (scenario.play)(&stage)
                .and_then(|figures| stage.told_no_secret().map(|()| figures))
                .map_err(|reason| format!("{reason}\n{}", stage.keep_logs(&scenario.title())))
        }),
    };
    match result {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

impl Scenario {
    fn title(&self) -> String {
        format!("{}:{}", self.part, self.name)
    }
}

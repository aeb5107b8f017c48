//! The process that measures: mounts of its own, which end with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::figures::{Figures, Samples};
use super::ground::Ground;
use super::stand::Stand;
use super::subject::Subject;
use super::{full, quick};
use crate::process::Group;
use crate::workspace::Workspace;
use crate::{apt, process};

/// The command with which xtask starts itself to measure.
pub(crate) const INSIDE: &str = "bench-inside";

/// Where the suite of this name looks for secrets that were told.
const LOG: &str = "bench.log";

/// Programs, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 4] =
    [("unshare", "util-linux"), ("findmnt", "util-linux"), ("mkfs.ext4", "e2fsprogs"), ("strace", "strace")];

/// What that process is told, and by whom it was built.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) device: PathBuf,
    pub(super) library: Option<PathBuf>,
    /// By name: command lines.
    pub(super) sdks: Vec<(String, Vec<PathBuf>)>,
    /// Beginnings of the lines to be measured; none: all.
    pub(super) lines: Vec<String>,
    pub(super) rounds: usize,
    /// Only what is counted, side by side.
    pub(super) quick: bool,
}

/// Why nothing can be measured here, if so. Installs what is missing.
pub(crate) fn prepare() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("measured with Linux's means".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("needs root, for mounts and loop devices".into());
    }
    let is_there = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(name).exists())
    };
    let mut missing: Vec<_> = PROGRAMS.iter().filter(|(name, _)| !is_there(name)).map(|(_, p)| *p).collect();
    missing.dedup();
    if !missing.is_empty() {
        apt::install(&missing)?;
    }
    let probe = "mount -t tmpfs probe /mnt && truncate -s 32M /mnt/image && mkfs.ext4 -q /mnt/image && \
                 mkdir /mnt/volume && mount -o loop /mnt/image /mnt/volume";
    process::read(Command::new("unshare").args(["--mount", "sh", "-c", probe]))
        .map(drop)
        .map_err(|e| format!("no mounts of our own or no loop devices here: {e}"))
}

/// Measures in a process of its own.
pub(super) fn measure(order: &Order) -> Result<Figures, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (file, figures) = (folder.path().join("order"), folder.path().join("figures"));
    let text = serde_json::to_vec(order).map_err(|e| e.to_string())?;
    fs::write(&file, text).map_err(|e| e.to_string())?;
    let own = process::copy_of_own()?;
    let mut command = Command::new("unshare");
    command.arg("--mount").arg(&own).arg(INSIDE).arg(&file).arg(&figures);
    Group::spawn(&mut command)?.wait()?;
    let text = fs::read(&figures).map_err(|e| format!("no figures: {e}"))?;
    serde_json::from_slice(&text).map_err(|e| e.to_string())
}

/// What that process does: two files, the order and the one for the figures.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<(), String> {
    let [file, figures] = names else { return Err("not for people; see cargo xtask bench".into()) };
    let text = fs::read(file).map_err(|e| e.to_string())?;
    let order: Order = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    let known = |name: &str| super::peers::names().into_iter().find(|known| *known == name);
    let sdks = order.sdks.iter().filter_map(|(name, words)| Some(Subject::Sdk(known(name)?, words.clone())));
    let stand = Stand {
        device: Subject::Device(order.device.clone()),
        library: order.library.clone().map(Subject::Library),
        sdks: sdks.collect(),
        ground: Ground::lay(workspace)?,
        samples: Samples::default(),
        log: workspace.target.join(LOG),
    };
    let _ = fs::remove_file(&stand.log);
    if order.quick {
        quick::measure(&stand)?;
    } else {
        full::measure(&stand, &order.lines, order.rounds)?;
    }
    let measured = serde_json::to_vec(&stand.samples.figures(machine())).map_err(|e| e.to_string())?;
    fs::write(Path::new(figures), measured).map_err(|e| e.to_string())
}

/// In a few words.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version: Vec<&str> = kernel.trim().split(['.', '-']).take(2).collect();
    format!("Linux {} on {}, {cpus} processors", version.join("."), std::env::consts::ARCH)
}

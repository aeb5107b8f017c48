//! Where a scenario plays: its folder in memory, its loopback, the programs under test.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::worker::Setup;
use crate::cross::target::X86_64;
use crate::cross::{DEVICE, Site};
use crate::workspace::Workspace;
use crate::{leaks, process};

/// The folder of the scenario, of this mount namespace alone.
const FOLDER: &str = "/mnt";

pub(super) struct Stage {
    binaries: PathBuf,
    static_binary: PathBuf,
    /// Where logs of a scenario that failed are kept.
    kept: PathBuf,
    /// Logs of workers, for the one who looks for what went wrong.
    logs: RefCell<Vec<PathBuf>>,
}

impl Stage {
    /// Inside the namespaces.
    pub(super) fn set_up(workspace: &Workspace) -> Result<Self, String> {
        run("ip", &["link", "set", "lo", "up"])?;
        run("mount", &["-t", "tmpfs", "-o", "size=4g,mode=755", "scenario", FOLDER])?;
        let (binaries, kept) = (workspace.target.join("release"), workspace.target.join("faults"));
        let static_binary = Site::of(workspace).file(&DEVICE, &X86_64);
        Ok(Stage { binaries, static_binary, kept, logs: RefCell::default() })
    }

    /// The emulator, as built here.
    pub(super) fn emulator(&self) -> PathBuf {
        self.binaries.join("activity-emulator")
    }

    /// The worker: built here, or named by `ACTIVITY_WORKER_BINARY`.
    pub(super) fn binary(&self) -> PathBuf {
        std::env::var_os("ACTIVITY_WORKER_BINARY")
            .map_or_else(|| self.binaries.join("activity-worker"), PathBuf::from)
    }

    /// The static one, against musl.
    pub(super) fn static_binary(&self) -> PathBuf {
        std::env::var_os("ACTIVITY_WORKER_BINARY").map_or_else(|| self.static_binary.clone(), PathBuf::from)
    }

    /// A folder of this name.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = Path::new(FOLDER).join(name);
        fs::create_dir_all(&path).map_err(|e| format!("can't make {}: {e}", path.display()))?;
        Ok(path)
    }

    /// A worker for `activity` in a folder of this name.
    pub(super) fn worker(&self, name: &str, activity: &str, endpoint: &str) -> Result<Setup, String> {
        let setup = Setup::new(&self.binary(), activity, endpoint, &self.folder(name)?);
        self.logs.borrow_mut().push(setup.log.clone());
        Ok(setup)
    }

    /// Fails if a worker logged a secret of the tests.
    pub(super) fn told_no_secret(&self) -> Result<(), String> {
        self.logs.borrow().iter().find_map(|log| leaks::find_in(log)).map_or(Ok(()), Err)
    }

    /// Saves what the workers logged, for the one who looks for what went wrong, and gives the end of it.
    pub(super) fn keep_logs(&self, scenario: &str) -> String {
        let folder = self.kept.join(scenario.replace(':', "-"));
        let logs = self.logs.borrow();
        let _ = fs::remove_dir_all(&folder).or_else(|_| fs::create_dir_all(&folder));
        let _ = fs::create_dir_all(&folder);
        for log in logs.iter() {
            let worker = log.parent().and_then(Path::file_name).unwrap_or_default();
            let _ = fs::copy(log, folder.join(worker).with_extension("log"));
        }
        let last = logs.last().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        format!("logs: {}; the last one ends:\n{}", folder.display(), process::last_lines(&last, 12))
    }
}

/// Runs a program to its end, and gives what it wrote.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    process::read(Command::new(program).args(arguments))
}

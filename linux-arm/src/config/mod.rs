//! What a worker is told to do, by the command line or by a file. Parsed means right: whoever holds a [`Config`] need not check it.

mod credentials;
mod file;
mod network;
mod program;
mod table;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use activity_worker::WorkerName;
use activity_worker::aws::ActivityArn;

use crate::exec::{Limits, Program};

pub(crate) use credentials::Source;
pub(crate) use file::read;
#[cfg(any(test, feature = "testing"))]
pub(crate) use file::{Flaw, parse};
pub(crate) use network::NetworkConfig;
pub(crate) use values::{Allowed, arn, concurrency, duration, place, worker_name};

/// The service's limit of an output, and the default room for one.
pub(crate) const MAX_OUTPUT: usize = 262_144;
pub(crate) const DEFAULT_CONCURRENCY: usize = 1;
pub(crate) const DEFAULT_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
pub(crate) const DEFAULT_HANDLER_TIMEOUT: Duration = Duration::from_secs(600);
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// The program of a handler, found.
pub(crate) fn find_handler(argv: Vec<OsString>) -> Result<Program, String> {
    program::find(argv, "the handler program")
}

/// Where `check`, `run` and `doctor` look when they are told nothing.
pub(crate) const DEFAULT_FILE: &str = "/etc/activity-worker.toml";

/// Everything that a worker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) worker: WorkerConfig,
    /// At least one; all of one partition, region and account.
    pub(crate) activities: Vec<ActivityConfig>,
    /// What is right, and unwise: a line each.
    pub(crate) warnings: Vec<String>,
}

/// What concerns the worker as a whole. `None`: the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WorkerConfig {
    pub(crate) worker_name: Option<WorkerName>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) profile: Option<String>,
    /// A source that counts alone. Never together with a profile.
    pub(crate) credentials: Option<Source>,
    pub(crate) network: NetworkConfig,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) max_tasks: Option<usize>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) allow_unsafe_storage: Option<bool>,
    pub(crate) comeback_window: Option<Duration>,
}

/// One activity and the program that works its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActivityConfig {
    pub(crate) arn: ActivityArn,
    pub(crate) program: Program,
    pub(crate) concurrency: usize,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) limits: Limits,
    pub(crate) safe_to_repeat: bool,
}

impl WorkerConfig {
    /// Whatever is said here, by the command line, wins over `other`, a file.
    pub(crate) fn or(self, other: WorkerConfig) -> WorkerConfig {
        WorkerConfig {
            // A profile that is asked for counts alone.
            credentials: if self.profile.is_some() { None } else { other.credentials },
            network: other.network,
            worker_name: self.worker_name.or(other.worker_name),
            state_dir: self.state_dir.or(other.state_dir),
            endpoint_url: self.endpoint_url.or(other.endpoint_url),
            profile: self.profile.or(other.profile),
            ca_bundle: self.ca_bundle.or(other.ca_bundle),
            max_tasks: self.max_tasks.or(other.max_tasks),
            max_bytes: self.max_bytes.or(other.max_bytes),
            allow_unsafe_storage: self.allow_unsafe_storage.or(other.allow_unsafe_storage),
            comeback_window: self.comeback_window.or(other.comeback_window),
        }
    }
}

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
use activity_worker::aws::{ActivityArn, CredentialsSource, NetworkConfig};

use crate::exec::{Limits, Program, Unfit, unfit};

#[cfg(any(test, feature = "testing"))]
pub(crate) use file::parse;
pub(crate) use file::read;
#[cfg(any(test, feature = "testing"))]
pub(crate) use table::Flaw;
pub(crate) use values::{Allowed, arn, concurrency, duration, place, worker_name};

/// The service's limit of an output, and the default room for one.
pub(crate) const MAX_OUTPUT: usize = 262_144;
pub(crate) const DEFAULT_CONNECTIONS: usize = 24;
pub(crate) const DEFAULT_CONCURRENCY: usize = 1;
pub(crate) const DEFAULT_POLLERS: usize = 4;
pub(crate) const DEFAULT_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
/// A person at one device waits half of it on average. A thousand devices behind one router make a hundred first calls a second, a third
/// of what the service allows an account for good.
pub(crate) const DEFAULT_COMEBACK_WINDOW: Duration = Duration::from_secs(10);
pub(crate) const DEFAULT_HANDLER_TIMEOUT: Duration = Duration::from_secs(600);
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// The program of a handler, found, and such as can be started.
pub(crate) fn find_handler(argv: Vec<OsString>) -> Result<Program, String> {
    let what = "the handler program";
    let program = program::find(argv, what)?;
    match unfit(&program.path) {
        Some(Unfit::Certain(why)) => Err(format!("{what} {} {why}", program.path.display())),
        _ => Ok(program),
    }
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
    pub(crate) service: ServiceConfig,
    pub(crate) worker_name: Option<WorkerName>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) max_tasks: Option<usize>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) allow_unsafe_storage: Option<bool>,
    pub(crate) comeback_window: Option<Duration>,
}

/// How the service is reached. `None`: AWS' variables and shared files say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceConfig {
    pub(crate) endpoint_url: Option<String>,
    pub(crate) use_fips_endpoint: Option<bool>,
    pub(crate) use_dualstack_endpoint: Option<bool>,
    pub(crate) profile: Option<String>,
    /// A source that counts alone. Never together with a profile.
    pub(crate) credentials: Option<CredentialsSource>,
    pub(crate) network: NetworkConfig,
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
    pub(crate) pollers: usize,
}

impl ActivityConfig {
    /// Why its program may not start on this machine, if that can be seen: a line.
    pub(crate) fn doubt(&self) -> Option<String> {
        let program = &self.program.path;
        let (Unfit::Certain(why) | Unfit::Likely(why)) = unfit(program)?;
        Some(format!("the handler program {} {why}", program.display()))
    }
}

impl WorkerConfig {
    /// Whatever is said here, by the command line, wins over `other`, a file.
    pub(crate) fn or(self, other: WorkerConfig) -> WorkerConfig {
        WorkerConfig {
            service: self.service.or(other.service),
            worker_name: self.worker_name.or(other.worker_name),
            state_dir: self.state_dir.or(other.state_dir),
            max_tasks: self.max_tasks.or(other.max_tasks),
            max_bytes: self.max_bytes.or(other.max_bytes),
            max_connections: self.max_connections.or(other.max_connections),
            allow_unsafe_storage: self.allow_unsafe_storage.or(other.allow_unsafe_storage),
            comeback_window: self.comeback_window.or(other.comeback_window),
        }
    }
}

impl ServiceConfig {
    fn or(self, other: ServiceConfig) -> ServiceConfig {
        ServiceConfig {
            endpoint_url: self.endpoint_url.or(other.endpoint_url),
            use_fips_endpoint: self.use_fips_endpoint.or(other.use_fips_endpoint),
            use_dualstack_endpoint: self.use_dualstack_endpoint.or(other.use_dualstack_endpoint),
            // A profile that is asked for counts alone.
            credentials: if self.profile.is_some() { None } else { other.credentials },
            profile: self.profile.or(other.profile),
            // The command line knows the CA file alone.
            network: NetworkConfig {
                ca_file: self.network.ca_file.or(other.network.ca_file),
                ..other.network
            },
        }
    }
}

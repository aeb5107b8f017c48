//! LocalStack: what makes it start without Docker, without an account and without the network.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{self, Group};
use crate::suites::step_functions::StepFunctions;
use crate::venv;
use crate::workspace::Workspace;

/// Measured: 2 to 20 s, by the state of the disk cache.
const START_WITHIN: Duration = Duration::from_secs(120);

/// A running LocalStack. It is killed when this is dropped.
pub(super) struct Server {
    // The order matters: the process ends before its folder goes.
    _group: Group,
    _folder: TempDir,
    url: String,
}

/// Returns the python that can run LocalStack.
pub(super) fn install(workspace: &Workspace) -> Result<PathBuf, String> {
    venv::python(workspace, "localstack")
}

impl Server {
    /// Starts LocalStack on a free port of loopback and waits until it answers.
    pub(super) fn start(python: &Path, workspace: &Workspace) -> Result<Self, String> {
        let log = workspace.tools()?.join("localstack.log");
        // A free port can be taken by another program before LocalStack takes it; then it ends, and the next port may do.
        let mut started = Err(String::new());
        for _ in 0..3 {
            started = Self::start_once(python, &log);
            if started.is_ok() {
                break;
            }
        }
        started
    }

    fn start_once(python: &Path, log: &Path) -> Result<Self, String> {
        let failed = |e: &dyn std::fmt::Display| format!("LocalStack does not start: {e}");
        let folder = tempfile::tempdir().map_err(|e| failed(&e))?;
        fs::create_dir(folder.path().join("tmp")).map_err(|e| failed(&e))?;
        let output = File::create(log).map_err(|e| failed(&e))?;
        let errors = output.try_clone().map_err(|e| failed(&e))?;
        let address = format!("127.0.0.1:{}", free_port().map_err(|e| failed(&e))?);
        let mut command = command(python, folder.path(), &address);
        let mut group = Group::spawn(command.stdout(output).stderr(errors))?;
        let url = format!("http://{address}");
        wait_until_ready(&mut group, &url).map_err(|e| {
            let log = fs::read_to_string(log).unwrap_or_default();
            failed(&format!("{e}\n{}", process::last_lines(&log, 20)))
        })?;
        Ok(Server { _group: group, _folder: folder, url })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

fn command(python: &Path, folder: &Path, address: &str) -> Command {
    let bin = python.parent().unwrap_or(Path::new("."));
    let mut command = Command::new(python);
    command
        .args(["-m", "localstack.runtime.main"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", folder)
        .env("TMPDIR", folder.join("tmp"))
        .env("FILESYSTEM_ROOT", folder.join("fs"))
        // In a container it would take itself for its own image and write to /var/lib.
        .env("OVERRIDE_IN_DOCKER", "0")
        // Its default server binds every interface, whatever GATEWAY_LISTEN says.
        .env("GATEWAY_SERVER", "hypercorn")
        .env("GATEWAY_LISTEN", address)
        .env("LOCALSTACK_HOST", address)
        // Step Functions, what gives credentials, and nothing else, loaded at the start.
        .env("SERVICES", "stepfunctions,sts,iam")
        .env("STRICT_SERVICE_LOADING", "1")
        .env("EAGER_SERVICE_LOADING", "1")
        // Nothing that wants the network.
        .env("DISABLE_EVENTS", "1")
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("DNS_ADDRESS", "0");
    command
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_until_ready(group: &mut Group, url: &str) -> Result<(), String> {
    let aws = StepFunctions::localstack(url);
    let deadline = Instant::now() + START_WITHIN;
    let runs = || {
        aws.get("/_localstack/health").is_ok_and(|health| health["services"]["stepfunctions"] == "running")
    };
    while !runs() {
        if let Some(status) = group.ended() {
            return Err(process::ending(status));
        }
        if Instant::now() > deadline {
            return Err(format!("no answer in {} s", START_WITHIN.as_secs()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    // The first call loads the service's model, 4 to 10 s that no scenario should pay for.
    aws.list_activities()
}

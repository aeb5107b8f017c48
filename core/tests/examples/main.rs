//! The examples, run as the programs that they are, against an emulator; and the guide that shows one of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and so may what it is made of")]

#[allow(dead_code, reason = "the transport's tests use all of it")]
#[path = "../transport/peer.rs"]
mod peer;
#[allow(dead_code, reason = "the tests of credentials use all of it")]
#[path = "../credentials/planted.rs"]
mod planted;
#[allow(dead_code, reason = "the tests of credentials use all of it")]
#[path = "../credentials/stand.rs"]
mod stand;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use activity_emulator::{Credential, Emulator, Execution, Options, Status};
use activity_worker::aws::{ActivityClient, ClientEnvironment};
use activity_worker::worker::{CancelWait, WorkerBuilder};
use peer::Ca;
use serde_json::json;
use tempfile::TempDir;

/// Whatever takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The service with one activity, and a folder for the worker.
struct Bench {
    emulator: Emulator,
    activity: String,
    machine: String,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let options = Options::default().long_poll(Duration::from_secs(1));
        let emulator = Emulator::start(options).unwrap();
        let activity = emulator.create_activity("work").unwrap();
        let state = json!({"Type": "Task", "Resource": activity, "HeartbeatSeconds": 90, "End": true});
        let definition = json!({"StartAt": "Work", "States": {"Work": state}});
        let machine = emulator.create_state_machine("machine", &definition).unwrap();
        Bench { emulator, activity, machine, folder: tempfile::tempdir().unwrap() }
    }

    fn ask(&self, input: &str) -> String {
        self.emulator.start_execution(&self.machine, input).unwrap()
    }

    #[track_caller]
    fn end_of(&self, execution: &str) -> Execution {
        let execution = self.emulator.wait_execution(execution, PATIENCE).unwrap();
        assert_ne!(execution.status, Status::Running, "still running after {PATIENCE:?}");
        execution
    }

    #[track_caller]
    fn succeeds(&self, execution: &str) -> String {
        let end = self.end_of(execution);
        assert_eq!(end.status, Status::Succeeded, "{:?} {:?}", end.error, end.cause);
        end.output.unwrap()
    }

    #[track_caller]
    fn fails(&self, execution: &str) -> String {
        let end = self.end_of(execution);
        assert_eq!(end.status, Status::Failed);
        end.error.unwrap()
    }

    /// An example with AWS' variables set up for the emulator.
    fn example(&self, name: &str) -> Command {
        let Credential { access_key_id, secret_access_key, .. } = Credential::test();
        let mut command = self.bare_example(name);
        command.env("AWS_ACCESS_KEY_ID", access_key_id).env("AWS_SECRET_ACCESS_KEY", secret_access_key);
        command
    }

    /// The same without credentials.
    fn bare_example(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", self.emulator.url())
            .env("ACTIVITY_ARN", &self.activity)
            .env("STATE_DIR", self.folder.path().join("state"));
        command
    }
}

/// Cargo builds a package's examples before it runs the package's tests; but not for a test that is asked for by its name.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "build it first: cargo build --package activity-worker --examples");
    program
}

/// A running example. It is killed if it is dropped.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stdin = child.stdin.take();
        Running { child, stdin }
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Closes its stdin, and waits for its end.
    #[track_caller]
    fn ends_well(mut self) {
        drop(self.stdin.take());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn worker_works_tasks_until_it_is_told_to_end() {
    let bench = Bench::new();
    let worker = Running::start(&mut bench.example("worker"));
    assert_eq!(bench.succeeds(&bench.ask(r#""Ann""#)), r#"{"greeted":"Ann"}"#);
    assert_eq!(bench.fails(&bench.ask("{}")), "Greeter.NoName");
    worker.ends_well();
}

#[test]
fn approvals_waits_for_a_person_and_keeps_what_nobody_answers() {
    let bench = Bench::new();
    let mut worker = Running::start(&mut bench.example("approvals"));
    worker.type_in("y");
    assert_eq!(bench.succeeds(&bench.ask(r#"{"order":7}"#)), r#"{"approved":true}"#);
    worker.type_in("n");
    assert_eq!(bench.fails(&bench.ask(r#"{"order":8}"#)), "Approval.Refused");
    let open = bench.ask(r#"{"order":9}"#);
    worker.ends_well();
    let mut worker = Running::start(&mut bench.example("approvals"));
    worker.type_in("y");
    assert_eq!(bench.succeeds(&open), r#"{"approved":true}"#, "it waited in the folder");
}

#[test]
fn fleet_credentials_needs_nothing_but_a_certificate() {
    let (bench, ca) = (Bench::new(), Ca::root());
    let Credential { access_key_id, secret_access_key, .. } = Credential::test();
    let given = json!({ "credentials": {
        "accessKeyId": access_key_id,
        "secretAccessKey": secret_access_key,
        "sessionToken": "",
        "expiration": "2098-01-01T00:00:00Z",
    }})
    .to_string();
    let iot = stand::tls(stand::for_clients(&ca.certificate("127.0.0.1"), &["p256"]), move |_| {
        (200, given.clone())
    });
    let cas = ca.file();
    let mut command = bench.bare_example("fleet_credentials");
    command
        .env("AWS_CA_BUNDLE", cas.path())
        .env("IOT_ENDPOINT", iot.address.to_string())
        .env("IOT_ROLE_ALIAS", "worker")
        .env("IOT_THING_NAME", "pi-7")
        .env("IOT_CERTIFICATE", stand::client("p256.pem"))
        .env("IOT_PRIVATE_KEY", stand::client("p256-pkcs8.key"));
    let worker = Running::start(&mut command);
    assert_eq!(bench.succeeds(&bench.ask("{}")), r#"{"celsius":21.5}"#);
    worker.ends_well();
    let asked = &stand::asked(&iot)[0];
    assert_eq!(asked.line(), "GET /role-aliases/worker/credentials");
    assert_eq!(asked.header("x-amzn-iot-thingname"), Some("pi-7"));
}

#[test]
fn poll_once_works_what_waits_and_ends() {
    let bench = Bench::new();
    Running::start(&mut bench.example("poll_once")).ends_well();
    let execution = bench.ask("{}");
    Running::start(&mut bench.example("poll_once")).ends_well();
    assert_eq!(bench.succeeds(&execution), r#"{"celsius":21.5}"#);
}

#[test]
fn an_example_that_is_told_nothing_says_what_is_missing() {
    let bench = Bench::new();
    let told = bench.bare_example("worker").output().unwrap();
    let said = String::from_utf8(told.stderr).unwrap();
    assert!(!told.status.success() && said.contains("AWS_ACCESS_KEY_ID"), "{said}");
}

/// As docs/library.md says. It compiles, or it does not.
#[test]
fn what_an_app_holds_can_be_shared_between_threads() {
    fn sent<T: Send>(_: &T) {}
    fn shared<T: Send + Sync>(_: &T) {}
    let _ = |client: &ActivityClient, environment: &ClientEnvironment, builder: WorkerBuilder| {
        sent(environment);
        sent(&builder);
        shared(client);
        shared(&CancelWait::default());
        let (worker, events) = builder.start_subscribed().unwrap();
        shared(&worker);
        shared(&events);
    };
}

#[test]
fn the_guide_shows_the_example() {
    let guide = include_str!("../../../docs/library.md");
    let example = include_str!("../../examples/worker.rs");
    // Without what precedes the code.
    let (_, code) = example.split_once("\n\n").unwrap();
    assert!(guide.contains(&format!("```rust\n{code}```")), "examples/worker.rs and docs/library.md differ");
    let main = code.split_once("fn main()").unwrap().1.split_once("\n}").unwrap().0;
    assert!(main.lines().count() < 20, "a first worker is short");
}

//! A worker and an emulator, both real, joined by loopback.

use std::sync::Arc;
use std::time::Duration;

use activity_emulator::{Credential, Emulator, Execution, Options, Status};
use activity_worker::aws::{
    ActivityArn, ActivityClient, Credentials, CredentialsProvider, Endpoint, HttpsTransport,
    StaticCredentials,
};
use activity_worker::clock::ServerClock;
use activity_worker::worker::{Activity, Event, Events, Handler, TaskContext, WorkerBuilder};
use activity_worker::{Failure, TaskId, Worker};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// An emulator with one activity and one state machine that consists of it, and a state folder.
pub(crate) struct Bench {
    pub(crate) emulator: Emulator,
    pub(crate) arn: ActivityArn,
    pub(crate) machine: String,
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_state(json!({}))
    }

    /// `extra` are more fields of the task state: HeartbeatSeconds, Retry, ...
    pub(crate) fn with_state(extra: Value) -> Self {
        crate::secrets::watch_log();
        let options = Options::default().long_poll(Duration::from_secs(2)).max_data(2 << 20);
        let emulator = Emulator::start(options).unwrap();
        let arn = emulator.create_activity("approve").unwrap();
        let mut state = json!({"Type": "Task", "Resource": arn, "End": true});
        state.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let definition = json!({"StartAt": "Work", "States": {"Work": state}});
        let machine = emulator.create_state_machine("machine", &definition).unwrap();
        let dir = tempfile::tempdir().unwrap();
        Bench { arn: ActivityArn::parse(&arn).unwrap(), emulator, machine, dir }
    }

    pub(crate) fn client(&self) -> ActivityClient {
        self.client_with(&Credential::test())
    }

    pub(crate) fn client_with(&self, credential: &Credential) -> ActivityClient {
        let keys = Credentials::new(&credential.access_key_id, &credential.secret_access_key, None, None);
        self.client_from(Arc::new(StaticCredentials::new(keys)))
    }

    pub(crate) fn client_from(&self, source: Arc<dyn CredentialsProvider>) -> ActivityClient {
        let clock = ServerClock::system();
        let transport = HttpsTransport::builder()
            .clock(Arc::clone(&clock))
            .connect_timeout(Duration::from_secs(2))
            .build();
        ActivityClient::builder(self.emulator.region())
            .endpoint(Endpoint::own(&self.emulator.url()).unwrap())
            .credentials(source)
            .transport(Arc::new(transport.unwrap()))
            .clock(clock)
            .call_timeout(Duration::from_secs(2))
            .build()
            .unwrap()
    }

    /// A worker with short pauses, so that a test need not wait.
    pub(crate) fn worker(&self) -> WorkerBuilder {
        Worker::builder()
            .client(self.client())
            .state_dir(self.dir.path().join("state"))
            .comeback_window(Duration::ZERO)
            .max_backoff(Duration::from_millis(500))
            .allow_unsafe_storage(true)
    }

    pub(crate) fn handled(&self, handler: impl Handler) -> Activity {
        Activity::handled(self.arn.clone(), handler).heartbeat_interval(Duration::from_secs(1))
    }

    pub(crate) fn start(&self, input: &str) -> String {
        self.emulator.start_execution(&self.machine, input).unwrap()
    }

    #[track_caller]
    pub(crate) fn ends(&self, execution: &str) -> Execution {
        let execution = self.emulator.wait_execution(execution, SOON).unwrap();
        assert_ne!(execution.status, Status::Running, "still running after {SOON:?}");
        execution
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, execution: &str) -> String {
        let execution = self.ends(execution);
        assert_eq!(execution.status, Status::Succeeded, "{:?} {:?}", execution.error, execution.cause);
        execution.output.unwrap()
    }

    #[track_caller]
    pub(crate) fn fails(&self, execution: &str) -> (String, String) {
        let execution = self.ends(execution);
        assert_eq!(execution.status, Status::Failed);
        (execution.error.unwrap_or_default(), execution.cause.unwrap_or_default())
    }
}

pub(crate) fn echo(task: &TaskContext) -> Result<String, Failure> {
    Ok(format!("{{\"got\":{}}}", task.input()))
}

/// Waits for an event that `wanted` makes something of.
#[track_caller]
pub(crate) fn wait_for<T>(events: &Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let end = std::time::Instant::now() + SOON;
    let mut seen = Vec::new();
    while std::time::Instant::now() < end {
        if let Some(event) = events.next_within(Duration::from_millis(200)) {
            if let Some(found) = wanted(&event) {
                return found;
            }
            seen.push(event);
        }
    }
    panic!("not told within {SOON:?}; told: {seen:#?}");
}

pub(crate) fn kept(event: &Event) -> Option<TaskId> {
    match event {
        Event::Kept { id } => Some(*id),
        _ => None,
    }
}

pub(crate) fn accepted(event: &Event) -> Option<TaskId> {
    match event {
        Event::Accepted { id, .. } => Some(*id),
        _ => None,
    }
}

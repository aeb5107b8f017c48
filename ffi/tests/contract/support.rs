//! A phone: a worker over the bridge, an emulator, and an app's call-backs.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use activity_emulator::{Credential, Emulator, Execution, Options, Status};
use activity_worker_ffi::*;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// An emulator with a state machine that asks by an activity and one that asks by push messages, and an app's state folder.
pub(crate) struct Phone {
    pub(crate) emulator: Emulator,
    pub(crate) arn: String,
    machine: String,
    pushing: String,
    pub(crate) dir: TempDir,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self::with_state(json!({}))
    }

    /// `extra` are more fields of the task state.
    pub(crate) fn with_state(extra: Value) -> Self {
        let emulator = Emulator::start(Options::default().long_poll(Duration::from_secs(2))).unwrap();
        let arn = emulator.create_activity("approve").unwrap();
        let create = |name: &str, mut state: Value| {
            state.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let states = json!({"Ask": state, "Done": {"Type": "Succeed"}});
            let definition = json!({"StartAt": "Ask", "States": states});
            emulator.create_state_machine(name, &definition).unwrap()
        };
        let machine = create("approvals", json!({"Type": "Task", "Resource": arn, "Next": "Done"}));
        let message = json!({"Message": {"token.$": "$$.Task.Token", "input.$": "$"}});
        let resource = "arn:aws:states:::sns:publish.waitForTaskToken";
        let state = json!({"Type": "Task", "Resource": resource, "Parameters": message, "Next": "Done"});
        let pushing = create("pushed-approvals", state);
        Phone { emulator, arn, machine, pushing, dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn state_dir(&self) -> String {
        self.dir.path().join("state").to_str().unwrap().to_owned()
    }

    /// An app that polls all the time, with short pauses, so that a test need not wait.
    pub(crate) fn config(&self) -> WorkerConfig {
        WorkerConfig {
            activities: vec![self.activity(false)],
            ..app(&self.state_dir(), &self.emulator.url())
        }
    }

    pub(crate) fn activity(&self, on_request: bool) -> ActivityConfig {
        ActivityConfig {
            arn: self.arn.clone(),
            on_request,
            concurrency: Some(8),
            heartbeat_interval: Some(Duration::from_secs(1)),
            max_output: None,
        }
    }

    pub(crate) fn start_worker(&self) -> (Arc<ActivityWorker>, Arc<Ear>) {
        start(self.config())
    }

    pub(crate) fn start(&self, input: &str) -> String {
        self.emulator.start_execution(&self.machine, input).unwrap()
    }

    /// Starts an execution that sends its token by push message, and takes the message.
    pub(crate) fn push(&self, input: &str) -> (String, PushedTask) {
        let number = self.emulator.pushes().len();
        let execution = self.emulator.start_execution(&self.pushing, input).unwrap();
        let push = self.emulator.wait_push(number, SOON).unwrap();
        let message: Value = serde_json::from_str(&push.payload).unwrap();
        let input = Some(message["Message"]["input"].to_string());
        let token = message["Message"]["token"].as_str().unwrap().to_owned();
        (execution, PushedTask { token, input, origin: None, scope: None, expires_at: None })
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
        (execution.error.unwrap_or_default(), execution.cause.unwrap_or_default())
    }
}

/// The configuration of an app that lives by pushes.
pub(crate) fn app(state_dir: &str, endpoint: &str) -> WorkerConfig {
    WorkerConfig {
        state_dir: state_dir.to_owned(),
        inbox_dir: None,
        region: "eu-west-1".to_owned(),
        account: Some("123456789012".to_owned()),
        activities: Vec::new(),
        scope: String::new(),
        installation_id: None,
        worker_name: Some("phone".to_owned()),
        endpoint_url: Some(endpoint.to_owned()),
        ca_file: None,
        ca_only: false,
        max_tasks: None,
        max_bytes: None,
        adopted_max_output: None,
        adopted_heartbeat: None,
        lease: None,
        comeback_window: Some(Duration::ZERO),
        max_backoff: Some(Duration::from_millis(500)),
    }
}

pub(crate) fn start(config: WorkerConfig) -> (Arc<ActivityWorker>, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    let worker = ActivityWorker::start(config, Arc::new(Login), Some(ear.clone())).unwrap();
    (worker, ear)
}

/// The emulator's usual credentials.
pub(crate) struct Login;

impl AwsCredentialsProvider for Login {
    fn credentials(&self) -> Result<AwsCredentials, CallbackError> {
        let Credential { access_key_id, secret_access_key, .. } = Credential::test();
        Ok(AwsCredentials { access_key_id, secret_access_key, session_token: None, expires_at: None })
    }
}

/// A listener that remembers.
#[derive(Default)]
pub(crate) struct Ear {
    heard: Mutex<VecDeque<WorkerEvent>>,
    more: Condvar,
}

impl EventListener for Ear {
    fn on_event(&self, event: WorkerEvent) -> Result<(), CallbackError> {
        self.heard.lock().unwrap().push_back(event);
        self.more.notify_all();
        Ok(())
    }
}

impl Ear {
    /// Waits for an event that `wanted` makes something of.
    #[track_caller]
    pub(crate) fn hear<T>(&self, wanted: impl Fn(&WorkerEvent) -> Option<T>) -> T {
        let end = Instant::now() + SOON;
        let mut heard = self.heard.lock().unwrap();
        let mut passed = Vec::new();
        while Instant::now() < end {
            while let Some(event) = heard.pop_front() {
                if let Some(found) = wanted(&event) {
                    return found;
                }
                passed.push(event);
            }
            heard = self.more.wait_timeout(heard, Duration::from_millis(100)).unwrap().0;
        }
        panic!("not told within {SOON:?}; told: {passed:#?}");
    }

    #[track_caller]
    pub(crate) fn accepted(&self) -> String {
        self.hear(|event| match event {
            WorkerEvent::Accepted { id } => Some(id.clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub(crate) fn settled(&self) -> (String, Settlement) {
        self.hear(|event| match event {
            WorkerEvent::Settled { id, settlement, .. } => Some((id.clone(), *settlement)),
            _ => None,
        })
    }
}

/// Waits until `done`, which is asked again and again.
#[track_caller]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < end, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

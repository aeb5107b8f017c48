//! The emulator as programs hold it.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::asl::Workflow;
use crate::calls::Calls;
use crate::error::ApiError;
use crate::faults::{Fault, FaultId};
use crate::listener::Listener;
use crate::names::partition;
use crate::options::{Credential, Options};
use crate::run::{Execution, HistoryEvent, Status};
use crate::server;
use crate::service::Push;
use crate::shared::Shared;

/// A running emulator. Dropping it closes the port, cuts the connections and ends its threads.
pub struct Emulator {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Emulator {
    /// Opens the port and starts the threads.
    ///
    /// # Errors
    /// The port can't be bound, or a thread can't be started.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = Listener::open(options.address, options.port)?;
        let mut emulator = Emulator { shared: Arc::new(Shared::new(options, listener)), threads: Vec::new() };
        emulator.spawn("emulator-accept", server::accept)?;
        emulator.spawn("emulator-timer", |shared| server::keep_time(shared))?;
        Ok(emulator)
    }

    /// The endpoint's URL, for instance `http://127.0.0.1:8083`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        let address = self.shared.listener.address();
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => {
                SocketAddr::new(IpAddr::from([127, 0, 0, 1]), address.port())
            }
            _ => address,
        }
    }

    /// The region of its ARNs.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// The account of its ARNs.
    pub fn account(&self) -> &str {
        &self.shared.account
    }

    /// Creates an activity, or finds the one of this name; returns its ARN.
    ///
    /// # Errors
    /// `InvalidName`.
    pub fn create_activity(&self, name: &str) -> Result<String, ApiError> {
        self.shared.change(|service, now| service.create_activity(name, now)).map(|(arn, _)| arn)
    }

    /// Creates a state machine; returns its ARN.
    ///
    /// # Errors
    /// `InvalidName`, `InvalidDefinition` (which names what is not known), `StateMachineAlreadyExists`.
    pub fn create_state_machine(&self, name: &str, definition: &Value) -> Result<String, ApiError> {
        let role = format!("arn:{}:iam::{}:role/emulator", partition(self.region()), self.account());
        let definition = definition.to_string();
        self.shared
            .change(|service, now| {
                service.create_state_machine(name, &definition, &role, Workflow::Standard, now)
            })
            .map(|(arn, _)| arn)
    }

    /// Starts an execution with this input (JSON); returns its ARN.
    ///
    /// # Errors
    /// `StateMachineDoesNotExist`, `InvalidArn`, `InvalidExecutionInput`, and `ValidationException` for an input over
    /// [`Options::max_data`].
    pub fn start_execution(&self, state_machine_arn: &str, input: &str) -> Result<String, ApiError> {
        self.shared.change(|service, now| {
            service
                .start_execution(state_machine_arn, None, input, now)
                .map(|execution| execution.arn.clone())
        })
    }

    /// An execution as it stands.
    pub fn execution(&self, arn: &str) -> Option<Execution> {
        self.shared.service().execution(arn).ok().cloned()
    }

    /// Waits up to `timeout` for the end of an execution. `None` if there is no such execution, or it still runs then.
    pub fn wait_execution(&self, arn: &str, timeout: Duration) -> Option<Execution> {
        let ended = |execution: &&Execution| execution.status != Status::Running;
        self.shared.wait(timeout, |service| service.execution(arn).ok().filter(ended).cloned())
    }

    /// What happened in an execution; empty if there is none.
    pub fn history(&self, arn: &str) -> Vec<HistoryEvent> {
        self.shared.service().history(arn).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// Waits up to `timeout` until an execution's history holds an event of this type, for instance `ActivityStarted`.
    pub fn wait_event(&self, arn: &str, event_type: &str, timeout: Duration) -> Option<HistoryEvent> {
        self.shared.wait(timeout, |service| {
            service.history(arn).ok()?.iter().find(|event| event.event_type == event_type).cloned()
        })
    }

    /// What `.waitForTaskToken` tasks have pushed so far, oldest first; the last 10,000 are remembered.
    pub fn pushes(&self) -> Vec<Push> {
        self.shared.service().pushes().cloned().collect()
    }

    /// Waits up to `timeout` for the push of this number, from 0.
    pub fn wait_push(&self, number: usize, timeout: Duration) -> Option<Push> {
        self.shared.wait(timeout, |service| service.push(number).cloned())
    }

    /// Polls that wait for a task of this activity, dead ones included.
    pub fn polls(&self, activity_arn: &str) -> usize {
        self.shared.service().activity(activity_arn).map_or(0, |activity| activity.polls.len())
    }

    /// Waits up to `timeout` until at least `count` polls wait for a task of this activity. Returns whether they do.
    pub fn wait_polls(&self, activity_arn: &str, count: usize, timeout: Duration) -> bool {
        let enough = |polls: usize| (polls >= count).then_some(());
        self.shared
            .wait(timeout, |service| enough(service.activity(activity_arn).ok()?.polls.len()))
            .is_some()
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.shared.faults().inject(fault)
    }

    /// Takes one fault back.
    pub fn clear_fault(&self, id: FaultId) {
        self.shared.faults().clear(id);
    }

    /// Takes all faults back. Connections left hanging stay so.
    pub fn clear_faults(&self) {
        self.shared.faults().clear_all();
    }

    /// Sets the service's clock so many seconds ahead of this machine's, or behind. Signatures and `Date` follow it; timeouts
    /// count on.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.shared.set_clock_offset(seconds);
    }

    /// Replaces the credentials that may sign.
    pub fn set_credentials(&self, credentials: Vec<Credential>) {
        self.shared.set_credentials(credentials);
    }

    /// Cuts all connections and refuses new ones, until [`Emulator::come_back`]. The service itself goes on: timeouts run, and
    /// a poll that was cut still swallows a task until its minute is over.
    pub fn go_down(&self) {
        self.shared.listener.go_down(None);
    }

    /// The same for a while.
    pub fn go_down_for(&self, time: Duration) {
        self.shared.listener.go_down(Some(time));
    }

    /// Listens again, on the same port.
    pub fn come_back(&self) {
        if let Err(e) = self.shared.listener.come_back() {
            log::error!("the port {} could not be opened again: {e}", self.address());
        }
    }

    /// Whether it refuses connections.
    pub fn is_down(&self) -> bool {
        self.shared.listener.is_down()
    }

    /// The calls so far. A poll counts when it ends.
    pub fn calls(&self) -> Calls {
        self.shared.calls().clone()
    }

    /// Waits up to `timeout` until the calls satisfy `enough`. Returns whether they do.
    pub fn wait_calls(&self, timeout: Duration, enough: impl FnMut(&Calls) -> bool) -> bool {
        self.shared.wait_calls(timeout, enough)
    }

    fn spawn(&mut self, name: &str, body: fn(&Arc<Shared>)) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(server::STACK);
        self.threads.push(thread.spawn(move || body(&shared))?);
        Ok(())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.shared.listener.wait_empty(Duration::from_secs(5));
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emulator({})", self.url())
    }
}

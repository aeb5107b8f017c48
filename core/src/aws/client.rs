//! The verbs of the activity API: one call each, signed, and healed once where a second try can help.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::answer::{self, Unheard};
use super::inflate::plain;
use super::sign::{CredentialScope, sign};
use super::transport::set_right;
use super::wire::{self, ActivityDescription, POLL_RESPONSE_MAX, PolledTask};
use super::{
    ActivityArn, CallError, Credentials, CredentialsProvider, Endpoint, EndpointError, EndpointOptions,
    Operation, Request, Response, Transport,
};
use crate::clock::{ServerClock, apart};
use crate::{ErrorClass, Failure, Origin, Outcome, Receipt, TaskToken, WorkerName};

/// The default deadline of all calls but polls.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The default deadline of polls. The service holds a poll for 60 s; a client should wait 65 s at least. Source: API reference,
/// `GetActivityTask`.
const POLL_TIMEOUT: Duration = Duration::from_secs(65);
/// A signature error is the clock's if the signature's time was further off than this. The service itself allows 5 minutes.
pub(super) const SKEW_MAX: Duration = Duration::from_secs(4 * 60);
/// The largest answer to another call.
const RESPONSE_MAX: usize = 64 * 1024;
const USER_AGENT: &str = concat!("activity-worker/", env!("CARGO_PKG_VERSION"));

/// Signs and sends the calls of one origin (region, account, endpoint). Cheap to clone.
///
/// Each call is one request. A second one follows at once only where it is sure that the first had no effect and the cause was
/// removed: fresh credentials after refused ones, the service's time after a signature with a wrong one, and its proven date after a
/// TLS certificate that seemed outdated. Everything else is the caller's to try again.
#[derive(Clone)]
pub struct ActivityClient {
    inner: Arc<Inner>,
}

struct Inner {
    region: String,
    endpoint: Endpoint,
    credentials: Arc<dyn CredentialsProvider>,
    transport: Arc<dyn Transport>,
    clock: Arc<ServerClock>,
    call_timeout: Duration,
    poll_timeout: Duration,
}

/// Builds an [`ActivityClient`].
#[must_use = "it calls nothing until it is built"]
pub struct ActivityClientBuilder {
    region: String,
    endpoint: Option<Endpoint>,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    transport: Option<Arc<dyn Transport>>,
    clock: Option<Arc<ServerClock>>,
    call_timeout: Duration,
    poll_timeout: Duration,
}

/// Why no client was built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The region is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The builder was not told where credentials come from.
    #[error("a client needs a credentials provider")]
    NoCredentials,
    /// The builder was not told how requests are sent.
    #[error("a client needs a transport")]
    NoTransport,
}

impl ActivityClient {
    /// Starts to describe a client for the activities of `region`.
    pub fn builder(region: &str) -> ActivityClientBuilder {
        ActivityClientBuilder {
            region: region.to_owned(),
            endpoint: None,
            credentials: None,
            transport: None,
            clock: None,
            call_timeout: CALL_TIMEOUT,
            poll_timeout: POLL_TIMEOUT,
        }
    }

    /// Polls for a task, up to 60 s. `None`: no task came.
    ///
    /// An error with `maybe_taken` may have swallowed a task: the service hands each token out once. A token that can be read is given
    /// even where the rest of the answer can't: see [`PolledTask::unusable`].
    pub fn get_activity_task(
        &self,
        arn: &ActivityArn,
        worker: &WorkerName,
    ) -> Result<Option<PolledTask>, CallError> {
        self.call(Operation::GetActivityTask, &wire::get_activity_task(arn, worker), wire::polled_task)
            .map(|(task, _)| task)
    }

    /// Reports an outcome: `SendTaskSuccess` or `SendTaskFailure`.
    pub fn report(&self, token: &TaskToken, outcome: &Outcome) -> Result<Receipt, CallError> {
        match outcome {
            Outcome::Success(output) => self.send_task_success(token, output.as_str()),
            Outcome::Failure(failure) => self.send_task_failure(token, failure),
        }
    }

    /// Reports an output, JSON of at most 262,144 bytes.
    pub fn send_task_success(&self, token: &TaskToken, output: &str) -> Result<Receipt, CallError> {
        self.settle(Operation::SendTaskSuccess, &wire::send_task_success(token, output))
    }

    /// Reports a failure.
    pub fn send_task_failure(&self, token: &TaskToken, failure: &Failure) -> Result<Receipt, CallError> {
        self.settle(Operation::SendTaskFailure, &wire::send_task_failure(token, failure))
    }

    /// Sends a heartbeat.
    pub fn send_task_heartbeat(&self, token: &TaskToken) -> Result<Receipt, CallError> {
        self.settle(Operation::SendTaskHeartbeat, &wire::send_task_heartbeat(token))
    }

    /// Asks for an activity's description: for a health check, since it takes no task.
    pub fn describe_activity(&self, arn: &ActivityArn) -> Result<ActivityDescription, CallError> {
        self.call(Operation::DescribeActivity, &wire::describe_activity(arn), wire::description)
            .map(|(description, _)| description)
    }

    /// The origin that an activity of this client has: its ARN's partition, region and account, and the own endpoint if any.
    pub fn origin(&self, arn: &ActivityArn) -> Origin {
        self.inner.endpoint.origin(arn)
    }

    /// Other credentials are in use: nothing that is kept of the old ones counts any more.
    pub fn credentials_changed(&self) {
        self.inner.credentials.changed();
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// Where requests go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// The service's time.
    pub fn clock(&self) -> &Arc<ServerClock> {
        &self.inner.clock
    }

    /// The transport.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.inner.transport
    }

    fn settle(&self, operation: Operation, body: &[u8]) -> Result<Receipt, CallError> {
        let (_, request_id) = self.call(operation, body, wire::accepted)?;
        Ok(Receipt { request_id })
    }

    /// One call, with at most one more request for each cause that can be removed on the spot.
    fn call<T>(
        &self,
        operation: Operation,
        body: &[u8],
        decode: fn(&Response, bool) -> Result<T, Unheard>,
    ) -> Result<(T, Option<String>), CallError> {
        let Inner { credentials: provider, transport, clock, .. } = &*self.inner;
        let mut credentials = provider.credentials().map_err(|e| CallError::no_credentials(operation, &e))?;
        let (mut refreshed, mut corrected, mut set) = (false, false, false);
        loop {
            let signed_at = clock.now();
            let request = self.request(operation, &credentials, signed_at, body)?;
            let sent = clock.clock().monotonic();
            let response = match transport.send(&request) {
                Ok(response) => plain(response, request.max_response),
                Err(error) if error.certificate_dates && !set => {
                    set = set_right(clock, &**transport, &request.url);
                    match set {
                        true => continue,
                        false => return Err(CallError::no_answer(operation, &error)),
                    }
                }
                Err(mut error) => {
                    // What came of an answer may hold a token, which nobody gets a second time.
                    let part = error.part.take().filter(|_| operation == Operation::GetActivityTask);
                    return match part.map(|part| plain(*part, request.max_response)) {
                        Some(part) if is_success(operation, part.status) => match decode(&part, false) {
                            Ok(task) => Ok((task, answer::request_id(&part))),
                            Err(why) => Err(CallError::cut(operation, &error, &why)),
                        },
                        _ => Err(CallError::no_answer(operation, &error)),
                    };
                }
            };
            let date = response.server_date();
            let skewed = date.is_some_and(|date| apart(date, signed_at) > SKEW_MAX);
            let answer = if is_success(operation, response.status) {
                decode(&response, true).map_err(|why| CallError::unheard(operation, &response, &why))
            } else {
                Err(CallError::failed(operation, &response, skewed, date.unwrap_or_else(|| clock.now())))
            };
            // Only the service's own word on the date counts: see the clock.
            if let (Ok(_), Some(date)) | (Err(CallError { code: Some(_), .. }), Some(date)) = (&answer, date)
            {
                let received = clock.clock().monotonic();
                match request.url.starts_with("https:") {
                    true => clock.learn_on_trial(date, sent, received),
                    false => clock.learn_unproven(date, received),
                }
            }
            let error = match answer {
                Ok(decoded) => return Ok((decoded, answer::request_id(&response))),
                Err(error) => error,
            };
            match error.class {
                ErrorClass::Clock if !corrected => corrected = true,
                ErrorClass::Credentials if !refreshed => {
                    refreshed = true;
                    provider.invalidate(&credentials);
                    match provider.credentials() {
                        Ok(new) if new != credentials => credentials = new,
                        Ok(_) => return Err(error),
                        Err(e) => return Err(CallError { message: format!("{error}; then {e}"), ..error }),
                    }
                }
                _ => return Err(error),
            }
        }
    }

    fn request(
        &self,
        operation: Operation,
        credentials: &Credentials,
        time: SystemTime,
        body: &[u8],
    ) -> Result<Request, CallError> {
        let Inner { region, endpoint, .. } = &*self.inner;
        let url = endpoint.url();
        let mut headers = vec![
            ("content-type", wire::CONTENT_TYPE.to_owned()),
            ("x-amz-target", format!("AWSStepFunctions.{}", operation.name())),
        ];
        let scope = CredentialScope { region, service: "states" };
        let signature = sign(credentials, &scope, time, &url, &headers, body).map_err(|_| {
            let source = self.inner.credentials.name();
            let message =
                format!("{}: {source} gave credentials that hold a line break or the like", operation.name());
            CallError::new(ErrorClass::Credentials, message)
        })?;
        headers.extend(signature);
        headers.push(("user-agent", USER_AGENT.to_owned()));
        let (read_timeout, max_response) = match operation {
            Operation::GetActivityTask => (self.inner.poll_timeout, POLL_RESPONSE_MAX),
            _ => (self.inner.call_timeout, RESPONSE_MAX),
        };
        Ok(Request { method: "POST", url, headers, body: body.to_vec(), read_timeout, max_response })
    }
}

/// The service answers with 200. To a poll any success counts: what stands between may change the number, and a task is handed out
/// once.
fn is_success(operation: Operation, status: u16) -> bool {
    status == 200 || (operation == Operation::GetActivityTask && (200..300).contains(&status))
}

impl ActivityClientBuilder {
    /// Where requests go. Default: the region's plain endpoint.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Where credentials come from. A source that fetches them belongs in a [`CachedCredentials`](super::CachedCredentials).
    pub fn credentials(mut self, provider: Arc<dyn CredentialsProvider>) -> Self {
        self.credentials = Some(provider);
        self
    }

    /// How requests are sent.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The clock that learns the service's time: the one that the transport and the credentials use. Default: a new one.
    pub fn clock(mut self, clock: Arc<ServerClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The longest wait for an answer, for all calls but polls, once the request has arrived. Default 10 s.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// The longest wait for the answer to a poll. Default 65 s, and never less against the service itself: a poll that is given up
    /// earlier can swallow a task.
    pub fn poll_timeout(mut self, timeout: Duration) -> Self {
        self.poll_timeout = timeout;
        self
    }

    /// The client.
    pub fn build(self) -> Result<ActivityClient, ClientError> {
        let usual = Endpoint::resolve(&self.region, &EndpointOptions::default())?;
        let inner = Inner {
            endpoint: self.endpoint.unwrap_or(usual),
            region: self.region,
            credentials: self.credentials.ok_or(ClientError::NoCredentials)?,
            transport: self.transport.ok_or(ClientError::NoTransport)?,
            clock: self.clock.unwrap_or_else(ServerClock::system),
            call_timeout: self.call_timeout,
            poll_timeout: self.poll_timeout,
        };
        Ok(ActivityClient { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for ActivityClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { region, endpoint, credentials, .. } = &*self.inner;
        write!(f, "ActivityClient({region}, {endpoint}, credentials of {})", credentials.name())
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "client_clock_tests.rs"]
mod clock_tests;

#[cfg(test)]
#[path = "client_field_tests.rs"]
mod field_tests;

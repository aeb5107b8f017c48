//! The verbs of the activity API: one call each, signed, and healed once where a second try can help.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::sign::{CredentialScope, sign};
use super::wire::{self, Operation};
use super::{
    ActivityArn, CallError, Credentials, CredentialsProvider, Endpoint, EndpointError, EndpointOptions,
    Request, Response, Transport,
};
use crate::clock::ServerClock;
use crate::task::INPUT_MAX;
use crate::{Class, Failure, Origin, Outcome, Receipt, TaskToken, WorkerName};

/// The default deadline of all calls but polls.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The default deadline of polls. The service holds a poll for 60 s; a client should wait 65 s at least. Source: API reference,
/// `GetActivityTask`.
const POLL_TIMEOUT: Duration = Duration::from_secs(65);
/// A signature error is the clock's if the signature's time was further off than this. The service itself allows 5 minutes.
pub(super) const SKEW_MAX: Duration = Duration::from_secs(4 * 60);
/// The largest answer to a poll: an input of nothing but control characters is six times as long in JSON.
const POLL_RESPONSE_MAX: usize = 6 * INPUT_MAX + 64 * 1024;
/// The largest answer to another call.
const RESPONSE_MAX: usize = 64 * 1024;
const USER_AGENT: &str = concat!("activity-worker/", env!("CARGO_PKG_VERSION"));

/// Signs and sends the calls of one origin (region, account, endpoint). Cheap to clone.
///
/// Each call is one request. A second one follows at once only where it is sure that the first had no effect and the cause was
/// removed: fresh credentials after refused ones, the service's time after a signature with a wrong one, and a hint at the date
/// after a TLS certificate that seemed outdated. Everything else is the caller's to try again.
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
#[must_use]
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

/// A task as `GetActivityTask` hands it out. `Debug` shows the id and the size.
#[derive(Clone)]
pub struct PolledTask {
    /// Its token.
    pub token: TaskToken,
    /// Its input, JSON.
    pub input: String,
}

/// An activity as `DescribeActivity` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityDescription {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: SystemTime,
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
    /// An error with `maybe_taken` may have swallowed a task: the service hands each token out once.
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
            Outcome::Success(output) => self.send_task_success(token, output),
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
        let ((name, created), _) =
            self.call(Operation::DescribeActivity, &wire::describe_activity(arn), wire::description)?;
        Ok(ActivityDescription { name, created })
    }

    /// The origin that an activity of this client has: its ARN's partition, region and account, and the own endpoint if any.
    pub fn origin(&self, arn: &ActivityArn) -> Origin {
        Origin::new(arn.partition(), arn.region(), arn.account(), self.inner.endpoint.own_url())
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
        decode: fn(&Response) -> Result<T, wire::NotTheService>,
    ) -> Result<(T, Option<String>), CallError> {
        let Inner { credentials: provider, transport, clock, .. } = &*self.inner;
        let mut credentials = provider.credentials().map_err(|e| CallError::no_credentials(operation, &e))?;
        let (mut refreshed, mut corrected, mut hinted) = (false, false, false);
        loop {
            let signed_at = clock.now();
            let request = self.request(operation, &credentials, signed_at, body)?;
            let response = match transport.send(&request) {
                Ok(response) => response,
                Err(error) => {
                    if hinted {
                        clock.forget_hint(); // the strict handshake did not confirm it
                    } else if error.certificate_dates {
                        hinted = self.take_hint(&request.url);
                        if hinted {
                            continue;
                        }
                    }
                    return Err(CallError::no_answer(operation, &error));
                }
            };
            let date = wire::server_date(&response);
            let skewed = date.is_some_and(|date| distance(date, signed_at) > SKEW_MAX);
            let answer = if response.status == 200 {
                decode(&response).map_err(|why| CallError::not_the_service(operation, &response, why))
            } else {
                Err(CallError::failed(operation, &response, skewed, date.unwrap_or_else(|| clock.now())))
            };
            // Only the service's own word on the date counts: see the clock.
            match (&answer, date) {
                (Ok(_), Some(date)) | (Err(CallError { code: Some(_), .. }), Some(date)) => {
                    clock.learn(date, clock.clock().monotonic());
                }
                _ => clock.forget_hint(),
            }
            let error = match answer {
                Ok(decoded) => return Ok((decoded, wire::request_id(&response))),
                Err(error) => error,
            };
            match error.class {
                Class::Clock if !corrected => corrected = true,
                Class::Credentials if !refreshed => {
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

    /// Asks for the server's date where certificates seem outdated. Whether there is one to try with.
    fn take_hint(&self, url: &str) -> bool {
        let Inner { transport, clock, .. } = &*self.inner;
        let Some(date) = transport.probe_date(url) else { return false };
        clock.hint(date, clock.clock().monotonic())
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
            CallError::new(Class::Credentials, message)
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

pub(super) fn distance(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|e| e.duration())
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

    /// The longest wait for an answer, for all calls but polls. Default 10 s.
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

impl fmt::Debug for PolledTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolledTask({}, {} bytes of input)", self.token.id(), self.input.len())
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

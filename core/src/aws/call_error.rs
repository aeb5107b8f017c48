//! Calls that did not succeed: what the caller has to know, in words fit for a log.

use std::time::{Duration, SystemTime};

use super::errors::classify;
use super::redact::redact;
use super::wire::{self, Operation};
use super::{CredentialsError, Response, TransportError};
use crate::Class;

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct CallError {
    /// What to do about it.
    pub class: Class,
    /// The service's code, for instance `TaskTimedOut`.
    pub code: Option<String>,
    /// What happened, in words fit for a log: no secrets.
    pub message: String,
    /// Whether the request may have taken effect: it may have reached the service, and no clear "no" of the service came back. A
    /// 5xx is not a clear "no".
    pub maybe_taken: bool,
    /// The service's wish for a pause, at most an hour.
    pub retry_after: Option<Duration>,
    /// The `x-amzn-RequestId` of the answer.
    pub request_id: Option<String>,
}

impl CallError {
    pub(super) fn new(class: Class, message: String) -> Self {
        CallError { class, code: None, message, maybe_taken: false, retry_after: None, request_id: None }
    }

    pub(super) fn no_credentials(operation: Operation, error: &CredentialsError) -> Self {
        CallError::new(Class::Credentials, format!("{}: {error}", operation.name()))
    }

    pub(super) fn no_answer(operation: Operation, error: &TransportError) -> Self {
        let message = format!("{}: {}", operation.name(), redact(&error.reason));
        CallError { maybe_taken: error.sent, ..CallError::new(Class::Network, message) }
    }

    /// A captive portal, a proxy, or an answer that was cut.
    pub(super) fn not_the_service(
        operation: Operation,
        response: &Response,
        reason: wire::NotTheService,
    ) -> Self {
        let message = format!("{}: the answer {reason}; is there a proxy or a login page?", operation.name());
        CallError {
            maybe_taken: true,
            request_id: wire::request_id(response),
            ..CallError::new(Class::Network, message)
        }
    }

    pub(super) fn failed(operation: Operation, response: &Response, skewed: bool, now: SystemTime) -> Self {
        let wire::ServiceError { code, message } = wire::service_error(response);
        let class = classify(operation, response.status, code.as_deref(), skewed);
        let clear_no = code.is_some() && (400..500).contains(&response.status);
        let request_id = wire::request_id(response);
        let what = match (&code, message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            (None, _) => "an answer that is not the service's".to_owned(),
        };
        let request = request_id.as_ref().map_or(String::new(), |id| format!(", request {id}"));
        let text = format!("{}: {what} (HTTP {}{request})", operation.name(), response.status);
        CallError {
            code,
            maybe_taken: !clear_no,
            retry_after: wire::retry_after(response, now),
            request_id,
            ..CallError::new(class, text)
        }
    }
}

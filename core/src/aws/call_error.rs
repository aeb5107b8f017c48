//! Calls that did not succeed: what the caller has to know, in words fit for a log.

use std::time::{Duration, SystemTime};

use super::answer::{self, ServiceError, Unheard};
use super::errors::classify;
use super::redact::redact;
use super::{CredentialsError, Operation, Response, TransportError};
use crate::ErrorClass;

/// A call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct CallError {
    /// What to do about it.
    pub class: ErrorClass,
    /// The service's code, for instance `TaskTimedOut`.
    pub code: Option<String>,
    /// What happened, in words fit for a log: no secrets.
    pub message: String,
    /// Whether the request may have taken effect: it may have reached the service, and no clear "no" of the service came back. A
    /// 5xx is not a clear "no".
    pub maybe_taken: bool,
    /// The service's wish for a pause, at most five minutes.
    pub retry_after: Option<Duration>,
    /// The `x-amzn-RequestId` of the answer.
    pub request_id: Option<String>,
    /// The service's answer to a poll, which may have held a task, could not be read: nobody gets it before its HeartbeatSeconds or
    /// TimeoutSeconds are over.
    pub task_lost: bool,
}

const TASK_LOST: &str =
    "; if it held a task, that is lost until its HeartbeatSeconds or TimeoutSeconds are over";

/// Somebody answers in the service's place.
fn stranger(missing: &str) -> String {
    format!(
        "the answer {missing}, so it is not the service's: is there a proxy or a login page, or does the endpoint lead elsewhere?"
    )
}

impl CallError {
    pub(super) fn new(class: ErrorClass, message: String) -> Self {
        CallError {
            class,
            code: None,
            message,
            maybe_taken: false,
            retry_after: None,
            request_id: None,
            task_lost: false,
        }
    }

    pub(super) fn no_credentials(operation: Operation, error: &CredentialsError) -> Self {
        CallError::new(ErrorClass::Credentials, format!("{}: {error}", operation.name()))
    }

    pub(super) fn no_answer(operation: Operation, error: &TransportError) -> Self {
        let message = format!("{}: {}", operation.name(), redact(&error.reason));
        CallError { maybe_taken: error.sent, ..CallError::new(ErrorClass::Network, message) }
    }

    /// The same of an answer that came in part.
    pub(super) fn cut(operation: Operation, error: &TransportError, why: &Unheard) -> Self {
        let mut told = CallError::no_answer(operation, error);
        if matches!(why, Unheard::TaskLost(_)) {
            told.message.push_str(TASK_LOST);
            told.task_lost = true;
        }
        told
    }

    /// A status of success, and nothing that may count as one: a captive portal, a proxy, an answer that was spoilt on its way.
    pub(super) fn unheard(operation: Operation, response: &Response, why: &Unheard) -> Self {
        let (name, task_lost) = (operation.name(), matches!(why, Unheard::TaskLost(_)));
        let message = match why {
            Unheard::Stranger(missing) => format!("{name}: {} (HTTP {})", stranger(missing), response.status),
            Unheard::Unreadable(why) => format!("{name}: the service's answer {why}"),
            Unheard::TaskLost(why) => format!("{name}: the service's answer {why}{TASK_LOST}"),
        };
        let request_id = answer::request_id(response);
        CallError { maybe_taken: true, request_id, task_lost, ..CallError::new(ErrorClass::Network, message) }
    }

    pub(super) fn failed(operation: Operation, response: &Response, skewed: bool, now: SystemTime) -> Self {
        let ServiceError { code, message } = answer::error(response);
        let class = classify(operation, response.status, code.as_deref(), skewed);
        let clear_no =
            class != ErrorClass::Network && code.is_some() && (400..500).contains(&response.status);
        let request_id = answer::request_id(response);
        let what = match (&code, message, answer::marks(response)) {
            (Some(code), Some(message), _) => format!("{code}: {message}"),
            (Some(code), None, _) => code.clone(),
            (None, _, Ok(())) => "an answer that the service does not give".to_owned(),
            (None, _, Err(missing)) => stranger(&missing),
        };
        let request = request_id.as_ref().map_or(String::new(), |id| format!(", request {id}"));
        let text = format!("{}: {what} (HTTP {}{request})", operation.name(), response.status);
        CallError {
            code,
            maybe_taken: !clear_no,
            retry_after: answer::retry_after(response, now),
            request_id,
            ..CallError::new(class, text)
        }
    }
}

//! The protocol awsJson1.0 as the activity API speaks it: bodies out, answers in.
//!
//! An answer counts as the service's only if it looks like it in every respect: a captive portal's page with status 200 must
//! never pass for a delivered result.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::redact::redact;
use super::{ActivityArn, PolledTask, Response};
use crate::plants::planted;
use crate::{Failure, TaskToken, WorkerName};

/// The content type of every request.
pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// An error body over this size is not the service's.
const ERROR_BODY_MAX: usize = 64 * 1024;

/// The calls that a worker makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Polls for a task.
    GetActivityTask,
    /// Reports an output.
    SendTaskSuccess,
    /// Reports a failure.
    SendTaskFailure,
    /// Says that a task is still worked on.
    SendTaskHeartbeat,
    /// Asks for an activity's description.
    DescribeActivity,
}

impl Operation {
    /// The name in the API reference.
    pub fn name(self) -> &'static str {
        match self {
            Operation::GetActivityTask => "GetActivityTask",
            Operation::SendTaskSuccess => "SendTaskSuccess",
            Operation::SendTaskFailure => "SendTaskFailure",
            Operation::SendTaskHeartbeat => "SendTaskHeartbeat",
            Operation::DescribeActivity => "DescribeActivity",
        }
    }
}

pub(super) fn get_activity_task(arn: &ActivityArn, worker: &WorkerName) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        activity_arn: &'a str,
        worker_name: &'a str,
    }
    json(&Body { activity_arn: arn.as_str(), worker_name: worker.as_str() })
}

pub(super) fn send_task_success(token: &TaskToken, output: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
        output: &'a str,
    }
    json(&Body { task_token: token.expose(), output })
}

/// An empty error or cause is left out: with both absent the call needs no permission for the KMS key of the state machine.
pub(super) fn send_task_failure(token: &TaskToken, failure: &Failure) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        error: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        cause: &'a str,
    }
    json(&Body { task_token: token.expose(), error: failure.error(), cause: failure.cause() })
}

pub(super) fn send_task_heartbeat(token: &TaskToken) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        task_token: &'a str,
    }
    json(&Body { task_token: token.expose() })
}

pub(super) fn describe_activity(arn: &ActivityArn) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        activity_arn: &'a str,
    }
    json(&Body { activity_arn: arn.as_str() })
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default() // structs of strings always serialize
}

/// Why an answer with status 200 is none of the service's.
pub(super) type NotTheService = &'static str;

/// Reads the answer to a poll. A token that is absent, null or empty means that no task came.
pub(super) fn polled_task(response: &Response) -> Result<Option<PolledTask>, NotTheService> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        task_token: Option<String>,
        input: Option<String>,
    }
    let object = service_object(response, &["taskToken", "input"])?;
    let body = Body::deserialize(object).map_err(|_| "holds a task of the wrong shape")?;
    match body.task_token {
        None => Ok(None),
        Some(token) if token.is_empty() => Ok(None),
        Some(token) => {
            let token = TaskToken::new(token).map_err(|_| "holds a task token that is too long")?;
            Ok(Some(PolledTask { token, input: body.input.unwrap_or_else(|| "{}".to_owned()) }))
        }
    }
}

/// Reads the answer to a report or a heartbeat: an empty object.
pub(super) fn accepted(response: &Response) -> Result<(), NotTheService> {
    if planted("portal-is-an-answer") {
        return Ok(());
    }
    service_object(response, &[]).map(drop)
}

/// Reads the answer to DescribeActivity: the activity's name and when it was created.
pub(super) fn description(response: &Response) -> Result<(String, SystemTime), NotTheService> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        name: String,
        creation_date: f64,
    }
    let object = service_object(response, &["activityArn", "name", "creationDate"])?;
    let body = Body::deserialize(object).map_err(|_| "holds no description of an activity")?;
    let created = Duration::try_from_secs_f64(body.creation_date).ok();
    let created = created.and_then(|d| SystemTime::UNIX_EPOCH.checked_add(d)).ok_or("holds a wrong date")?;
    Ok((body.name, created))
}

/// The JSON object in the body. Fields that this version does not know are the service's only if the answer has a request id.
fn service_object(response: &Response, known: &[&str]) -> Result<Value, NotTheService> {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Err("has an empty body");
    }
    let object: Map<String, Value> =
        serde_json::from_slice(&response.body).map_err(|_| "is not a JSON object, or cut short")?;
    if object.contains_key("__type") {
        return Err("is an error with the status of a success");
    }
    if request_id(response).is_none() && object.keys().any(|k| !known.contains(&k.as_str())) {
        return Err("is JSON, but not the service's");
    }
    Ok(Value::Object(object))
}

/// What an answer says about an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServiceError {
    /// The code without its namespace: `TaskTimedOut`. `None`: the answer is not the service's.
    pub(super) code: Option<String>,
    /// The message, fit for a log.
    pub(super) message: Option<String>,
}

/// Finds the code and the message, wherever the service put them: the code in the header `x-amzn-errortype`, else in the body as
/// `__type` or `code`; the message as `message` or `Message`.
pub(super) fn service_error(response: &Response) -> ServiceError {
    let body = match response.body.len() {
        0..=ERROR_BODY_MAX => {
            serde_json::from_slice::<Map<String, Value>>(&response.body).unwrap_or_default()
        }
        _ => Map::new(),
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let code = header(response, "x-amzn-errortype")
        .and_then(bare_code)
        .or_else(|| text("__type").and_then(bare_code))
        .or_else(|| text("code").and_then(bare_code));
    let message = text("message").or_else(|| text("Message")).filter(|m| !m.trim().is_empty());
    // These quote what was sent.
    let quotes = |c: &str| {
        ["ValidationException", "InvalidOutput", "InvalidToken", "SerializationException"].contains(&c)
    };
    let shown = code.as_deref().is_some_and(|c| !quotes(c));
    ServiceError { message: message.filter(|_| shown).map(redact), code }
}

/// `com.amazonaws.swf.base.model#TaskTimedOut:http://...` is `TaskTimedOut`.
fn bare_code(text: &str) -> Option<String> {
    let text = text.split(':').next().unwrap_or_default();
    let text = text.rsplit('#').next().unwrap_or_default().trim();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'_' || b == b'-';
    ((1..=128).contains(&text.len()) && text.bytes().all(is_name)).then(|| text.to_owned())
}

/// The value of a header.
pub(super) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
}

/// The request id, to quote to AWS support.
pub(super) fn request_id(response: &Response) -> Option<String> {
    let id = header(response, "x-amzn-requestid").or_else(|| header(response, "x-amz-request-id"))?;
    let is_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    ((1..=128).contains(&id.len()) && id.bytes().all(is_id)).then(|| id.to_owned())
}

/// The server's date, unless a cache sent it.
pub(super) fn server_date(response: &Response) -> Option<SystemTime> {
    if header(response, "age").is_some() && !planted("date-of-a-cache") {
        return None;
    }
    httpdate::parse_http_date(header(response, "date")?).ok()
}

/// The longest pause that an answer can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The pause that the answer asks for, at most an hour: `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds or as
/// a date.
pub(super) fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let millis =
        header(response, "x-amz-retry-after").and_then(|t| t.parse().ok()).map(Duration::from_millis);
    let pause = millis.or_else(|| {
        let text = header(response, "retry-after")?;
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok(),
        }
    });
    pause.map(|p| p.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;

//! Is this the service's answer, and what does it say? Decided here, for all calls.
//!
//! An answer is the service's by its *marks*: an `x-amzn-RequestId`, and a `Content-Type` of JSON (`application/json` or
//! `application/x-amz-json-...`, whatever its case and parameters). Nobody else sends both: not a login page, a proxy, a cache, nor
//! another server behind a wrong URL. Only an answer with the marks settles, holds or stops anything, renews credentials, sets the
//! clock, or asks for a pause.
//!
//! | status | marks | error | body | what it says |
//! |---|---|---|---|---|
//! | 200 | yes | none | an object without `__type`, `message`, `Message`, `code` | done; other members are of no account |
//! | 200 | yes | no header | holds a task token that can be read (polls alone) | a task, whatever else is wrong in the body |
//! | another 2xx | yes | no header | holds a task token that can be read (polls alone) | a task: it is handed out once |
//! | 200 | yes | in header or body | | nothing |
//! | 200 | yes | none | empty, cut, compressed so that it can't be inflated, no object | nothing; of a poll, that a task may be lost |
//! | 400 | yes | a code | | that error: its class stands in `errors` |
//! | other 4xx, but 407 | yes | a code | | that error, but never `Settled` or `BadOutput`: those end or replace a result |
//! | 429 | no | | | throttled |
//! | 5xx | yes | of throttling | | throttled |
//! | 5xx | | any other, or none | | trouble at the service, whoever speaks for it: tried again, nothing else |
//! | everything else | | | | nothing: somebody answers in the service's place |
//!
//! *Nothing* is `ErrorClass::Network`: the call may have taken effect, and is tried again.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Response;
use super::redact::redact;
use crate::plants::planted;

/// An error body over this size is not the service's.
const ERROR_BODY_MAX: usize = 64 * 1024;
/// What an error has, and an answer that is none has not.
const ERROR_MEMBERS: [&str; 4] = ["__type", "message", "Message", "code"];

/// Why an answer with status 200 says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unheard {
    /// It is not the service's: a mark is missing.
    Stranger(String),
    /// It has the marks, and can't be understood. What follows "the answer".
    Unreadable(String),
    /// The same of an answer that may hold a task: the service hands it out once.
    TaskLost(String),
}

/// Nothing, if the answer has the service's marks; else what is missing, in words that follow "the answer".
pub(super) fn marks(response: &Response) -> Result<(), String> {
    if planted("strangers-settle") {
        return Ok(());
    }
    let mut missing = Vec::new();
    if request_id(response).is_none() {
        missing.push("carries no x-amzn-RequestId".to_owned());
    }
    let types: Vec<_> = response.headers.iter().filter(|(name, _)| name == "content-type").collect();
    match types.iter().find(|(_, value)| !is_json(value)) {
        _ if types.is_empty() => missing.push("has no Content-Type".to_owned()),
        Some((_, other)) => missing.push(format!("is {}, not JSON", redact(media_type(other)))),
        None => {}
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join(" and ")) }
}

fn is_json(content_type: &str) -> bool {
    let media = media_type(content_type).to_ascii_lowercase();
    media == "application/json" || media.starts_with("application/x-amz-json-")
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// The body of a success, without what a BOM puts before it; whether it is one at all is not looked at yet.
pub(super) fn body(response: &Response) -> Result<&[u8], Unheard> {
    marks(response).map_err(Unheard::Stranger)?;
    if response.headers.iter().any(|(name, _)| name.starts_with("x-amzn-error")) {
        return Err(Unheard::Unreadable(ERROR_AS_SUCCESS.to_owned()));
    }
    Ok(response.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&response.body))
}

pub(super) const ERROR_AS_SUCCESS: &str = "is an error with the status of a success";

/// The body, if it says that the call is done: one JSON object, and no error.
pub(super) fn done(response: &Response) -> Result<&[u8], Unheard> {
    let body = body(response)?;
    let encoding = response.header("content-encoding").filter(|e| !e.eq_ignore_ascii_case("identity"));
    match serde_json::from_slice::<Object>(body) {
        Ok(Object { error: false }) => Ok(body),
        Ok(Object { error: true }) => Err(Unheard::Unreadable(ERROR_AS_SUCCESS.to_owned())),
        Err(_) => Err(Unheard::Unreadable(match encoding {
            Some(encoding) => {
                format!("is compressed ({}) though that was not asked for", redact(encoding))
            }
            None if body.iter().all(u8::is_ascii_whitespace) => "has an empty body".to_owned(),
            None => "is not a JSON object, or cut short".to_owned(),
        })),
    }
}

/// A JSON object of which nothing is kept, whatever its members hold: a later version of the service may send more.
struct Object {
    error: bool,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut error = false;
                while let Some(name) = map.next_key::<String>()? {
                    error |= ERROR_MEMBERS.contains(&name.as_str());
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Object { error })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// What an answer says about an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ServiceError {
    /// The code without its namespace: `TaskTimedOut`. `None`: the answer is not the service's.
    pub(super) code: Option<String>,
    /// The message, fit for a log.
    pub(super) message: Option<String>,
}

/// The error of an answer with the service's marks and the status of an error: the code in the header `x-amzn-errortype`, else in the
/// body as `__type` or `code`; the message as `message` or `Message`.
pub(super) fn error(response: &Response) -> ServiceError {
    let of_an_error = matches!(response.status, 400..=406 | 408..=599);
    if !of_an_error || marks(response).is_err() {
        return ServiceError::default();
    }
    let body = match response.body.len() {
        0..=ERROR_BODY_MAX => {
            serde_json::from_slice::<Map<String, Value>>(&response.body).unwrap_or_default()
        }
        _ => Map::new(),
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let code = response
        .header("x-amzn-errortype")
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

/// The request id, to quote to AWS support.
pub(super) fn request_id(response: &Response) -> Option<String> {
    let id = response.header("x-amzn-requestid")?;
    let is_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    ((1..=128).contains(&id.len()) && id.bytes().all(is_id)).then(|| id.to_owned())
}

/// The longest pause that an answer can ask for. The service's own hints are of seconds, and a worker's own back-off ends at two
/// minutes unless it is told otherwise: five are respected where something is really wrong, and cost little where it was a mistake.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// The pause that the service asks for: `x-amz-retry-after` in milliseconds, else `Retry-After` in seconds or as a date. Nobody
/// else's wish counts.
pub(super) fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    marks(response).ok()?;
    let millis = response.header("x-amz-retry-after").and_then(|t| t.parse().ok()).map(Duration::from_millis);
    let pause = millis.or_else(|| {
        let text = response.header("retry-after")?;
        match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok(),
        }
    });
    pause.map(|p| p.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! The words that all rooms share: a task's token, its id, its outcome and how it ended.

use crate::arn::{ActivityArn, allowed_in_names};
use std::fmt;

use sha2::{Digest, Sha256};

/// The longest task token, in bytes. Source: API reference, `TaskToken`.
pub const TOKEN_MAX: usize = 2048;
/// Room for a token that the service gave all the same, in bytes of its JSON: the state folder reckons with no longer ones. The limit
/// above has been raised before.
pub(crate) const TOKEN_ROOM: usize = 4096;
/// The longest name of a user, in bytes.
pub const SCOPE_MAX: usize = 256;
/// The largest output, in bytes of UTF-8. Source: API reference, `SendTaskSuccess`.
pub const OUTPUT_MAX: usize = 262_144;
/// The largest input, in bytes of UTF-8. Source: API reference, `GetActivityTask`.
pub const INPUT_MAX: usize = 1_048_576;
/// The longest error name, in characters. Source: API reference, `SendTaskFailure`.
pub const ERROR_MAX: usize = 256;
/// The longest cause, in characters. Source: API reference, `SendTaskFailure`.
pub const CAUSE_MAX: usize = 32_768;

/// The secret that names a task to the service. Never shown: `Debug` prints the task's id.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken(Box<str>);

/// Why a text is no task token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text is empty.
    #[error("the task token is empty")]
    Empty,
    /// The text is over 2,048 bytes.
    #[error("the task token is over 2,048 bytes")]
    TooLong,
}

impl TaskToken {
    /// Takes a token as the service gave it.
    pub fn new(token: impl Into<String>) -> Result<Self, TokenError> {
        let token = token.into();
        match token.len() {
            0 => Err(TokenError::Empty),
            1..=TOKEN_MAX => Ok(TaskToken(token.into_boxed_str())),
            _ => Err(TokenError::TooLong),
        }
    }

    /// A token that the service handed out, as it is: over what the API reference allows today, if only the state folder has room for it.
    pub(crate) fn given(token: String) -> Option<Self> {
        let written = serde_json::to_string(&token).map_or(usize::MAX, |json| json.len());
        (!token.is_empty() && written <= TOKEN_ROOM).then(|| TaskToken(token.into_boxed_str()))
    }

    /// The token itself, for a request body or the spool. Don't log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The id of the task: the same token always gives the same id.
    pub fn id(&self) -> TaskId {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        TaskId(id)
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskToken(id {})", self.id())
    }
}

/// Names a task to people, logs and handlers: the first 128 bits of the SHA-256 of its token, printed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId([u8; 16]);

impl TaskId {
    /// The id's bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        TaskId(bytes)
    }

    /// Reads the 32 hex digits that `Display` prints.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|n| TaskId(n.to_be_bytes()))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose task it is: partition, region, account and, if the worker has one, its own endpoint. A task is only ever reported to
/// the origin it came from.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// The origin of an activity's tasks; `endpoint`: one of the worker's own, as [`Endpoint::own_url`](crate::aws::Endpoint::own_url)
    /// writes it. That of tokens that come without an activity is read from text: `"aws/eu-west-1/123456789012".parse()`.
    pub fn new(activity: &ActivityArn, endpoint: Option<&str>) -> Self {
        Origin::written(activity.partition(), activity.region(), activity.account(), endpoint)
    }

    pub(crate) fn written(partition: &str, region: &str, account: &str, endpoint: Option<&str>) -> Self {
        let endpoint = endpoint.map(|url| format!("/{url}")).unwrap_or_default();
        Origin(format!("{partition}/{region}/{account}{endpoint}"))
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The user or tenant a task belongs to on this device; empty where there is only one. At most 256 bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Scope(pub String);

/// How a task ended for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Settlement {
    /// The service took the outcome.
    Delivered,
    /// The service had given the task up before any report reached it; or its end, which was said with its token, passed unanswered.
    TooLate,
    /// The service says that the task is over, and an earlier report whose answer was lost may be why.
    Unknown,
    /// The app took the request back before it was answered: nothing was reported.
    Retracted,
    /// An operator, or the app, gave up what was kept and could not be delivered: nothing more is reported.
    Discarded,
}

/// The service's word that it took a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The `x-amzn-RequestId` of the answer, to quote to AWS support.
    pub request_id: Option<String>,
}

/// The worker's name, shown in the execution history. 1 to 80 characters, none of `< > { } [ ] ? * " # % \ ^ | ~ ` $ & , ; : /`,
/// no white space and no control characters. Source: API reference, `Name`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkerName(heapless::String<80>);

/// Why a text is no worker name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerNameError {
    /// Empty, or over 80 characters.
    #[error("a worker name has 1 to 80 characters")]
    Length,
    /// A character that the service does not allow.
    #[error("a worker name can't hold {0:?}")]
    Character(char),
}

impl WorkerName {
    /// Parses a name.
    pub fn new(name: &str) -> Result<Self, WorkerNameError> {
        if let Some(c) = name.chars().find(|c| !allowed_in_names(*c)) {
            return Err(WorkerNameError::Character(c));
        }
        if name.is_empty() {
            return Err(WorkerNameError::Length);
        }
        heapless::String::try_from(name).map(WorkerName).map_err(|_| WorkerNameError::Length)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_a_token_never_shows_in_debug() {
        let token = TaskToken::new("sEcReT-token").unwrap();
        let shown = format!("{token:?}");
        assert!(!shown.contains("sEcReT") && shown.contains(&token.id().to_string()), "{shown}");
    }

    #[test]
    fn an_id_survives_its_text() {
        let id = TaskToken::new("t").unwrap().id();
        assert_eq!(TaskId::parse(&id.to_string()), Some(id));
        assert_eq!(TaskId::parse("zz"), None);
        assert_eq!(TaskId::parse(&"+".repeat(32)), None);
    }

    #[test]
    fn worker_names_follow_the_service() {
        assert!(WorkerName::new("pi-7.local_x").is_ok());
        assert_eq!(WorkerName::new("a b"), Err(WorkerNameError::Character(' ')));
        assert_eq!(WorkerName::new(""), Err(WorkerNameError::Length));
        assert_eq!(WorkerName::new(&"x".repeat(81)), Err(WorkerNameError::Length));
    }
}

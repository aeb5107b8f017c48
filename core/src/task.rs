//! The words that all rooms share: a task's token, its id, its outcome and how it ended.

use std::fmt;

use sha2::{Digest, Sha256};

/// The longest task token, in bytes. Source: API reference, `TaskToken`.
pub const TOKEN_MAX: usize = 2048;
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
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
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
    /// The origin in words, for instance `aws/eu-west-1/123456789012`.
    pub fn new(partition: &str, region: &str, account: &str, endpoint: Option<&str>) -> Self {
        let mut origin = format!("{partition}/{region}/{account}");
        if let Some(endpoint) = endpoint {
            origin.push('/');
            origin.push_str(endpoint);
        }
        Origin(origin)
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The user or tenant a task belongs to on this device; empty where there is only one.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Scope(pub String);

/// What a task came to. `Debug` shows sizes, never contents.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The output: JSON, at most 262,144 bytes.
    Success(String),
    /// The task failed; `Retry` and `Catch` of the state machine match on the error.
    Failure(Failure),
}

/// A failure as `SendTaskFailure` takes it. `Debug` shows the error's name, and of the cause only its size.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    error: String,
    cause: String,
}

impl Outcome {
    /// A success, if `output` is JSON of at most `max` bytes (never more than the service's 262,144); else the failure
    /// `Worker.InvalidOutput` or `Worker.OutputTooLarge`.
    pub fn success(output: impl Into<String>, max: usize) -> Self {
        let output = output.into();
        let max = max.min(OUTPUT_MAX);
        if output.len() > max {
            let cause = format!("the output has {} bytes, the limit is {max}", output.len());
            return Outcome::Failure(Failure::new("Worker.OutputTooLarge", cause));
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(&output) {
            Ok(_) => Outcome::Success(output),
            Err(e) => {
                let cause = format!("the output is not JSON: line {}, column {}", e.line(), e.column());
                Outcome::Failure(Failure::new("Worker.InvalidOutput", cause))
            }
        }
    }

    /// A failure; see [`Failure::new`].
    pub fn failure(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Outcome::Failure(Failure::new(error, cause))
    }

    /// Bytes of payload.
    pub fn size(&self) -> usize {
        match self {
            Outcome::Success(output) => output.len(),
            Outcome::Failure(f) => f.error.len() + f.cause.len(),
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Success(output) => write!(f, "Success({} bytes)", output.len()),
            Outcome::Failure(failure) => failure.fmt(f),
        }
    }
}

impl Failure {
    /// A failure with `error` cut at 256 and `cause` at 32,768 characters, never inside a character.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Failure { error: cut(error.into(), ERROR_MAX), cause: cut(cause.into(), CAUSE_MAX) }
    }

    /// The name that `Retry` and `Catch` match on.
    pub fn error(&self) -> &str {
        &self.error
    }

    /// What a person reads.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// The same failure with at most `bytes` bytes of cause, cut at a character.
    pub fn with_cause_cut_to(mut self, bytes: usize) -> Self {
        self.cause.truncate(self.cause.floor_char_boundary(bytes));
        self
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({}, {} bytes of cause)", self.error, self.cause.len())
    }
}

fn cut(mut text: String, characters: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(characters) {
        text.truncate(at);
    }
    text
}

/// How a task ended for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settlement {
    /// The service took the outcome.
    Delivered,
    /// The service had given the task up before any report reached it.
    TooLate,
    /// The service says that the task is over, and an earlier report whose answer was lost may be why.
    Unknown,
    /// The app took the request back before it was answered: nothing was reported.
    Retracted,
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

/// Whether the service allows `c` in the names of activities and workers.
pub(crate) fn allowed_in_names(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_a_token_an_output_and_a_cause_never_show_in_debug() {
        let token = TaskToken::new("sEcReT-token").unwrap();
        let shown = format!(
            "{token:?} {:?} {:?}",
            Outcome::success("\"sEcReT\"", 100),
            Outcome::failure("E", "sEcReT")
        );
        assert!(!shown.contains("sEcReT"), "{shown}");
        assert!(shown.contains(&token.id().to_string()));
    }

    #[test]
    fn an_id_survives_its_text() {
        let id = TaskToken::new("t").unwrap().id();
        assert_eq!(TaskId::parse(&id.to_string()), Some(id));
        assert_eq!(TaskId::parse("zz"), None);
        assert_eq!(TaskId::parse(&"+".repeat(32)), None);
    }

    #[test]
    fn a_failure_is_cut_at_characters_never_inside_one() {
        let failure = Failure::new("é".repeat(300), "漢".repeat(40_000));
        assert_eq!(failure.error().chars().count(), ERROR_MAX);
        assert_eq!(failure.cause().chars().count(), CAUSE_MAX);
        assert_eq!(failure.with_cause_cut_to(10).cause(), "漢漢漢");
    }

    #[test]
    fn an_output_that_the_service_would_refuse_becomes_a_failure_with_a_name() {
        let name = |outcome| match outcome {
            Outcome::Failure(f) => f.error().to_owned(),
            Outcome::Success(_) => "success".to_owned(),
        };
        assert_eq!(name(Outcome::success("{}", OUTPUT_MAX)), "success");
        assert_eq!(name(Outcome::success("{", OUTPUT_MAX)), "Worker.InvalidOutput");
        assert_eq!(name(Outcome::success("", OUTPUT_MAX)), "Worker.InvalidOutput");
        assert_eq!(
            name(Outcome::success(format!("\"{}\"", "x".repeat(OUTPUT_MAX)), usize::MAX)),
            "Worker.OutputTooLarge"
        );
        assert_eq!(name(Outcome::success("12345", 4)), "Worker.OutputTooLarge");
    }

    #[test]
    fn worker_names_follow_the_service() {
        assert!(WorkerName::new("pi-7.local_x").is_ok());
        assert_eq!(WorkerName::new("a b"), Err(WorkerNameError::Character(' ')));
        assert_eq!(WorkerName::new(""), Err(WorkerNameError::Length));
        assert_eq!(WorkerName::new(&"x".repeat(81)), Err(WorkerNameError::Length));
    }
}

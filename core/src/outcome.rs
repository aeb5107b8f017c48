//! What a task came to: an output, or a failure.

use std::fmt;

use serde::de::IgnoredAny;

use crate::task::{CAUSE_MAX, ERROR_MAX, OUTPUT_MAX};

/// An output: JSON, at most [`OUTPUT_MAX`] bytes, as `SendTaskSuccess` takes it. `Debug` shows its size, never what it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Output(String);

/// Why a text is no output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// It is longer than the service, or the activity's `max_output`, allows.
    #[error("the output has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It is not JSON, seen from this place on. Both begin at 1.
    #[error("the output is not JSON: line {line}, column {column}")]
    NotJson {
        /// The line.
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
}

impl Output {
    /// Takes JSON of at most [`OUTPUT_MAX`] bytes.
    pub fn parse(json: impl Into<String>) -> Result<Self, OutputError> {
        Output::parse_within(json, OUTPUT_MAX)
    }

    /// Takes JSON of at most `limit` bytes, and never more than [`OUTPUT_MAX`].
    pub fn parse_within(json: impl Into<String>, limit: usize) -> Result<Self, OutputError> {
        let json = Output(json.into()).within(limit)?;
        match serde_json::from_str::<IgnoredAny>(&json.0) {
            Ok(_) => Ok(json),
            Err(e) => Err(OutputError::NotJson { line: e.line(), column: e.column() }),
        }
    }

    /// The same, if it is no longer than `limit` bytes.
    pub(crate) fn within(self, limit: usize) -> Result<Self, OutputError> {
        let (bytes, limit) = (self.0.len(), limit.min(OUTPUT_MAX));
        if bytes > limit { Err(OutputError::TooLarge { bytes, limit }) } else { Ok(self) }
    }

    /// One that was looked at before it was written to where it comes from.
    pub(crate) fn kept(json: String) -> Self {
        Output(json)
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON, given away.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} bytes)", self.0.len())
    }
}

/// What a task came to. `Debug` shows sizes, never contents.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The output.
    Success(Output),
    /// The task failed; `Retry` and `Catch` of the state machine match on the error.
    Failure(Failure),
}

impl Outcome {
    /// A failure; see [`Failure::new`].
    pub fn failure(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Outcome::Failure(Failure::new(error, cause))
    }

    /// Bytes of payload.
    pub fn size(&self) -> usize {
        match self {
            Outcome::Success(output) => output.0.len(),
            Outcome::Failure(f) => f.error.len() + f.cause.len(),
        }
    }
}

/// An output that is none becomes the failure `Worker.InvalidOutput` or `Worker.OutputTooLarge`.
impl From<Result<Output, OutputError>> for Outcome {
    fn from(output: Result<Output, OutputError>) -> Self {
        match output {
            Ok(output) => Outcome::Success(output),
            Err(error) => Outcome::Failure(error.into()),
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Success(output) => write!(f, "Success({} bytes)", output.0.len()),
            Outcome::Failure(failure) => failure.fmt(f),
        }
    }
}

/// A failure as `SendTaskFailure` takes it. `Debug` shows the error's name, and of the cause only its size.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    error: String,
    cause: String,
    /// The handler did not begin. Of this process alone: it is not kept.
    failed_start: bool,
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        let name = match error {
            OutputError::TooLarge { .. } => "Worker.OutputTooLarge",
            OutputError::NotJson { .. } => "Worker.InvalidOutput",
        };
        Failure::new(name, error.to_string())
    }
}

impl Failure {
    /// A failure with `error` cut at 256 and `cause` at 32,768 characters, never inside a character.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Failure {
            error: cut(error.into(), ERROR_MAX),
            cause: cut(cause.into(), CAUSE_MAX),
            failed_start: false,
        }
    }

    /// The handler could not begin: `Handler.NotStarted`. See [`failed_start`](Failure::failed_start).
    pub fn not_started(cause: impl Into<String>) -> Self {
        Failure::new("Handler.NotStarted", cause).failed_start()
    }

    /// The same failure, of a handler that could not begin its work: no process, no thread, no descriptor, the program gone. Such a
    /// failure says more of the device than of the task, so the worker slows down the polls of the activity, asks for one task at
    /// a time until a start works, and tells the cause as [`Event::StartsFail`](crate::worker::Event::StartsFail): it must hold no
    /// secrets.
    #[must_use]
    pub fn failed_start(self) -> Self {
        Failure { failed_start: true, ..self }
    }

    /// Whether the handler could not begin.
    pub fn is_failed_start(&self) -> bool {
        self.failed_start
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
    #[must_use]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_an_output_and_a_cause_never_show_in_debug() {
        let output = Output::parse("\"sEcReT\"").unwrap();
        let shown = format!(
            "{output:?} {:?} {:?}",
            Outcome::Success(output.clone()),
            Outcome::failure("E", "sEcReT")
        );
        assert!(!shown.contains("sEcReT"), "{shown}");
    }

    #[test]
    fn a_failure_is_cut_at_characters_never_inside_one() {
        let failure = Failure::new("é".repeat(300), "漢".repeat(40_000));
        assert_eq!(failure.error().chars().count(), ERROR_MAX);
        assert_eq!(failure.cause().chars().count(), CAUSE_MAX);
        assert_eq!(failure.with_cause_cut_to(10).cause(), "漢漢漢");
    }

    #[test]
    fn an_output_that_the_service_would_refuse_is_none_and_becomes_a_failure_with_a_name() {
        let name = |output: Result<Output, _>| match Outcome::from(output) {
            Outcome::Failure(f) => f.error().to_owned(),
            Outcome::Success(_) => "success".to_owned(),
        };
        assert_eq!(name(Output::parse("{}")), "success");
        assert_eq!(name(Output::parse("{")), "Worker.InvalidOutput");
        assert_eq!(name(Output::parse("")), "Worker.InvalidOutput");
        let large = format!("\"{}\"", "x".repeat(OUTPUT_MAX));
        assert_eq!(name(Output::parse_within(large, usize::MAX)), "Worker.OutputTooLarge");
        assert_eq!(Output::parse_within("12345", 4), Err(OutputError::TooLarge { bytes: 5, limit: 4 }));
        assert_eq!(Output::parse("[1,\n2"), Err(OutputError::NotJson { line: 2, column: 1 }));
    }
}

//! What a handler left behind, and the outcome that this is.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use activity_worker::worker::Cancelled;
use activity_worker::{Failure, Output, OutputError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::limits::Limits;

/// Bytes of stderr that become the cause of a failure.
pub(crate) const TAIL: usize = 8 * 1024;
/// Bytes of stdout, before and after the place where it breaks, that become a part of one.
const AROUND: usize = 512;

/// The first bytes of a stream, up to a limit and one more; the rest is dropped.
pub(crate) struct Head {
    bytes: Vec<u8>,
    limit: usize,
}

impl Head {
    pub(crate) fn new(limit: usize) -> Self {
        Head { bytes: Vec::new(), limit }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = self.limit + 1 - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// All of it, if it kept within the limit.
    pub(crate) fn complete(&self) -> Option<&[u8]> {
        (self.bytes.len() <= self.limit).then_some(&self.bytes)
    }

    /// The end of what was kept.
    fn end(&self) -> String {
        let cut = self.bytes.len().saturating_sub(TAIL);
        text(&self.bytes[cut..], cut > 0)
    }

    /// What stands around byte `at`.
    fn around(&self, at: usize) -> String {
        let start = at.min(self.bytes.len()).saturating_sub(AROUND);
        let end = at.saturating_add(AROUND).min(self.bytes.len());
        text(&self.bytes[start..end], start > 0)
    }
}

/// The last [`TAIL`] bytes of a stream.
#[derive(Default)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let excess = self.bytes.len().saturating_sub(TAIL);
        self.cut |= excess > 0;
        self.bytes.drain(..excess);
    }

    fn is_empty(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }

    fn into_text(self) -> String {
        text(&Vec::from(self.bytes), self.cut)
    }
}

/// Bytes as text. Where the front is `cut` off, dots stand for it, and what is left of a character there goes too.
fn text(bytes: &[u8], cut: bool) -> String {
    let start = if cut { bytes.iter().take(3).take_while(|byte| (**byte & 0xC0) == 0x80).count() } else { 0 };
    let text = String::from_utf8_lossy(&bytes[start..]);
    let text = text.trim_end();
    if cut { format!("...{text}") } else { text.to_owned() }
}

/// Why the worker ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It took longer than its timeout.
    TimedOut,
    /// Its task was cancelled.
    Cancelled(Cancelled),
}

/// A run that is over.
pub(crate) struct End {
    /// Why the worker ended it, if it did.
    pub(crate) ended: Option<Ended>,
    /// `None`: it did not even end on SIGKILL.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) stdout: Head,
    pub(crate) stderr: Tail,
}

/// What a handler may print in place of an output when it fails.
#[derive(Deserialize)]
struct Named<'a> {
    error: String,
    #[serde(borrow)]
    cause: Option<&'a RawValue>,
}

/// The outcome of a run.
pub(crate) fn outcome(end: End, limits: Limits) -> Result<String, Failure> {
    let succeeded = end.status.is_some_and(|status| status.success());
    match end.ended {
        Some(Ended::TimedOut) => {
            let limit = humantime::format_duration(limits.timeout);
            Err(failed("Handler.Timeout", format!("the handler took longer than {limit}"), end))
        }
        // What it finished in its grace counts: the work is done.
        Some(Ended::Cancelled(_)) | None if succeeded => output(end),
        Some(Ended::Cancelled(why)) => {
            let error = if why == Cancelled::Stopping { "Worker.Stopping" } else { "Handler.Cancelled" };
            Err(failed(error, "the handler was ended before it was done".into(), end))
        }
        None => Err(failure(end)),
    }
}

fn output(end: End) -> Result<String, Failure> {
    let stdout = &end.stdout;
    let Some(bytes) = stdout.complete() else {
        let what = format!("exit status 0, but stdout has more than {} bytes", stdout.limit);
        return Err(with_stderr("Worker.OutputTooLarge", what, end.stderr));
    };
    let invalid = |at: usize, what: &str| {
        let what = format!("exit status 0, but {what}; stdout there: {}", stdout.around(at));
        ("Worker.InvalidOutput", what)
    };
    let (error, what) = match std::str::from_utf8(bytes) {
        Err(e) => invalid(e.valid_up_to(), &format!("stdout is not UTF-8: byte {}", e.valid_up_to())),
        Ok(all) => {
            let text = all.trim_ascii();
            let text = if text.is_empty() { "{}" } else { text };
            match Output::parse_within(text, stdout.limit) {
                Ok(output) => return Ok(output.into_string()),
                Err(error @ OutputError::NotJson { line, column }) => {
                    let skipped = all.len() - all.trim_ascii_start().len();
                    invalid(skipped + place(text, line, column), &error.to_string())
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    Err(with_stderr(error, what, end.stderr))
}

/// The byte at a line and column of a text, which both begin at 1.
fn place(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column.saturating_sub(1)
}

fn failure(end: End) -> Failure {
    let named = end.stdout.complete().and_then(|bytes| serde_json::from_slice::<Named<'_>>(bytes).ok());
    // No Retry and no Catch could name an empty one.
    if let Some(named) = named.filter(|named| !named.error.is_empty()) {
        let cause = match named.cause {
            // A text is taken as it is, anything else as the JSON it is.
            Some(cause) => serde_json::from_str(cause.get()).unwrap_or_else(|_| cause.get().to_owned()),
            None => end.stderr.into_text(),
        };
        return Failure::new(named.error, cause);
    }
    let Some(status) = end.status else {
        return failed("Handler.Timeout", "the handler does not end".into(), end);
    };
    let (error, what) = match (status.code(), status.signal()) {
        (Some(code), _) => (format!("Handler.Exit{code}"), format!("exit status {code}")),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            (format!("Handler.Signal{signal}"), format!("ended by signal {signal}"))
        }
    };
    let stderr = end.stderr.into_text();
    match (stderr.is_empty(), end.stdout.end()) {
        (false, _) => Failure::new(error, stderr),
        (true, stdout) if stdout.is_empty() => Failure::new(error, format!("{what}, nothing on stderr")),
        (true, stdout) => Failure::new(error, format!("{what}, nothing on stderr; stdout: {stdout}")),
    }
}

/// A failure with what the handler said: the end of stderr, else of stdout.
fn failed(error: &str, what: String, end: End) -> Failure {
    let stdout = end.stdout.end();
    match end.stderr.is_empty() && !stdout.is_empty() {
        true => Failure::new(error, format!("{what}; stdout: {stdout}")),
        false => with_stderr(error, what, end.stderr),
    }
}

fn with_stderr(error: &str, what: String, stderr: Tail) -> Failure {
    let stderr = stderr.into_text();
    Failure::new(error, if stderr.is_empty() { what } else { format!("{what}; stderr: {stderr}") })
}

//! What a handler left behind, and the outcome that this is.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use activity_worker::Failure;
use activity_worker::worker::Cancelled;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Limits;

/// Bytes of stderr that become the cause of a failure.
pub(crate) const TAIL: usize = 8 * 1024;

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

    fn into_text(self) -> String {
        let bytes = Vec::from(self.bytes);
        // Where the front is cut inside a character, the rest of that character goes too.
        let start =
            if self.cut { bytes.iter().take(3).take_while(|b| (**b & 0xC0) == 0x80).count() } else { 0 };
        let text = String::from_utf8_lossy(&bytes[start..]);
        let text = text.trim_end();
        if self.cut { format!("...{text}") } else { text.to_owned() }
    }
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
            Err(Failure::new(
                "Handler.Timeout",
                with_tail(format!("the handler took longer than {limit}"), end.stderr),
            ))
        }
        // What it finished in its grace counts: the work is done.
        Some(Ended::Cancelled(_)) | None if succeeded => output(&end.stdout),
        Some(Ended::Cancelled(why)) => {
            let error = if why == Cancelled::Stopping { "Worker.Stopping" } else { "Handler.Cancelled" };
            Err(Failure::new(error, with_tail("the handler was ended before it was done".into(), end.stderr)))
        }
        None => Err(failure(end)),
    }
}

fn output(stdout: &Head) -> Result<String, Failure> {
    let Some(bytes) = stdout.complete() else {
        let cause = format!("the handler wrote more than {} bytes to stdout", stdout.limit);
        return Err(Failure::new("Worker.OutputTooLarge", cause));
    };
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let cause = format!("the handler's stdout is not UTF-8: byte {}", e.valid_up_to());
        Failure::new("Worker.InvalidOutput", cause)
    })?;
    let text = text.trim_ascii();
    Ok(if text.is_empty() { "{}".to_owned() } else { text.to_owned() })
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
    let Some(status) = end.status else { return Failure::new("Handler.Timeout", "the handler does not end") };
    let (error, what) = match (status.code(), status.signal()) {
        (Some(code), _) => (format!("Handler.Exit{code}"), format!("exit status {code}")),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            (format!("Handler.Signal{signal}"), format!("ended by signal {signal}"))
        }
    };
    let stderr = end.stderr.into_text();
    Failure::new(error, if stderr.is_empty() { format!("{what}, nothing on stderr") } else { stderr })
}

fn with_tail(what: String, stderr: Tail) -> String {
    let stderr = stderr.into_text();
    if stderr.is_empty() { what } else { format!("{what}; stderr: {stderr}") }
}

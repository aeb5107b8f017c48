//! A task file's bytes. The layout is described at the top of the spool.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{NewTask, StoredTask};
use crate::{Failure, OUTPUT_MAX, Origin, Outcome, Scope, TaskToken};

const MAGIC: &[u8; 8] = b"AWSPOOL1";
const ENVELOPE: &[u8; 4] = b"ENVL";
const INPUT: &[u8; 4] = b"INPT";
const OUTPUT: &[u8; 4] = b"OUTP";
const ERROR: &[u8; 4] = b"ERRO";
const CAUSE: &[u8; 4] = b"CAUS";
/// Tag, length, checksum.
const HEAD: usize = 4 + 4 + 16;

/// A line of text, with a checksum behind it.
pub(super) fn seal(text: &str) -> String {
    format!("{text} {}\n", check(text))
}

/// The text of a line that is as it was written.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let (text, sum) = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.rsplit_once(' ')?;
    (sum.parse() == Ok(check(text))).then_some(text)
}

fn check(text: &str) -> u32 {
    Sha256::digest(text).first_chunk().map_or(0, |four| u32::from_be_bytes(*four))
}

/// What is needed to report a task. Frozen for all versions 1.x: fields may be added, if they have a default.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Envelope {
    origin: Origin,
    #[serde(default)]
    scope: Scope,
    token: String,
    #[serde(default)]
    activity: Option<String>,
    #[serde(default)]
    deferred: bool,
    /// Seconds since 1970, as below.
    #[serde(default)]
    accepted: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    #[serde(default)]
    pub(super) max_output: usize,
    #[serde(default)]
    pub(super) runs: u8,
    #[serde(default)]
    pub(super) outcome: bool,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({:?}, outcome: {})", self.origin, self.outcome)
    }
}

impl Envelope {
    pub(super) fn of(task: &NewTask<'_>) -> Self {
        Envelope {
            origin: task.origin.clone(),
            scope: task.scope.clone(),
            token: task.token.expose().to_owned(),
            activity: task.activity.map(str::to_owned),
            deferred: task.deferred,
            accepted: since_1970(task.accepted),
            expires: task.expires.map(since_1970),
            max_output: task.max_output,
            runs: 0,
            outcome: false,
        }
    }

    /// `None` if it holds no token that the service could have given.
    pub(super) fn task(&self) -> Option<StoredTask> {
        Some(StoredTask {
            token: TaskToken::new(self.token.clone()).ok()?,
            origin: self.origin.clone(),
            scope: self.scope.clone(),
            activity: self.activity.clone(),
            deferred: self.deferred,
            runs: self.runs,
            has_outcome: self.outcome,
            accepted: date(self.accepted)?,
            expires: self.expires.and_then(date),
        })
    }
}

fn since_1970(date: SystemTime) -> u64 {
    date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn date(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// What follows the envelope.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Body {
    Input(String),
    Outcome(Outcome),
}

impl Body {
    pub(super) fn sections(&self) -> Vec<(&'static [u8; 4], &[u8])> {
        match self {
            Body::Input(input) => vec![(INPUT, input.as_bytes())],
            Body::Outcome(Outcome::Success(output)) => vec![(OUTPUT, output.as_bytes())],
            Body::Outcome(Outcome::Failure(f)) => {
                vec![(ERROR, f.error().as_bytes()), (CAUSE, f.cause().as_bytes())]
            }
        }
    }
}

/// A file that was read.
pub(super) struct File {
    pub(super) envelope: Envelope,
    /// `None`: damaged.
    pub(super) body: Option<Body>,
}

/// Not even the envelope can be read.
#[derive(Debug)]
pub(super) struct Damaged;

/// The bytes of a task file. The envelope's state follows the body.
pub(super) fn encode(envelope: &Envelope, body: &Body) -> Vec<u8> {
    let envelope = Envelope { outcome: matches!(body, Body::Outcome(_)), ..envelope.clone() };
    // Strings and numbers always have a JSON form.
    let json = serde_json::to_vec(&envelope).unwrap_or_default();
    let mut bytes = MAGIC.to_vec();
    for (tag, payload) in [(ENVELOPE, json.as_slice())].into_iter().chain(body.sections()) {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(tag);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&checksum(tag, payload));
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// Reads a task file. The envelope stands alone: damage behind it does not touch it.
pub(super) fn decode(bytes: &[u8]) -> Result<File, Damaged> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(Damaged)?;
    let (tag, json) = section(&mut rest).ok_or(Damaged)?;
    if tag != ENVELOPE {
        return Err(Damaged);
    }
    let mut envelope: Envelope = serde_json::from_slice(json).map_err(|_| Damaged)?;
    // No more room is ever set aside than the service takes, whatever a file says.
    envelope.max_output = envelope.max_output.min(OUTPUT_MAX);
    let body = body(rest, envelope.outcome);
    Ok(File { envelope, body })
}

fn body(mut rest: &[u8], outcome: bool) -> Option<Body> {
    let (mut input, mut output, mut error, mut cause) = (None, None, None, None);
    while !rest.is_empty() {
        let (tag, payload) = section(&mut rest)?;
        let place = match tag {
            INPUT => &mut input,
            OUTPUT => &mut output,
            ERROR => &mut error,
            CAUSE => &mut cause,
            _ => continue,
        };
        *place = Some(String::from_utf8(payload.to_vec()).ok()?);
    }
    match (outcome, input, output, error) {
        (false, Some(input), _, _) => Some(Body::Input(input)),
        (true, _, Some(output), _) => Some(Body::Outcome(Outcome::Success(output))),
        (true, _, None, Some(error)) => Some(Body::Outcome(Outcome::Failure(Failure::new(error, cause?)))),
        _ => None,
    }
}

/// Takes one section off the front, if its checksum is right.
fn section<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let (head, after) = rest.split_at_checked(HEAD)?;
    let tag = head.first_chunk::<4>()?;
    let len = u32::from_le_bytes(*head.get(4..8)?.first_chunk()?);
    let (payload, after) = after.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = after;
    (checksum(tag, payload) == head[8..]).then_some((tag, payload))
}

fn checksum(tag: &[u8; 4], payload: &[u8]) -> [u8; 16] {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let digest =
        Sha256::new().chain_update(tag).chain_update(len.to_le_bytes()).chain_update(payload).finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

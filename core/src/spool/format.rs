//! What a task's records carry: its envelope, and its body. The layout is described at the top of the spool.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Later, NewTask, Said, StoredTask};
use crate::{Failure, OUTPUT_MAX, Origin, Outcome, Output, Scope, TaskToken};

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

/// What follows a date that two answers agreed on.
pub(super) const CONFIRMED: &str = " confirmed";

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
    pub(super) deferred: bool,
    /// Seconds since 1970, as below.
    #[serde(default)]
    accepted: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Said::is_all")]
    pub(super) said: Said,
    #[serde(default)]
    pub(super) max_output: usize,
    #[serde(default)]
    pub(super) runs: u8,
    #[serde(default)]
    pub(super) outcome: bool,
    /// A hash of the machine that it belongs to, where that is another one than the folder's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) machine: Option<String>,
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
            said: task.said,
            max_output: task.max_output,
            runs: 0,
            outcome: false,
            machine: None,
        }
    }

    /// From now on it belongs to these.
    pub(super) fn claim(&mut self, origin: &Origin, scope: &Scope, machine: Option<String>) {
        (self.origin, self.scope, self.machine) = (origin.clone(), scope.clone(), machine);
    }

    /// Whether it came to this machine with a copy of another one's folder; `folder`: whether the folder did.
    pub(super) fn is_copy(&self, folder: bool, machine: &Option<String>) -> bool {
        match &self.machine {
            None => folder,
            // Taken, or claimed, by a machine with a copy of the folder; which may be back where it was made by now.
            some => machine.is_some() && some != machine,
        }
    }

    /// Takes in a later word on the task: of each thing the first word counts. What it changed, or nothing.
    pub(super) fn completed(&self, later: &Later) -> Option<Envelope> {
        let mut new = self.clone();
        new.said.input |= later.input.is_some();
        if let Some(origin) = later.origin.clone().filter(|_| !self.said.origin) {
            (new.origin, new.said.origin) = (origin, true);
        }
        if let Some(scope) = later.scope.clone().filter(|_| !self.said.scope) {
            (new.scope, new.said.scope) = (scope, true);
        }
        new.expires = self.expires.or(later.expires.map(since_1970));
        (new != *self).then_some(new)
    }

    /// `None` if it holds no token that the service could have given.
    pub(super) fn task(&self) -> Option<StoredTask> {
        Some(StoredTask {
            token: TaskToken::given(self.token.clone())?,
            origin: self.origin.clone(),
            scope: self.scope.clone(),
            activity: self.activity.clone(),
            deferred: self.deferred,
            said: self.said,
            runs: self.runs,
            has_outcome: self.outcome,
            accepted: date(self.accepted),
            expires: self.expires.map(date),
            copied: false,
        })
    }
}

fn since_1970(date: SystemTime) -> u64 {
    date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// An app's date may be any. After the year 9999 neither its own language nor ours has a form for it.
pub(super) fn date(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799))
}

/// What follows the envelope.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Body {
    Input(String),
    /// With the input, where an app may still want to show it.
    Outcome(Outcome, Option<String>),
}

impl Body {
    fn sections(&self) -> Vec<(&'static [u8; 4], &[u8])> {
        match self {
            Body::Input(input) => vec![(INPUT, input.as_bytes())],
            // The outcome first: damage behind it does not touch it.
            Body::Outcome(outcome, input) => {
                let mut sections = outcome_sections(outcome);
                sections.extend(input.iter().map(|input| (INPUT, input.as_bytes())));
                sections
            }
        }
    }

    /// The task's input, where it is there.
    pub(super) fn input(self) -> Option<String> {
        match self {
            Body::Input(input) => Some(input),
            Body::Outcome(_, input) => input,
        }
    }
}

pub(super) fn outcome_sections(outcome: &Outcome) -> Vec<(&'static [u8; 4], &[u8])> {
    match outcome {
        Outcome::Success(output) => vec![(OUTPUT, output.as_str().as_bytes())],
        Outcome::Failure(f) => vec![(ERROR, f.error().as_bytes()), (CAUSE, f.cause().as_bytes())],
    }
}

/// The bytes of an envelope.
pub(super) fn encode_envelope(envelope: &Envelope) -> Vec<u8> {
    // Strings and numbers always have a JSON form.
    serde_json::to_vec(envelope).unwrap_or_default()
}

/// Reads an envelope.
pub(super) fn decode_envelope(bytes: &[u8]) -> Option<Envelope> {
    let mut envelope: Envelope = serde_json::from_slice(bytes).ok()?;
    // No more room is ever set aside than the service takes, whatever is written there.
    envelope.max_output = envelope.max_output.min(OUTPUT_MAX);
    Some(envelope)
}

/// The bytes of a body.
pub(super) fn encode_body(body: &Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, payload) in body.sections() {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(tag);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&checksum(tag, payload));
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// Reads a body, which is an outcome or not.
pub(super) fn decode_body(mut rest: &[u8], outcome: bool) -> Option<Body> {
    let (mut input, mut output, mut error, mut cause) = (None, None, None, None);
    let mut whole = true;
    while !rest.is_empty() {
        let Some((tag, payload)) = section(&mut rest) else {
            whole = false;
            break;
        };
        let place = match tag {
            INPUT => &mut input,
            OUTPUT => &mut output,
            ERROR => &mut error,
            CAUSE => &mut cause,
            _ => continue,
        };
        *place = Some(String::from_utf8(payload.to_vec()).ok()?);
    }
    match (outcome, output, error) {
        // What is behind a whole outcome may be damaged: it must not take the outcome with it.
        (true, Some(output), _) => Some(Body::Outcome(Outcome::Success(Output::kept(output)), input)),
        (true, None, Some(error)) => {
            Some(Body::Outcome(Outcome::Failure(Failure::new(error, cause?)), input))
        }
        (false, ..) if whole => Some(Body::Input(input?)),
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

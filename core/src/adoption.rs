//! A token that came by another way than a poll.

use std::fmt;
use std::time::SystemTime;

use crate::aws::{OriginError, check_origin};
use crate::task::{INPUT_MAX, SCOPE_MAX};
use crate::{Origin, Scope, TaskToken};

/// A task token that reached the device by the app's own way, for instance a push message: the token of a `.waitForTaskToken`
/// task. [`Worker::adopt`](crate::Worker::adopt) takes it, and [`Inbox`](crate::Inbox) for processes without a worker.
/// `Debug` shows no secrets.
#[derive(Clone)]
#[must_use = "a token waits until a worker, or an inbox, has taken it"]
pub struct Adoption {
    pub(crate) token: TaskToken,
    pub(crate) input: Option<String>,
    pub(crate) origin: Option<Origin>,
    pub(crate) scope: Option<Scope>,
    pub(crate) expires: Option<SystemTime>,
}

impl Adoption {
    /// This token, for the worker's own origin and user, without an input and without an end.
    pub fn new(token: TaskToken) -> Self {
        Adoption { token, input: None, origin: None, scope: None, expires: None }
    }

    /// What the person is to see: JSON, at most 1,048,576 bytes. Shown as `{}` until it is said: the same token with an input, later,
    /// completes the task.
    pub fn input(self, input: impl Into<String>) -> Self {
        Adoption { input: Some(input.into()), ..self }
    }

    /// Which account and region the token is of. The task of another origin than the worker's is kept, and waits.
    pub fn origin(self, origin: Origin) -> Self {
        Adoption { origin: Some(origin), ..self }
    }

    /// Which user of the device it is for. The task of another user is kept, and waits until a worker for them is started.
    pub fn scope(self, scope: Scope) -> Self {
        Adoption { scope: Some(scope), ..self }
    }

    /// When its workflow gives it up (start plus TimeoutSeconds). After that, by the service's time, it is let go if it has no
    /// answer, as too late. It can't be taken back, so the device's clock must say the same, or a second answer of the service, an
    /// hour after the first. A date after the year 9999 counts as its end.
    pub fn expires(self, expires: SystemTime) -> Self {
        Adoption { expires: Some(expires), ..self }
    }
}

/// What is wrong with a pushed task. Whoever has it still has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAdoption {
    /// The service's tokens hold letters, digits and a few signs: this is something else, or something around one.
    #[error(
        "this is no task token, it holds {0:?}: hand over the token as the state machine gave it, without quotes or spaces around it"
    )]
    Token(char),
    /// The input is over 1,048,576 bytes.
    #[error("the input is over {INPUT_MAX} bytes: hand over less, and let the app fetch the rest")]
    InputTooLarge,
    /// The input is not JSON.
    #[error(
        "the input is not JSON (line {line}, column {column}): hand over the state's input as it came, a text in quotes"
    )]
    Input {
        /// Where it ends to be JSON.
        line: usize,
        /// In that line.
        column: usize,
    },
    /// The origin is none.
    #[error(transparent)]
    Origin(OriginError),
    /// The name of the user is too long.
    #[error("the scope has {0} bytes, {SCOPE_MAX} are allowed: name the user by an id")]
    Scope(usize),
}

impl Adoption {
    /// What is wrong with it, if anything: what can't be a token of the service, or can't be shown, must not come into a state
    /// folder, where it would wait for ever. Whatever takes an adoption checks it.
    pub fn check(&self) -> Result<(), BadAdoption> {
        let strange = |c: &char| !c.is_ascii_graphic() || "\"'\\`{}<>,;".contains(*c);
        if let Some(c) = self.token.expose().chars().find(strange) {
            return Err(BadAdoption::Token(c));
        }
        if let Some(input) = &self.input {
            if input.len() > INPUT_MAX {
                return Err(BadAdoption::InputTooLarge);
            }
            serde_json::from_str::<serde::de::IgnoredAny>(input)
                .map_err(|e| BadAdoption::Input { line: e.line(), column: e.column() })?;
        }
        if let Some(origin) = &self.origin {
            check_origin(origin).map_err(BadAdoption::Origin)?;
        }
        match &self.scope {
            Some(scope) if scope.0.len() > SCOPE_MAX => Err(BadAdoption::Scope(scope.0.len())),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.input.as_ref().map_or(0, String::len);
        write!(f, "Adoption(id {}, {size} bytes of input)", self.token.id())
    }
}

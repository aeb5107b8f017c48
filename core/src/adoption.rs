//! A token that came by another way than a poll.

use std::fmt;
use std::time::SystemTime;

use crate::{Origin, Scope, TaskToken};

/// A task token that reached the device by the app's own way, for instance a push message: the token of a `.waitForTaskToken`
/// task. [`WorkerHandle::adopt`](crate::WorkerHandle::adopt) takes it, and [`Inbox`](crate::Inbox) for processes without a worker.
/// `Debug` shows no secrets.
#[derive(Clone)]
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

    /// What the person is to see: JSON, at most 1,048,576 bytes. Default `{}`.
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
    /// answer, as too late.
    pub fn expires(self, expires: SystemTime) -> Self {
        Adoption { expires: Some(expires), ..self }
    }
}

impl fmt::Debug for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.input.as_ref().map_or(0, String::len);
        write!(f, "Adoption(id {}, {size} bytes of input)", self.token.id())
    }
}

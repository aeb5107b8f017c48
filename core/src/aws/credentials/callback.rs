//! Credentials that the app hands out when it is asked: from its login, for instance.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::Builder;
use std::time::Duration;

use super::{Credentials, CredentialsError, CredentialsProvider};

/// How long the app may take: it may have to ask its own backend.
const WAIT: Duration = Duration::from_secs(20);

type Ask = dyn Fn() -> Result<Credentials, CredentialsError> + Send + Sync;

/// Asks a function of the app, on a thread of its own and for 20 s at most: one that hangs or panics holds up nobody. Put a
/// [`CachedCredentials`](super::CachedCredentials) around it, so that it is asked only when it must be.
pub struct CallbackCredentials {
    name: String,
    ask: Arc<Ask>,
    wait: Duration,
    /// The function has not returned yet: it is not called a second time.
    busy: Arc<AtomicBool>,
}

impl CallbackCredentials {
    /// A source that people know as `name`. The error that `ask` returns must hold no secrets.
    pub fn new(
        name: impl Into<String>,
        ask: impl Fn() -> Result<Credentials, CredentialsError> + Send + Sync + 'static,
    ) -> Self {
        CallbackCredentials { name: name.into(), ask: Arc::new(ask), wait: WAIT, busy: Arc::default() }
    }

    /// Another deadline than 20 s.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        CallbackCredentials { wait, ..self }
    }
}

impl CredentialsProvider for CallbackCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        if self.busy.swap(true, Ordering::SeqCst) {
            return Err(CredentialsError::Busy(self.name.clone()));
        }
        let (reply, answer) = channel();
        let (ask, busy) = (Arc::clone(&self.ask), Arc::clone(&self.busy));
        let asking = move || {
            let answer = catch_unwind(AssertUnwindSafe(|| ask()));
            busy.store(false, Ordering::SeqCst);
            let _ = reply.send(answer);
        };
        // The app's code: it gets the platform's usual stack.
        if let Err(error) = Builder::new().name("aw-credentials".into()).spawn(asking) {
            self.busy.store(false, Ordering::SeqCst);
            return Err(CredentialsError::Unavailable(format!("no thread to ask {}: {error}", self.name)));
        }
        match answer.recv_timeout(self.wait) {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(CredentialsError::Unavailable(format!("{} panicked", self.name))),
            Err(_) => {
                let why = format!("{} did not answer in {} s", self.name, self.wait.as_secs());
                Err(CredentialsError::Unavailable(why))
            }
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for CallbackCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackCredentials({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn p9_a_function_that_hangs_is_given_up_and_not_called_twice() {
        let (go, gate) = sync_channel::<()>(0);
        let gate = std::sync::Mutex::new(gate);
        let source = CallbackCredentials::new("the login", move || {
            let _ = gate.lock().map(|gate| gate.recv());
            Ok(Credentials::new("KEY", "SECRET", None, None))
        })
        .wait(Duration::from_millis(20));
        let said = source.credentials().unwrap_err().to_string();
        assert_eq!(said, "the login did not answer in 0 s");
        assert_eq!(source.credentials(), Err(CredentialsError::Busy("the login".into())));
        go.send(()).unwrap();
        while source.busy.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        drop(go);
        assert!(source.wait(Duration::from_secs(20)).credentials().is_ok());
    }

    #[test]
    fn a_function_that_panics_is_an_error_like_any_other() {
        let source = CallbackCredentials::new("the login", || panic!("sEcReT"));
        let said = source.credentials().unwrap_err();
        assert_eq!(said, CredentialsError::Unavailable("the login panicked".into()));
        assert_eq!(source.credentials().unwrap_err(), said, "it is asked again");
    }
}

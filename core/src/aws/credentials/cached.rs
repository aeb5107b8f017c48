//! Keeps credentials until shortly before they end, and spares the source.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::Printable;
use crate::clock::ServerClock;

/// New credentials are asked for this long before the old ones end, or in the last quarter of a shorter life.
const EARLY: Duration = Duration::from_secs(15 * 60);
/// How long a thread without credentials waits for another one's fetch.
const WAIT: Duration = Duration::from_secs(30);
/// The pauses between fetches that fail: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Credentials that seem to be over are tried so often.
const TRIAL: Duration = Duration::from_secs(60);
/// A key that was not refused for this long was a good one: its refusal is no sequel of earlier ones.
const PROVEN: Duration = Duration::from_secs(5 * 60);

/// Asks a source only when it must.
///
/// - From 15 minutes before the end (a quarter of the life of shorter-lived credentials, and a random bit later, so that a fleet
///   does not ask at once) one thread asks for new ones; the others go on with the old ones, and so does that one if the source
///   fails.
/// - Never do two threads ask at once. Those that have no credentials to go on with wait, at most 30 s.
/// - After a failure the source is left alone for a while: 1 s, doubled up to 60 s, less a random part. So it is after a refused
///   key was replaced, until a key goes unrefused for 5 minutes: a source may give a fresh key each time, and the service refuse
///   them all.
/// - Time is the service's, as learnt. While nothing is learnt, no credentials are taken for expired: the device's clock may be
///   wrong, and the service will tell. Nor does a single answer's word on the date make them so. Those that seem to be over are given
///   out all the same, once a minute, while there are no newer ones: without credentials there would be no second answer, which alone
///   can put a wrong date right.
pub struct CachedCredentials {
    source: Arc<dyn CredentialsProvider>,
    clock: Arc<ServerClock>,
    wait: Duration,
    state: Mutex<State>,
    fetched: Condvar,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    fetching: bool,
    /// Fetches in a row that brought nothing new, or that refused keys made necessary.
    failures: u32,
    error: Option<CredentialsError>,
    /// Not before this moment (monotonic) is the source asked again.
    not_before: Duration,
    /// When those that are kept, and seem to be over, are given out all the same; `None`: they do not seem so.
    next_trial: Option<Duration>,
    /// How often the app said that other credentials are in use.
    changes: u32,
}

struct Kept {
    credentials: Credentials,
    /// When to ask for new ones. `None`: never, for no end is known.
    renew: Option<SystemTime>,
    /// When they came (monotonic).
    since: Duration,
    refused: bool,
}

impl CachedCredentials {
    /// A cache around `source`.
    pub fn new(source: Arc<dyn CredentialsProvider>, clock: Arc<ServerClock>) -> Self {
        CachedCredentials { source, clock, wait: WAIT, state: Mutex::default(), fetched: Condvar::new() }
    }

    #[cfg(test)]
    fn with_wait(self, wait: Duration) -> Self {
        CachedCredentials { wait, ..self }
    }

    /// Asks the source, with the lock open, and keeps what it gives, unless other credentials came into use meanwhile.
    fn fetch<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.fetching = true;
        let changes = state.changes;
        drop(state);
        let end_if_it_panics = EndFetch(self);
        let answer = self.source.credentials();
        drop(end_if_it_panics);
        let mut state = self.lock();
        if state.changes == changes {
            state.error = self.keep(&mut state, answer);
            if let Some(error) = &state.error {
                log::warn!("no new credentials: {}", Printable(&error));
            }
        }
        state.fetching = false;
        self.fetched.notify_all();
        state
    }

    fn keep(
        &self,
        state: &mut State,
        answer: Result<Credentials, CredentialsError>,
    ) -> Option<CredentialsError> {
        let (now, moment) = (self.clock.now(), self.clock.clock().monotonic());
        let error = match answer {
            Err(error) => Some(error),
            Ok(new) => {
                let expired = self.expired(&new);
                let same = state.kept.as_ref().filter(|old| old.credentials == new);
                let renew = match same {
                    Some(old) => old.renew,
                    None => new.expires.map(|end| renew_at(end, now)),
                };
                let after_refusal = state.kept.as_ref().is_some_and(|old| old.refused);
                let is_gain = same.is_none() && !after_refusal && renew.is_none_or(|at| now < at);
                state.kept = Some(Kept { credentials: new, renew, since: moment, refused: false });
                if is_gain {
                    state.failures = 0;
                    return None;
                }
                expired.then(|| CredentialsError::Expired(self.source.name().to_owned()))
            }
        };
        // Nothing gained, be it that the source failed or that it gave the same ones again, or nothing that is proven: leave it
        // alone for a while.
        state.not_before = moment + back_off(state.failures);
        state.failures = state.failures.saturating_add(1);
        error
    }

    fn expired(&self, credentials: &Credentials) -> bool {
        match (credentials.expires, self.clock.beyond_doubt()) {
            (Some(end), Some(now)) => end <= now,
            _ => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialsProvider for CachedCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let deadline = std::time::Instant::now() + self.wait;
        let mut asked = false;
        let mut state = self.lock();
        loop {
            let resting = asked || self.clock.clock().monotonic() < state.not_before;
            let usable = state.kept.as_ref().filter(|kept| !self.expired(&kept.credentials));
            match usable {
                Some(kept) if !kept.due(self.clock.now()) => {
                    let credentials = kept.credentials.clone();
                    state.next_trial = None;
                    return Ok(credentials);
                }
                // Old ones are better than none. Refused ones are too while the source rests: the service may have erred.
                Some(kept) if resting || (state.fetching && !kept.refused) => {
                    return Ok(kept.credentials.clone());
                }
                None if resting && !state.fetching => {
                    if let Some(credentials) = state.on_trial(self.clock.clock().monotonic()) {
                        return Ok(credentials);
                    }
                    // Nothing was wrong with those that are kept, but now the date is known.
                    let ended = || CredentialsError::Expired(self.source.name().to_owned());
                    return Err(state.error.clone().unwrap_or_else(ended));
                }
                _ => {}
            }
            if !state.fetching {
                let changes = state.changes;
                state = self.fetch(state);
                asked = state.changes == changes;
                continue;
            }
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Err(CredentialsError::Busy(self.source.name().to_owned()));
            }
            state = self.fetched.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn name(&self) -> &str {
        self.source.name()
    }

    fn invalidate(&self, refused: &Credentials) {
        self.source.invalidate(refused);
        let moment = self.clock.clock().monotonic();
        let mut state = self.lock();
        let State { kept, failures, .. } = &mut *state;
        if let Some(kept) =
            kept.as_mut().filter(|kept| !kept.refused && kept.credentials.is_same_key(refused))
        {
            kept.refused = true;
            if moment.saturating_sub(kept.since) >= PROVEN {
                *failures = 0;
            }
        }
    }

    fn changed(&self) {
        self.source.changed();
        let mut state = self.lock();
        *state =
            State { fetching: state.fetching, changes: state.changes.wrapping_add(1), ..State::default() };
    }
}

impl State {
    /// Those that are kept, though they seem to be over, if it is time to see what the service says of them.
    fn on_trial(&mut self, now: Duration) -> Option<Credentials> {
        let kept = self.kept.as_ref()?;
        let due = self.next_trial.is_some_and(|at| at <= now);
        if due || self.next_trial.is_none() {
            self.next_trial = Some(now + TRIAL);
        }
        due.then(|| kept.credentials.clone())
    }
}

impl Kept {
    fn due(&self, now: SystemTime) -> bool {
        self.refused || self.renew.is_some_and(|at| at <= now)
    }
}

/// Should the source panic, the other threads must not wait for ever.
struct EndFetch<'a>(&'a CachedCredentials);

impl Drop for EndFetch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().fetching = false;
            self.0.fetched.notify_all();
        }
    }
}

/// A random moment in the first third of the time set aside for renewal.
fn renew_at(end: SystemTime, now: SystemTime) -> SystemTime {
    let life = end.duration_since(now).unwrap_or_default();
    let early = EARLY.min(life / 4);
    end - early.mul_f64(1.0 - fastrand::f64() / 3.0)
}

fn back_off(failures: u32) -> Duration {
    let (first, longest) = BACK_OFF;
    let pause = first.saturating_mul(1 << failures.min(10)).min(longest);
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
#[path = "cached_tests.rs"]
mod tests;

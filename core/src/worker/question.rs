//! One answer to one question, from the engine's thread to whoever asked. A channel would do the same: but the standard library's has
//! three kinds and a thousand instructions for each type that it carries, and an app can ask for a dozen types.

use std::sync::mpsc::{RecvError, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where the answer is given.
#[derive(Debug)]
pub(super) struct Asker<T>(Arc<Place<T>>);

/// Where the answer is awaited.
#[derive(Debug)]
pub struct Answer<T>(Arc<Place<T>>);

#[derive(Debug)]
struct Place<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Open,
    Said(T),
    /// It was read, or there will be none.
    Over,
}

/// A question, before it is asked.
pub(super) fn asked<T>() -> (Asker<T>, Answer<T>) {
    let place = Arc::new(Place { state: Mutex::new(State::Open), changed: Condvar::new() });
    (Asker(Arc::clone(&place)), Answer(place))
}

impl<T> Asker<T> {
    /// Gives the answer. Whether anybody still waits for it makes no difference.
    pub(super) fn send(&self, answer: T) {
        *self.0.lock() = State::Said(answer);
        self.0.changed.notify_all();
    }
}

impl<T> Drop for Asker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if let State::Open = *state {
            *state = State::Over;
            self.0.changed.notify_all();
        }
    }
}

impl<T> Answer<T> {
    /// Waits for it. An error: there will be none.
    pub fn recv(&self) -> Result<T, RecvError> {
        let state = self.0.lock();
        let waited = self.0.changed.wait_while(state, |state| matches!(state, State::Open));
        take(&mut waited.unwrap_or_else(PoisonError::into_inner)).map_err(|_| RecvError)
    }

    /// The answer, if it is there.
    #[cfg(any(test, feature = "testing"))]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        take(&mut self.0.lock())
    }
}

fn take<T>(state: &mut State<T>) -> Result<T, TryRecvError> {
    if let State::Open = state {
        return Err(TryRecvError::Empty);
    }
    match std::mem::replace(state, State::Over) {
        State::Said(answer) => Ok(answer),
        _ => Err(TryRecvError::Disconnected),
    }
}

impl<T> Place<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn p5_whoever_asks_is_answered_once_or_told_that_there_is_no_answer() {
        let (asker, answer) = asked();
        assert_eq!(answer.try_recv(), Err(TryRecvError::Empty));
        let waits = thread::spawn(move || (answer.recv(), answer.try_recv()));
        asker.send(7);
        assert_eq!(waits.join().unwrap(), (Ok(7), Err(TryRecvError::Disconnected)));

        let (asker, answer) = asked::<()>();
        let waits = thread::spawn(move || answer.recv());
        drop(asker);
        assert_eq!(waits.join().unwrap(), Err(RecvError));

        let (asker, answer) = asked();
        drop(answer);
        asker.send(7);
    }
}

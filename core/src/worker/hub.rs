//! How events get to those who listen.

use crate::worker::events::Event;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A subscriber that is so far behind loses the oldest events.
const BACKLOG: usize = 1024;

/// A subscription, made by [`Worker::subscribe`](super::Worker::subscribe).
pub struct Events(Arc<Queue>);

impl Events {
    /// The next event; waits up to `timeout` for it. `None` on timeout, or when the worker has ended and all was read.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        let end = Instant::now() + timeout.min(super::LONGEST);
        let mut state = self.0.lock();
        loop {
            if state.missed > 0 {
                return Some(Event::Missed { count: std::mem::take(&mut state.missed) });
            }
            if let Some(event) = state.events.pop_front() {
                return Some(event);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.over || left.is_zero() {
                return None;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the worker has ended and all was read.
    pub fn is_over(&self) -> bool {
        let state = self.0.lock();
        state.over && state.events.is_empty() && state.missed == 0
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    missed: u64,
    over: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where events go: the log, and every subscriber that is still there.
#[derive(Default)]
pub(super) struct Hub {
    queues: Mutex<(Vec<Weak<Queue>>, bool)>,
}

impl Hub {
    pub(super) fn subscribe(&self) -> Events {
        let queue = Arc::new(Queue::default());
        let mut queues = self.lock();
        queue.lock().over = queues.1;
        queues.0.push(Arc::downgrade(&queue));
        Events(queue)
    }

    pub(super) fn tell(&self, event: &Event) {
        log::log!(target: "activity_worker", event.level(), "{event}");
        Self::each(&mut self.lock().0, |state| {
            if state.events.len() == BACKLOG {
                state.events.pop_front();
                state.missed += 1;
            }
            state.events.push_back(event.clone());
        });
    }

    pub(super) fn close(&self) {
        let mut queues = self.lock();
        queues.1 = true;
        Self::each(&mut queues.0, |state| state.over = true);
    }

    fn each(queues: &mut Vec<Weak<Queue>>, change: impl Fn(&mut State)) {
        queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            change(&mut queue.lock());
            queue.changed.notify_all();
            true
        });
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Weak<Queue>>, bool)> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_a_subscriber_that_sleeps_loses_the_oldest_and_is_told_how_many() {
        let (hub, id) = (Hub::default(), crate::TaskId::from_bytes([7; 16]));
        let events = hub.subscribe();
        for run in 0..BACKLOG + 3 {
            hub.tell(&Event::Started { id, run: u8::try_from(run % 256).unwrap() });
        }
        hub.close();
        assert_eq!(events.next_within(Duration::ZERO), Some(Event::Missed { count: 3 }));
        assert_eq!(events.next_within(Duration::ZERO), Some(Event::Started { id, run: 3 }));
        while events.next_within(Duration::ZERO).is_some() {}
        assert!(events.is_over());
        assert!(hub.subscribe().is_over(), "a subscription to a worker that has ended");
    }
}

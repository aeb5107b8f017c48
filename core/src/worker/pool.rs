//! Threads on demand: a few that stay, more while all of them are at work, which end again once nothing was left to do for a while.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::worker::jobs::spawn::spawn;
use crate::worker::watch::Watch;

/// A thread more than those that stay waits for so long for something to do. As long as a connection is kept.
const IDLE: Duration = Duration::from_secs(50);

/// How many threads of a name, and what is said of one that hangs.
#[derive(Clone)]
pub(super) struct Members {
    /// The name of the first; the others' have their number behind it.
    pub(super) name: String,
    /// So many stay.
    pub(super) stay: usize,
    /// No more than these.
    pub(super) most: usize,
    /// No job takes longer.
    pub(super) limit: Duration,
}

/// A queue of jobs, and the threads that carry them out. Dropping it ends them, once no job is left.
pub(super) struct Pool<J> {
    crew: Arc<Crew<J>>,
    /// Each thread has a copy: the other end is disconnected once all are gone.
    alive: Sender<()>,
}

struct Crew<J> {
    members: Members,
    watch: Watch,
    work: Box<dyn Fn(J) + Send + Sync>,
    state: Mutex<State<J>>,
    wake: Condvar,
}

struct State<J> {
    jobs: VecDeque<J>,
    /// Numbers that threads have, and how many of these are at a job.
    numbers: Vec<usize>,
    at_work: usize,
    over: bool,
}

impl<J: Send + 'static> Pool<J> {
    /// Starts the threads that stay.
    pub(super) fn start(
        members: Members,
        watch: Watch,
        alive: Sender<()>,
        work: impl Fn(J) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let state = State { jobs: VecDeque::new(), numbers: Vec::new(), at_work: 0, over: false };
        let (work, state, wake) = (Box::new(work), Mutex::new(state), Condvar::new());
        let pool = Pool { crew: Arc::new(Crew { members, watch, work, state, wake }), alive };
        for _ in 0..pool.crew.members.stay {
            pool.one_more(&mut pool.crew.lock())?;
        }
        Ok(pool)
    }

    /// Takes a job. Where the system gives no thread more, it waits for one of those that are there.
    pub(super) fn send(&self, job: J) {
        let mut state = self.crew.lock();
        state.jobs.push_back(job);
        if state.jobs.len() <= state.numbers.len() - state.at_work {
            self.crew.wake.notify_one();
        } else if state.numbers.len() < self.crew.members.most
            && let Err(error) = self.one_more(&mut state)
        {
            log::debug!("no thread more for {}: {error}", self.crew.members.name);
        }
    }

    fn one_more(&self, state: &mut State<J>) -> std::io::Result<()> {
        let number = (1..).find(|n| !state.numbers.contains(n)).unwrap_or_default();
        let Members { name, stay, .. } = &self.crew.members;
        let name = if self.crew.members.most == 1 { name.clone() } else { format!("{name}-{number}") };
        let (crew, alive, stays) = (Arc::clone(&self.crew), self.alive.clone(), number <= *stay);
        let watched = self.crew.watch.add(&name, self.crew.members.limit);
        spawn(&name, move || {
            let _alive = alive;
            while let Some(job) = crew.next(number, stays) {
                crew.watch.during(&watched, || (crew.work)(job));
                crew.lock().at_work -= 1;
            }
        })?;
        state.numbers.push(number);
        Ok(())
    }
}

impl<J> Crew<J> {
    /// What thread `number` does next; `None`: it ends.
    fn next(&self, number: usize, stays: bool) -> Option<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                state.at_work += 1;
                return Some(job);
            }
            if state.over {
                return None;
            }
            let (woken, waited) = match stays {
                true => (self.wake.wait(state).unwrap_or_else(PoisonError::into_inner), false),
                false => {
                    let (woken, waited) =
                        self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
                    (woken, waited.timed_out())
                }
            };
            state = woken;
            if waited && state.jobs.is_empty() {
                state.numbers.retain(|other| *other != number);
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Drop for Pool<J> {
    fn drop(&mut self) {
        let mut state = self.crew.lock();
        state.over = true;
        self.crew.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::SystemTime;

    use super::*;
    use crate::clock::ManualClock;

    /// Longer than any schedule: who waits so long was forgotten.
    const LONG: Duration = Duration::from_secs(600);

    /// Jobs that say that they have begun, and wait for the word to end.
    fn pool(stay: usize, most: usize) -> (Pool<Receiver<()>>, Receiver<()>, Receiver<()>) {
        let (alive, gone) = channel();
        let (begun, begins) = channel();
        let watch = Watch::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH)));
        let members = Members { name: "aw-test".into(), stay, most, limit: LONG };
        let work = move |go_on: Receiver<()>| {
            let _ = begun.send(());
            let _ = go_on.recv_timeout(LONG);
        };
        (Pool::start(members, watch, alive, work).unwrap(), begins, gone)
    }

    #[test]
    fn as_many_jobs_go_at_once_as_there_may_be_threads_and_the_next_one_waits() {
        let (pool, begins, gone) = pool(1, 3);
        let mut ends = Vec::new();
        for _ in 0..4 {
            let (end, go_on) = channel();
            pool.send(go_on);
            ends.push(end);
        }
        (0..3).for_each(|_| begins.recv_timeout(LONG).unwrap());
        assert!(begins.try_recv().is_err(), "no fourth thread");
        assert_eq!(pool.crew.lock().numbers, [1, 2, 3]);
        ends.remove(0).send(()).unwrap();
        begins.recv_timeout(LONG).expect("the fourth has its turn");
        drop(ends);
        drop(pool);
        assert!(gone.recv_timeout(LONG).is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_thread_that_waits_takes_the_job_and_none_is_started_for_it() {
        let (pool, begins, _gone) = pool(2, 9);
        for _ in 0..5 {
            let (end, go_on) = channel::<()>();
            pool.send(go_on);
            begins.recv_timeout(LONG).unwrap();
            drop(end);
            while pool.crew.lock().at_work > 0 {
                std::thread::yield_now();
            }
        }
        assert_eq!(pool.crew.lock().numbers, [1, 2]);
    }

    #[test]
    fn what_was_sent_before_the_end_is_carried_out() {
        let (pool, begins, gone) = pool(1, 1);
        for _ in 0..3 {
            pool.send(channel().1);
        }
        drop(pool);
        (0..3).for_each(|_| begins.recv_timeout(LONG).unwrap());
        assert!(gone.recv_timeout(LONG).is_err());
    }
}

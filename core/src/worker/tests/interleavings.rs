//! Where threads meet: what one hands over, the other gets, in every order of their steps. Short, so that they can be run with many
//! schedules: by Miri and under the thread sanitizer in `cargo xtask test threads`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::aws::ActivityArn;
use crate::clock::ManualClock;
use crate::engine::Cancelled;
use crate::worker::events::Event;
use crate::worker::handler::{Cancel, TaskContext};
use crate::worker::hub::Hub;
use crate::worker::reports::{Ended, StopReport};
use crate::worker::watch::Watch;
use crate::{TaskId, WorkerName};

/// Longer than any schedule: who waits so long was forgotten.
const LONG: Duration = Duration::from_secs(600);

fn task() -> (Arc<Cancel>, TaskContext) {
    let cancel = Arc::new(Cancel::default());
    let context = TaskContext {
        id: TaskId::from_bytes([1; 16]),
        activity: ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap(),
        worker_name: WorkerName::new("pi").unwrap(),
        input: String::new(),
        run: 1,
        cancel: Arc::clone(&cancel),
    };
    (cancel, context)
}

#[test]
fn p9_a_subscriber_hears_everything_and_then_the_end_whenever_it_came() {
    let hub = Arc::new(Hub::default());
    let events = hub.subscribe();
    let early = thread::spawn(move || {
        let heard: Vec<_> = std::iter::from_fn(|| events.next_within(LONG)).collect();
        assert!(events.is_over());
        heard
    });
    let teller = thread::spawn({
        let hub = Arc::clone(&hub);
        move || {
            hub.tell(&Event::Online);
            hub.tell(&Event::RoomAgain);
            hub.close();
        }
    });
    let late = hub.subscribe();
    let heard: Vec<_> = std::iter::from_fn(|| late.next_within(LONG)).collect();
    assert!(late.is_over(), "a subscription that came with the end is never told of it");
    let all = [Event::Online, Event::RoomAgain];
    assert_eq!(early.join().unwrap(), all);
    assert!(all.ends_with(&heard), "{heard:?}");
    teller.join().unwrap();
}

#[test]
fn p6_a_subscriber_that_goes_away_meanwhile_is_no_trouble() {
    let hub = Arc::new(Hub::default());
    let events = hub.subscribe();
    let leaves = thread::spawn(move || drop(events));
    hub.tell(&Event::Online);
    hub.close();
    leaves.join().unwrap();
    assert!(hub.subscribe().is_over());
}

#[test]
fn p5_all_who_wait_for_the_end_are_told() {
    let ended = Arc::new(Ended::default());
    let wait = |ended: &Arc<Ended>| {
        let ended = Arc::clone(ended);
        thread::spawn(move || ended.wait())
    };
    let (one, other) = (wait(&ended), wait(&ended));
    ended.set(StopReport { kept: 7, ..StopReport::default() });
    assert_eq!((one.join().unwrap().kept, other.join().unwrap().kept), (7, 7));
    assert_eq!(ended.wait().kept, 7, "who asks later");
}

#[test]
fn a_cancelled_handler_learns_it_once_whichever_way_it_asks() {
    let (cancel, context) = task();
    let (called, calls) = mpsc::channel();
    let count = Arc::new(AtomicUsize::new(0));
    let cancels = [Cancelled::TimedOut, Cancelled::Stopping].map(|why| {
        let cancel = Arc::clone(&cancel);
        thread::spawn(move || cancel.cancel(why))
    });
    context.on_cancel({
        let count = Arc::clone(&count);
        move |why| {
            count.fetch_add(1, Ordering::Relaxed);
            called.send(why).unwrap();
        }
    });
    let why = context.wait_cancelled(LONG).expect("it was cancelled");
    assert_eq!(calls.recv_timeout(LONG), Ok(why), "the first reason stays");
    cancels.into_iter().for_each(|cancel| cancel.join().unwrap());
    assert_eq!(context.is_cancelled(), Some(why));
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn p9_a_thread_that_hangs_is_seen_by_another_and_only_while_it_hangs() {
    let clock = ManualClock::new(SystemTime::UNIX_EPOCH);
    let watch = Watch::new(Arc::new(clock.clone()));
    let watched = watch.add("aw-test", Duration::ZERO);
    let (seen, go_on) = mpsc::channel::<()>();
    let hangs = thread::spawn({
        let watch = watch.clone();
        move || watch.during(&watched, || go_on.recv_timeout(LONG))
    });
    while watch.stuck().is_empty() {
        clock.advance(Duration::from_secs(1));
        thread::yield_now();
    }
    assert_eq!(watch.stuck()[0].thread, "aw-test");
    seen.send(()).unwrap();
    hangs.join().unwrap().unwrap();
    assert!(watch.stuck().is_empty());
}

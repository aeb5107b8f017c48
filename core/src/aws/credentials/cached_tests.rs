//! The cache on a manual clock, in front of a source that answers as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;
use crate::clock::{Clock, ManualClock, RELEASE_DATE};

type Answer = Result<Credentials, CredentialsError>;

/// Gives the answers in their order, the last one for ever.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: AtomicUsize,
}

impl CredentialsProvider for Script {
    fn credentials(&self) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }

    fn name(&self) -> &str {
        "the script"
    }
}

struct Bench {
    device: ManualClock,
    server: Arc<ServerClock>,
    source: Arc<Script>,
    cache: CachedCredentials,
}

impl Bench {
    /// The service's time is known, and the device's date is decades off.
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let bench = Bench::before_the_first_answer(answers, SystemTime::UNIX_EPOCH + 100 * 365 * DAY);
        bench.server.learn(start(), bench.device.monotonic());
        bench
    }

    fn before_the_first_answer(answers: impl IntoIterator<Item = Answer>, wall: SystemTime) -> Self {
        let device = ManualClock::new(wall);
        let server = Arc::new(ServerClock::new(Arc::new(device.clone())));
        let source =
            Arc::new(Script { answers: Mutex::new(answers.into_iter().collect()), ..Script::default() });
        let cache = CachedCredentials::new(source.clone(), server.clone());
        Bench { device, server, source, cache }
    }

    fn id(&self) -> String {
        self.cache.credentials().map_or_else(|e| e.to_string(), |c| c.access_key_id.clone())
    }

    fn asked(&self) -> usize {
        self.source.asked.load(Ordering::SeqCst)
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + RELEASE_DATE + DAY
}

fn key(id: &str, end: Option<Duration>) -> Answer {
    Ok(Credentials::new(id, "secret", None, end.map(|e| start() + e)))
}

fn failure() -> Answer {
    Err(CredentialsError::Unavailable("the script failed".into()))
}

#[test]
fn the_source_is_asked_once_until_15_minutes_before_the_end() {
    let bench = Bench::new([key("first", Some(60 * MINUTE)), key("second", Some(120 * MINUTE))]);
    for _ in 0..44 {
        assert_eq!(bench.id(), "first");
        bench.device.advance(MINUTE);
    }
    assert_eq!(bench.asked(), 1);
    bench.device.advance(6 * MINUTE);
    assert_eq!((bench.id(), bench.asked()), ("second".into(), 2));
}

#[test]
fn p10_a_fleet_does_not_renew_at_once() {
    let ends = (0..200).map(|_| renew_at(start() + 60 * MINUTE, start()).duration_since(start()).unwrap());
    let (min, max) = (ends.clone().min().unwrap(), ends.max().unwrap());
    assert!(min >= 45 * MINUTE && max <= 50 * MINUTE, "{min:?} {max:?}");
    assert!(max - min > MINUTE);
    let short = renew_at(start() + 4 * MINUTE, start()).duration_since(start()).unwrap();
    assert!(short >= 3 * MINUTE && short < 4 * MINUTE, "{short:?}");
}

#[test]
fn credentials_without_an_end_are_kept_until_they_are_refused() {
    let bench = Bench::new([key("first", None), key("second", None)]);
    assert_eq!(bench.id(), "first");
    bench.device.advance(365 * DAY);
    assert_eq!(bench.id(), "first");
    bench.cache.invalidate(&key("another", None).unwrap());
    assert_eq!(bench.id(), "first");
    bench.cache.invalidate(&key("first", None).unwrap());
    assert_eq!((bench.id(), bench.asked()), ("second".into(), 2));
}

#[test]
fn a_failed_early_renewal_keeps_the_old_ones_until_they_end() {
    let bench = Bench::new([key("first", Some(60 * MINUTE)), failure()]);
    bench.id();
    bench.device.advance(51 * MINUTE);
    assert_eq!(bench.id(), "first");
    bench.device.advance(8 * MINUTE);
    assert_eq!(bench.id(), "first");
    bench.device.advance(2 * MINUTE);
    assert_eq!(bench.id(), "the script failed");
}

#[test]
fn field_10_one_wrong_date_does_not_silence_a_device_whose_credentials_seem_to_be_over() {
    let bench = Bench::new([key("first", Some(60 * MINUTE))]);
    bench.id();
    bench.device.advance(MINUTE);
    bench.server.learn(start() + 365 * DAY, bench.device.monotonic());
    // The device's own date, decades ahead, does not contradict it.
    assert!(bench.id().contains("have expired"));
    bench.device.advance(MINUTE);
    assert_eq!(bench.id(), "first", "the service is asked with them: its next answer puts the date right");
    assert!(bench.id().contains("have expired"), "but not at each call");
    bench.device.advance(MINUTE);
    assert_eq!(bench.id(), "first", "a minute later again");
    bench.server.learn(start() + 3 * MINUTE, bench.device.monotonic());
    assert_eq!((bench.id(), bench.id()), ("first".into(), "first".into()));
}

#[test]
fn p6_a_failing_source_is_not_hammered() {
    let bench = Bench::new([failure()]);
    for _ in 0..100_000 {
        assert_eq!(bench.id(), "the script failed");
        bench.device.advance(Duration::from_millis(36));
    }
    // An hour at most 60 s apart, less jitter, and a handful at the beginning.
    assert!((60..=130).contains(&bench.asked()), "{}", bench.asked());
}

#[test]
fn p6_a_source_that_gives_the_refused_ones_again_is_not_hammered() {
    let bench = Bench::new([key("only", None)]);
    for _ in 0..1_000 {
        let given = bench.cache.credentials().unwrap();
        bench.cache.invalidate(&given);
    }
    assert_eq!(bench.asked(), 2);
}

#[test]
fn p10_a_source_whose_fresh_keys_are_all_refused_is_not_hammered() {
    let fresh = |n: usize| key(&format!("key-{n}"), Some(DAY));
    let bench = Bench::new((0..1_000).map(fresh));
    let first = bench.cache.credentials().unwrap();
    bench.device.advance(6 * MINUTE);
    bench.cache.invalidate(&first);
    assert_eq!(bench.id(), "key-1", "a new key counts at once");
    // An hour of beats, one a second, all refused.
    for _ in 0..3_600 {
        let given = bench.cache.credentials().unwrap();
        bench.cache.invalidate(&given);
        bench.device.advance(Duration::from_secs(1));
    }
    assert!((60..=130).contains(&bench.asked()), "{}", bench.asked());

    // One is good at last. When it is refused much later, a new one comes at once, and the rest is short again.
    bench.device.advance(MINUTE);
    bench.id();
    bench.device.advance(6 * MINUTE);
    for _ in 0..2 {
        bench.cache.invalidate(&bench.cache.credentials().unwrap());
        let asked = bench.asked();
        bench.id();
        assert_eq!(bench.asked(), asked + 1);
        bench.device.advance(Duration::from_secs(2));
    }
}

#[test]
fn a_source_that_recovers_is_asked_at_the_old_pace_again() {
    let bench = Bench::new([failure(), failure(), key("first", None)]);
    for _ in 0..3 {
        bench.id();
        bench.device.advance(MINUTE);
    }
    assert_eq!((bench.id(), bench.asked()), ("first".into(), 3));
}

#[test]
fn p8_before_the_service_has_answered_no_credentials_are_expired() {
    let in_2099 = SystemTime::UNIX_EPOCH + 129 * 365 * DAY;
    let bench = Bench::before_the_first_answer([key("first", Some(60 * MINUTE))], in_2099);
    for _ in 0..1_000 {
        assert_eq!(bench.id(), "first");
    }
    assert!(bench.asked() <= 2, "{}", bench.asked());
    bench.server.learn(start(), bench.device.monotonic());
    assert_eq!(bench.id(), "first");
    bench.device.advance(61 * MINUTE);
    assert!(bench.id().contains("have expired"), "{}", bench.id());
}

#[test]
fn p4_when_the_app_changes_them_the_old_ones_are_forgotten_and_the_source_is_asked_at_once() {
    let bench = Bench::new([key("denied", Some(DAY)), failure(), key("new", Some(DAY))]);
    // Good ones, as far as anyone can tell: what they may do is another matter.
    assert_eq!((bench.id(), bench.id()), ("denied".into(), "denied".into()));
    bench.cache.changed();
    assert_eq!(bench.id(), "the script failed", "the old ones are not what the app wants");
    assert_eq!((bench.id(), bench.asked()), ("the script failed".into(), 2), "it rests");
    bench.cache.changed();
    assert_eq!((bench.id(), bench.asked()), ("new".into(), 3));
}

/// Answers when the test lets it.
struct Gate {
    begun: mpsc::SyncSender<()>,
    answers: Mutex<mpsc::Receiver<Answer>>,
}

impl CredentialsProvider for Gate {
    fn credentials(&self) -> Answer {
        self.begun.send(()).unwrap();
        self.answers.lock().unwrap().recv().unwrap_or_else(|_| panic!("the source broke"))
    }

    fn name(&self) -> &str {
        "the gate"
    }
}

struct Gated {
    device: ManualClock,
    cache: Arc<CachedCredentials>,
    begun: mpsc::Receiver<()>,
    answer: mpsc::Sender<Answer>,
}

fn gated(wait: Duration) -> Gated {
    let (begun, was_begun) = mpsc::sync_channel(16);
    let (answer, answers) = mpsc::channel();
    let device = ManualClock::new(start());
    let clock = Arc::new(ServerClock::new(Arc::new(device.clone())));
    clock.learn(start(), device.monotonic());
    let source = Arc::new(Gate { begun, answers: Mutex::new(answers) });
    let cache = Arc::new(CachedCredentials::new(source, clock).with_wait(wait));
    Gated { device, cache, begun: was_begun, answer }
}

#[test]
fn many_threads_make_one_fetch() {
    let gate = gated(MINUTE);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let cache = gate.cache.clone();
            std::thread::spawn(move || cache.credentials().unwrap().access_key_id.clone())
        })
        .collect();
    gate.begun.recv_timeout(MINUTE).unwrap();
    gate.answer.send(key("first", Some(60 * MINUTE))).unwrap();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), "first");
    }
    assert!(gate.begun.try_recv().is_err(), "a second fetch was begun");
}

#[test]
fn what_the_source_was_asked_before_a_change_counts_no_more() {
    let gate = gated(MINUTE);
    let cache = gate.cache.clone();
    let asking = std::thread::spawn(move || cache.credentials().unwrap().access_key_id.clone());
    gate.begun.recv_timeout(MINUTE).unwrap();
    gate.cache.changed();
    gate.answer.send(key("old", None)).unwrap();
    gate.begun.recv_timeout(MINUTE).unwrap();
    gate.answer.send(key("new", None)).unwrap();
    assert_eq!(asking.join().unwrap(), "new");
    assert_eq!(gate.cache.credentials().unwrap().access_key_id, "new");
}

#[test]
fn p4_while_one_thread_renews_the_others_go_on_with_the_old_ones() {
    let gate = gated(MINUTE);
    gate.answer.send(key("first", Some(60 * MINUTE))).unwrap();
    gate.cache.credentials().unwrap();
    gate.begun.recv_timeout(MINUTE).unwrap();
    gate.device.advance(51 * MINUTE);
    let cache = gate.cache.clone();
    let renewing = std::thread::spawn(move || cache.credentials().unwrap().access_key_id.clone());
    gate.begun.recv_timeout(MINUTE).unwrap();
    assert_eq!(gate.cache.credentials().unwrap().access_key_id, "first");
    gate.answer.send(key("second", Some(120 * MINUTE))).unwrap();
    assert_eq!(renewing.join().unwrap(), "second");
}

#[test]
fn p9_a_source_that_hangs_holds_the_others_up_for_the_deadline_only() {
    let gate = gated(Duration::from_millis(20));
    let cache = gate.cache.clone();
    let hanging = std::thread::spawn(move || cache.credentials());
    gate.begun.recv_timeout(MINUTE).unwrap();
    assert_eq!(gate.cache.credentials(), Err(CredentialsError::Busy("the gate".into())));
    gate.answer.send(key("first", None)).unwrap();
    assert!(hanging.join().unwrap().is_ok());
}

#[test]
fn p9_a_source_that_panics_holds_up_no_one() {
    let gate = gated(MINUTE);
    drop(gate.answer);
    let cache = gate.cache.clone();
    assert!(std::thread::spawn(move || cache.credentials()).join().is_err());
    let cache = gate.cache.clone();
    assert!(std::thread::spawn(move || cache.credentials()).join().is_err(), "the second asks again");
}

/// An answer says that it is 37 days later: were credentials of an hour expired then, no call would go out any more, and no other
/// answer would ever come.
#[test]
fn field_10_one_far_date_does_not_expire_credentials_for_good() {
    for wall in [start(), SystemTime::UNIX_EPOCH] {
        let bench = Bench::before_the_first_answer([key("A", Some(60 * MINUTE))], wall);
        bench.server.learn(start(), bench.device.monotonic());
        assert_eq!(bench.id(), "A");
        bench.server.learn(start() + 37 * DAY, bench.device.monotonic());
        assert_eq!(bench.id(), "A");
        bench.server.learn(start(), bench.device.monotonic());
        assert_eq!(bench.id(), "A");
    }
}

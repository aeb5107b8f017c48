//! Time behind a trait, and the service's time as learnt from its answers.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::plants::planted;

/// Where time comes from. Production uses [`SystemClock`]; tests and simulators bring their own.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Time since an arbitrary start, never going back, and going on while the machine sleeps.
    fn monotonic(&self) -> Duration;
    /// The same, but standing still while the machine sleeps.
    fn awake(&self) -> Duration;
    /// The device's idea of the date. It may be years off, and may jump.
    fn wall(&self) -> SystemTime;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        // CLOCK_BOOTTIME counts through suspend. Darwin's CLOCK_MONOTONIC does so too.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(id);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    fn awake(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// No date before this one is believed: this release did not exist yet. Moved forward with each release.
pub const RELEASE_DATE: Duration = Duration::from_secs(1_793_491_200); // 2026-11-01T00:00:00Z

/// The date as the service sees it.
///
/// Until the service has answered, this is the device's date, though never before the release's date or the last server date
/// kept on disk. From the first answer on it is the server's date carried forward by the monotonic clock, so that a jump of the
/// device's date changes nothing.
#[derive(Debug)]
pub struct ServerClock {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    floor: SystemTime,
    /// What the service said.
    anchor: Option<Anchor>,
    /// What someone said who may be the service: good for one try.
    hint: Option<Anchor>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    server: SystemTime,
    at: Duration,
}

impl ServerClock {
    /// A clock that has not heard from the service yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let floor = SystemTime::UNIX_EPOCH + RELEASE_DATE;
        ServerClock { clock, state: Mutex::new(State { floor, anchor: None, hint: None }) }
    }

    /// The same over this machine's own clock.
    pub fn system() -> Arc<Self> {
        Arc::new(ServerClock::new(Arc::new(SystemClock)))
    }

    /// The clock underneath.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The corrected date: what signatures carry, and what expiry is compared with.
    pub fn now(&self) -> SystemTime {
        let state = *self.lock();
        match state.hint.or(state.anchor) {
            Some(anchor) => self.carried(anchor),
            None => self.clock.wall().max(state.floor),
        }
    }

    /// Learns from the `Date` of an answer that was received at `received` (monotonic).
    ///
    /// Pass dates of the service's own answers alone: a proxy's or a login page's word on the date counts for nothing, nor does an
    /// answer with an `Age` header, which a cache sent. An older receipt than the one already learnt from is ignored, as is a date
    /// before the floor.
    pub fn learn(&self, date: SystemTime, received: Duration) {
        let mut state = self.lock();
        if date < state.floor
            || state.anchor.is_some_and(|a| a.at > received)
            || planted("clock-never-learns")
        {
            return;
        }
        state.anchor = Some(Anchor { server: date, at: received });
        state.hint = None;
    }

    /// Takes a date of unproven origin for the next try; false if it lies before the floor. [`learn`](Self::learn) replaces it.
    pub fn hint(&self, date: SystemTime, received: Duration) -> bool {
        let mut state = self.lock();
        let believable = date >= state.floor;
        if believable {
            state.hint = Some(Anchor { server: date, at: received });
        }
        believable
    }

    /// Forgets a hint that the try did not confirm. What was learnt before it counts again.
    pub fn forget_hint(&self) {
        self.lock().hint = None;
    }

    /// Raises the floor: no date before `date` is believed any more. Earlier floors stay.
    pub fn raise_floor(&self, date: SystemTime) {
        let mut state = self.lock();
        state.floor = state.floor.max(date);
    }

    /// The earliest date that is believed.
    pub fn floor(&self) -> SystemTime {
        self.lock().floor
    }

    /// The server's date if the service has answered since the start, for keeping on disk as the next start's floor.
    pub fn learnt(&self) -> Option<SystemTime> {
        let anchor = self.lock().anchor;
        anchor.map(|anchor| self.carried(anchor))
    }

    /// How far the device's date is from the service's: positive if the device is behind. `None` before the first answer.
    pub fn skew_seconds(&self) -> Option<i64> {
        let server = self.learnt()?;
        let wall = self.clock.wall();
        Some(match server.duration_since(wall) {
            Ok(behind) => i64::try_from(behind.as_secs()).unwrap_or(i64::MAX),
            Err(ahead) => i64::try_from(ahead.duration().as_secs()).map_or(i64::MIN, |s| -s),
        })
    }

    fn carried(&self, anchor: Anchor) -> SystemTime {
        anchor.server + self.clock.monotonic().saturating_sub(anchor.at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that a test or a simulator sets by hand.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<(Duration, SystemTime)>>);

#[cfg(any(test, feature = "testing"))]
impl ManualClock {
    /// A clock whose monotonic side starts at zero and whose date is `wall`.
    pub fn new(wall: SystemTime) -> Self {
        ManualClock(Arc::new(Mutex::new((Duration::ZERO, wall))))
    }

    /// Both sides go forward together.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        now.0 += by;
        now.1 += by;
    }

    /// The date alone jumps.
    pub fn set_wall(&self, wall: SystemTime) {
        self.lock().1 = wall;
    }

    fn lock(&self) -> MutexGuard<'_, (Duration, SystemTime)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(any(test, feature = "testing"))]
impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.lock().0
    }

    fn awake(&self) -> Duration {
        self.lock().0
    }

    fn wall(&self) -> SystemTime {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + RELEASE_DATE + Duration::from_secs(seconds)
    }

    #[test]
    fn p8_a_device_in_1970_starts_at_the_floor_and_heals_with_the_first_answer() {
        let device = ManualClock::new(SystemTime::UNIX_EPOCH);
        let server = ServerClock::new(Arc::new(device.clone()));
        assert_eq!(server.now(), at(0));
        server.raise_floor(at(500));
        assert_eq!(server.now(), at(500));
        server.learn(at(9_000), device.monotonic());
        device.advance(Duration::from_secs(10));
        assert_eq!(server.now(), at(9_010));
        assert!(server.skew_seconds().unwrap() > 50 * 365 * 86_400);
    }

    #[test]
    fn p8_a_jump_of_the_date_at_run_time_changes_nothing_once_the_service_has_answered() {
        let device = ManualClock::new(at(0));
        let server = ServerClock::new(Arc::new(device.clone()));
        server.learn(at(3), device.monotonic());
        device.set_wall(at(0) + 365 * DAY * 70);
        device.advance(Duration::from_secs(1));
        assert_eq!(server.now(), at(4));
    }

    #[test]
    fn p8_an_answer_received_earlier_or_dated_before_the_floor_is_not_believed() {
        let device = ManualClock::new(at(0));
        let server = ServerClock::new(Arc::new(device.clone()));
        device.advance(DAY);
        server.learn(at(100), device.monotonic());
        server.learn(at(5), device.monotonic() - Duration::from_secs(1));
        assert_eq!(server.now(), at(100));
        server.learn(SystemTime::UNIX_EPOCH, device.monotonic());
        assert_eq!(server.now(), at(100));
    }

    #[test]
    fn p8_a_hint_serves_one_try_and_is_never_taken_for_the_services_word() {
        let device = ManualClock::new(at(0));
        let server = ServerClock::new(Arc::new(device.clone()));
        assert!(!server.hint(SystemTime::UNIX_EPOCH, device.monotonic()), "before the floor");
        assert!(server.hint(at(900), device.monotonic()));
        assert_eq!((server.now(), server.learnt()), (at(900), None), "nothing to be kept on disk");
        server.forget_hint();
        assert_eq!(server.now(), at(0));

        server.learn(at(100), device.monotonic());
        assert!(server.hint(at(900), device.monotonic()));
        assert_eq!((server.now(), server.learnt()), (at(900), Some(at(100))));
        server.forget_hint();
        assert_eq!(server.now(), at(100), "a hint that came to nothing costs nothing");
    }
}

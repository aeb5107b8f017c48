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

/// Nor is one from the year 2100 on, which no certificate in use reaches. It also keeps every date far from what the forms of dates
/// can't hold.
const LATEST: Duration = Duration::from_secs(4_102_444_800); // 2100-01-01T00:00:00Z

/// Two dates agree if they are no further apart, the time between them taken off: as far as the service lets signatures be off.
const AGREE: Duration = Duration::from_secs(5 * 60);
/// So long after the first date the one comes that confirms it.
const APART: Duration = Duration::from_secs(3600);
/// A date that an earlier version kept after a single answer may lie so far ahead of the device's date: clocks that are restored at the
/// start come from a file, which is written now and then.
const RESTORED: Duration = Duration::from_secs(86_400);
/// Where the device's date is none, so far after the release: whoever updates to this version does so about then.
const UPDATED: Duration = Duration::from_secs(400 * 86_400);
/// The year 9999 is the last that the form of a date in a signature, in a header or in a log can hold.
const LAST_YEAR: Duration = Duration::from_secs(253_370_764_800);

/// The date as the service sees it.
///
/// Until the service has answered, this is the device's date, though never before the release's date or the last server date
/// kept on disk. From the first answer on it is the server's date carried forward by the monotonic clock, so that a jump of the
/// device's date changes nothing. Who can move it, and how far, stands in
/// `docs/adr/0009-who-can-move-the-clock.md`.
#[derive(Debug)]
pub struct ServerClock {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// What an earlier process was told, and its release.
    floor: SystemTime,
    /// What the service said last, be it over plain HTTP: for its signatures.
    heard: Option<Anchor>,
    /// What it said last over TLS, with a certificate that held at the date that was believed before: for certificates too.
    proven: Option<Anchor>,
    trial: Option<Trial>,
    /// What two answers said: for what outlives this process.
    confirmed: Option<Anchor>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    server: SystemTime,
    at: Duration,
}

/// A date that waits for another one to confirm it.
#[derive(Debug, Clone, Copy)]
struct Trial {
    first: Anchor,
    /// Requests sent after this moment go over other connections.
    reconnected: Option<Duration>,
}

impl ServerClock {
    /// A clock that has not heard from the service yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let floor = SystemTime::UNIX_EPOCH + RELEASE_DATE;
        let state = State { floor, heard: None, proven: None, trial: None, confirmed: None };
        ServerClock { clock, state: Mutex::new(state) }
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
        state.heard.map_or_else(|| self.unheard(&state), |anchor| self.carried(anchor))
    }

    /// The date at which certificates are checked. What was said over plain HTTP does not move it.
    pub fn certificate_date(&self) -> SystemTime {
        let state = *self.lock();
        state.proven.map_or_else(|| self.unheard(&state), |anchor| self.carried(anchor))
    }

    /// Learns from the `Date` of an answer that was received at `received` (monotonic), over TLS with a certificate that held at
    /// [`certificate_date`](Self::certificate_date).
    ///
    /// Pass dates of the service's own answers alone: a proxy's or a login page's word on the date counts for nothing, nor does an
    /// answer with an `Age` header, which a cache sent. An older receipt than the one already learnt from is ignored, as is a date
    /// before this release or from the year 2100 on.
    pub fn learn(&self, date: SystemTime, received: Duration) {
        self.take(Anchor { server: date, at: received }, None);
    }

    /// The same for an answer to a request that was sent at `sent` (monotonic). Two such dates that agree, over different connections
    /// and an hour apart, confirm each other: see [`confirmed`](Self::confirmed).
    pub fn learn_on_trial(&self, date: SystemTime, sent: Duration, received: Duration) {
        self.take(Anchor { server: date, at: received }, Some(sent));
    }

    /// Learns from an answer that came over plain HTTP: for signatures, and for nothing that outlives this process.
    pub fn learn_unproven(&self, date: SystemTime, received: Duration) {
        let anchor = Anchor { server: date, at: received };
        let mut state = self.lock();
        if anchor.is_news(state.heard) {
            state.heard = Some(anchor);
        }
    }

    fn take(&self, anchor: Anchor, sent: Option<Duration>) {
        let mut state = self.lock();
        if !anchor.is_news(state.proven) {
            return;
        }
        if state.floor > anchor.server + AGREE {
            if planted("rotten-date-is-believed") {
                return;
            }
            log::warn!(
                target: "activity_worker",
                "the date {} that an earlier process was told lies ahead of the service's, {}: it is not believed any more",
                show(state.floor),
                show(anchor.server)
            );
            state.floor = SystemTime::UNIX_EPOCH + RELEASE_DATE;
        }
        state.proven = Some(anchor);
        if anchor.is_news(state.heard) {
            state.heard = Some(anchor);
        }
        if let Some(sent) = sent {
            state.try_out(anchor, sent);
        }
    }

    /// Whether a stranger's word on the date is worth a try: not if it lies before what is known, for certificates that have ended
    /// since then would be good again.
    pub fn may_be(&self, date: SystemTime) -> bool {
        believable(date) && date >= self.floor()
    }

    /// Raises the floor: no date before `date` is believed any more, without the word of someone whose certificate holds at it.
    /// Earlier floors stay.
    pub fn raise_floor(&self, date: SystemTime) {
        if believable(date) {
            let mut state = self.lock();
            state.floor = state.floor.max(date);
        }
    }

    /// Takes the date that an earlier process kept as the floor; false if it is not believed. One that was kept after a single answer
    /// counts only if it is not ahead of all else: of the device's date or, where that is none, of the release by 400 days.
    pub fn raise_kept_floor(&self, date: SystemTime, confirmed: bool) -> bool {
        let wall = self.clock.wall();
        let latest =
            if believable(wall) { wall + RESTORED } else { SystemTime::UNIX_EPOCH + RELEASE_DATE + UPDATED };
        let believed = date < SystemTime::UNIX_EPOCH + LATEST && (confirmed || date <= latest);
        if believed {
            self.raise_floor(date);
        } else if planted("rotten-date-is-believed") {
            self.lock().floor = date;
        }
        believed
    }

    /// The earliest date that it can be: what was learnt over TLS, carried forward, else the floor.
    pub fn floor(&self) -> SystemTime {
        let state = *self.lock();
        state.proven.map_or(state.floor, |anchor| self.carried(anchor))
    }

    /// The server's date if the service has answered since the start. It may be a single answer's word: see
    /// [`confirmed`](Self::confirmed).
    pub fn learnt(&self) -> Option<SystemTime> {
        let heard = self.lock().heard;
        heard.map(|anchor| self.carried(anchor))
    }

    /// The server's date if two answers agree on it that came over different connections and an hour apart, the second one after
    /// `since` (monotonic): for keeping on disk as the next start's floor.
    pub fn confirmed(&self, since: Option<Duration>) -> Option<SystemTime> {
        let State { confirmed, proven, .. } = *self.lock();
        // What a bit that is flipped does to a floor shows only where there is one.
        let believed_at_once = planted("rotten-date-is-believed") || planted("one-date-is-the-floor");
        let confirmed = if believed_at_once { proven } else { confirmed };
        let confirmed = confirmed.filter(|anchor| since.is_none_or(|since| since < anchor.at));
        confirmed.map(|anchor| self.carried(anchor))
    }

    /// The date as far as no single answer can have made it up: what is confirmed, else the earlier one of the server's date and the
    /// device's. For what can't be taken back.
    pub fn beyond_doubt(&self) -> Option<SystemTime> {
        self.confirmed(None).or_else(|| self.learnt().map(|date| date.min(self.clock.wall())))
    }

    /// Whether only an answer over another connection is missing for the date to be confirmed. If so, close those that are open: what
    /// is sent from now on counts as sent over others.
    pub fn wants_another_connection(&self) -> bool {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let Some(trial) = &mut state.trial else { return false };
        let rested = |at: Duration| now.saturating_sub(at) >= APART;
        let wants = rested(trial.first.at) && trial.reconnected.is_none_or(rested);
        if wants {
            trial.reconnected = Some(now);
        }
        wants
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

    /// The device's date, unless it can't be.
    fn unheard(&self, state: &State) -> SystemTime {
        let wall = self.clock.wall();
        if wall < SystemTime::UNIX_EPOCH + LAST_YEAR { wall.max(state.floor) } else { state.floor }
    }

    fn carried(&self, anchor: Anchor) -> SystemTime {
        anchor.until(self.clock.monotonic())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn try_out(&mut self, anchor: Anchor, sent: Duration) {
        let begun = Trial { first: anchor, reconnected: None };
        let Some(trial) =
            self.trial.filter(|trial| apart(trial.first.until(anchor.at), anchor.server) <= AGREE)
        else {
            self.trial = Some(begun);
            return;
        };
        let another = trial.reconnected.is_some_and(|at| sent >= at);
        if another && anchor.at.saturating_sub(trial.first.at) >= APART {
            (self.confirmed, self.trial) = (Some(anchor), Some(begun));
        }
    }
}

impl Anchor {
    /// Whether it tells more than `last` does.
    fn is_news(self, last: Option<Anchor>) -> bool {
        believable(self.server)
            && last.is_none_or(|last| last.at <= self.at)
            && !planted("clock-never-learns")
    }

    /// The date at `now`. A monotonic clock that has gone mad must not take it beyond what dates can be.
    fn until(self, now: Duration) -> SystemTime {
        let latest = SystemTime::UNIX_EPOCH + LAST_YEAR;
        self.server.checked_add(now.saturating_sub(self.at)).map_or(latest, |date| date.min(latest))
    }
}

fn believable(date: SystemTime) -> bool {
    (SystemTime::UNIX_EPOCH + RELEASE_DATE..SystemTime::UNIX_EPOCH + LATEST).contains(&date)
}

/// How far two dates are from each other.
pub(crate) fn apart(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|e| e.duration())
}

/// A date in words, whatever it is.
pub(crate) fn show(date: SystemTime) -> String {
    httpdate::fmt_http_date(date.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST_YEAR))
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
#[path = "clock_tests.rs"]
mod tests;

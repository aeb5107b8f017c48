//! A device's clocks: the machine's, which may drift and sleep, and its idea of the date, which may be anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use activity_worker::clock::Clock;

/// The clocks. Clones are the same clocks.
#[derive(Debug, Clone)]
pub(crate) struct DeviceClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    /// The world's time at which the device is looked at: ahead of the world's while a call is carried out.
    view: Duration,
    booted: Duration,
    slept: Duration,
    /// Seconds of this device in a second of the world.
    rate: f64,
    date: SystemTime,
    date_set: Duration,
}

impl DeviceClock {
    /// Clocks of a device that is switched on now, at the world's time `now`.
    pub(crate) fn new(now: Duration, rate: f64, date: SystemTime) -> Self {
        let hands = Hands { view: now, booted: now, slept: Duration::ZERO, rate, date, date_set: now };
        DeviceClock(Arc::new(Mutex::new(hands)))
    }

    /// The device is looked at at this time of the world.
    pub(crate) fn look(&self, at: Duration) {
        self.lock().view = at;
    }

    /// Time passes within a call.
    pub(crate) fn pass(&self, by: Duration) {
        self.lock().view += by;
    }

    /// The time of the world at which the device is looked at.
    pub(crate) fn view(&self) -> Duration {
        self.lock().view
    }

    /// The date jumps.
    pub(crate) fn set_date(&self, date: SystemTime) {
        let mut hands = self.lock();
        (hands.date, hands.date_set) = (date, hands.view);
    }

    /// The machine slept.
    pub(crate) fn sleep(&self, by: Duration) {
        let mut hands = self.lock();
        let by = by.mul_f64(hands.rate);
        hands.slept += by;
    }

    /// The world's time at which the machine's clock will show `monotonic`.
    pub(crate) fn world_time(&self, monotonic: Duration) -> Duration {
        let hands = self.lock();
        hands.booted + monotonic.div_f64(hands.rate) + Duration::from_micros(1)
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DeviceClock {
    fn monotonic(&self) -> Duration {
        let hands = self.lock();
        hands.view.saturating_sub(hands.booted).mul_f64(hands.rate)
    }

    fn awake(&self) -> Duration {
        let slept = self.lock().slept;
        self.monotonic().saturating_sub(slept)
    }

    fn wall(&self) -> SystemTime {
        let hands = self.lock();
        hands.date + hands.view.saturating_sub(hands.date_set).mul_f64(hands.rate)
    }
}

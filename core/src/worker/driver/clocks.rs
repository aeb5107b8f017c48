//! What the driver asks of time: how late it is, whether the machine slept, and when the service's date is to be kept.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;

/// The boot clock went on for so much longer than the process did: the machine slept.
const SLEPT: Duration = Duration::from_secs(5);
/// The service's date is written to disk so often.
const KEEP_DATE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The clocks, and when they were last looked at.
pub(super) struct Clocks {
    clock: Arc<dyn Clock>,
    /// At the last step: the machine's, and the process' own.
    last: (Duration, Duration),
    /// When a date was last kept, on the machine's.
    pub(super) date_kept: Option<Duration>,
}

impl Clocks {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let last = (clock.monotonic(), clock.awake());
        Clocks { clock, last, date_kept: None }
    }

    /// The time since the machine's start, its sleep included.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// For how long the machine slept since this was last asked, if it did.
    pub(super) fn slept(&mut self) -> Option<Duration> {
        let now = (self.clock.monotonic(), self.clock.awake());
        let last = std::mem::replace(&mut self.last, now);
        let slept = now.0.saturating_sub(last.0).saturating_sub(now.1.saturating_sub(last.1));
        (slept > SLEPT).then_some(slept)
    }

    pub(super) fn may_keep_date(&self) -> bool {
        self.date_kept.is_none_or(|at| self.now().saturating_sub(at) >= KEEP_DATE_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::*;

    /// A machine that sleeps: its clock goes on, the process' does not.
    #[derive(Debug)]
    struct Sleeper(Mutex<(Duration, Duration)>);

    impl Sleeper {
        fn pass(&self, awake: u64, asleep: u64) {
            let mut clocks = self.0.lock().unwrap();
            clocks.0 += Duration::from_secs(awake + asleep);
            clocks.1 += Duration::from_secs(awake);
        }
    }

    impl Clock for Sleeper {
        fn monotonic(&self) -> Duration {
            self.0.lock().unwrap().0
        }

        fn awake(&self) -> Duration {
            self.0.lock().unwrap().1
        }

        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
    }

    fn clocks() -> (Arc<Sleeper>, Clocks) {
        let sleeper = Arc::new(Sleeper(Mutex::default()));
        (Arc::clone(&sleeper), Clocks::new(sleeper))
    }

    #[test]
    fn p4_a_sleep_of_the_machine_is_noticed_once_and_a_long_step_is_none() {
        let (machine, mut clocks) = clocks();
        machine.pass(3600, 0);
        assert_eq!(clocks.slept(), None, "the process was awake");
        machine.pass(1, 600);
        assert_eq!(clocks.slept(), Some(Duration::from_secs(600)));
        assert_eq!(clocks.slept(), None);
    }

    #[test]
    fn a_date_is_kept_at_once_and_then_once_a_day() {
        let (machine, mut clocks) = clocks();
        assert!(clocks.may_keep_date());
        clocks.date_kept = Some(clocks.now());
        machine.pass(24 * 3600 - 1, 0);
        assert!(!clocks.may_keep_date());
        machine.pass(0, 1);
        assert!(clocks.may_keep_date());
    }
}

//! Starts that fail: for a spell a device can start no handler, as where a program is gone or no process is to be had.

use crate::scenario::HANDLED;
use crate::world::World;

impl World {
    /// For a spell nothing can be started, and there is a queue that others could work.
    pub(crate) fn starts_fail(&mut self, device: usize) {
        let until = self.now + self.between(5.0, 1200.0);
        self.outside().fault("starts that fail");
        self.say(|| format!("d{device} can start nothing until {:.0}", until.as_secs_f64()));
        let now = self.now;
        let dev = &mut self.devices[device];
        if dev.no_starts_until <= now {
            dev.judge.failed_starts.count_from(now, 0);
        }
        dev.no_starts_until = until.max(dev.no_starts_until);
        for _ in 0..self.rng.u8(10..50) {
            self.outside().service.execute(HANDLED, 0);
        }
        self.dispatch(HANDLED);
    }
}

//! Faults at the edges, where something is believed that was seen once: a disk that others fill while the worker is idle, one date
//! that lies, a slow way up, another endpoint, starts that fail, a folder that does not stay. One kind a world, in half of the worlds.

use std::time::{Duration, SystemTime};

use activity_worker::spool::Disk;

use crate::judge::finding::{Finding, broken};
use crate::scenario::Edge;
use crate::service::Service;
use crate::state_dir;
use crate::world::World;

/// What a year of drift, and an answer that is learnt early, may make of the date that is kept.
const FLOOR_OFF: Duration = Duration::from_secs(1800);
const DAY: Duration = Duration::from_secs(86_400);

impl World {
    /// The world's own kind of fault befalls a device.
    pub(crate) fn at_the_edge(&mut self, device: usize) -> Result<(), Finding> {
        match self.scenario.edge {
            Some(Edge::IdleDisk) => self.others_fill_the_disk(device),
            Some(Edge::Dates) => self.a_date_lies(device),
            Some(Edge::Uplink) => self.the_way_up_is_slow(device),
            // Each start draws its own.
            Some(Edge::Origin) => return self.die(device, false),
            Some(Edge::Starts) => self.starts_fail(device),
            Some(Edge::Folder) => self.folder_changes(device),
            None => {}
        }
        Ok(())
    }

    /// Which endpoint the next start is for.
    pub(crate) fn choose_endpoint(&mut self, device: usize) {
        if self.scenario.edge == Some(Edge::Origin) {
            let elsewhere = self.rng.u8(..3) == 0;
            // Once all is quiet the operator decides.
            let dev = &mut self.devices[device];
            dev.elsewhere = if self.quiet { dev.elsewhere } else { elsewhere };
        }
    }

    /// Not even one task fits any more.
    fn others_fill_the_disk(&mut self, device: usize) {
        self.outside().fault("disk filled by others");
        let left = self.rng.u64(..1_000_000);
        let dev = &mut self.devices[device];
        dev.disk.set_capacity(Some(dev.disk.used() + left));
        (dev.room_unknown, dev.full_since) = (true, Some(self.now));
        self.say(|| format!("d{device} others fill the disk"));
        self.trouble(device, 1800.0);
    }

    fn a_date_lies(&mut self, device: usize) {
        let date = Service::date(self.now);
        let lie = match self.rng.u8(..5) {
            0 => SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799), // the last second of 9999
            1 => date + 365 * 73 * DAY,
            2 => date + self.between(20.0 * 86_400.0, 40.0 * 86_400.0),
            3 => date + Duration::from_secs(self.rng.u64(400..4000)),
            _ => date - self.between(90.0 * 86_400.0, 110.0 * 86_400.0),
        };
        self.say(|| format!("d{device} the next date lies"));
        self.outside().links[device].lie = Some(lie);
    }

    /// P8: the date that the next start builds on is not ahead of the service's.
    pub(crate) fn judge_date(&self, device: usize) -> Result<(), Finding> {
        let dev = &self.devices[device];
        let bytes = dev.disk.read(&state_dir::path("date"), 4096).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let Some(kept) = text.split(' ').next().and_then(|seconds| seconds.parse().ok()) else {
            return Ok(());
        };
        let kept = SystemTime::UNIX_EPOCH + Duration::from_secs(kept);
        match kept.duration_since(Service::date(self.now)) {
            Ok(ahead) if ahead > FLOOR_OFF && !dev.date_rotted => broken(
                "P8",
                format!("the date that is kept lies {} s ahead of the service's", ahead.as_secs()),
            ),
            _ => Ok(()),
        }
    }

    fn the_way_up_is_slow(&mut self, device: usize) {
        let until = self.now + self.between(60.0, 3600.0);
        // No slower than that the longest result is there before its signature is five minutes old.
        let rate = self.between(80.0, 400.0).as_secs_f64();
        self.say(|| format!("d{device} the way up takes {rate:.0} bytes a second"));
        self.outside().links[device].slow_up = Some((rate, until));
    }
}

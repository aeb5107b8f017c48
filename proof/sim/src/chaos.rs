//! Faults: which, how often, how long.

use std::io;
use std::time::Duration;

use activity_worker::spool::Op;
use activity_worker::worker::{Link, Stop};

use crate::device::{Doom, Gone};
use crate::judge::finding::Finding;
use crate::network::faults::{FAULTS, Fault};
use crate::scenario::{Kind, Scenario};
use crate::service::Bucket;
use crate::state_dir;
use crate::world::{Deed, What, World};

const OPS: [(Op, &str); 8] = [
    (Op::List, "list error"),
    (Op::Read, "read error"),
    (Op::Open, "open error"),
    (Op::Write, "write error"),
    (Op::Fsync, "fsync error"),
    (Op::Rename, "rename error"),
    (Op::Remove, "remove error"),
    (Op::SyncDir, "folder sync error"),
];

impl World {
    /// One fault.
    pub(crate) fn chaos(&mut self, device: usize) -> Result<(), Finding> {
        match self.rng.u8(..100) {
            0..22 => self.outage(device),
            22..30 => self.next_calls(device),
            30..36 => self.storm(device),
            36..44 => self.doom(device),
            44..52 => self.halt(device),
            52..60 => self.disk_fails(device),
            60..63 => self.disk_fills(device),
            63..65 => self.folder_vanishes(device),
            65..68 => self.rot(device),
            68..73 => self.sleep(device),
            73..76 => self.date_jumps(device),
            76..79 => self.denied(),
            79..82 => self.rejected(),
            82..85 => self.expire_credentials(device),
            85..87 => self.throttle(),
            87..92 => return self.stop(device),
            92..96 => return self.hint(device),
            _ => return self.ask(device, |worker| worker.credentials_changed()).map(drop),
        }
        Ok(())
    }

    fn outage(&mut self, device: usize) {
        let now = self.now;
        let long = match (self.scenario.kind, self.rng.u8(..10)) {
            (Kind::Long, 0..3) => self.scenario.length.as_secs_f64() * 0.7,
            (Kind::Long, _) => 2.0 * 86_400.0,
            (_, 0) => 7200.0,
            _ => 400.0,
        };
        let until = now + self.between(1.0, long);
        let (fault, name) = match (self.scenario.kind, self.rng.u8(..4)) {
            (Kind::Busy, 0..2) => (Fault::Slow, "slow answer"),
            (Kind::Busy, 2) => (Fault::Throttled, "throttled"),
            _ => FAULTS[self.rng.usize(..FAULTS.len())],
        };
        self.say(|| format!("d{device} outage until {:.0}: {name}", until.as_secs_f64()));
        self.outside().links[device].spell = Some((fault, until));
    }

    fn next_calls(&mut self, device: usize) {
        let calls: Vec<_> =
            (0..self.rng.usize(1..6)).map(|_| FAULTS[self.rng.usize(..FAULTS.len())].0).collect();
        self.say(|| format!("d{device} the next calls meet {calls:?}"));
        self.outside().links[device].next.extend(calls);
    }

    fn storm(&mut self, device: usize) {
        let storm = if self.rng.bool() { 0.0 } else { self.rng.f64() * 0.6 };
        self.outside().links[device].storm = storm;
    }

    fn doom(&mut self, device: usize) {
        let (steps, power) = (self.rng.u32(1..30), self.rng.bool());
        self.devices[device].doom = Some(Doom { steps, power });
        // A weak supply goes several times, each time soon after the start.
        self.devices[device].brownouts = if self.rng.bool() { self.rng.u32(1..8) } else { 0 };
    }

    fn halt(&mut self, device: usize) {
        self.outside().fault("killed within disk work");
        let steps = self.rng.u64(1..25);
        self.devices[device].disk.halt_after(steps);
    }

    fn disk_fails(&mut self, device: usize) {
        let (op, name) = OPS[self.rng.usize(..OPS.len())];
        let mut left = self.rng.u32(1..6);
        self.outside().fault(name);
        self.say(|| format!("d{device} {name}, {left} times"));
        self.devices[device].gone = None;
        self.devices[device].disk.set_fault(move |now, _| {
            let hit = now == op && left > 0;
            left -= u32::from(hit);
            hit.then(|| io::Error::other("input/output error"))
        });
        self.trouble(device, 600.0);
    }

    fn disk_fills(&mut self, device: usize) {
        self.outside().fault("disk full");
        let dev = &mut self.devices[device];
        let used = dev.disk.used();
        dev.disk.set_capacity(Some(used + self.rng.u64(..3_000_000)));
        dev.room_unknown = true;
        self.trouble(device, 1800.0);
    }

    fn folder_vanishes(&mut self, device: usize) {
        self.outside().fault("folder vanished");
        self.devices[device].disk.set_fault(|_, _| Some(io::ErrorKind::NotFound.into()));
        self.devices[device].gone = Some(Gone::Unseen);
        self.trouble(device, 600.0);
    }

    pub(crate) fn trouble(&mut self, device: usize, most: f64) {
        let long = self.between(1.0, most);
        self.devices[device].disk_trouble_until = self.now + long;
        self.after(long, What::DiskHeals(device));
    }

    /// One bit turns, mostly of a task's record.
    fn rot(&mut self, device: usize) {
        if self.rng.u8(..4) == 0 {
            return self.rot_small_file(device);
        }
        let dev = &mut self.devices[device];
        let Some(worker) = &dev.worker else { return };
        // Of what was written last rot can't be told from what a power cut tore: there it is only known that it was not promised.
        let spool = worker.spool();
        let mut tasks: Vec<_> =
            dev.judge.debts.keys().copied().filter(|id| !spool.lies(*id).is_empty()).collect();
        tasks.sort_unstable();
        if tasks.is_empty() {
            return;
        }
        let id = tasks[self.rng.usize(..tasks.len())];
        if !spool.is_vouched_for(id) {
            return;
        }
        let records = spool.lies(id);
        // The first one is that with the envelope, and with it the token.
        let record = self.rng.usize(..records.len());
        let (file, bytes) = &records[record];
        if !dev.disk.rot(file, bytes.start + self.rng.usize(..600) % bytes.len()) {
            return;
        }
        if let Some(debt) = dev.judge.debts.get_mut(&id) {
            debt.rotted = true;
            debt.unreadable |= record == 0;
        }
        self.outside().fault("bit rot");
        self.say(|| format!("d{device} bit rot in {id:?}"));
        // Where a medium forgets it fails too, and is not helped by a start.
        if self.rng.bool() {
            self.disk_fails(device);
            self.doom(device);
        }
    }

    /// Of one of those beside the tasks.
    fn rot_small_file(&mut self, device: usize) {
        let name = ["date", "owner"][self.rng.usize(..2)];
        let (at, bit) = (self.rng.usize(..if name == "date" { 12 } else { 200 }), self.rng.u32(..8));
        let dev = &mut self.devices[device];
        if !dev.disk.rot_bit(&state_dir::path(name), at, bit) {
            return;
        }
        dev.date_rotted |= name == "date";
        self.outside().fault("bit rot");
        self.say(|| format!("d{device} bit rot in {name}"));
    }

    fn sleep(&mut self, device: usize) {
        self.outside().fault("suspended");
        let long = self.between(1.0, 20_000.0);
        let dev = &mut self.devices[device];
        if dev.asleep_until.is_some_and(|until| until > self.now) {
            return;
        }
        dev.asleep_until = Some(self.now + long);
        dev.clock.sleep(long);
        self.say(|| format!("d{device} sleeps for {:.0} s", long.as_secs_f64()));
    }

    fn date_jumps(&mut self, device: usize) {
        self.outside().fault("date jumped");
        let date = Scenario::first_date(&mut self.rng, self.now);
        self.devices[device].clock.look(self.now);
        self.devices[device].clock.set_date(date);
    }

    fn denied(&mut self) {
        let until = self.now + self.between(1.0, 8000.0);
        self.outside().service.denied_until = until;
    }

    fn rejected(&mut self) {
        self.outside().fault("tokens rejected");
        let until = self.now + self.between(1.0, 2000.0);
        self.outside().service.rejecting_until = until;
    }

    fn expire_credentials(&mut self, device: usize) {
        let now = self.now;
        let down = if self.rng.bool() { self.between(1.0, 1000.0) } else { Duration::ZERO };
        let mut out = self.outside();
        out.service.revoked_before = now;
        out.links[device].no_credentials_until = now + down;
    }

    fn throttle(&mut self) {
        let rate = 0.05 + self.rng.f64();
        let quota = self.rng.bool().then(|| [Bucket::new(rate * 6.0, rate); 4]);
        self.outside().service.quota = quota;
    }

    fn stop(&mut self, device: usize) -> Result<(), Finding> {
        let now = self.now;
        let asleep = self.devices[device].asleep_until.is_some_and(|until| until > now);
        if self.devices[device].worker.is_none() || self.devices[device].stopping.is_some() || asleep {
            return Ok(());
        }
        let how = if self.rng.bool() { Stop::Drain } else { Stop::Now };
        self.outside().fault(if how == Stop::Drain { "drained" } else { "stopped now" });
        self.say(|| format!("d{device} is told to stop: {how:?}"));
        let life = self.devices[device].life;
        self.devices[device].stopping = Some((how, now, false));
        self.after(Duration::from_secs(1800), What::to(device, life, Deed::Check));
        self.ask(device, |worker| worker.stop(how)).map(drop)
    }

    fn hint(&mut self, device: usize) -> Result<(), Finding> {
        let hint = [Some(Link::Up), Some(Link::Down), Some(Link::Unknown), None][self.rng.usize(..4)];
        let now = self.now;
        if self.devices[device].asleep_until.is_some_and(|until| until > now) {
            return Ok(());
        }
        self.say(|| format!("d{device} hint {hint:?}"));
        self.ask(device, |worker| match hint {
            Some(hint) => worker.set_link(hint),
            None => worker.wake(),
        })
        .map(drop)
    }
}

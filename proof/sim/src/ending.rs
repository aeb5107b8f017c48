//! How a world ends: the fleet comes back, faults cease, all debts are paid, every worker drains.

use std::time::Duration;

use activity_worker::worker::Stop;

use crate::device::Device;
use crate::judge::comeback::ComeBack;
use crate::judge::finding::{Finding, broken};
use crate::scenario::Letters;
use crate::service::Bucket;
use crate::world::{Deed, What, World};

const MINUTE: Duration = Duration::from_secs(60);
/// After all faults have ceased, everything that was kept must be settled or held within this time.
const QUIET: Duration = Duration::from_secs(14 * 3600);
/// And a drain must end within this time.
const DRAIN: Duration = Duration::from_secs(300);

impl World {
    pub(crate) fn come_back(&mut self) -> Result<(), Finding> {
        self.comeback = Some(ComeBack::new(self.now, self.devices.len()));
        let throttled = self.rng.bool();
        if throttled {
            let rate = self.devices.len() as f64 / 20.0;
            self.outside().service.quota = Some([Bucket::new(rate * 6.0, rate); 4]);
        }
        if self.rng.bool() {
            for device in 0..self.devices.len() {
                self.ask(device, |worker| worker.set_link(activity_worker::worker::Link::Up))?;
            }
        }
        self.after(3 * MINUTE, What::Spread);
        Ok(())
    }

    /// The first calls of a fleet after its network came back lie apart, and so do its first reports.
    pub(crate) fn spread(&mut self) -> Result<(), Finding> {
        let Some(comeback) = self.comeback.take() else { return Ok(()) };
        for (what, most, all) in comeback.crowds() {
            self.say(|| format!("come-back: at most {most} first {what} in a second, of {all}"));
            if most > all / 4 + 5 {
                return broken(
                    "P10",
                    format!("the first {what} of {most} of {all} devices came within one second"),
                );
            }
        }
        Ok(())
    }

    pub(crate) fn fall_quiet(&mut self) -> Result<(), Finding> {
        self.quiet = true;
        self.say(|| "all faults cease".to_owned());
        let mut out = self.outside();
        out.service.stop_executions(50);
        out.service.quota = None;
        out.service.denied_until = Duration::ZERO;
        out.service.rejecting_until = Duration::ZERO;
        for link in &mut out.links {
            (link.spell, link.storm, link.no_credentials_until) = (None, 0.0, Duration::ZERO);
            (link.slow_up, link.lie) = (None, None);
            link.next.clear();
        }
        drop(out);
        for device in 0..self.devices.len() {
            let dev = &mut self.devices[device];
            dev.disk.clear_fault();
            dev.disk.set_capacity(None);
            dev.disk.spare();
            (dev.doom, dev.brownouts, dev.gone, dev.full_since) = (None, 0, None, None);
            (dev.disk_trouble_until, dev.room_unknown) = (Duration::ZERO, true);
            dev.no_starts_until = Duration::ZERO;
            dev.folder.bring_back(&dev.disk);
            if std::mem::take(&mut dev.elsewhere) && dev.worker.is_some() {
                self.die(device, false)?;
            }
            let dev = &mut self.devices[device];
            let (life, keys) = (dev.life, dev.handlers.keys().copied().collect::<Vec<_>>());
            for key in keys {
                let soon = self.between(1.0, 60.0);
                self.after(soon, What::to(device, life, Deed::Handler(key)));
            }
            if self.devices[device].worker.is_none() {
                self.after(MINUTE, What::Boot(device));
            }
            self.after(2 * MINUTE, What::App(device));
            if self.scenario.plan.letters != Letters::None {
                self.after(3 * MINUTE, What::Extension(device));
            }
        }
        self.after(10 * MINUTE, What::Settled);
        Ok(())
    }

    /// Once nothing is owed any more, all workers drain; then it is over.
    pub(crate) fn look_at_the_end(&mut self) -> Result<(), Finding> {
        let away = |d: &Device| d.asleep_until.is_some_and(|until| until > self.now);
        let down = |d: &Device| self.draining.is_none() && (d.worker.is_none() || d.stopping.is_some());
        if self.devices.iter().any(|d| away(d) || down(d)) && self.now < self.scenario.length + QUIET {
            self.after(10 * MINUTE, What::Settled);
            return Ok(());
        }
        if let Some(since) = self.draining {
            if let Some(device) = self.devices.iter().find(|d| d.worker.is_some()) {
                let stages: Vec<_> =
                    device.worker.iter().flat_map(|w| w.engine().tasks().map(|t| t.stage)).collect();
                if self.now.saturating_sub(since) >= DRAIN {
                    return broken(
                        "P5",
                        format!("a drain does not end, with nothing in its way: {stages:?}"),
                    );
                }
            } else {
                self.over = true;
                return Ok(());
            }
            self.after(MINUTE, What::Settled);
            return Ok(());
        }
        self.operate()?;
        let waiting = self.outside().service.waiting();
        if waiting > 0 {
            return self.not_yet("P9", |_| format!("{waiting} executions wait, and nobody polls"));
        }
        if let Some(letter) = self.devices.iter().find_map(Device::waiting_letter).cloned() {
            return self.not_yet("P1", |_| format!("{letter:?} was never taken in"));
        }
        let open = self
            .devices
            .iter()
            .find_map(|d| d.judge.open(&d.disk).map(|(id, debt)| (d.number, id, debt.clone())));
        let Some((device, id, debt)) = open else {
            self.draining = Some(self.now);
            for device in 0..self.devices.len() {
                self.devices[device].stopping = Some((Stop::Drain, self.now, false));
                self.ask(device, |worker| worker.stop(Stop::Drain))?;
            }
            self.after(MINUTE, What::Settled);
            return Ok(());
        };
        let promise = if debt.kept.is_some() { "P1" } else { "P3" };
        self.not_yet(promise, |world| {
            let stage = world.devices[device].worker.as_ref().and_then(|w| w.engine().stage(id));
            match debt.kept {
                Some(_) => format!("task {id} is kept, and neither settled nor held ({stage:?})"),
                None => format!("task {id} was accepted and does not end ({stage:?})"),
            }
        })
    }

    /// Something is still owed: it has its time, then that is a finding.
    fn not_yet(&mut self, promise: &'static str, what: impl FnOnce(&World) -> String) -> Result<(), Finding> {
        if self.now > self.scenario.length + QUIET {
            return broken(promise, what(self));
        }
        self.after(10 * MINUTE, What::Settled);
        Ok(())
    }
}

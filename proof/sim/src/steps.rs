//! What a process does: it is stepped, its orders are carried out, and it dies.

use std::sync::PoisonError;
use std::time::Duration;

use activity_worker::worker::stepped::{Done, Stepped};
use activity_worker::worker::{Event, StartError, Stop};

use crate::clock::DeviceClock;
use crate::device::Doom;
use crate::device::work::{Manner, manner};
use crate::judge::finding::{Finding, broken};
use crate::scenario::{Kind, Scenario};
use crate::world::{Deed, What, World};

/// A drain that nothing stands in the way of ends within this time.
const DRAIN: Duration = Duration::from_secs(1200);

impl World {
    /// Starts a device's worker.
    pub(crate) fn boot(&mut self, device: usize) -> Result<(), Finding> {
        let (now, seed) = (self.now, self.seed);
        let dev = &mut self.devices[device];
        if dev.worker.is_some() || self.draining.is_some() {
            return Ok(());
        }
        dev.asleep_until = None;
        dev.clock.look(now);
        if dev.brownouts > 0 && self.rng.bool() {
            dev.brownouts -= 1;
            dev.disk.halt_after(self.rng.u64(1..40));
        }
        self.judge_date(device)?;
        self.choose_endpoint(device);
        let dev = &mut self.devices[device];
        let started = dev.start(&self.scenario, &self.outside, seed);
        if dev.disk.is_halted() {
            dev.judge.died_at_start(&dev.disk);
            return self.die(device, true);
        }
        if let Err(error) = started {
            self.devices[device].clear();
            self.say(|| format!("d{device} does not start: {error}"));
            if self.quiet || matches!(error, StartError::Config(_)) {
                return broken("P3", format!("no start on a healthy disk: {error}"));
            }
            self.outside().fault("start refused");
            let again = self.between(5.0, 60.0);
            self.after(again, What::Boot(device));
            return Ok(());
        }
        self.say(|| format!("d{device} started"));
        let mut out = self.outside();
        let link = &mut out.links[device];
        (link.shut, link.dropped, link.answer, link.held) = (false, false, None, None);
        drop(out);
        let dev = &mut self.devices[device];
        dev.judge.born(now, dev.elsewhere);
        if dev.brownouts > 0 {
            (dev.brownouts, dev.doom) =
                (dev.brownouts - 1, Some(Doom { steps: self.rng.u32(1..8), power: true }));
        }
        if let Some(worker) = &dev.worker {
            dev.judge.found(worker, now);
        }
        self.settle_down(device)
    }

    /// Something happens to a process, if it still lives and is awake.
    pub(crate) fn to(&mut self, device: usize, life: u64, deed: Deed) -> Result<(), Finding> {
        let dev = &mut self.devices[device];
        if dev.life != life || dev.worker.is_none() {
            return Ok(());
        }
        if dev.is_asleep(self.now)
            && let Some(until) = dev.asleep_until
        {
            let later = until - self.now + self.between(0.0, 30.0);
            self.after(later, What::to(device, life, deed));
            return Ok(());
        }
        match deed {
            Deed::Timer(number) if number != self.devices[device].timer => Ok(()),
            Deed::Timer(_) => self.step(device, None),
            Deed::Disk => self.store(device),
            Deed::Done(done) => {
                self.say(|| format!("d{device} hears {}", done.told()));
                self.step(device, Some(done))
            }
            Deed::Called(word, took, over) => {
                let judge = &mut self.devices[device].judge;
                judge.rate.ended(word.failure(), took);
                if let Some(id) = over {
                    judge.told_over(id);
                }
                self.say(|| format!("d{device} hears {}", word.told()));
                self.step(device, Some(word))
            }
            Deed::PollAnswered(word) => {
                self.devices[device].polls_out -= 1;
                self.say(|| format!("d{device} poll: {}", word.told()));
                self.step(device, Some(word))
            }
            Deed::PollEnds(poll, task) => self.poll_ends(device, poll, task),
            Deed::Handler(key) => match self.devices[device].handlers.remove(&key) {
                Some((run, _)) => {
                    if self.devices[device].starts.fails(run.task().id()) {
                        self.devices[device].judge.failed_starts.one_more(&self.scenario, self.now)?;
                    }
                    let word = run.work();
                    self.say(|| format!("d{device} handler ends: {}", word.told()));
                    self.step(device, Some(word))
                }
                None => Ok(()),
            },
            Deed::Check => self.settle_down(device),
        }
    }

    /// One step of the worker.
    pub(crate) fn step(&mut self, device: usize, done: Option<Done>) -> Result<(), Finding> {
        self.ask(device, |worker| worker.step(done)).map(drop)
    }

    /// The app, the platform or a thread has a word with the worker.
    pub(crate) fn ask<T>(
        &mut self,
        device: usize,
        ask: impl FnOnce(&mut Stepped) -> T,
    ) -> Result<Option<T>, Finding> {
        let dev = &mut self.devices[device];
        if dev.is_asleep(self.now) {
            return Ok(None);
        }
        dev.clock.look(self.now);
        let Some(worker) = &mut dev.worker else { return Ok(None) };
        let answer = ask(worker);
        if let Some(doom) = &mut dev.doom {
            doom.steps = doom.steps.saturating_sub(1);
            if doom.steps == 0 {
                let power = doom.power;
                self.die(device, power)?;
                return Ok(Some(answer));
            }
        }
        self.settle_down(device)?;
        Ok(Some(answer))
    }

    /// After every step: orders are carried out, the judge looks, and the next time is set.
    pub(crate) fn settle_down(&mut self, device: usize) -> Result<(), Finding> {
        let Some(worker) = &mut self.devices[device].worker else { return Ok(()) };
        let (orders, events) = (worker.orders(), worker.events());
        self.hear(device, &events)?;
        self.answer_operator(device)?;
        for order in orders {
            self.carry_out(device, order)?;
        }
        self.answer_app(device)?;
        self.judge_letters(device)?;
        self.end_cancelled(device);
        let (now, life) = (self.now, self.devices[device].life);
        let dev = &mut self.devices[device];
        let stopping_now = matches!(dev.stopping, Some((Stop::Now, ..)));
        dev.judge.look(dev.worker.as_ref(), &dev.disk, &self.scenario, now, life, stopping_now)?;
        if dev.worker.as_ref().is_some_and(Stepped::is_over) {
            return self.ended(device);
        }
        self.check_drain(device)?;
        let dev = &mut self.devices[device];
        dev.timer += 1;
        let due = dev.worker.as_ref().and_then(Stepped::due);
        if let Some(due) = due {
            let at = dev.clock.world_time(due).saturating_sub(now);
            let timer = Deed::Timer(dev.timer);
            self.after(at, What::to(device, life, timer));
        }
        Ok(())
    }

    fn hear(&mut self, device: usize, events: &[Event]) -> Result<(), Finding> {
        for event in events {
            self.say(|| format!("d{device} says: {event}"));
            let out = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
            self.devices[device].judge.event(event, &out.service, &self.scenario, self.now)?;
            drop(out);
            self.hear_of_folder(device, event)?;
        }
        Ok(())
    }

    /// A handler that listens ends soon after it is told to.
    fn end_cancelled(&mut self, device: usize) {
        let (seed, dev) = (self.seed, &mut self.devices[device]);
        let life = dev.life;
        let mut told = Vec::new();
        for (key, (run, ending)) in &mut dev.handlers {
            let listens = manner(seed, run.task()) != Manner::Hangs;
            if listens && !*ending && run.task().is_cancelled().is_some() {
                *ending = true;
                told.push(*key);
            }
        }
        for key in told {
            let soon = self.between(0.1, 3.0);
            self.after(soon, What::to(device, life, Deed::Handler(key)));
        }
    }

    /// Nothing that is in no one's way keeps a drain from its end.
    fn check_drain(&mut self, device: usize) -> Result<(), Finding> {
        let now = self.now;
        let down = self.outside().links[device].no_credentials_until > now;
        let dev = &mut self.devices[device];
        let hindered = !dev.handlers.is_empty() || dev.disk_trouble_until > now || down;
        let Some((how, since, was)) = &mut dev.stopping else { return Ok(()) };
        if std::mem::replace(was, hindered) || hindered {
            *since = now;
        }
        if *how == Stop::Drain && now.saturating_sub(*since) > DRAIN {
            let stages: Vec<_> =
                dev.worker.iter().flat_map(|w| w.engine().tasks().map(|t| t.stage)).collect();
            return broken("P5", format!("a drain does not end: {stages:?}"));
        }
        Ok(())
    }

    /// The worker has stopped as it was told.
    fn ended(&mut self, device: usize) -> Result<(), Finding> {
        let dropped = self.outside().links[device].dropped;
        let dev = &mut self.devices[device];
        let how = dev.stopping.map(|(how, ..)| how);
        let polls = dev.polls_out;
        if how == Some(Stop::Drain) && (polls > 0 || dropped) {
            return broken("P5", format!("a drain dropped {} polls", polls.max(1)));
        }
        if how.is_none() {
            return broken("P5", "the worker ended, and nobody told it to");
        }
        let report = match dev.worker.take() {
            Some(worker) => {
                let owed = dev.judge.foreign(&worker);
                let report = worker.end();
                dev.judge.shown(&report.foreign, &owed)?;
                Some(report)
            }
            None => None,
        };
        dev.clear();
        dev.disk.process_ends();
        self.say(|| format!("d{device} stopped: {report:?}"));
        if self.draining.is_none() {
            let later = self.between(1.0, 600.0);
            self.after(later, What::Boot(device));
        }
        Ok(())
    }

    /// The process dies, or the power goes.
    pub(crate) fn die(&mut self, device: usize, power: bool) -> Result<(), Finding> {
        self.outside().fault(if power { "power cut" } else { "process killed" });
        self.say(|| format!("d{device} {}", if power { "loses power" } else { "is killed" }));
        let (now, life) = (self.now, self.devices[device].life);
        let away = match self.scenario.kind {
            Kind::Long if self.rng.u8(..4) == 0 => self.between(3600.0, 20.0 * 86_400.0),
            _ if self.devices[device].brownouts > 0 => self.between(1.0, 20.0),
            _ => self.between(1.0, 900.0),
        };
        let date = Scenario::first_date(&mut self.rng, now + away);
        let dev = &mut self.devices[device];
        dev.clear();
        dev.asleep_until = None;
        if power {
            let rng = &mut self.rng;
            dev.disk.power_cut(|| rng.bool());
            dev.clock = DeviceClock::new(now, 1.0 + (rng.f64() - 0.5) * 1e-4, date);
        } else {
            dev.disk.process_ends();
        }
        dev.judge.look(None, &dev.disk, &self.scenario, now, life, true)?;
        self.judge_letters(device)?;
        self.after(away, What::Boot(device));
        Ok(())
    }
}

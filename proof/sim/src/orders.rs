//! What the worker orders, carried out as its threads would: with the same code, at virtual times.

use std::collections::HashMap;
use std::time::Duration;

use activity_worker::ErrorClass;
use activity_worker::aws::TransportError;
use activity_worker::worker::stepped::{CallOrder, DiskAnswer, DiskOrder, Order, RunOrder};

use crate::device::work::{Manner, manner};
use crate::device::{Gone, OpenPoll};
use crate::judge::finding::{Finding, broken};
use crate::judge::report_of;
use crate::network::faults;
use crate::scenario::Kind;
use crate::service::{LONG_POLL, Service};
use crate::wire;
use crate::world::{Deed, What, World};

/// As many orders share one sync as in the worker's own thread.
const BATCH: usize = 32;
/// What a worker knows of its disk before a poll is no older.
const FRESH: Duration = Duration::from_secs(30);
/// The client's deadline of a poll.
const POLL_DEADLINE: Duration = Duration::from_secs(65);

impl World {
    /// Carries out an order, or lets it wait for its thread.
    pub(crate) fn carry_out(&mut self, device: usize, order: Order) -> Result<(), Finding> {
        match order {
            Order::Poll(activity) => self.poll(device, activity),
            Order::Disk(order) => {
                self.say(|| {
                    let (what, id) = order.what();
                    format!("d{device} disk: {what} {}", id.map(|id| id.to_string()).unwrap_or_default())
                });
                self.devices[device].disk_orders.push_back(order);
                self.disk_goes_on(device);
                Ok(())
            }
            Order::Call(order) => self.call(device, order),
            Order::Run(order) => self.run_handler(device, order),
            Order::Reclaim(order) => {
                let life = self.devices[device].life;
                let took = self.between(0.01, 5.0);
                self.after(took, What::to(device, life, Deed::Done(order.reclaim())));
                Ok(())
            }
        }
    }

    fn disk_goes_on(&mut self, device: usize) {
        let dev = &mut self.devices[device];
        if dev.disk_busy > 0 || dev.disk_orders.is_empty() {
            return;
        }
        dev.disk_busy = dev.disk_orders.len().min(BATCH);
        let (life, slow) = (dev.life, dev.disk_trouble_until > self.now);
        let took = if slow { self.between(0.01, 5.0) } else { self.between(0.001, 0.05) };
        self.after(took, What::to(device, life, Deed::Disk));
    }

    /// The disk's thread has done a batch; or the process died over it.
    pub(crate) fn store(&mut self, device: usize) -> Result<(), Finding> {
        let now = self.now;
        let dev = &mut self.devices[device];
        let orders: Vec<_> = dev.disk_orders.drain(..dev.disk_busy).collect();
        dev.disk_busy = 0;
        let kept: HashMap<_, _> =
            orders.iter().filter_map(|o| Some((o.what().1?, report_of(o.outcome()?)))).collect();
        dev.clock.look(now);
        let Some(worker) = &mut dev.worker else { return Ok(()) };
        let ended: Vec<_> = orders
            .iter()
            .map(DiskOrder::what)
            .filter(|(what, _)| *what == "settle")
            .filter_map(|o| o.1)
            .collect();
        let words = worker.store(orders);
        if dev.disk.is_halted() {
            kept.keys().for_each(|id| dev.judge.torn(*id));
            ended.iter().for_each(|id| dev.judge.may_be_unwritten(*id));
            let power = self.rng.bool();
            return self.die(device, power);
        }
        for word in &words {
            if let Some(answer) = word.disk_answer() {
                let outcome = match answer {
                    DiskAnswer::Kept(id, _) | DiskAnswer::Accepted(id, _) => kept.get(&id),
                    _ => None,
                };
                dev.judge.disk_said(answer, outcome);
                let has_room = |id| dev.worker.as_ref().is_some_and(|w| w.spool().has_promised(id));
                if let DiskAnswer::Accepted(id, true) = answer
                    && outcome.is_none()
                    && !has_room(id)
                {
                    return broken("P2", format!("task {id} is accepted without room for its outcome"));
                }
            }
        }
        let life = dev.life;
        for word in words {
            self.say(|| format!("d{device} disk says {}", word.told()));
            let dev = &mut self.devices[device];
            match (word.disk_answer(), &mut dev.gone) {
                (Some(DiskAnswer::Room(_)), _) => dev.room_unknown = false,
                (Some(DiskAnswer::Accepted(_, false)), Some(gone)) => *gone = Gone::Seen,
                _ => {}
            }
            self.step(device, Some(word))?;
            if self.devices[device].life != life {
                return Ok(());
            }
        }
        self.judge_folder(device)?;
        self.disk_goes_on(device);
        Ok(())
    }

    fn call(&mut self, device: usize, order: CallOrder) -> Result<(), Finding> {
        let (now, id, is_report) = (self.now, order.id(), order.outcome().is_some());
        self.say(|| format!("d{device} {} {id}", if is_report { "reports" } else { "beats" }));
        let dev = &mut self.devices[device];
        dev.judge.calls(id, order.outcome(), now, dev.life)?;
        dev.clock.look(now);
        let Some(worker) = &dev.worker else { return Ok(()) };
        let word = worker.call(order);
        let (took, life) = (dev.clock.view() - now, dev.life);
        dev.clock.look(now);
        self.judge_sent(device)?;
        let over = (is_report && word.failure() == Some(ErrorClass::Settled)).then_some(id);
        self.after(took, What::to(device, life, Deed::Called(word, took, over)));
        Ok(())
    }

    /// A poll goes. If the service holds it, it comes back with a task, or empty after a minute.
    fn poll(&mut self, device: usize, activity: usize) -> Result<(), Finding> {
        self.say(|| format!("d{device} polls activity {activity}"));
        self.may_poll(device, activity)?;
        let now = self.now;
        let dev = &mut self.devices[device];
        dev.polls_out += 1;
        dev.clock.look(now);
        let Some(worker) = &dev.worker else { return Ok(()) };
        let word = worker.poll(activity);
        let (took, life) = (dev.clock.view() - now, dev.life);
        dev.clock.look(now);
        self.judge_sent(device)?;
        let held = self.outside().links[device].held.take();
        match held {
            None => self.after(took, What::to(device, life, Deed::PollAnswered(word))),
            Some((poll, fault)) => {
                self.devices[device].polls.insert(poll, OpenPoll { activity, since: now, fault });
                self.outside().service.hold(activity, poll, now);
                self.after(LONG_POLL, What::to(device, life, Deed::PollEnds(poll, None)));
                self.dispatch(activity);
            }
        }
        Ok(())
    }

    /// P2: a slot, room on disk, a disk that works. What lies on disk is counted, not what the worker says.
    fn may_poll(&self, device: usize, activity: usize) -> Result<(), Finding> {
        use activity_worker::engine::slots::Stage;
        let dev = &self.devices[device];
        let Some(worker) = &dev.worker else { return Ok(()) };
        if dev.stopping.is_some() {
            return broken("P5", "a poll after the stop");
        }
        let spool = worker.spool();
        let staged = dev.disk_orders.iter().filter(|order| order.what().0 == "accept").count();
        let coming = staged + dev.polls_out + 1;
        let plan = &self.scenario.plan;
        if spool.len() + coming > plan.max_tasks {
            return broken(
                "P2",
                format!(
                    "a poll with {} tasks on disk and {coming} coming, of {}",
                    spool.len(),
                    plan.max_tasks
                ),
            );
        }
        let max_output = self.scenario.activities.iter().map(|a| a.max_output).fold(1000, usize::max);
        if !dev.room_unknown && dev.disk_trouble_until <= self.now && spool.room(max_output) < coming {
            return broken("P2", "a poll, and the disk has no room for its task");
        }
        if dev.full_since.is_some_and(|at| at + FRESH <= self.now) && spool.room(max_output) < coming {
            return broken("P2", "a poll, and others have long filled the disk");
        }
        let mine =
            |stage| matches!(stage, Stage::Accepting | Stage::Running | Stage::Deferred | Stage::Ended);
        let open = worker.engine().tasks().filter(|t| t.activity == Some(activity) && mine(t.stage)).count();
        if open >= self.scenario.activities[activity].concurrency {
            return broken("P2", format!("a poll with all {open} slots taken"));
        }
        let rate = |interval: Duration| 1.0 / interval.as_secs_f64();
        if dev.gone == Some(Gone::Seen) {
            return broken("P2", "a poll, and the folder was seen to be gone");
        }
        let beating = worker.engine().tasks().filter(|t| t.beats()).filter_map(|t| t.beat.interval).map(rate);
        dev.judge.rate.may_poll(beating.sum(), rate(self.scenario.activities[activity].heartbeat))
    }

    /// The answer to a poll arrives, if there is still somebody to hear it.
    pub(crate) fn poll_ends(&mut self, device: usize, poll: u64, task: Option<usize>) -> Result<(), Finding> {
        let now = self.now;
        let Some(OpenPoll { activity, since, fault }) = self.devices[device].polls.get(&poll).copied() else {
            return Ok(());
        };
        let input = match self.rng.u8(..8) {
            0 => format!("\"{}\"", "w".repeat(self.rng.usize(..60_000))),
            _ => "{\"work\":1}".to_owned(),
        };
        let mut out = self.outside();
        if task.is_none() {
            out.service.release(activity, poll);
        }
        let away = now.saturating_sub(since) > POLL_DEADLINE
            || out.links[device].spell.is_some_and(|(_, until)| until > now);
        if away && task.is_some() {
            out.fault("task lost on its way");
        }
        let (at, mut answer) = match task {
            _ if away => {
                (now.max(since + POLL_DEADLINE), Err(TransportError::new("no answer in time", true)))
            }
            None => (now, Ok(wire::ok(b"{}", Some(Service::date(now))))),
            Some(place) => {
                let token = &out.service.tasks[place].token;
                (now, Ok(wire::task(token, &input, Service::date(now))))
            }
        };
        if let Ok(answer) = &mut answer {
            faults::spoil(answer, fault, now, &mut out.rng);
            out.lie(device, answer, now);
        }
        out.links[device].answer = Some((at, answer));
        drop(out);
        let dev = &mut self.devices[device];
        dev.polls.remove(&poll);
        // The client is carried through the whole call now: from the time at which it was sent to that of its answer.
        dev.clock.look(since);
        let Some(worker) = &dev.worker else { return Ok(()) };
        let word = worker.poll(activity);
        dev.clock.look(now);
        let life = dev.life;
        self.outside().links[device].answer = None;
        self.judge_sent(device)?;
        self.after(at - now, What::to(device, life, Deed::PollAnswered(word)));
        Ok(())
    }

    fn run_handler(&mut self, device: usize, order: Box<RunOrder>) -> Result<(), Finding> {
        let (id, run) = (order.task().id(), order.task().run());
        let fails = self.devices[device].no_starts_until > self.now;
        let how = if fails { Manner::Fails } else { manner(self.seed, order.task()) };
        self.say(|| format!("d{device} runs {id}, run {run}: {how:?}"));
        self.devices[device].judge.runs(id)?;
        let key = self.number();
        let dev = &mut self.devices[device];
        let life = dev.life;
        if fails {
            dev.starts.fail(id);
        }
        dev.handlers.insert(key, (order, false));
        let long = if self.scenario.kind == Kind::Long { 86_400.0 } else { 1200.0 };
        let took = match how {
            _ if self.quiet => self.between(0.1, 5.0),
            Manner::Fails => self.between(0.001, 2.0),
            Manner::Quick => self.between(0.001, 5.0),
            Manner::Slow => self.between(5.0, long),
            Manner::Waits | Manner::Hangs => return Ok(()),
        };
        self.after(took, What::to(device, life, Deed::Handler(key)));
        Ok(())
    }

    /// Shows the judge what was sent.
    fn judge_sent(&mut self, device: usize) -> Result<(), Finding> {
        let mut out = self.outside();
        let lied = std::mem::take(&mut out.links[device].lied);
        let (sent, late) = (std::mem::take(&mut out.sent), std::mem::take(&mut out.late));
        drop(out);
        for (at, from, call) in late {
            self.after(at.saturating_sub(self.now), What::Late(from, call));
        }
        for sent in sent {
            self.say(|| {
                let (fault, skew) = (sent.fault, sent.skew.as_secs());
                format!("d{device} -> {:?}, weather {fault:?}, signed {skew} s off", sent.verdict)
            });
            if let Some(comeback) = &mut self.comeback {
                comeback.sent(device, &sent);
            }
            self.devices[device].judge.sent(&sent, &self.scenario)?;
        }
        if lied {
            self.devices[device].judge.was_lied_to();
        }
        Ok(())
    }
}

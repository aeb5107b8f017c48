//! The operator of devices whose endpoint was changed: sees what waits for another one, and decides.

use std::sync::mpsc::TryRecvError;

use crate::device::Decision;
use crate::judge::finding::{Finding, broken};
use crate::scenario::Edge;
use crate::world::World;

impl World {
    /// Once all is quiet: what is another endpoint's is listed, and given up, adopted, or goes back to where it came from.
    pub(crate) fn operate(&mut self) -> Result<(), Finding> {
        for device in 0..self.devices.len() {
            if self.scenario.edge == Some(Edge::Origin) {
                self.decide(device)?;
            }
        }
        Ok(())
    }

    fn decide(&mut self, device: usize) -> Result<(), Finding> {
        let Some(listed) = self.ask(device, |worker| worker.foreign_tasks())? else { return Ok(()) };
        let dev = &self.devices[device];
        let Some(worker) = &dev.worker else { return Ok(()) };
        dev.judge.shown(&listed, &dev.judge.foreign(worker))?;
        if !listed.is_empty() && !dev.went_back && self.rng.u8(..3) == 0 {
            self.say(|| format!("d{device} goes back to the endpoint of what it holds"));
            let dev = &mut self.devices[device];
            (dev.went_back, dev.elsewhere) = (true, !dev.elsewhere);
            return self.die(device, false);
        }
        let held =
            dev.judge.debts.iter().filter(|(_, debt)| debt.is_held() && !debt.is_foreign(dev.elsewhere));
        let mut held: Vec<_> = held.map(|(id, _)| *id).collect();
        held.retain(|_| self.rng.u8(..3) == 0);
        let foreign = listed.into_iter().map(|task| task.id);
        for (id, may_adopt) in foreign.map(|id| (id, true)).chain(held.into_iter().map(|id| (id, false))) {
            let adopts = may_adopt && self.rng.bool();
            self.say(|| format!("d{device} operator {} {id}", if adopts { "adopts" } else { "discards" }));
            let debt = self.devices[device].judge.debts.entry(id).or_default();
            debt.discarded |= !adopts;
            let answer = self.ask(device, |worker| match adopts {
                true => worker.adopt_foreign(id),
                false => worker.discard(id),
            })?;
            self.devices[device].decisions.extend(answer.map(|answer| Decision { id, adopts, answer }));
        }
        Ok(())
    }

    /// What the worker answered to the operator must be so.
    pub(crate) fn answer_operator(&mut self, device: usize) -> Result<(), Finding> {
        let now = self.now;
        let dev = &mut self.devices[device];
        for decision in std::mem::take(&mut dev.decisions) {
            let Decision { id, adopts, answer } = &decision;
            let debt = dev.judge.debts.entry(*id).or_default();
            match answer.try_recv() {
                Ok(Ok(())) if *adopts => {
                    debt.elsewhere = Some(dev.elsewhere);
                    (debt.last_beat, debt.since) = (now, now);
                }
                Ok(Ok(())) if dev.worker.as_ref().is_some_and(|w| w.spool().task(*id).is_some()) => {
                    return broken("P1", format!("task {id} is told discarded, and is still on disk"));
                }
                // One that failed is decided on again.
                Ok(_) | Err(TryRecvError::Disconnected) => {}
                Err(TryRecvError::Empty) => dev.decisions.push(decision),
            }
        }
        Ok(())
    }
}

//! The app on a device: it answers deferred tasks, hands over pushed tokens, and is told what became of both.

use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use activity_worker::worker::Adopted;
use activity_worker::{Adoption, Outcome, Output, TaskToken};

use crate::judge::finding::{Finding, broken};
use crate::judge::report_of;
use crate::scenario::{Kind, Letters};
use crate::service::TaskRules;
use crate::world::{What, World};

impl World {
    /// A `.waitForTaskToken` state sends its token to the device's app.
    pub(crate) fn push(&mut self, device: usize) {
        if self.quiet {
            return;
        }
        let now = self.now;
        let heartbeat = self.scenario.plan.adopted_heartbeat.map(|interval| interval * 3);
        let timeout = (self.rng.u8(..3) == 0).then(|| self.between(60.0, 7200.0));
        let mut out = self.outside();
        let place = out.service.push(TaskRules { heartbeat, timeout }, now);
        let token = out.service.tasks[place].token.clone();
        drop(out);
        self.watch(place);
        self.devices[device].pushed.push(token);
        let next = self.about(self.scenario.arrivals * 3);
        self.after(next, What::Push(device));
    }

    /// The app looks at its tasks.
    pub(crate) fn app(&mut self, device: usize) -> Result<(), Finding> {
        let next = match (self.quiet, self.scenario.kind) {
            (true, _) => Duration::from_secs(120),
            (_, Kind::Long) => self.between(3600.0, 3.0 * 86_400.0),
            _ => self.between(10.0, 3600.0),
        };
        self.after(next, What::App(device));
        let now = self.now;
        if self.devices[device].asleep_until.is_some_and(|until| until > now) {
            return Ok(());
        }
        let life = self.devices[device].life;
        let Some(tasks) = self.ask(device, |worker| worker.deferred_tasks())? else { return Ok(()) };
        self.devices[device].judge.touched = now;
        self.devices[device].seen = tasks.iter().map(|task| task.id).collect();
        if self.scenario.plan.letters == Letters::Only {
            return Ok(());
        }
        for task in tasks {
            if !self.quiet && self.rng.u8(..3) > 0 {
                continue;
            }
            if self.rng.bool() && self.ask(device, |worker| drop(worker.input(task.id)))?.is_none() {
                return Ok(());
            }
            // Now and then a person presses a button twice, or another one.
            for _ in 0..=u8::from(self.rng.u8(..8) == 0) {
                let outcome = match self.rng.u8(..4) {
                    0 => Outcome::failure("App.Refused", "no"),
                    1 => Outcome::from(Output::parse(format!("\"{}\"", "y".repeat(self.rng.usize(1..900))))),
                    _ => Outcome::from(Output::parse("{\"approved\":true}")),
                };
                let report = report_of(&outcome);
                self.say(|| format!("d{device} app settles {} with {report:?}", task.id));
                let dev = &mut self.devices[device];
                if dev.life != life {
                    return Ok(());
                }
                let Some(worker) = &mut dev.worker else { return Ok(()) };
                dev.clock.look(now);
                let answer = worker.answer(task.id, outcome);
                dev.answers.push((task.id, report, answer));
                self.settle_down(device)?;
            }
        }
        self.adopt(device, life)
    }

    fn adopt(&mut self, device: usize, life: u64) -> Result<(), Finding> {
        let mut pushed = std::mem::take(&mut self.devices[device].pushed);
        pushed.sort_unstable();
        pushed.dedup();
        for token in pushed {
            let Ok(parsed) = TaskToken::new(token.clone()) else { continue };
            let again = self.rng.u8(..6) == 0;
            for n in 0..=u8::from(again) {
                let dev = &mut self.devices[device];
                if dev.life != life || dev.worker.is_none() {
                    dev.pushed.push(token.clone());
                    break;
                }
                dev.clock.look(self.now);
                if let Some(worker) = &mut dev.worker {
                    let adoption = Adoption::new(parsed.clone());
                    // What the first push had no room for, the second one brings.
                    let adoption = if n == 0 { adoption } else { adoption.input("{\"order\":7}") };
                    let answer = worker.adopt(adoption);
                    dev.adoptions.push((token.clone(), answer));
                }
                self.say(|| format!("d{device} app adopts {}", parsed.id()));
                self.settle_down(device)?;
            }
        }
        Ok(())
    }

    /// What the worker answered to the app must be so.
    pub(crate) fn answer_app(&mut self, device: usize) -> Result<(), Finding> {
        let dev = &mut self.devices[device];
        for (token, answer) in std::mem::take(&mut dev.adoptions) {
            match answer.try_recv() {
                Ok(Ok(Adopted::New(id))) if !dev.judge.debts.get(&id).is_some_and(|d| d.accepted) => {
                    return broken("P1", format!("task {id} is told adopted, and is not on disk"));
                }
                // Now and then the same token comes once more.
                Ok(Ok(_)) if self.rng.u8(..8) == 0 && !self.quiet => dev.pushed.push(token),
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => dev.pushed.push(token),
                Err(TryRecvError::Empty) => dev.adoptions.push((token, answer)),
            }
        }
        for (id, report, answer) in std::mem::take(&mut dev.answers) {
            match answer.try_recv() {
                Ok(Ok(())) if dev.judge.debts.get(&id).is_none_or(|d| d.kept.as_ref() != Some(&report)) => {
                    return broken("P1", format!("the app's answer to task {id} is told kept, and is not"));
                }
                Ok(_) | Err(TryRecvError::Disconnected) => {}
                Err(TryRecvError::Empty) => dev.answers.push((id, report, answer)),
            }
        }
        Ok(())
    }
}

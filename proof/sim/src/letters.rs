//! Another process of the app, a notification's say: it has neither the worker nor its lock, and leaves letters in the inbox.

use std::path::Path;
use std::time::Duration;

use activity_worker::worker::stepped;
use activity_worker::{Adoption, Outcome, Output, TaskToken};

use crate::device::Device;
use crate::device::letter::Letter;
use crate::judge::finding::{Finding, broken};
use crate::judge::ledger::Debt;
use crate::scenario::Kind;
use crate::state_dir::DIR;
use crate::world::{What, World};

impl World {
    /// The other process runs for a moment.
    pub(crate) fn extension(&mut self, device: usize) -> Result<(), Finding> {
        let next = match (self.quiet, self.scenario.kind) {
            (true, _) => Duration::from_secs(120),
            (_, Kind::Long) => self.between(3600.0, 2.0 * 86_400.0),
            _ => self.between(10.0, 1800.0),
        };
        self.after(next, What::Extension(device));
        let now = self.now;
        if self.draining.is_some() || self.devices[device].is_asleep(now) {
            return Ok(());
        }
        self.leave_tokens(device);
        self.leave_answers(device);
        let dev = &mut self.devices[device];
        dev.room_unknown = true;
        if dev.disk.is_halted() {
            // The letter was in the way of what was to end the worker.
            match dev.worker {
                Some(_) => return self.die(device, true),
                None => dev.disk.process_ends(),
            }
        }
        self.judge_letters(device)?;
        // The app, if it runs, is told that there are letters; often it is.
        if self.quiet || self.rng.bool() {
            self.ask(device, stepped::Stepped::wake)?;
        }
        Ok(())
    }

    fn leave_tokens(&mut self, device: usize) {
        for token in std::mem::take(&mut self.devices[device].pushed) {
            let Ok(parsed) = TaskToken::new(token.clone()) else { continue };
            let id = parsed.id();
            let dev = &mut self.devices[device];
            let left = stepped::leave_token(&mut dev.disk, Path::new(DIR), &Adoption::new(parsed));
            self.say(|| format!("d{device} a letter brings the token of {id}: {}", left.is_ok()));
            let again = left.is_err() || (!self.quiet && self.rng.u8(..8) == 0);
            let dev = &mut self.devices[device];
            dev.pushed.extend(again.then_some(token));
            if left.is_ok() {
                dev.letters.insert(Letter { id, kind: "token" });
                dev.seen.push(id);
            }
        }
    }

    fn leave_answers(&mut self, device: usize) {
        for id in self.devices[device].seen.clone() {
            if !self.quiet && self.rng.u8(..3) > 0 {
                continue;
            }
            let outcome = match self.rng.u8(..4) {
                0 => Outcome::failure("Letter.Refused", "no"),
                _ => Outcome::from(Output::parse(format!("\"{}\"", "z".repeat(self.rng.usize(1..900))))),
            };
            let dev = &mut self.devices[device];
            let left = stepped::leave_answer(&mut dev.disk, Path::new(DIR), id, &outcome);
            self.say(|| format!("d{device} a letter answers {id}: {}", left.is_ok()));
            if left.is_ok() {
                self.devices[device].letters.insert(Letter { id, kind: "answer" });
            }
        }
    }

    /// A letter goes only when what it says is kept elsewhere.
    pub(crate) fn judge_letters(&mut self, device: usize) -> Result<(), Finding> {
        let Device { letters, disk, judge, .. } = &mut self.devices[device];
        for letter in letters.extract_if(.., |letter| !disk.has(&letter.path())) {
            if !letter.is_taken_in(judge.debts.get(&letter.id)) {
                let Letter { id, kind } = letter;
                return broken(
                    "P1",
                    format!("the letter with the {kind} of task {id} is gone, and not taken in"),
                );
            }
        }
        Ok(())
    }
}

impl Device {
    /// A letter that still waits, though there is nothing in its way.
    pub(crate) fn waiting_letter(&self) -> Option<&Letter> {
        self.letters.iter().find(|letter| {
            // Of a task of which the worker may know nothing any more it can't know either.
            !self.judge.debts.get(&letter.id).is_some_and(Debt::may_be_forgotten)
        })
    }
}

//! What the worker says of itself, held against what the disk and the service said.

use std::time::Duration;

use activity_worker::worker::{BeatsStopped, Cancelled, Event, Warning};
use activity_worker::{Settlement, TaskId};

use super::finding::{Finding, broken};
use super::{Judge, ledger};
use crate::scenario::Scenario;
use crate::service::{Report, Service, Status};

/// Heartbeats end an hour after reports began to be denied; a machine may sleep meanwhile.
const DENIED: Duration = Duration::from_secs(8 * 3600);

impl Judge {
    /// The worker says what happened.
    pub(crate) fn event(
        &mut self,
        event: &Event,
        service: &Service,
        scenario: &Scenario,
        now: Duration,
    ) -> Result<(), Finding> {
        match event {
            Event::Accepted { id, activity } => {
                let debt = self.debts.entry(*id).or_default();
                // One that was adopted from another endpoint may have been accepted by a process that died before it could tell.
                if !debt.accepted && !debt.found {
                    return broken("P3", format!("task {id} is told accepted, and is not on disk"));
                }
                let number = activity.as_ref().and_then(|a| a.rsplit('-').next()?.parse::<usize>().ok());
                debt.interval = match number {
                    Some(n) => Some(scenario.activities[n].heartbeat),
                    None => scenario.plan.adopted_heartbeat,
                };
                (debt.settled, debt.since) = (None, now);
                debt.beats_from(now);
            }
            Event::Settled { id, settlement, .. } => self.settled(*id, *settlement, service)?,
            Event::Foreign { id, .. } => drop(self.told_foreign.insert(*id)),
            Event::Held { id, .. } => self.debts.entry(*id).or_default().held = true,
            Event::Quarantined { path } => self.told.push(path.to_string_lossy().into_owned()),
            Event::Warning(warning) => {
                ledger::warned(&mut self.debts, warning);
                self.told.extend(warning.task().map(|id| id.to_string()));
                if let Warning::FileNotRead { path } = warning {
                    self.told.push(path.to_string_lossy().into_owned());
                }
            }
            Event::Cancelled { id, reason: Cancelled::TimedOut } => {
                self.debts.entry(*id).or_default().beats_off = true;
            }
            Event::HeartbeatsStopped { id, reason } => {
                self.beats_stopped(*id, *reason, service, scenario, now)?
            }
            _ => {}
        }
        Ok(())
    }

    /// Heartbeats may end for these reasons alone.
    fn beats_stopped(
        &mut self,
        id: TaskId,
        reason: BeatsStopped,
        service: &Service,
        scenario: &Scenario,
        now: Duration,
    ) -> Result<(), Finding> {
        let touched = self.touched;
        let debt = self.debts.entry(id).or_default();
        let just = match reason {
            BeatsStopped::Lease => {
                now.saturating_sub(touched) + Duration::from_secs(60) >= scenario.plan.lease
            }
            BeatsStopped::Denied => service.denied_at.is_some_and(|at| now.saturating_sub(at) < DENIED),
            BeatsStopped::Rejected => debt.beats_off,
            // In no world does the configuration lose an activity.
            _ => false,
        };
        debt.beats_off = true;
        if just {
            Ok(())
        } else {
            broken("P4", format!("task {id}: heartbeats stop without cause: {reason}"))
        }
    }

    /// The worker may say only what the service said.
    fn settled(&mut self, id: TaskId, how: Settlement, service: &Service) -> Result<(), Finding> {
        let debt = self.debts.entry(id).or_default();
        let Some(task) = service.find(id) else {
            return broken("P1", format!("task {id} is settled, and never was"));
        };
        let due = match &task.status {
            Status::Running => "running".to_owned(),
            Status::TimedOut => "timed out".to_owned(),
            Status::Taken(device, _) => format!("taken from device {device}"),
        };
        let mine = matches!(&task.status, Status::Taken(device, _) if *device == self.device);
        let same = match (&task.status, &debt.kept) {
            (Status::Taken(_, taken), Some(kept)) => taken == kept || debt.refused,
            _ => true,
        };
        let unkept =
            matches!(&task.status, Status::Taken(_, Report::Failure(name)) if name == "Worker.NotKept");
        let true_word = match how {
            Settlement::Delivered => mine && same,
            Settlement::TooLate => {
                (!mine || debt.may_be_forgotten() || unkept) && task.status != Status::Running
            }
            // The operator's word, not the service's.
            Settlement::Discarded => debt.discarded,
            _ => task.status != Status::Running,
        };
        if !true_word {
            return broken("P1", format!("task {id} is told {how:?}, but for the service it is {due}"));
        }
        debt.settled = Some(how);
        Ok(())
    }
}

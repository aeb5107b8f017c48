//! The accounts at the end: what the workers said, against what the service was told.
//!
//! The log says what a worker promised (a task *accepted*, a result *kept*), the handlers' file which tasks were begun, the emulator's
//! list of calls what came home. A promise counts from the moment its line was written, whatever happened to the worker after.

use std::collections::BTreeSet;
use std::fs;

use super::checks::require;
use super::service::Call;
use super::worker::Setup;

#[derive(Default)]
pub(super) struct Ledger {
    /// On disk, says the log; or its handler was begun, which comes later.
    accepted: BTreeSet<String>,
    /// The result of its handler is on disk.
    kept: BTreeSet<String>,
    /// Accepted more than once, which a tombstone should prevent.
    again: BTreeSet<String>,
}

/// What a scenario may tell.
pub(super) struct Figures {
    pub(super) accepted: usize,
    pub(super) kept: usize,
    /// Results that the service took no more, since it had given the task up.
    pub(super) late: usize,
}

impl Ledger {
    pub(super) fn of(setup: &Setup) -> Self {
        let mut ledger = Ledger::default();
        let mut succeeded = BTreeSet::new();
        for line in setup.read_log().lines() {
            if line.contains(" keeping tasks and results in ") {
                // A new worker. What it keeps for a task that it finds is a failure of its own, unless the result was kept before.
                succeeded.clear();
            }
            let Some((_, said)) = line.split_once(" task ") else { continue };
            let Some((id, said)) = said.split_once(": ") else { continue };
            let id = id.to_owned();
            if said.starts_with("accepted from") && !ledger.accepted.insert(id.clone()) {
                ledger.again.insert(id);
            } else if said.starts_with("succeeded after") {
                succeeded.insert(id);
            } else if said == "result kept" && succeeded.contains(&id) {
                ledger.kept.insert(id);
            }
        }
        let begun = fs::read_to_string(&setup.effects).unwrap_or_default();
        // A line that a kill cut short is nobody's id.
        ledger.accepted.extend(begun.lines().filter(|id| id.len() == 32).map(str::to_owned));
        ledger
    }

    /// Whether every promise was held: P1 and P3, as the service saw them.
    pub(super) fn check(&self, setup: &Setup, calls: &[Call]) -> Result<Figures, String> {
        // A worker may be killed when the service has answered, before it says so.
        let is_over = |call: &Call| call.took_effect || call.code == "TaskTimedOut";
        let reported =
            calls.iter().filter(|c| ["SendTaskSuccess", "SendTaskFailure"].contains(&c.operation.as_str()));
        let over: BTreeSet<&str> = reported.filter(|c| is_over(c)).map(|c| c.task.as_str()).collect();
        let lost: Vec<_> = self.accepted.iter().filter(|id| !over.contains(id.as_str())).collect();
        require(lost.is_empty(), || format!("accepted, and never settled: {lost:?}"))?;
        require(self.again.is_empty(), || format!("accepted twice: {:?}", self.again))?;
        let reports = |id: &str, operation: &str| -> Vec<&Call> {
            calls.iter().filter(|call| call.task == id && call.operation == operation).collect()
        };
        let mut late = 0;
        for id in &self.kept {
            let sent = reports(id, "SendTaskSuccess");
            let taken = sent.iter().filter(|call| call.took_effect).count();
            let is_late = sent.iter().any(|call| call.code == "TaskTimedOut");
            require(taken == 1 || (taken == 0 && is_late), || {
                format!("{id}: kept, and taken {taken} times\n{}", story(id, setup, calls))
            })?;
            require(reports(id, "SendTaskFailure").is_empty(), || {
                format!("{id}: kept as a success, and failed\n{}", story(id, setup, calls))
            })?;
            late += usize::from(taken == 0);
        }
        let left = setup.files("tasks");
        require(left.is_empty(), || format!("left in the state folder: {left:?}"))?;
        let aside = setup.files("quarantine");
        require(aside.is_empty(), || format!("in quarantine: {aside:?}"))?;
        Ok(Figures { accepted: self.accepted.len(), kept: self.kept.len(), late })
    }
}

/// All that was said of a task.
fn story(id: &str, setup: &Setup, calls: &[Call]) -> String {
    let log = setup.read_log();
    let logged = log.lines().filter(|line| line.contains(id)).map(str::to_owned);
    let called = calls.iter().filter(|call| call.task == id).map(|call| {
        format!("{:.2} s: {} {} took effect: {}", call.at, call.operation, call.code, call.took_effect)
    });
    logged.chain(called).collect::<Vec<_>>().join("\n")
}

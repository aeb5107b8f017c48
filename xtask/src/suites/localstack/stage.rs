//! What every scenario needs: a fresh activity, a machine on it, a worker for it, and the patience to see the end.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::machine::Machine;
use super::worker::Setup;
use crate::suites::step_functions::{Execution, StepFunctions};
use crate::{leaks, process};

/// Long enough for the slowest come-back (a window of 30 s, a back-off of as much) on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(150);

pub(super) struct Stage {
    pub(super) aws: StepFunctions,
    binary: PathBuf,
    /// What the names of its activities and machines begin with.
    name: &'static str,
    scratch: RefCell<Vec<TempDir>>,
    count: Cell<u32>,
}

impl Stage {
    pub(super) fn new(url: &str, binary: &Path, name: &'static str) -> Self {
        let (aws, binary) = (StepFunctions::localstack(url), binary.to_owned());
        Stage { aws, binary, name, scratch: RefCell::default(), count: Cell::new(0) }
    }

    /// A fresh activity. LocalStack, as AWS, gives a task to a poll that is no longer there, so no scenario may use another's.
    pub(super) fn activity(&self) -> Result<String, String> {
        self.aws.create_activity(&self.fresh_name("activity"))
    }

    /// Starts an execution of a machine of its own.
    pub(super) fn execute(&self, machine: &Machine, input: &Value) -> Result<String, String> {
        let arn = self.aws.create_state_machine(&self.fresh_name("machine"), machine.definition())?;
        self.aws.start_execution(&arn, input)
    }

    /// A worker for `activity`, with a state folder of its own, that reaches the service at `endpoint`.
    pub(super) fn worker(&self, activity: &str, endpoint: &str) -> Result<Setup, String> {
        let scratch = self.folder()?;
        Ok(Setup::new(&self.binary, activity, endpoint, &scratch))
    }

    /// A folder that is removed after the scenario.
    pub(super) fn folder(&self) -> Result<PathBuf, String> {
        let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let path = folder.path().to_owned();
        self.scratch.borrow_mut().push(folder);
        Ok(path)
    }

    /// Waits for the end of an execution.
    pub(super) fn end_of(&self, execution: &str) -> Result<Execution, String> {
        let mut last = None;
        let ended = wait_for(|| {
            let found = self.aws.execution(execution)?;
            let ended = found.status != "RUNNING";
            last = Some(found);
            Ok(ended)
        });
        match (ended, last) {
            (Ok(()), Some(execution)) => Ok(execution),
            (Ok(()), None) => Err("no execution was looked at".into()),
            (Err(e), _) => Err(format!("the execution did not end: {e}")),
        }
    }

    /// Waits until the execution's history holds an event of this type, and returns it.
    pub(super) fn event(&self, execution: &str, kind: &str) -> Result<Value, String> {
        let mut found = None;
        wait_for(|| {
            found = self.events(execution, kind)?.into_iter().next();
            Ok(found.is_some())
        })
        .map_err(|e| format!("no {kind}: {e}"))?;
        found.ok_or_else(|| format!("no {kind}"))
    }

    /// The events of this type in the execution's history so far.
    pub(super) fn events(&self, execution: &str, kind: &str) -> Result<Vec<Value>, String> {
        let mut events = self.aws.history(execution)?;
        events.retain(|event| event["type"] == kind);
        Ok(events)
    }

    /// Fails if one of the scenario's workers logged a secret of the tests.
    pub(super) fn told_no_secret(&self) -> Result<(), String> {
        let scratch = self.scratch.borrow();
        scratch
            .iter()
            .find_map(|folder| leaks::find_in(&folder.path().join("worker.log")))
            .map_or(Ok(()), Err)
    }

    /// What the scenario's workers logged last.
    pub(super) fn logs(&self) -> String {
        let scratch = self.scratch.borrow();
        let logs =
            scratch.iter().filter_map(|folder| fs::read_to_string(folder.path().join("worker.log")).ok());
        logs.map(|log| format!("  its log ends:\n{}", process::last_lines(&log, 25))).collect()
    }

    /// Removes what the last scenario left.
    pub(super) fn clear(&self) {
        self.scratch.borrow_mut().clear();
    }

    fn fresh_name(&self, kind: &str) -> String {
        self.count.set(self.count.get() + 1);
        format!("{}-{kind}-{}", self.name, self.count.get())
    }
}

/// Waits until a file is there.
pub(super) fn wait_for_file(path: &Path) -> Result<(), String> {
    wait_for(|| Ok(path.exists())).map_err(|e| format!("no {}: {e}", path.display()))
}

/// Asks again and again, up to [`PATIENCE`].
fn wait_for(mut is_so: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so()? {
        if Instant::now() > deadline {
            return Err(format!("not in {} s", PATIENCE.as_secs()));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

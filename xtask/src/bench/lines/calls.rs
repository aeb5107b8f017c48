//! Calls to the system that a worker's own threads make for a task.

use super::super::figures::OURS;
use super::super::ground::On;
use super::super::stand::{Job, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, Subject};
use super::super::trace::Trace;

/// Tasks that are counted, one at a time.
const TASKS: usize = 50;

/// Of one kind of worker.
pub(in crate::bench) fn measure(stand: &Stand, subject: &Subject) -> Result<(), String> {
    let pair = stand.pair(subject, &Job { on: On::Ext4, ..Job::default() })?;
    let trace = Trace::attach(pair.worker.process())?;
    pair.service.reported(&pair.service.give(ACTIVITY, TASKS), PATIENCE)?;
    let calls = trace.detach()?;
    drop(pair);
    stand.samples.add("calls", subject.name(), calls.sum() as f64 / TASKS as f64);
    if subject.name() == OURS {
        stand.samples.add("calls.sync", OURS, calls.syncs() as f64 / TASKS as f64);
    }
    Ok(())
}

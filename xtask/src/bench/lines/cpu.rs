//! The processor time of a task: the worker's own threads, not the handler's program.

use std::path::Path;

use super::super::ground::On;
use super::super::stand::{CAT, Job, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, Subject};

/// Tasks that are measured, one at a time; the kernel counts in steps of 10 ms.
const TASKS: usize = 400;

/// Of one kind of worker with `cat` as its handler, or with one within the process, on each file system.
pub(in crate::bench) fn measure(stand: &Stand, subject: &Subject, within: bool) -> Result<(), String> {
    let handler = (!within).then_some(Path::new(CAT));
    for (on, place) in [(On::Ext4, "ext4"), (On::Memory, "memory")] {
        let pair = stand.pair(subject, &Job { on, handler, ..Job::default() })?;
        let process = pair.worker.process();
        let before = process.cpu()?;
        pair.service.reported(&pair.service.give(ACTIVITY, TASKS), PATIENCE)?;
        let spent = process.cpu()? - before;
        drop(pair);
        let line = format!("cpu.{}.{place}", if within { "within" } else { "cat" });
        stand.samples.add(&line, subject.name(), spent.as_secs_f64() * 1000.0 / TASKS as f64);
    }
    Ok(())
}

//! What reaches the block device for a small task, and how often its cache is flushed.

use super::super::figures::OURS;
use super::super::floor;
use super::super::ground::{On, Reached};
use super::super::stand::{Job, PATIENCE, Stand};
use super::super::subject::ACTIVITY;

/// Tasks that are counted, one at a time and many at once.
const TASKS: [(&str, usize, usize); 2] = [("one", 1, 100), ("many", 32, 320)];

/// Ours, and a log that keeps as much.
pub(in crate::bench) fn measure(stand: &Stand) -> Result<(), String> {
    for (name, at_once, tasks) in TASKS {
        let job = Job { on: On::Ext4, concurrency: at_once, ..Job::default() };
        let pair = stand.pair(&stand.device, &job)?;
        let before = stand.ground.ext4.reached()?;
        pair.service.reported(&pair.service.give(ACTIVITY, tasks), PATIENCE)?;
        let after = stand.ground.ext4.reached()?;
        drop(pair);
        add(stand, name, OURS, tasks, before, after);
    }
    Ok(())
}

/// The least that keeps a task and its outcome.
pub(in crate::bench) fn floor(stand: &Stand) -> Result<(), String> {
    for (name, at_once, tasks) in TASKS {
        let folder = stand.ground.folder(On::Ext4, "floor")?;
        let warm = floor::Log::make(&folder.join("log"))?;
        let before = stand.ground.ext4.reached()?;
        warm.work(tasks, at_once)?;
        let after = stand.ground.ext4.reached()?;
        add(stand, name, "floor", tasks, before, after);
    }
    Ok(())
}

fn add(stand: &Stand, name: &str, subject: &str, tasks: usize, before: Reached, after: Reached) {
    let kib = (after.bytes - before.bytes) as f64 / 1024.0 / tasks as f64;
    let flushes = (after.flushes - before.flushes) as f64 / tasks as f64;
    stand.samples.add(&format!("flash.{name}.kib"), subject, kib);
    stand.samples.add(&format!("flash.{name}.flushes"), subject, flushes);
}

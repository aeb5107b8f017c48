//! What the engine spends on a task while others are held: it should not matter how many.

use super::super::figures::OURS;
use super::super::stand::{Job, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, HELD, Subject};

/// How many are held, as the line says, and in truth: a few places must be free for the task itself.
const HOLDS: [(&str, usize); 3] = [("held.100", 100), ("held.1000", 1_000), ("held.10000", 9_990)];
const TASKS: usize = 100;
/// The thread that drives the engine.
const ENGINE: &str = "aw-engine";

/// Of our library, whose held tasks wait for an answer of their app.
pub(in crate::bench) fn measure(stand: &Stand, library: &Subject) -> Result<(), String> {
    for (line, holds) in HOLDS {
        let job = Job { handler: None, holds, ..Job::default() };
        let pair = stand.pair(library, &job)?;
        pair.service.handed(&pair.service.give(HELD, holds), PATIENCE)?;
        // One that comes after them has them behind it.
        pair.service.reported(&pair.service.give(ACTIVITY, 2), PATIENCE)?;
        let process = pair.worker.process();
        let before = process.cpu_of_thread(ENGINE)?;
        pair.service.reported(&pair.service.give(ACTIVITY, TASKS), PATIENCE)?;
        let spent = process.cpu_of_thread(ENGINE)? - before;
        drop(pair);
        stand.samples.add(line, OURS, spent.as_secs_f64() * 1000.0 / TASKS as f64);
    }
    Ok(())
}

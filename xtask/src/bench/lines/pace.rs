//! How many tasks a second go through a worker.

use std::time::Duration;

use super::super::ground::On;
use super::super::stand::{Job, PATIENCE, Stand};
use super::super::subject::{ACTIVITY, Subject};

/// A way of working, and how many tasks show its pace.
struct Way {
    line: &'static str,
    on: On,
    round_trip: Duration,
    concurrency: usize,
    tasks: usize,
}

const fn way(line: &'static str, on: On, milliseconds: u64, concurrency: usize, tasks: usize) -> Way {
    Way { line, on, round_trip: Duration::from_millis(milliseconds), concurrency, tasks }
}

const WAYS: [Way; 4] = [
    way("pace.ext4", On::Ext4, 0, 32, 256),
    way("pace.memory", On::Memory, 0, 32, 512),
    way("pace.far.8", On::Ext4, 50, 8, 128),
    way("pace.far.32", On::Ext4, 50, 32, 192),
];

/// Of one kind of worker, with `cat` as its handler.
pub(in crate::bench) fn measure(stand: &Stand, subject: &Subject) -> Result<(), String> {
    for way in WAYS {
        let job =
            Job { on: way.on, concurrency: way.concurrency, round_trip: way.round_trip, ..Job::default() };
        let pair = stand.pair(subject, &job)?;
        let took = pair.service.span(&pair.service.give(ACTIVITY, way.tasks), PATIENCE)?;
        drop(pair);
        stand.samples.add(way.line, subject.name(), way.tasks as f64 / took.as_secs_f64());
    }
    Ok(())
}

//! Many requests, many starts.

use std::fs;
use std::sync::Arc;

use activity_worker_ffi::*;

use crate::support::{Login, Phone, SOON, app, eventually, start};

#[test]
fn c16_five_hundred_requests_are_listed_answered_and_delivered() {
    let phone = Phone::new();
    let config = WorkerConfig {
        max_tasks: Some(600),
        max_bytes: Some(4 << 30),
        activities: vec![ActivityConfig {
            concurrency: Some(500),
            max_output: Some(1000),
            ..phone.activity(false)
        }],
        ..phone.config()
    };
    let (worker, _) = start(config);
    let executions: Vec<_> = (0..500).map(|n| phone.start(&n.to_string())).collect();
    eventually("500 requests", || worker.snapshot().unwrap().open == 500);
    let tasks = worker.pending_tasks().unwrap();
    assert_eq!(tasks.len(), 500);
    for task in tasks {
        let input = worker.input(task.id.clone()).unwrap();
        worker.succeed(task.id, input).unwrap();
    }
    worker.drain_within(3 * SOON).unwrap();
    for (n, execution) in executions.iter().enumerate() {
        assert_eq!(phone.succeeds(execution), n.to_string());
    }
    worker.stop(StopMode::Now).unwrap();
}

/// Threads, open files and bytes of anonymous memory of this process.
fn usage() -> (usize, usize, usize) {
    let count = |dir: &str| fs::read_dir(dir).unwrap().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    (count("/proc/self/task"), count("/proc/self/fd"), kib << 10)
}

#[test]
#[ignore = "a child of c17"]
fn child_that_starts_and_closes_workers() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let config = app(dir.path().to_str().unwrap(), "http://127.0.0.1:9");
    let once = || {
        let worker = ActivityWorker::start(config.clone(), Arc::new(Login), Some(Arc::new(Deaf))).unwrap();
        worker.wake().unwrap();
        worker.stop(StopMode::Now).unwrap();
    };
    (0..20).for_each(|_| once());
    let before = usage();
    (0..100).for_each(|_| once());
    // A worker that is merely let go ends too.
    drop(ActivityWorker::start(config.clone(), Arc::new(Login), None).unwrap());
    eventually("threads and files as before", || {
        let now = usage();
        now.0 <= before.0 && now.1 <= before.1
    });
    let grown = usage().2.saturating_sub(before.2);
    assert!(grown < 1 << 20, "{grown} bytes more after 100 workers");
}

struct Deaf;

impl EventListener for Deaf {
    fn on_event(&self, _: WorkerEvent) -> Result<(), CallbackError> {
        Ok(())
    }
}

#[test]
fn c17_a_worker_that_was_closed_leaves_nothing_behind() {
    // A process of its own: other tests have threads too.
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "bounds::child_that_starts_and_closes_workers", "--ignored"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

//! A worker on this project's library whose handler answers within the process with its input.
//!
//! `ACTIVITY_ARN`, `STATE_DIR`, `CONCURRENCY`, and what an AWS program reads. `HOLD_ARN`: an activity whose tasks, as many as
//! `HOLD` says, wait for an answer that never comes.

use std::env::var;
use std::error::Error;
use std::time::Duration;

use activity_worker::aws::{ActivityArn, ActivityClient};
use activity_worker::worker::{Activity, TaskContext};
use activity_worker::{Failure, Worker};

/// So that next to nothing but the holding is seen.
const RARELY: Duration = Duration::from_secs(86_400);
/// Small, so that many fit.
const OUTPUT_MAX: usize = 4_096;
/// Places for the tasks that are worked beside those.
const PLACES: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arn = ActivityArn::parse(&var("ACTIVITY_ARN")?)?;
    let concurrency: usize = var("CONCURRENCY")?.parse()?;
    let client = ActivityClient::environment().region(arn.region()).build()?;
    let mut worker = Worker::builder()
        .client(client)
        .state_dir(var("STATE_DIR")?)
        .allow_unsafe_storage(true)
        .comeback_window(Duration::ZERO)
        .activity(Activity::handled(arn, echo).concurrency(concurrency));
    if let Ok(hold) = var("HOLD_ARN") {
        let (held, count) = (Activity::deferred(ActivityArn::parse(&hold)?), var("HOLD")?.parse::<usize>()?);
        worker = worker
            .activity(held.concurrency(count).heartbeat_interval(RARELY).max_output(OUTPUT_MAX))
            .max_tasks(count + PLACES)
            .max_bytes(4 << 30);
    }
    let _worker = worker.start()?;
    loop {
        std::thread::park();
    }
}

fn echo(task: &TaskContext) -> Result<String, Failure> {
    Ok(task.input().to_owned())
}

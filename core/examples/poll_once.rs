//! A device that sleeps most of the time: it wakes up, polls once, works the task if there is one, delivers what waits, and ends. A
//! poll is given 75 s: one that is cut off sooner can swallow a task.
//!
//! ```text
//! ACTIVITY_ARN=arn:aws:states:eu-west-1:123456789012:activity:measure STATE_DIR=./state cargo run --example poll_once
//! ```

use std::env::var;
use std::error::Error;
use std::time::Duration;

use activity_worker::aws::{ActivityArn, ActivityClient};
use activity_worker::worker::{Activity, PollRisk, PolledOnce, Stop, TaskContext};
use activity_worker::{Failure, Worker};

/// The service holds a poll for a minute, and its answer takes a while.
const WINDOW: Duration = Duration::from_secs(75);

fn main() -> Result<(), Box<dyn Error>> {
    let arn = ActivityArn::parse(&var("ACTIVITY_ARN")?)?;
    let client = ActivityClient::environment().region(arn.region()).build()?;
    let worker = Worker::builder()
        .client(client)
        .state_dir(var("STATE_DIR")?)
        // Alone, it need not keep out of the way of others.
        .comeback_window(Duration::ZERO)
        .activity(Activity::handled(arn.clone(), measure).on_request(true))
        .start()?;
    match worker.poll_once(&arn, WINDOW, PollRisk::Refuse) {
        Ok(PolledOnce::Task(id)) => println!("task {id}"),
        Ok(_) => println!("no task"),
        // Offline, perhaps. What an earlier run kept waits on.
        Err(why) => println!("{why}"),
    }
    // The handler comes to its end, and each result is tried once: also those that an earlier run kept.
    let report = worker.stop(Stop::Drain);
    println!("results that wait for the next time: {}", report.kept);
    Ok(())
}

fn measure(_: &TaskContext) -> Result<String, Failure> {
    Ok(r#"{"celsius":21.5}"#.to_owned())
}

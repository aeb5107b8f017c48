//! Tasks that a person answers, on the terminal: y, n, or Enter for later. A task waits as long as its workflow lets it, over restarts
//! too; an answer is kept before it is sent.
//!
//! ```text
//! ACTIVITY_ARN=arn:aws:states:eu-west-1:123456789012:activity:approve STATE_DIR=./state cargo run --example approvals
//! ```

use std::env::var;
use std::error::Error;
use std::io::stdin;
use std::time::Duration;

use activity_worker::Worker;
use activity_worker::aws::{ActivityArn, ActivityClient};
use activity_worker::worker::{Activity, DeferredState, Stop};

fn main() -> Result<(), Box<dyn Error>> {
    let arn = ActivityArn::parse(&var("ACTIVITY_ARN")?)?;
    let client = ActivityClient::environment().region(arn.region()).build()?;
    let worker = Worker::builder()
        .client(client)
        .state_dir(var("STATE_DIR")?)
        .activity(Activity::deferred(arn).concurrency(8))
        .start()?;
    let events = worker.subscribe();
    while !events.is_over() {
        // To ask for the tasks says that somebody is there: while nobody does for a day, they beat no more, and may time out.
        let tasks = worker.deferred_tasks();
        for task in tasks.iter().filter(|task| task.state == DeferredState::Open) {
            println!("{}: {}? [y/n]", task.id, worker.input(task.id)?);
            let mut answer = String::new();
            if stdin().read_line(&mut answer)? == 0 {
                // Nobody is there any more. What is open waits in the folder for the next start.
                worker.stop(Stop::Drain);
                return Ok(());
            }
            let settled = match answer.trim() {
                "y" => worker.succeed(task.id, r#"{"approved":true}"#),
                "n" => worker.fail(task.id, "Approval.Refused", "a person said no"),
                _ => Ok(()),
            };
            if let Err(why) = settled {
                println!("{why}");
            }
        }
        events.next_within(Duration::from_secs(60));
    }
    Ok(())
}

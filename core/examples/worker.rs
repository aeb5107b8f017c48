//! A worker whose tasks a function works: it greets whoever the input names.
//!
//! ```text
//! ACTIVITY_ARN=arn:aws:states:eu-west-1:123456789012:activity:greet STATE_DIR=./state cargo run --example worker
//! ```
//!
//! Credentials, proxies and CAs are found as the AWS CLI finds them.

use std::env::var;
use std::error::Error;

use activity_worker::aws::{ActivityArn, ActivityClient};
use activity_worker::worker::{Activity, Stop, TaskContext};
use activity_worker::{Failure, Worker};

fn main() -> Result<(), Box<dyn Error>> {
    let arn = ActivityArn::parse(&var("ACTIVITY_ARN")?)?;
    let client = ActivityClient::environment().region(arn.region()).build()?;
    let worker = Worker::builder()
        .client(client)
        .state_dir(var("STATE_DIR")?)
        .activity(Activity::handled(arn, greet))
        .start()?;
    println!("at work; Enter ends it");
    std::io::stdin().read_line(&mut String::new())?;
    worker.stop(Stop::Drain);
    Ok(())
}

/// From input to output, both JSON. It may run twice for one task: after a power cut, for instance.
fn greet(task: &TaskContext) -> Result<String, Failure> {
    match task.input().trim() {
        "{}" => Err(Failure::new("Greeter.NoName", "the input names nobody")),
        name => Ok(format!(r#"{{"greeted":{name}}}"#)),
    }
}

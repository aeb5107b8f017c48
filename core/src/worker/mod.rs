//! Acts: the threads that carry out what the engine decides, and the public face of the worker.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client: activity_worker::aws::ActivityClient = todo!();
//! use activity_worker::worker::{Activity, Stop, TaskContext};
//! use activity_worker::{Failure, Worker, aws::ActivityArn};
//!
//! let arn = ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:greet")?;
//! let greet = |task: &TaskContext| Ok::<_, Failure>(format!("{{\"got\":{}}}", task.input()));
//! let worker = Worker::builder().client(client).state_dir("/var/lib/greeter").activity(Activity::handled(arn, greet)).start()?;
//! // ... until the program is to end:
//! worker.stop(Stop::Drain);
//! # Ok(())
//! # }
//! ```

mod api;

pub use api::*;

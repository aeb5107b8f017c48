//! What the doctor looks at, wherever it was told.

use std::time::Duration;

use activity_worker::aws::ActivityArn;

use crate::config::{ActivityConfig, WorkerConfig};
use crate::trust::Doubt;

/// What is examined.
pub(super) struct Examined {
    pub(super) worker: WorkerConfig,
    pub(super) activities: Vec<One>,
    /// With their programs, where a file names them.
    pub(super) programs: Vec<ActivityConfig>,
    /// What others can change of all that.
    pub(super) doubts: Vec<Doubt>,
}

/// What matters of an activity here.
pub(super) struct One {
    pub(super) arn: ActivityArn,
    pub(super) heartbeat_interval: Duration,
    pub(super) concurrency: usize,
    pub(super) max_output: usize,
}

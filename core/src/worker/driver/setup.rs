//! What the worker was told before it started: it changes no more.

use std::path::PathBuf;
use std::time::Duration;

use crate::aws::ActivityArn;
use crate::worker::activity::Activity;
use crate::{Origin, Scope, WorkerName};

/// Set up by the builder.
pub(in crate::worker) struct Setup {
    pub(in crate::worker) activities: Vec<Activity>,
    /// Whose tasks are this worker's.
    pub(in crate::worker) origin: Origin,
    /// The user that new tasks belong to.
    pub(in crate::worker) scope: Scope,
    pub(in crate::worker) worker_name: WorkerName,
    pub(in crate::worker) adopted_max_output: usize,
    pub(in crate::worker) state_dir: PathBuf,
    pub(in crate::worker) max_bytes: u64,
    /// The file system's name, if it can't promise to keep what was written.
    pub(in crate::worker) unsafe_storage: Option<String>,
    pub(in crate::worker) stop_grace: Duration,
}

impl Setup {
    /// `None`, as of an adopted token or a task whose activity is no longer configured, has none.
    pub(super) fn activity(&self, number: Option<usize>) -> Option<&Activity> {
        self.activities.get(number?)
    }

    pub(super) fn number_of(&self, arn: &str) -> Option<usize> {
        self.activities.iter().position(|activity| activity.arn.as_str() == arn)
    }

    /// The name as events tell it.
    pub(super) fn name_of(&self, activity: usize) -> String {
        self.activity(Some(activity)).map(|a| a.arn.name().to_owned()).unwrap_or_default()
    }

    pub(super) fn arn_of(&self, activity: Option<usize>) -> Option<ActivityArn> {
        self.activity(activity).map(|a| a.arn.clone())
    }

    /// The most bytes of an output.
    pub(super) fn max_output(&self, activity: Option<usize>) -> usize {
        self.activity(activity).map_or(self.adopted_max_output, |a| a.max_output)
    }
}

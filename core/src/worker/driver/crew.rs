//! Who carries out what the engine's thread orders: threads, or a simulator.

use std::sync::Arc;

use crate::TaskId;
use crate::WorkerName;
use crate::aws::{ActivityArn, ActivityClient};
use crate::spool::Spool;
use crate::worker::handler::{Handler, TaskContext};
use crate::worker::jobs::calls::CallJob;
use crate::worker::jobs::disk::DiskJob;
use crate::worker::reports::Stuck;

/// Takes orders without blocking. What comes of each goes into the mailbox.
pub(in crate::worker) trait Crew: Send {
    /// Polls the activity.
    fn poll(&mut self, activity: usize);
    /// Reads or changes the state folder, in the order of the jobs.
    fn disk(&mut self, job: DiskJob);
    /// Sends a heartbeat or a report.
    fn call(&mut self, job: CallJob);
    /// Starts a handler.
    fn run(&mut self, handler: Arc<dyn Handler>, task: TaskContext, max_output: usize);
    /// Lets the handler end what an earlier process left running.
    fn reclaim(&mut self, handler: Option<Arc<dyn Handler>>, id: TaskId);
    /// Who has been at one thing for longer than any deadline allows.
    fn stuck(&self) -> Vec<Stuck>;
    /// Ends, within bounds, and gives the state folder free.
    fn end(self: Box<Self>);
}

/// What a crew works with.
pub(in crate::worker) struct Tools {
    pub(in crate::worker) spool: Spool,
    /// The largest output for which room is set aside.
    pub(in crate::worker) max_output: usize,
    pub(in crate::worker) client: ActivityClient,
    /// What is polled, and by how many at once.
    pub(in crate::worker) activities: Vec<(ActivityArn, usize)>,
    /// The most heartbeats and reports under way at once.
    pub(in crate::worker) connections: usize,
    pub(in crate::worker) name: WorkerName,
}

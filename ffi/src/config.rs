//! What a worker is told before it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activity_worker::aws::{
    ActivityArn, ActivityClient, CachedCredentials, Endpoint, HttpsTransport, is_region, partition_of,
};
use activity_worker::clock::ServerClock;
use activity_worker::worker::{Activity, WorkerBuilder};
use activity_worker::{Origin, Scope, Worker, WorkerName};

use crate::{AwsCredentialsProvider, StartError, credentials};

/// The most requests held at once.
const MAX_TASKS: usize = 1000;
/// The most bytes in the state folder: some 35 KB for each of them.
const MAX_BYTES: u64 = 64 << 20;
/// The most bytes of an answer: so many are set aside on disk for each open request.
const MAX_OUTPUT: usize = 16 << 10;
/// The most open requests of one activity.
const CONCURRENCY: usize = 32;

/// A worker's configuration. What is left out has a default that fits a phone.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WorkerConfig {
    /// A folder of the app's own, on the device's own storage, that no backup carries to another device.
    pub state_dir: String,
    /// A folder apart from the state folder in which other processes of the app leave letters: on iOS in the container of an app group.
    /// Nothing in it is ever locked.
    #[uniffi(default = None)]
    pub inbox_dir: Option<String>,
    /// The AWS region, for instance `eu-west-1`.
    pub region: String,
    /// The AWS account, 12 digits: whose tokens are adopted. Needed where there is no activity.
    #[uniffi(default = None)]
    pub account: Option<String>,
    /// Activities to take tasks from; none where all requests are pushed.
    #[uniffi(default = [])]
    pub activities: Vec<ActivityConfig>,
    /// The user who is logged in. Requests of other users wait until a worker for them is started.
    #[uniffi(default = "")]
    pub scope: String,
    /// What tells this installation from a copy of its state folder: an id that the app makes up at its first start and keeps
    /// outside all backups.
    #[uniffi(default = None)]
    pub installation_id: Option<String>,
    /// The name shown in the execution history.
    #[uniffi(default = None)]
    pub worker_name: Option<String>,
    /// Another endpoint than the region's, for tests and private networks.
    #[uniffi(default = None)]
    pub endpoint_url: Option<String>,
    /// A PEM file of certificate authorities to trust besides the public ones.
    #[uniffi(default = None)]
    pub ca_file: Option<String>,
    /// Trust the authorities of `ca_file` alone, and no public ones: a pin. Without a file the worker does not start.
    #[uniffi(default = false)]
    pub ca_only: bool,
    /// The most requests held at once, answered ones included: 1,000 if nothing is said, 100,000 at most.
    #[uniffi(default = None)]
    pub max_tasks: Option<u32>,
    /// The most bytes in the state folder: 67,108,864 if nothing is said. An open request takes its input twice, `adopted_max_output`
    /// and some 12 KB. Nothing is taken before there is one.
    #[uniffi(default = None)]
    pub max_bytes: Option<u64>,
    /// The most bytes of an adopted task's output: so many are set aside on disk for each. 16,384 if nothing is said, 262,144 at
    /// most.
    #[uniffi(default = None)]
    pub adopted_max_output: Option<u32>,
    /// The time between heartbeats of adopted tasks; none where the workflow has no HeartbeatSeconds.
    #[uniffi(default = None)]
    pub adopted_heartbeat: Option<Duration>,
    /// How long a request's heartbeats go on after the app last listed its requests: a day if nothing is said.
    #[uniffi(default = None)]
    pub lease: Option<Duration>,
    /// The first call after the network came back lies at a random point of this window: 30 s if nothing is said, 0 for an app in
    /// the foreground.
    #[uniffi(default = None)]
    pub comeback_window: Option<Duration>,
    /// The longest pause between two tries: 120 s if nothing is said.
    #[uniffi(default = None)]
    pub max_backoff: Option<Duration>,
}

/// An activity to take tasks from.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ActivityConfig {
    /// Its ARN.
    pub arn: String,
    /// Polled by `poll_once` alone, rather than all the time. An app that may be suspended says true.
    #[uniffi(default = true)]
    pub on_request: bool,
    /// The most tasks of it that wait for an answer at once: 32 if nothing is said.
    #[uniffi(default = None)]
    pub concurrency: Option<u32>,
    /// The time between heartbeats: at most a third of the state's HeartbeatSeconds. 30 s if nothing is said.
    #[uniffi(default = None)]
    pub heartbeat_interval: Option<Duration>,
    /// The most bytes of an output: so many are set aside on disk for each task. 16,384 if nothing is said, 262,144 at most.
    #[uniffi(default = None)]
    pub max_output: Option<u32>,
}

impl WorkerConfig {
    pub(crate) fn builder(
        &self,
        provider: Arc<dyn AwsCredentialsProvider>,
    ) -> Result<WorkerBuilder, StartError> {
        let client = self.client(provider)?;
        let mut builder = Worker::builder()
            .client(client.clone())
            .state_dir(&self.state_dir)
            .scope(Scope(self.scope.clone()))
            .max_tasks(self.max_tasks.map_or(MAX_TASKS, |n| n as usize))
            .max_bytes(self.max_bytes.unwrap_or(MAX_BYTES))
            .adopted_max_output(self.adopted_max_output.map_or(MAX_OUTPUT, |n| n as usize));
        for activity in &self.activities {
            builder = builder.activity(activity.build()?);
        }
        if let Some(account) = &self.account {
            // Whatever stood behind it would be read as an endpoint.
            if account.contains('/') {
                let why = format!("the account {account:?} is not 12 digits, without blanks and dashes");
                return Err(config(why));
            }
            let endpoint = client.endpoint().own_url().map(|url| format!("/{url}")).unwrap_or_default();
            let origin = format!("{}/{}/{account}{endpoint}", partition_of(&self.region), self.region);
            builder = builder.origin(origin.parse::<Origin>().map_err(config)?);
        }
        if let Some(name) = &self.worker_name {
            builder = builder.worker_name(WorkerName::new(name).map_err(config)?);
        }
        let builder = set(builder, self.inbox_dir.clone(), WorkerBuilder::inbox_dir);
        let builder = set(builder, self.installation_id.clone(), WorkerBuilder::machine_id);
        let builder = set(builder, self.adopted_heartbeat, WorkerBuilder::adopted_heartbeat);
        let builder = set(builder, self.lease, WorkerBuilder::lease);
        let builder = set(builder, self.comeback_window, WorkerBuilder::comeback_window);
        Ok(set(builder, self.max_backoff, WorkerBuilder::max_backoff))
    }

    fn client(&self, provider: Arc<dyn AwsCredentialsProvider>) -> Result<ActivityClient, StartError> {
        // Behind an endpoint of one's own a region may have any name.
        if self.endpoint_url.is_none() && !is_region(&self.region) {
            let why =
                format!("{:?} is no region: give one as AWS writes it, for instance eu-west-1", self.region);
            return Err(config(why));
        }
        let clock = ServerClock::system();
        let source = Arc::new(credentials::source(provider));
        let mut transport = HttpsTransport::builder().clock(Arc::clone(&clock)).ca_only(self.ca_only);
        if let Some(file) = &self.ca_file {
            transport = transport.ca_file(PathBuf::from(file));
        }
        let mut client = ActivityClient::builder(&self.region)
            .credentials(Arc::new(CachedCredentials::new(source, Arc::clone(&clock))))
            .transport(Arc::new(transport.build().map_err(config)?))
            .clock(clock);
        if let Some(url) = &self.endpoint_url {
            client = client.endpoint(Endpoint::own(url).map_err(config)?);
        }
        client.build().map_err(config)
    }
}

impl ActivityConfig {
    fn build(&self) -> Result<Activity, StartError> {
        let activity = Activity::deferred(ActivityArn::parse(&self.arn).map_err(config)?);
        let activity = activity
            .on_request(self.on_request)
            // A person decides on requests one by one, and a poll that dies with the app swallows one.
            .pollers(1)
            .concurrency(self.concurrency.map_or(CONCURRENCY, |n| n as usize))
            .max_output(self.max_output.map_or(MAX_OUTPUT, |n| n as usize));
        Ok(set(activity, self.heartbeat_interval, Activity::heartbeat_interval))
    }
}

fn set<B, T>(builder: B, value: Option<T>, setter: impl FnOnce(B, T) -> B) -> B {
    match value {
        Some(value) => setter(builder, value),
        None => builder,
    }
}

fn config(error: impl std::fmt::Display) -> StartError {
    StartError::Config { reason: error.to_string() }
}

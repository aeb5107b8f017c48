//! What a worker is told before it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activity_worker::aws::{
    ActivityArn, ActivityClient, CachedCredentials, Endpoint, HttpsTransport, partition_of,
};
use activity_worker::clock::ServerClock;
use activity_worker::worker::{Activity, WorkerBuilder};
use activity_worker::{Origin, Scope, Worker, WorkerName};

use crate::{AwsCredentialsProvider, StartError, credentials};

/// A worker's configuration. What is left out has the library's default.
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
    /// A PEM file of certificate authorities to trust in place of the public ones.
    #[uniffi(default = None)]
    pub ca_file: Option<String>,
    /// The most requests held at once, answered ones included.
    #[uniffi(default = None)]
    pub max_tasks: Option<u32>,
    /// The most bytes in the state folder.
    #[uniffi(default = None)]
    pub max_bytes: Option<u64>,
    /// The most bytes of an adopted task's output: so many are set aside on disk for each. 262,144 at most.
    #[uniffi(default = None)]
    pub adopted_max_output: Option<u32>,
    /// The time between heartbeats of adopted tasks; none where the workflow has no HeartbeatSeconds.
    #[uniffi(default = None)]
    pub adopted_heartbeat: Option<Duration>,
    /// How long a request's heartbeats go on after the app last listed its requests.
    #[uniffi(default = None)]
    pub lease: Option<Duration>,
    /// The first call after the network came back lies at a random point of this window. 0 for an app in the foreground.
    #[uniffi(default = None)]
    pub comeback_window: Option<Duration>,
    /// The longest pause between two tries.
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
    /// The most tasks of it that wait for an answer at once.
    #[uniffi(default = None)]
    pub concurrency: Option<u32>,
    /// The time between heartbeats: at most a third of the state's HeartbeatSeconds.
    #[uniffi(default = None)]
    pub heartbeat_interval: Option<Duration>,
    /// The most bytes of an output.
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
            .scope(Scope(self.scope.clone()));
        for activity in &self.activities {
            builder = builder.activity(activity.build()?);
        }
        if let Some(account) = &self.account {
            let partition = partition_of(&self.region);
            builder =
                builder.origin(Origin::new(partition, &self.region, account, client.endpoint().own_url()));
        }
        if let Some(name) = &self.worker_name {
            builder = builder.worker_name(WorkerName::new(name).map_err(config)?);
        }
        let builder = set(builder, self.inbox_dir.clone(), WorkerBuilder::inbox_dir);
        let builder = set(builder, self.installation_id.clone(), WorkerBuilder::machine_id);
        let builder = set(builder, self.max_tasks.map(|n| n as usize), WorkerBuilder::max_tasks);
        let builder = set(builder, self.max_bytes, WorkerBuilder::max_bytes);
        let builder =
            set(builder, self.adopted_max_output.map(|n| n as usize), WorkerBuilder::adopted_max_output);
        let builder = set(builder, self.adopted_heartbeat, WorkerBuilder::adopted_heartbeat);
        let builder = set(builder, self.lease, WorkerBuilder::lease);
        let builder = set(builder, self.comeback_window, WorkerBuilder::comeback_window);
        Ok(set(builder, self.max_backoff, WorkerBuilder::max_backoff))
    }

    fn client(&self, provider: Arc<dyn AwsCredentialsProvider>) -> Result<ActivityClient, StartError> {
        let clock = ServerClock::system();
        let source = Arc::new(credentials::source(provider));
        let mut transport = HttpsTransport::builder().clock(Arc::clone(&clock));
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
        let activity = activity.on_request(self.on_request);
        let activity = set(activity, self.concurrency.map(|n| n as usize), Activity::concurrency);
        let activity = set(activity, self.heartbeat_interval, Activity::heartbeat_interval);
        Ok(set(activity, self.max_output.map(|n| n as usize), Activity::max_output))
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

//! A client as AWS' own tools would set it up: from the environment, the shared files, and what the caller says besides.

use std::sync::Arc;
use std::time::Duration;

use super::credentials::Sources;
use super::settings::EndpointConfig;
use super::{
    ActivityArn, ActivityClient, CachedCredentials, ChainLink, ClientError, CredentialsError,
    CredentialsProvider, CredentialsSource, Endpoint, EndpointError, Network, NetworkConfig, NoCredentials,
    Settings, SettingsError, TransportConfigError, credentials_chain, default_credentials,
};
use crate::Origin;

/// Describes a client: region, profile, endpoint, credentials, proxies and CAs. What is left open, AWS' variables (`AWS_REGION`,
/// `AWS_PROFILE`, `HTTPS_PROXY`, `AWS_CA_BUNDLE`, ...) and its shared files say, as they do for the AWS CLI.
#[must_use = "it reads nothing until it is built"]
pub struct ClientEnvironment {
    env: Env,
    region: Option<String>,
    profile: Option<String>,
    endpoint: EndpointConfig,
    credentials: Wanted,
    network: NetworkConfig,
}

type Env = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where credentials are to come from.
enum Wanted {
    /// Where the chain finds them.
    Chain,
    Source(CredentialsSource),
    Provider(Arc<dyn CredentialsProvider>),
}

/// Why there is no client: one line that says what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A variable or a shared file is not right.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody says which region.
    #[error("no AWS region: set AWS_REGION, or `region` in the profile {0:?}")]
    NoRegion(String),
    /// There is no such endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A proxy, a CA file or a client certificate can't be used.
    #[error(transparent)]
    Network(#[from] TransportConfigError),
    /// Only the CAs of a file are to be trusted, and there is none.
    #[error("ca_only trusts the CAs of ca_bundle alone, and there is none: set ca_bundle, or AWS_CA_BUNDLE")]
    NoCas,
    /// The source of credentials that was named is not set up.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No place has credentials.
    #[error(transparent)]
    NoCredentials(#[from] NoCredentials),
    /// The client can't be built.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl ActivityClient {
    /// A client as AWS' variables and shared files describe it. Nothing is sent yet.
    ///
    /// ```no_run
    /// # use activity_worker::aws::ActivityClient;
    /// let client = ActivityClient::from_environment()?;
    /// # Ok::<(), activity_worker::aws::EnvironmentError>(())
    /// ```
    pub fn from_environment() -> Result<ActivityClient, EnvironmentError> {
        Self::environment().build()
    }

    /// Starts to describe such a client, for a caller who has a say in it: the region of an ARN, a source of credentials.
    pub fn environment() -> ClientEnvironment {
        ClientEnvironment::of(|name| std::env::var(name).ok())
    }
}

impl ClientEnvironment {
    /// With another environment than the process' own. `env` reads a variable.
    pub fn of(env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        ClientEnvironment {
            env: Box::new(env),
            region: None,
            profile: None,
            endpoint: EndpointConfig::default(),
            credentials: Wanted::Chain,
            network: NetworkConfig::default(),
        }
    }

    /// The region of the activities. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, or the profile's `region`.
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// The profile. Its credentials count alone: those of the environment are not looked at. Default: `AWS_PROFILE`, else `default`.
    pub fn profile(mut self, name: &str) -> Self {
        self.profile = Some(name.to_owned());
        self
    }

    /// An endpoint of one's own. Default: `AWS_ENDPOINT_URL_SFN`, `AWS_ENDPOINT_URL`, what the profile says, or the region's.
    pub fn endpoint_url(mut self, url: &str) -> Self {
        self.endpoint.url = Some(url.to_owned());
        self
    }

    /// Whether to use the region's endpoint with FIPS 140 validated cryptography. Default: `AWS_USE_FIPS_ENDPOINT`, or the
    /// profile's `use_fips_endpoint`.
    pub fn use_fips(mut self, fips: bool) -> Self {
        self.endpoint.fips = Some(fips);
        self
    }

    /// Whether to use the region's endpoint that answers over IPv6 too. Default: `AWS_USE_DUALSTACK_ENDPOINT`, or the profile's
    /// `use_dualstack_endpoint`.
    pub fn use_dualstack(mut self, dual_stack: bool) -> Self {
        self.endpoint.dual_stack = Some(dual_stack);
        self
    }

    /// A source of credentials that counts alone, before a profile's too. Default: the one that the AWS CLI would take.
    pub fn credentials(mut self, source: CredentialsSource) -> Self {
        self.credentials = Wanted::Source(source);
        self
    }

    /// The same with a source of the program's own. It is asked only when it must be: what it gives is kept until shortly before its
    /// end.
    pub fn credentials_provider(mut self, provider: Arc<dyn CredentialsProvider>) -> Self {
        self.credentials = Wanted::Provider(provider);
        self
    }

    /// What is to be said of the network.
    pub fn network(mut self, network: NetworkConfig) -> Self {
        self.network = network;
        self
    }

    /// The client. Reads the environment and the files, and sends nothing yet.
    pub fn build(self) -> Result<ActivityClient, EnvironmentError> {
        let route = self.route()?;
        route.client(route.credentials()?)
    }

    /// The way that the client's requests will take, for who wants to look at it first.
    pub fn route(self) -> Result<Route, EnvironmentError> {
        let ClientEnvironment { env, region, profile, endpoint, credentials, network } = self;
        let settings = Settings::load_with(&*env, profile.as_deref(), &endpoint)?;
        let Some(region) = region.or_else(|| settings.region.clone()) else {
            return Err(EnvironmentError::NoRegion(settings.profile));
        };
        let endpoint = settings.endpoint(&region);
        let network = network.network(&*env, settings.ca_bundle.clone())?;
        if network.ca_only && network.ca_file.is_none() {
            return Err(EnvironmentError::NoCas);
        }
        Ok(Route { env, settings, credentials, region, endpoint: endpoint?, network })
    }
}

/// The way to the service, found: where requests go, over which network, and where credentials come from. Nothing is sent yet.
pub struct Route {
    env: Env,
    settings: Settings,
    credentials: Wanted,
    region: String,
    endpoint: Endpoint,
    network: Network,
}

impl Route {
    /// For name look-up, TCP, a proxy's tunnel and TLS together, the client gives a connection this long.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Where requests go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What lies between here and there. Its clock is that of the client.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Whose the tasks of an activity are, taken this way.
    pub fn origin(&self, arn: &ActivityArn) -> Origin {
        self.endpoint.origin(arn)
    }

    /// The source that counts, which is asked only when it must be. No program is run, and nothing is sent.
    pub fn credentials(&self) -> Result<Arc<dyn CredentialsProvider>, EnvironmentError> {
        let Route { env, settings, network, region, .. } = self;
        let source = match &self.credentials {
            Wanted::Chain => return Ok(default_credentials(settings, &**env, network)?),
            Wanted::Source(source) => source.provider(&Sources { settings, env: &**env, network }, region)?,
            Wanted::Provider(provider) => Arc::clone(provider),
        };
        Ok(Arc::new(CachedCredentials::new(source, Arc::clone(&network.clock))))
    }

    /// Where the AWS CLI's chain looks and what it finds; `None` if a source is named, which counts alone.
    pub fn chain(&self) -> Option<Vec<ChainLink>> {
        let Route { env, settings, network, .. } = self;
        matches!(self.credentials, Wanted::Chain).then(|| credentials_chain(settings, &**env, network))
    }

    /// The client of this way.
    pub fn client(
        &self,
        credentials: Arc<dyn CredentialsProvider>,
    ) -> Result<ActivityClient, EnvironmentError> {
        let transport = self.network.transport(Self::CONNECT_TIMEOUT)?;
        Ok(ActivityClient::builder(&self.region)
            .endpoint(self.endpoint.clone())
            .credentials(credentials)
            .transport(transport)
            .clock(Arc::clone(&self.network.clock))
            .build()?)
    }
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;

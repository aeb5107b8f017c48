//! From what the operator said to a client of the service.

mod variables;

use std::sync::Arc;
use std::time::Duration;

use activity_worker::WorkerName;
use activity_worker::aws::{
    ActivityClient, CachedCredentials, ContainerCredentials, CredentialsError, CredentialsProvider, Endpoint,
    EnvironmentCredentials, ImdsCredentials, IotConfig, IotCredentials, LookedAt, Network,
    ProcessCredentials, Proxies, Settings, WebIdentityCredentials, credentials_chain, default_credentials,
};
use activity_worker::clock::ServerClock;
use activity_worker::worker::StartError;

use crate::config::{Source, WorkerConfig};
use crate::error::Error;
use variables::Variables;

/// For name look-up, TCP, a proxy's tunnel and TLS together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same to something on this machine's link.
const NEAR: Duration = Duration::from_secs(1);

/// The way to the service. What the configuration says counts before AWS' own variables and files.
pub(crate) struct Route {
    variables: Variables,
    settings: Settings,
    source: Option<Source>,
    region: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) network: Network,
}

/// The client of all activities in `region`.
pub(crate) fn client(worker: &WorkerConfig, region: &str) -> Result<ActivityClient, Error> {
    let route = Route::of(worker, region).map_err(Error::Config)?;
    let credentials = route.credentials().map_err(Error::Config)?;
    route.client(credentials).map_err(Error::Config)
}

impl Route {
    pub(crate) fn of(worker: &WorkerConfig, region: &str) -> Result<Self, String> {
        let variables = Variables::of(worker);
        let env = |name: &str| variables.get(name);
        let mut settings = Settings::load(&env, worker.profile.as_deref()).map_err(|e| e.to_string())?;
        if let Some(url) = &worker.endpoint_url {
            settings.endpoint_url = Some(url.clone());
        }
        let endpoint = settings.endpoint(region);
        let network = Network {
            ca_file: worker.ca_bundle.clone().or_else(|| settings.ca_bundle.clone()),
            proxies: Proxies::from_env(&env).map_err(|e| e.to_string())?,
            client_certificate: worker.network.client_certificate.clone(),
            ..Network::new(ServerClock::system())
        };
        let endpoint = endpoint.map_err(|e| e.to_string())?;
        let (source, region) = (worker.credentials.clone(), region.to_owned());
        Ok(Route { variables, settings, source, region, endpoint, network })
    }

    /// The source that the configuration names, else the one that AWS' chain finds; cached. Nothing is sent yet.
    pub(crate) fn credentials(&self) -> Result<Arc<dyn CredentialsProvider>, String> {
        let Some(source) = &self.source else {
            let env = |name: &str| self.variables.get(name);
            return default_credentials(&self.settings, &env, &self.network).map_err(|e| e.to_string());
        };
        let source = self.named(source).map_err(|e| e.to_string())?;
        Ok(Arc::new(CachedCredentials::new(source, Arc::clone(&self.network.clock))))
    }

    /// Where AWS' chain looks and what it finds; `None` if the configuration names a source, which counts alone.
    pub(crate) fn chain(&self) -> Option<Vec<LookedAt>> {
        let env = |name: &str| self.variables.get(name);
        self.source.is_none().then(|| credentials_chain(&self.settings, &env, &self.network))
    }

    pub(crate) fn client(&self, credentials: Arc<dyn CredentialsProvider>) -> Result<ActivityClient, String> {
        let transport = self.network.transport(CONNECT_TIMEOUT).map_err(|e| e.to_string())?;
        ActivityClient::builder(&self.region)
            .endpoint(self.endpoint.clone())
            .credentials(credentials)
            .transport(transport)
            .clock(Arc::clone(&self.network.clock))
            .build()
            .map_err(|e| e.to_string())
    }

    fn named(&self, source: &Source) -> Result<Arc<dyn CredentialsProvider>, CredentialsError> {
        let env = |name: &str| self.variables.get(name);
        let setup = |text: String| CredentialsError::Setup(text);
        let transport =
            |timeout| self.network.transport(timeout).map_err(|e| CredentialsError::Setup(e.to_string()));
        let unset = |what: &str| setup(format!("[credentials]: {what}"));
        let clock = || Arc::clone(&self.network.clock);
        Ok(match source {
            Source::Environment => Arc::new(
                EnvironmentCredentials::from(&env)?.ok_or_else(|| unset("AWS_ACCESS_KEY_ID is not set"))?,
            ),
            Source::Iot(config) => {
                let ca_file = config.ca_file.clone().or_else(|| self.network.ca_file.clone());
                let config = IotConfig { ca_file, ..config.clone() };
                Arc::new(IotCredentials::new(config, self.network.proxies.clone(), clock())?)
            }
            Source::Container { .. } => {
                let what = "there is neither url nor AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI";
                let found = ContainerCredentials::from(&env, transport(NEAR)?, clock())?;
                Arc::new(found.ok_or_else(|| unset(what))?)
            }
            Source::Imds { .. } => Arc::new(
                ImdsCredentials::from(&env, transport(NEAR)?, clock())?
                    .ok_or_else(|| unset("the instance metadata service is turned off"))?,
            ),
            Source::WebIdentity { sts_endpoint_url, .. } => {
                // What the file says counts, whatever the environment says of URLs.
                let env = |name: &str| match name {
                    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" if sts_endpoint_url.is_some() => {
                        Some("false".to_owned())
                    }
                    _ => env(name),
                };
                let (settings, network) = (&self.settings, &self.network);
                let found = WebIdentityCredentials::of_settings(settings, &env, network, &self.region)?;
                Arc::new(found.ok_or_else(|| unset("token_file is not set"))?)
            }
            Source::Process { program, arguments } => Arc::new(ProcessCredentials::of_words(
                program.to_string_lossy().into_owned(),
                arguments.clone(),
            )),
        })
    }
}

/// What keeps a worker from starting lies in the configuration or on the machine, and stays until someone changes it; but for
/// threads, of which there may be more in a moment, and for a disk that fails or is full now.
pub(crate) fn start_error(e: StartError) -> Error {
    match e {
        StartError::Thread(_) => Error::Failure(e.to_string()),
        StartError::Spool(ref cause) if cause.may_pass() => Error::Failure(e.to_string()),
        _ => Error::Config(e.to_string()),
    }
}

/// The host's name, as far as a worker's name can hold it.
pub(crate) fn host_name() -> Option<WorkerName> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    worker_name_from(&host)
}

fn worker_name_from(host: &str) -> Option<WorkerName> {
    let name: String =
        host.chars().filter(|c| WorkerName::new(c.encode_utf8(&mut [0; 4])).is_ok()).take(80).collect();
    WorkerName::new(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkConfig;

    #[test]
    fn an_endpoint_of_ones_own_and_fips_exclude_each_other_whoever_names_them() {
        let network = NetworkConfig { use_fips_endpoint: Some(true), ..NetworkConfig::default() };
        let url = Some("http://127.0.0.1:1".to_owned());
        let worker = WorkerConfig { endpoint_url: url, network, ..WorkerConfig::default() };
        let why = Route::of(&worker, "eu-west-1").err().unwrap();
        assert_eq!(why, "an endpoint URL can't be combined with FIPS: remove one of the two");
    }

    #[test]
    fn a_host_name_becomes_a_worker_name_without_what_the_service_refuses() {
        assert_eq!(worker_name_from("pi-7.local").unwrap().as_str(), "pi-7.local");
        assert_eq!(worker_name_from("my pi:1").unwrap().as_str(), "mypi1");
        assert_eq!(worker_name_from(&"x".repeat(200)).unwrap().as_str().len(), 80);
        assert_eq!(worker_name_from(":"), None);
    }
}

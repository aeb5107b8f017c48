//! From what the operator said to a client of the service.

use std::sync::Arc;
use std::time::Duration;

use activity_worker::WorkerName;
use activity_worker::aws::{ActivityClient, Endpoint, Network, Proxies, Settings, default_credentials};
use activity_worker::clock::{ServerClock, SystemClock};
use activity_worker::worker::StartError;

use crate::config::Config;
use crate::error::Error;

/// For name look-up, TCP, a proxy's tunnel and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The client of all activities of `config`. What the configuration says counts before AWS's own variables and files.
pub(crate) fn client(config: &Config) -> Result<ActivityClient, Error> {
    let wrong = |text: String| Error::Config(text);
    let env = |name: &str| std::env::var(name).ok();
    let settings =
        Settings::load(&env, config.worker.profile.as_deref()).map_err(|e| wrong(e.to_string()))?;
    let region = config.activities.first().map(|a| a.arn.region()).unwrap_or_default();
    let endpoint = match &config.worker.endpoint_url {
        Some(url) => Endpoint::own(url),
        None => settings.endpoint(region),
    };
    let network = Network {
        ca_file: config.worker.ca_bundle.clone().or_else(|| settings.ca_bundle.clone()),
        proxies: Proxies::from_env(&env).map_err(|e| wrong(e.to_string()))?,
        ..Network::new(Arc::new(ServerClock::new(Arc::new(SystemClock))))
    };
    let credentials = default_credentials(&settings, &env, &network).map_err(|e| wrong(e.to_string()))?;
    ActivityClient::builder(region)
        .endpoint(endpoint.map_err(|e| wrong(e.to_string()))?)
        .credentials(credentials)
        .transport(network.transport(CONNECT_TIMEOUT).map_err(|e| wrong(e.to_string()))?)
        .clock(Arc::clone(&network.clock))
        .build()
        .map_err(|e| wrong(e.to_string()))
}

/// What keeps a worker from starting lies in the configuration or on the machine, and stays until someone changes it; but for
/// threads, of which there may be more in a moment.
pub(crate) fn start_error(e: StartError) -> Error {
    match e {
        StartError::Thread(_) => Error::Failure(e.to_string()),
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

    #[test]
    fn a_host_name_becomes_a_worker_name_without_what_the_service_refuses() {
        assert_eq!(worker_name_from("pi-7.local").unwrap().as_str(), "pi-7.local");
        assert_eq!(worker_name_from("my pi:1").unwrap().as_str(), "mypi1");
        assert_eq!(worker_name_from(&"x".repeat(200)).unwrap().as_str().len(), 80);
        assert_eq!(worker_name_from(":"), None);
    }
}

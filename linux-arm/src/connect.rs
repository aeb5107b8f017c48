//! From what the operator said to a client of the service.

use activity_worker::WorkerName;
use activity_worker::aws::{ActivityClient, EnvironmentError, Route};
use activity_worker::worker::StartError;

use crate::config::ServiceConfig;
use crate::error::Error;

/// The client of all activities in `region`.
pub(crate) fn client(service: &ServiceConfig, region: &str) -> Result<ActivityClient, Error> {
    let route = route(service, region).map_err(Error::Config)?;
    let client = route.credentials().and_then(|credentials| route.client(credentials));
    client.map_err(|e| Error::Config(told(&e)))
}

/// The way to the service in `region`. What the configuration says counts before AWS' own variables and files.
pub(crate) fn route(service: &ServiceConfig, region: &str) -> Result<Route, String> {
    let ServiceConfig {
        endpoint_url,
        use_fips_endpoint,
        use_dualstack_endpoint,
        profile,
        credentials,
        network,
    } = service.clone();
    let mut way = ActivityClient::environment().region(region).network(network);
    if let Some(url) = endpoint_url {
        way = way.endpoint_url(&url);
    }
    if let Some(fips) = use_fips_endpoint {
        way = way.use_fips(fips);
    }
    if let Some(dualstack) = use_dualstack_endpoint {
        way = way.use_dualstack(dualstack);
    }
    if let Some(name) = profile {
        way = way.profile(&name);
    }
    if let Some(source) = credentials {
        way = way.credentials(source);
    }
    way.route().map_err(|e| told(&e))
}

/// An error in the words of the file: a source of credentials that is named is named there.
pub(crate) fn told(e: &EnvironmentError) -> String {
    match e {
        EnvironmentError::Credentials(why) => format!("[credentials]: {why}"),
        other => other.to_string(),
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

    #[test]
    fn an_endpoint_of_ones_own_and_fips_exclude_each_other_whoever_names_them() {
        let url = Some("http://127.0.0.1:1".to_owned());
        let service =
            ServiceConfig { endpoint_url: url, use_fips_endpoint: Some(true), ..ServiceConfig::default() };
        let why = route(&service, "eu-west-1").err().unwrap();
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

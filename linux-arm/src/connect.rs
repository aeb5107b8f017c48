//! From what the operator said to a client of the service.

use activity_worker::WorkerName;
use activity_worker::aws::ActivityClient;
use activity_worker::worker::StartError;

use crate::config::Config;
use crate::error::Error;

/// The client of all activities of `config`.
pub(crate) fn client(_config: &Config) -> Result<ActivityClient, Error> {
    Err(Error::Failure("the client is not here yet".into()))
}

/// What keeps a worker from starting lies in the configuration or on the machine, and stays until someone changes it.
pub(crate) fn start_error(e: StartError) -> Error {
    Error::Config(e.to_string())
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

//! The environment's variables, with the configuration laid over them: what the file says, AWS' own variables can say too, and the
//! file counts first.

use crate::config::{Source, WorkerConfig};

/// Looks like the environment.
pub(crate) struct Variables {
    /// `None`: hidden.
    over: Vec<(&'static str, Option<String>)>,
}

impl Variables {
    pub(crate) fn of(worker: &WorkerConfig) -> Self {
        let mut over = Vec::new();
        let network = &worker.network;
        if let Some(proxy) = &network.proxy {
            for name in ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"] {
                over.push((name, Some(proxy.clone())));
            }
        }
        if let Some(hosts) = &network.no_proxy {
            over.extend(["no_proxy", "NO_PROXY"].map(|name| (name, Some(hosts.clone()))));
        }
        for (name, switch) in [
            ("AWS_USE_FIPS_ENDPOINT", network.use_fips_endpoint),
            ("AWS_USE_DUALSTACK_ENDPOINT", network.use_dualstack_endpoint),
        ] {
            over.extend(switch.map(|on| (name, Some(on.to_string()))));
        }
        if let Some(source) = &worker.credentials {
            over.extend(of_source(source));
        }
        Variables { over }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match self.over.iter().find(|(over, _)| *over == name) {
            Some((_, value)) => value.clone(),
            None => std::env::var(name).ok(),
        }
    }
}

fn of_source(source: &Source) -> Vec<(&'static str, Option<String>)> {
    match source {
        Source::Environment | Source::Iot(_) | Source::Process { .. } => Vec::new(),
        Source::Container { url, token_file } => {
            let mut over = Vec::new();
            if url.is_some() {
                over.push(("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", None));
                over.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.clone()));
            }
            if token_file.is_some() {
                over.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file.clone()));
            }
            over
        }
        Source::Imds { endpoint, endpoint_mode } => {
            // To name the source is to turn it on.
            let mut over = vec![("AWS_EC2_METADATA_DISABLED", None)];
            for (name, value) in [
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", endpoint_mode),
            ] {
                over.extend(value.as_ref().map(|value| (name, Some(value.clone()))));
            }
            over
        }
        Source::WebIdentity { token_file, role_arn, session_name, sts_endpoint_url } => {
            let mut over = vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", Some(token_file.clone())),
                ("AWS_ROLE_ARN", Some(role_arn.clone())),
                ("AWS_ROLE_SESSION_NAME", session_name.clone()),
            ];
            over.extend(sts_endpoint_url.as_ref().map(|url| ("AWS_ENDPOINT_URL_STS", Some(url.clone()))));
            over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetworkConfig;

    #[test]
    fn the_file_counts_before_the_environment() {
        let plain = Variables::of(&WorkerConfig::default());
        assert_eq!(plain.get("PATH"), std::env::var("PATH").ok());
        let network = NetworkConfig {
            proxy: Some(String::new()),
            no_proxy: Some("a,b".into()),
            use_fips_endpoint: Some(false),
            ..NetworkConfig::default()
        };
        let source = Source::Container { url: Some("http://localhost/".into()), token_file: None };
        let over =
            Variables::of(&WorkerConfig { network, credentials: Some(source), ..WorkerConfig::default() });
        assert_eq!(over.get("https_proxy").as_deref(), Some(""));
        assert_eq!(over.get("NO_PROXY").as_deref(), Some("a,b"));
        assert_eq!(over.get("AWS_USE_FIPS_ENDPOINT").as_deref(), Some("false"));
        assert_eq!(over.get("AWS_USE_DUALSTACK_ENDPOINT"), std::env::var("AWS_USE_DUALSTACK_ENDPOINT").ok());
        assert_eq!(over.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), None);
        assert_eq!(over.get("AWS_CONTAINER_CREDENTIALS_FULL_URI").as_deref(), Some("http://localhost/"));
    }
}

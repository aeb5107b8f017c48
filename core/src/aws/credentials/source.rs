//! A source of credentials that is named.

use std::sync::Arc;

use super::parts::Sources;
use super::{
    ContainerConfig, CredentialsError, CredentialsProvider, ImdsConfig, IotConfig, IotCredentials,
    ProcessConfig, ProcessCredentials, WebIdentityConfig,
};

/// A source of credentials, as data. It counts alone: no other place is looked at. What it leaves open, AWS' variables say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsSource {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and `AWS_CREDENTIAL_EXPIRATION`.
    Environment,
    /// A device's certificate, shown to AWS IoT Core. Without a CA file of its own it has the network's.
    Iot(IotConfig),
    /// A container's endpoint.
    Container(ContainerConfig),
    /// The metadata service of an EC2 instance. To name it is to turn it on, whatever `AWS_EC2_METADATA_DISABLED` says.
    Imds(ImdsConfig),
    /// A role by a web identity. STS is asked in the client's region.
    WebIdentity(WebIdentityConfig),
    /// A program that prints them.
    Process(ProcessConfig),
}

impl CredentialsSource {
    /// What gives them. No program is run, and nothing is sent. `region`: the client's.
    pub(in crate::aws) fn provider(
        &self,
        sources: &Sources<'_>,
        region: &str,
    ) -> Result<Arc<dyn CredentialsProvider>, CredentialsError> {
        let network = sources.network;
        match self.clone() {
            CredentialsSource::Environment => sources.env_keys()?.ok_or_else(|| {
                CredentialsError::Setup("the environment has no AWS_ACCESS_KEY_ID".to_owned())
            }),
            CredentialsSource::Iot(config) => {
                let ca_file = config.ca_file.or_else(|| network.ca_file.clone());
                let ca_only = config.ca_only || network.ca_only;
                let config = IotConfig { ca_file, ca_only, ..config };
                let clock = Arc::clone(&network.clock);
                Ok(Arc::new(IotCredentials::new(config, network.proxies.clone(), clock)?))
            }
            CredentialsSource::Container(config) => sources.container(config),
            CredentialsSource::Imds(config) => sources.imds(config),
            CredentialsSource::WebIdentity(config) => sources.web_identity(config, region),
            CredentialsSource::Process(config) => Ok(Arc::new(ProcessCredentials::new(config))),
        }
    }
}

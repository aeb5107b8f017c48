//! What sources of credentials are made from: AWS' settings, the environment, the network.

use std::sync::Arc;
use std::time::Duration;

use super::imds::is_disabled;
use super::{
    ContainerConfig, ContainerCredentials, CredentialsError, CredentialsProvider, EnvironmentCredentials,
    ImdsConfig, ImdsCredentials, StsRole, WebIdentityConfig, WebIdentityCredentials,
};
use crate::aws::endpoint::{Service, service_url};
use crate::aws::{Network, Settings, Transport};

/// A connection to a service of AWS is given up after this long; one to this machine's link sooner.
const FAR: Duration = Duration::from_secs(10);
const NEAR: Duration = Duration::from_secs(1);

pub(super) type Source = Arc<dyn CredentialsProvider>;

/// What the sources are made from.
pub(in crate::aws) struct Sources<'a> {
    pub(in crate::aws) settings: &'a Settings,
    pub(in crate::aws) env: &'a dyn Fn(&str) -> Option<String>,
    pub(in crate::aws) network: &'a Network,
}

impl Sources<'_> {
    /// The environment's keys; `None`: it has none.
    pub(super) fn env_keys(&self) -> Result<Option<Source>, CredentialsError> {
        Ok(EnvironmentCredentials::from(self.env)?.map(|source| Arc::new(source) as Source))
    }

    /// The environment's web identity, where the settings' region has its STS; `None`: it has none.
    pub(super) fn env_web_identity(&self) -> Result<Option<Source>, CredentialsError> {
        let region = self.settings.region.as_deref().unwrap_or("us-east-1");
        let config = WebIdentityConfig::from_env(self.env)?;
        config.map(|config| self.web_identity(config, region)).transpose()
    }

    /// The container's endpoint that the environment names; `None`: it names none.
    pub(super) fn env_container(&self) -> Result<Option<Source>, CredentialsError> {
        let config = ContainerConfig::default().or_env(self.env)?;
        if config.url.is_none() { Ok(None) } else { self.container(config).map(Some) }
    }

    /// The metadata service; `None`: the environment turns it off.
    pub(super) fn env_imds(&self) -> Result<Option<Source>, CredentialsError> {
        if is_disabled(self.env) { Ok(None) } else { self.imds(ImdsConfig::default()).map(Some) }
    }

    /// What the configuration leaves open, the environment says.
    pub(super) fn container(&self, config: ContainerConfig) -> Result<Source, CredentialsError> {
        let config = config.or_env(self.env)?;
        Ok(Arc::new(ContainerCredentials::new(config, self.near()?, Arc::clone(&self.network.clock))?))
    }

    /// What the configuration leaves open, the environment says.
    pub(super) fn imds(&self, config: ImdsConfig) -> Result<Source, CredentialsError> {
        let config = config.or_env(self.env)?;
        Ok(Arc::new(ImdsCredentials::new(config, self.near()?, Arc::clone(&self.network.clock))))
    }

    /// `region`: that of STS.
    pub(super) fn web_identity(
        &self,
        config: WebIdentityConfig,
        region: &str,
    ) -> Result<Source, CredentialsError> {
        let WebIdentityConfig { token_file, role_arn, session_name, endpoint_url } = config;
        let endpoint_url = match endpoint_url {
            Some(url) => url,
            None => self.url(Service::Sts, "sts", region)?,
        };
        let role = StsRole {
            region: region.to_owned(),
            endpoint_url: Some(endpoint_url),
            role_arn,
            session_name,
            external_id: None,
            duration: None,
        };
        let clock = Arc::clone(&self.network.clock);
        Ok(Arc::new(WebIdentityCredentials::new(role, token_file, self.far()?, clock)))
    }

    /// Where a service is asked: what the settings say, else the region's host.
    pub(super) fn url(&self, service: Service, id: &str, region: &str) -> Result<String, CredentialsError> {
        let Settings { use_fips, use_dualstack, .. } = self.settings;
        let given = self.settings.endpoint_url_of(id, self.env);
        match given.map_err(|e| CredentialsError::Setup(e.to_string()))? {
            Some(url) => Ok(url),
            None => service_url(service, region, *use_fips, *use_dualstack)
                .map_err(|e| CredentialsError::Setup(e.to_string())),
        }
    }

    /// A transport to a service of AWS.
    pub(super) fn far(&self) -> Result<Arc<dyn Transport>, CredentialsError> {
        self.transport(FAR)
    }

    /// A transport to this machine's link.
    fn near(&self) -> Result<Arc<dyn Transport>, CredentialsError> {
        self.transport(NEAR)
    }

    fn transport(&self, connect_timeout: Duration) -> Result<Arc<dyn Transport>, CredentialsError> {
        self.network.transport(connect_timeout).map_err(|e| CredentialsError::Setup(e.to_string()))
    }
}

//! `[network]`: what lies between the device and the service.

use std::path::PathBuf;

use activity_worker::aws::Proxies;
use serde::Deserialize;
use toml::Spanned;

use super::credentials::{Remark, key_pair};

/// What the file says of the network. `None`: AWS' variables and the profile say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetworkConfig {
    /// An empty text: none, whatever the environment says.
    pub(crate) proxy: Option<String>,
    /// As `NO_PROXY` has it.
    pub(crate) no_proxy: Option<String>,
    pub(crate) client_certificate: Option<(PathBuf, PathBuf)>,
    pub(crate) use_fips_endpoint: Option<bool>,
    pub(crate) use_dualstack_endpoint: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    proxy: Option<Spanned<String>>,
    no_proxy: Option<Vec<String>>,
    client_certificate: Option<Spanned<String>>,
    client_key: Option<Spanned<String>>,
    use_fips_endpoint: Option<Spanned<bool>>,
    use_dualstack_endpoint: Option<Spanned<bool>>,
}

impl Table {
    /// `own_endpoint`: whether the file names an endpoint itself.
    pub(super) fn read(self, own_endpoint: bool, doubts: &mut Vec<Remark>) -> Result<NetworkConfig, Remark> {
        if let Some(proxy) = &self.proxy {
            let (at, url) = (proxy.span().start, proxy.get_ref());
            if url.contains('@') {
                let what = "holds a user or a password, and this file is no place for one: put the whole URL into HTTPS_PROXY";
                return Err((at, "proxy", what.to_owned()));
            }
            Proxies::new(Some(url), None, "").map_err(|e| (at, "proxy", e.to_string()))?;
        }
        for (key, switch) in [
            ("use_fips_endpoint", &self.use_fips_endpoint),
            ("use_dualstack_endpoint", &self.use_dualstack_endpoint),
        ] {
            if let Some(switch) = switch.as_ref().filter(|switch| own_endpoint && *switch.get_ref()) {
                let what = "does not go with endpoint_url, which names the endpoint: remove one of the two";
                return Err((switch.span().start, key, what.to_owned()));
            }
        }
        let place = |file: Spanned<String>| (file.span().start, file.into_inner());
        let client_certificate = match (self.client_certificate.map(place), self.client_key.map(place)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(key_pair([certificate, key], ["client_certificate", "client_key"], doubts)?)
            }
            (Some((at, _)), None) => {
                return Err((at, "client_key", "is missing beside client_certificate".into()));
            }
            (None, Some((at, _))) => {
                return Err((at, "client_certificate", "is missing beside client_key".into()));
            }
        };
        Ok(NetworkConfig {
            proxy: self.proxy.map(Spanned::into_inner),
            no_proxy: self.no_proxy.map(|hosts| hosts.join(",")),
            client_certificate,
            use_fips_endpoint: self.use_fips_endpoint.map(Spanned::into_inner),
            use_dualstack_endpoint: self.use_dualstack_endpoint.map(Spanned::into_inner),
        })
    }
}

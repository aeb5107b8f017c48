//! `[network]`: what lies between the device and the service.

use std::path::PathBuf;

use super::credentials::key_pair;
use super::table::{Remark, Table, Word};
use activity_worker::aws::Proxies;

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

const KEYS: [&str; 6] =
    ["proxy", "no_proxy", "client_certificate", "client_key", "use_fips_endpoint", "use_dualstack_endpoint"];

/// `own_endpoint`: whether the file names an endpoint itself.
pub(super) fn read(
    mut table: Table,
    own_endpoint: bool,
    doubts: &mut Vec<Remark>,
) -> Result<NetworkConfig, Remark> {
    table.known(&KEYS)?;
    // An empty text turns it off.
    let proxy = match table.take("proxy") {
        None => None,
        Some((at, Word::Text(url))) => {
            let wrong = |what: String| (at, "proxy".to_owned(), what);
            if url.contains('@') {
                let what = "holds a user or a password, and this file is no place for one: put the whole URL into HTTPS_PROXY";
                return Err(wrong(what.into()));
            }
            Proxies::new(Some(&url), None, "").map_err(|e| wrong(e.to_string()))?;
            Some(url)
        }
        Some((at, _)) => return Err((at, "proxy".into(), "expected a text".into())),
    };
    let no_proxy = table.list("no_proxy")?.map(|(_, hosts)| hosts.join(","));
    let mut switch = |key: &str| match table.switch(key)? {
        Some((at, true)) if own_endpoint => {
            let what = "does not go with endpoint_url, which names the endpoint: remove one of the two";
            Err((at, key.to_owned(), what.to_owned()))
        }
        other => Ok(other.map(|(_, on)| on)),
    };
    let (use_fips_endpoint, use_dualstack_endpoint) =
        (switch("use_fips_endpoint")?, switch("use_dualstack_endpoint")?);
    let alone =
        |at, missing: &str, there: &str| (at, missing.to_owned(), format!("is missing beside {there}"));
    let client_certificate = match (table.text("client_certificate")?, table.text("client_key")?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            Some(key_pair([certificate, key], ["client_certificate", "client_key"], doubts)?)
        }
        (Some((at, _)), None) => return Err(alone(at, "client_key", "client_certificate")),
        (None, Some((at, _))) => return Err(alone(at, "client_certificate", "client_key")),
    };
    Ok(NetworkConfig { proxy, no_proxy, client_certificate, use_fips_endpoint, use_dualstack_endpoint })
}

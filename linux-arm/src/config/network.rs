//! `[network]`: what lies between the device and the service.

use std::path::PathBuf;

use super::credentials::key_pair;
use super::table::Table;
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
pub(super) fn read(table: &mut Table, own_endpoint: bool) -> NetworkConfig {
    table.known(&KEYS);
    // An empty text turns it off.
    let proxy = table.text_or_none("proxy");
    if let Some(url) = &proxy {
        if url.contains('@') {
            let what = "holds a user or a password, and this file is no place for one: put the whole URL into HTTPS_PROXY";
            table.wrong("proxy", what);
        }
        if let Err(e) = Proxies::new(Some(url), None, "") {
            table.wrong("proxy", &e.to_string());
        }
    }
    let mut switch = |key: &str| {
        let on = table.switch(key);
        if own_endpoint && on == Some(true) {
            table
                .wrong(key, "does not go with endpoint_url, which names the endpoint: remove one of the two");
        }
        on
    };
    let (use_fips_endpoint, use_dualstack_endpoint) =
        (switch("use_fips_endpoint"), switch("use_dualstack_endpoint"));
    let no_proxy = table.list("no_proxy").map(|hosts| hosts.join(","));
    let set = |table: &Table, key| table.keys().any(|set| set == key);
    let client_certificate = match (set(table, "client_certificate"), set(table, "client_key")) {
        (true, true) => key_pair(table, "client_certificate", "client_key"),
        (true, false) => {
            table.wrong("client_certificate", "needs client_key beside it");
            None
        }
        (false, true) => {
            table.wrong("client_key", "needs client_certificate beside it");
            None
        }
        (false, false) => None,
    };
    NetworkConfig { proxy, no_proxy, client_certificate, use_fips_endpoint, use_dualstack_endpoint }
}

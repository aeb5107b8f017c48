//! `[network]`: what lies between the device and the service.

use std::time::Duration;

use activity_worker::aws::{NetworkConfig, Proxies};

use super::credentials::key_pair;
use super::table::Table;
use super::values::{Allowed, duration};

/// All but the switches of the endpoint.
pub(super) fn read(table: &mut Table<'_>) -> NetworkConfig {
    let set = |table: &Table<'_>, key| table.is_set(key);
    table.knows(&["proxy", "no_proxy", "client_certificate", "client_key"]);
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
    NetworkConfig {
        proxy: table.parsed("proxy", proxy),
        no_proxy: table.list("no_proxy").map(|hosts| hosts.join(",")),
        client_certificate,
        // It stands at the top of the file.
        ca_file: None,
        ca_only: table.switch("ca_only").unwrap_or_default(),
        keepalive: table.parsed("keepalive", keepalive),
    }
}

/// Which of the region's endpoints is meant. `own_endpoint`: whether the file names an endpoint itself.
pub(super) fn endpoint_switch(table: &mut Table<'_>, key: &'static str, own_endpoint: bool) -> Option<bool> {
    let on = table.switch(key);
    if own_endpoint && on == Some(true) {
        table.wrong(key, "does not go with endpoint_url, which names the endpoint: remove one of the two");
    }
    on
}

/// An empty text turns it off.
fn proxy(url: &str) -> Result<String, String> {
    if url.contains('@') {
        let what = "holds a user or a password, and this file is no place for one: put the whole URL into HTTPS_PROXY";
        return Err(what.to_owned());
    }
    Proxies::new(Some(url), None, "").map_err(|e| e.to_string())?;
    Ok(url.to_owned())
}

/// Zero turns it off.
fn keepalive(text: &str) -> Result<Duration, String> {
    match ["off", "0", "0s"].contains(&text.trim()) {
        true => Ok(Duration::ZERO),
        false => duration(text, Allowed::KEEPALIVE).map_err(|what| format!("{what}, nor \"off\"")),
    }
}

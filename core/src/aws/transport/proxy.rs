//! Which requests go through a proxy. A proxy is asked for a tunnel (CONNECT), for `http` targets as well.

use std::fmt;

use ureq::Agent;
use ureq::ProxyProtocol;
use ureq::config::Config;
use ureq::http::Uri;

use super::TransportConfigError;
use super::direct::{Direct, is_near, list};
use crate::aws::endpoint::is_host;

/// The proxies of `https` and `http` targets, and the hosts that need none.
///
/// Addresses of this machine and of its link (`localhost`, `127.0.0.0/8`, `::1`, `169.254.0.0/16`, `fe80::/10`, `fd00:ec2::/32`) are
/// never reached through a proxy: that is where metadata services and emulators are.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    direct: Vec<Direct>,
}

/// A proxy, as ureq wants it.
#[derive(Clone)]
struct Proxy {
    /// Host and port.
    shown: String,
    config: Config,
}

impl Proxies {
    /// `https` and `http` are URLs like `http://user:password@proxy.example:3128`; without a scheme they are `http`. What stands before
    /// the last `@` is user and password, up to the first `:` the user: as they are (`DOMAIN\user`, `pa#ss`), or percent-encoded
    /// (`%23` for `#`, `%25` for a `%` that two hexadecimal digits follow).
    ///
    /// `none_for` is a list with commas, blanks or both: `*`, hosts (which stand for what is below them too), addresses, networks like
    /// `10.0.0.0/8`, and any of them with a port. In `10.9.*` and `states.*.example` a star stands for anything.
    pub fn new(
        https: Option<&str>,
        http: Option<&str>,
        none_for: &str,
    ) -> Result<Self, TransportConfigError> {
        let given = |url: Option<&str>| {
            let url = url.map(str::trim).filter(|url| !url.is_empty());
            let wrong = |reason: String| TransportConfigError::Proxy { reason };
            url.map(|url| Proxy::parse(url).map_err(wrong)).transpose()
        };
        Ok(Proxies { https: given(https)?, http: given(http)?, direct: list(none_for) })
    }

    /// What `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say; the same names in lower case count before them.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, TransportConfigError> {
        Self::or_env(None, None, env)
    }

    /// The same, but that what is given counts first: one proxy for all, the hosts that need none.
    pub(super) fn or_env(
        proxy: Option<String>,
        none_for: Option<String>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TransportConfigError> {
        let var = |name: &str| env(&name.to_lowercase()).or_else(|| env(name));
        let proxy_of = |name: &str| proxy.clone().or_else(|| var(name));
        let (https, http) = (proxy_of("HTTPS_PROXY"), proxy_of("HTTP_PROXY"));
        let none_for = none_for.or_else(|| var("NO_PROXY")).unwrap_or_default();
        Self::new(https.as_deref(), http.as_deref(), &none_for)
    }

    /// The proxy on the way to `uri`, in words without its password; `None`: the way is direct.
    pub fn on_the_way_to(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        Some(self.lead(&uri)?.shown.clone())
    }

    /// The settings that make ureq ask a proxy for a tunnel to `uri`.
    pub(super) fn config(&self, uri: &Uri) -> Option<&Config> {
        Some(&self.lead(uri)?.config)
    }

    fn lead(&self, uri: &Uri) -> Option<&Proxy> {
        let secure = uri.scheme_str() == Some("https");
        let proxy = if secure { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = uri.host()?.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        let direct = is_near(&host) || self.direct.iter().any(|direct| direct.holds(&host, port));
        (!direct).then_some(proxy)
    }
}

impl Proxy {
    /// The error shows nothing of the text.
    fn parse(text: &str) -> Result<Self, String> {
        let (protocol, rest) = protocol(text)?;
        // Nothing else of a proxy's URL has an @, so that a password may hold whatever it likes.
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, rest),
        };
        let place = place.split(['/', '?', '#']).next().unwrap_or_default();
        let default = if protocol == ProxyProtocol::Https { 443 } else { 80 };
        let (host, port) = host_and_port(place, default)?;
        let mut proxy = ureq::Proxy::builder(protocol).host(&host).port(port);
        if let Some(credentials) = credentials {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            let (user, password) = (decoded(user)?, decoded(password)?);
            if user.contains(':') {
                return Err("its user holds a colon, which no user can".to_owned());
            }
            proxy = proxy.username(&user).password(&password);
        }
        let proxy = proxy.build().map_err(|_| "it is no URL of a host".to_owned())?;
        let config = Agent::config_builder().user_agent("").proxy(Some(proxy)).build();
        Ok(Proxy { shown: format!("{host}:{port}"), config })
    }
}

/// The scheme, and what comes after it.
fn protocol(text: &str) -> Result<(ProxyProtocol, &str), String> {
    let is_scheme = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        let (first, rest) = text.split_once(':').unwrap_or((text, ""));
        let slip = rest.starts_with('/') || !rest.contains('@');
        if slip && ["http", "https"].iter().any(|scheme| first.eq_ignore_ascii_case(scheme)) {
            return Err(format!("// is missing after {}:", first.to_ascii_lowercase()));
        }
        return Ok((ProxyProtocol::Http, text));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((ProxyProtocol::Http, rest)),
        "https" => Ok((ProxyProtocol::Https, rest)),
        socks @ ("socks" | "socks4" | "socks4a" | "socks5" | "socks5h") => {
            Err(format!("{socks}:// proxies are not known here, only http:// and https:// ones"))
        }
        _ => Err("only http:// and https:// proxies are known".to_owned()),
    }
}

fn host_and_port(place: &str, default: u16) -> Result<(String, u16), String> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, _)) if !host.starts_with('[') && host.contains(':') => {
            return Err("an IPv6 address stands in brackets: http://[2001:db8::1]:3128".to_owned());
        }
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (place, ""),
    };
    if host.is_empty() {
        return Err("it names no host".to_owned());
    }
    if !is_host(host.strip_suffix('.').unwrap_or(host)) {
        return Err(
            "its host is none (expected a name, an IPv4 address, or an IPv6 address in brackets)".to_owned()
        );
    }
    let port = if port.is_empty() { Some(default) } else { port.parse().ok().filter(|port| *port > 0) };
    let port = port.ok_or("its port is none (expected 1 to 65535)")?;
    Ok((host.to_ascii_lowercase(), port))
}

/// `%` and two hexadecimal digits stand for a byte; any other `%` for itself, as with curl and Python.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let digit = |at: usize| more.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| "its user or password is not UTF-8 once the percent-encoding is undone".to_owned())?;
    match text.chars().any(char::is_control) {
        true => Err("its user or password holds a control character".to_owned()),
        false => Ok(text),
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| proxy.shown.clone());
        write!(
            f,
            "Proxies(https {:?}, http {:?}, none for {:?})",
            shown(&self.https),
            shown(&self.http),
            self.direct
        )
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;

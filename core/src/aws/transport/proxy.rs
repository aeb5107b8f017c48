//! Which requests go through a proxy. A proxy is asked for a tunnel (CONNECT), for `http` targets as well.

use std::fmt;
use std::net::IpAddr;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;

use super::TransportConfigError;

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
    uri: Uri,
    config: Config,
}

/// Hosts that need no proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    All,
    /// A host and all below it, perhaps at one port only.
    Domain(String, Option<u16>),
    /// The first so many bits of an address.
    Net(IpAddr, u32),
}

impl Proxies {
    /// `https` and `http` are URLs like `http://user:password@proxy.example:3128`; without a scheme they are `http`. `none_for` is a
    /// list with commas: `*`, hosts (which stand for what is below them too), addresses, networks like `10.0.0.0/8`.
    pub fn new(
        https: Option<&str>,
        http: Option<&str>,
        none_for: &str,
    ) -> Result<Self, TransportConfigError> {
        let given = |url: Option<&str>| {
            url.map(str::trim).filter(|url| !url.is_empty()).map(Proxy::parse).transpose()
        };
        let direct = none_for.split(',').map(str::trim).filter(|word| !word.is_empty()).map(Direct::parse);
        Ok(Proxies { https: given(https)?, http: given(http)?, direct: direct.collect() })
    }

    /// What `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say; the same names in lower case count before them.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, TransportConfigError> {
        let var = |name: &str| env(&name.to_lowercase()).or_else(|| env(name));
        let (https, http, none_for) = (var("HTTPS_PROXY"), var("HTTP_PROXY"), var("NO_PROXY"));
        Self::new(https.as_deref(), http.as_deref(), &none_for.unwrap_or_default())
    }

    /// The proxy on the way to `uri`, in words without its password; `None`: the way is direct.
    pub fn on_the_way_to(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        Some(self.lead(&uri)?.to_string())
    }

    /// The settings that make ureq ask a proxy for a tunnel to `uri`.
    pub(super) fn config(&self, uri: &Uri) -> Option<&Config> {
        Some(&self.lead(uri)?.config)
    }

    fn lead(&self, uri: &Uri) -> Option<&Proxy> {
        let proxy = if uri.scheme_str() == Some("https") { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let direct = is_near(&host) || self.direct.iter().any(|d| d.holds(&host, port(uri)));
        (!direct).then_some(proxy)
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, TransportConfigError> {
        let invalid = |reason: &str| TransportConfigError::Proxy { reason: reason.to_owned() };
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = url.parse().map_err(|_| invalid("it is no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid("only http:// and https:// proxies are known"));
        }
        let proxy = ureq::Proxy::new(&url).map_err(|_| invalid("it is no URL of a host"))?;
        let config = Agent::config_builder().user_agent("").proxy(Some(proxy)).build();
        // What is shown.
        let shown =
            format!("{}://{}:{}/", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or(""), port(&uri));
        Ok(Proxy { uri: shown.parse().map_err(|_| invalid("it is no URL of a host"))?, config })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri.authority().map_or("", |authority| authority.as_str()))
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<Proxy>| proxy.as_ref().map(Proxy::to_string);
        write!(
            f,
            "Proxies(https {:?}, http {:?}, none for {:?})",
            shown(&self.https),
            shown(&self.http),
            self.direct
        )
    }
}

impl Direct {
    fn parse(word: &str) -> Self {
        if word == "*" {
            return Direct::All;
        }
        if let Some((address, bits)) = word.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse(), bits.parse())
        {
            return Direct::Net(address, bits);
        }
        let bare = word.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Direct::Net(address, if address.is_ipv4() { 32 } else { 128 });
        }
        let (host, port) = match word.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => (host, Some(port)),
            _ => (word, None),
        };
        let domain = host.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.');
        Direct::Domain(domain.to_ascii_lowercase(), port)
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        match self {
            Direct::All => true,
            Direct::Domain(domain, only) => {
                let below = host.strip_suffix(domain.as_str());
                only.is_none_or(|only| only == port)
                    && below.is_some_and(|b| b.is_empty() || b.ends_with('.'))
            }
            Direct::Net(net, bits) => host.parse().is_ok_and(|address| shares(*net, address, *bits)),
        }
    }
}

fn is_near(host: &str) -> bool {
    let near = [("127.0.0.0", 8), ("169.254.0.0", 16), ("::1", 128), ("fe80::", 10), ("fd00:ec2::", 32)];
    let address = host.parse::<IpAddr>().ok();
    let within = |(net, bits): (&str, u32)| Some(shares(net.parse().ok()?, address?, bits));
    host == "localhost"
        || host.ends_with(".localhost")
        || near.into_iter().any(|net| within(net) == Some(true))
}

/// Whether two addresses of one family have their first `bits` in common.
fn shares(a: IpAddr, b: IpAddr, bits: u32) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits.min(32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits.min(128),
        _ => false,
    }
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "https://states.eu-west-1.amazonaws.com/";

    fn way(https: &str, none_for: &str, target: &str) -> Option<String> {
        Proxies::new(Some(https), None, none_for).unwrap().on_the_way_to(target)
    }

    #[test]
    fn a_proxy_serves_the_targets_of_its_scheme() {
        assert_eq!(way("proxy:3128", "", TARGET).as_deref(), Some("proxy:3128"));
        assert_eq!(way("http://u:p@proxy", "", TARGET).as_deref(), Some("proxy:80"));
        assert_eq!(way("proxy:3128", "", "http://elsewhere/"), None);
        let both = Proxies::new(Some("a:1"), Some("b:2"), "").unwrap();
        assert_eq!(both.on_the_way_to("http://elsewhere/").as_deref(), Some("b:2"));
        assert_eq!(Proxies::new(Some(" "), None, "").unwrap().on_the_way_to(TARGET), None);
    }

    #[test]
    fn what_needs_no_proxy_is_reached_directly() {
        for none_for in [
            "*",
            "amazonaws.com",
            ".amazonaws.com",
            "*.amazonaws.com",
            "example.com, states.EU-west-1.amazonaws.com",
            "amazonaws.com:443",
        ] {
            assert_eq!(way("proxy:1", none_for, TARGET), None, "{none_for}");
        }
        for none_for in ["", "aws.com", "amazonaws.com:8443", "eu-west-1", "10.0.0.0/8", ","] {
            assert!(way("proxy:1", none_for, TARGET).is_some(), "{none_for}");
        }
        assert_eq!(way("proxy:1", "10.0.0.0/8", "https://10.1.2.3/"), None);
        assert_eq!(way("proxy:1", "2001:db8::/32", "https://[2001:db8::1]:8443/"), None);
        assert!(way("proxy:1", "10.0.0.0/8", "https://11.1.2.3/").is_some());
    }

    #[test]
    fn this_machine_and_its_link_are_never_behind_a_proxy() {
        for near in
            ["localhost", "127.0.0.1:4566", "[::1]", "169.254.169.254", "[fd00:ec2::254]", "x.localhost"]
        {
            assert_eq!(way("proxy:1", "", &format!("https://{near}/")), None, "{near}");
        }
    }

    #[test]
    fn the_environment_is_read_in_lower_case_first() {
        let vars =
            [("https_proxy", "low:1"), ("HTTPS_PROXY", "up:2"), ("HTTP_PROXY", "plain:3"), ("NO_PROXY", "x")];
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let proxies = Proxies::from_env(&env).unwrap();
        assert_eq!(proxies.on_the_way_to(TARGET).as_deref(), Some("low:1"));
        assert_eq!(proxies.on_the_way_to("http://y/").as_deref(), Some("plain:3"));
        assert_eq!(proxies.on_the_way_to("http://x/"), None);
    }

    #[test]
    fn p7_a_proxys_password_is_shown_nowhere() {
        let proxies = Proxies::new(Some("http://user:sEcReT@proxy:3128"), None, "").unwrap();
        assert!(!format!("{proxies:?}{:?}", proxies.on_the_way_to(TARGET)).contains("sEcReT"));
        for wrong in ["socks5://user:sEcReT@proxy", "http://", "http://user:sEcReT@ proxy"] {
            let said = Proxies::new(Some(wrong), None, "").unwrap_err().to_string();
            assert!(!said.contains("sEcReT"), "{said}");
        }
    }
}

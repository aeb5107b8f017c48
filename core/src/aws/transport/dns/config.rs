//! What `/etc/resolv.conf` says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

/// As in the C libraries.
const SERVERS_MAX: usize = 3;
/// More than any machine has; each may cost a share of the time.
const SEARCH_MAX: usize = 16;

/// How names are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) servers: Vec<SocketAddr>,
    /// The domains in which a name may lie.
    pub(super) search: Vec<String>,
    /// Whether a name without a dot is asked for as it is before it is searched for.
    bare_first: bool,
    /// How long the last server asked may take.
    pub(super) timeout: Duration,
    /// How often a server that says nothing is asked.
    pub(super) attempts: usize,
    pub(super) rotate: bool,
    /// Over TCP from the start.
    pub(super) tcp: bool,
    pub(super) no_v6: bool,
}

impl Config {
    /// `port` is the servers'.
    pub(super) fn read(text: &str, port: u16) -> Self {
        let mut config = Config {
            servers: Vec::new(),
            search: Vec::new(),
            bare_first: false,
            timeout: Duration::from_secs(5),
            attempts: 3,
            rotate: false,
            tcp: false,
            no_v6: false,
        };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if config.servers.len() < SERVERS_MAX => {
                    config.servers.extend(words.next().and_then(|word| server(word, port)));
                }
                // The last line of these counts.
                Some("domain") => config.search = words.take(1).filter_map(domain).collect(),
                Some("search") => config.search = words.filter_map(domain).take(SEARCH_MAX).collect(),
                Some("options") => words.for_each(|word| config.option(word)),
                _ => {}
            }
        }
        if config.servers.is_empty() {
            config.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
        }
        config
    }

    fn option(&mut self, word: &str) {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        match (name, value.parse::<u32>()) {
            ("ndots", Ok(dots)) => self.bare_first = dots == 0,
            ("timeout", Ok(seconds)) => self.timeout = Duration::from_secs(seconds.clamp(1, 30).into()),
            ("attempts", Ok(times)) => self.attempts = times.clamp(1, 5) as usize,
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.tcp = true,
            ("no-aaaa", _) => self.no_v6 = true,
            _ => {}
        }
    }

    /// The names to ask for, one after the other, without a dot at their end.
    ///
    /// A name with a dot in it is first taken for what it looks like, whatever `ndots` says: an endpoint's name is a whole one, and
    /// with the `ndots:5` of Kubernetes each of them would first be looked for in every domain.
    pub(super) fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(whole) = host.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{host}.{domain}")).collect();
        let first = self.bare_first || host.contains('.');
        names.insert(if first { 0 } else { names.len() }, host.to_owned());
        names
    }
}

/// The root is no domain to search in: a name in it is the name itself.
fn domain(word: &str) -> Option<String> {
    let word = word.trim_matches('.');
    (!word.is_empty()).then(|| word.to_owned())
}

/// An address, of IPv6 perhaps with its scope: the name or the number of an interface.
fn server(word: &str, port: u16) -> Option<SocketAddr> {
    let (address, scope) =
        word.split_once('%').map_or((word, None), |(address, scope)| (address, Some(scope)));
    match (address.parse().ok()?, scope) {
        (IpAddr::V6(address), Some(scope)) => {
            let scope = scope.parse().ok().or_else(|| interface(scope))?;
            Some(SocketAddrV6::new(address, port, 0, scope).into())
        }
        (IpAddr::V4(_), Some(_)) => None,
        (address, None) => Some(SocketAddr::new(address, port)),
    }
}

#[cfg(target_os = "linux")]
fn interface(name: &str) -> Option<u32> {
    let any = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    rustix::net::netdevice::name_to_index(any, name).ok()
}

#[cfg(not(target_os = "linux"))]
fn interface(_: &str) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Config {
        Config::read(text, 53)
    }

    #[test]
    fn field_12_a_file_is_read_as_the_c_libraries_read_it() {
        let text = "# comment\nnameserver 10.0.0.1\r\n nameserver fe80::1%7 # the router\nnameserver nonsense\nnameserver ::1\n\
                    nameserver 10.0.0.4\ndomain one.example\nsearch a.example b.example. .\n; options ndots:9\n\
                    options timeout:2 attempts:1 rotate edns0 unknown:x\noptions use-vc no-aaaa";
        let config = read(text);
        let servers: Vec<String> = config.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fe80::1%7]:53", "[::1]:53"]);
        assert_eq!(config.search, ["a.example", "b.example"]);
        assert_eq!((config.timeout, config.attempts), (Duration::from_secs(2), 1));
        assert!(config.rotate && config.tcp && config.no_v6);
        assert_eq!(read("search a.example\ndomain b.example").search, ["b.example"]);
        let bounds = read("options timeout:0 attempts:99 ndots:x\noptions timeout:-1 attempts:");
        assert_eq!((bounds.timeout, bounds.attempts), (Duration::from_secs(1), 5));
        assert_eq!(read("").servers, ["127.0.0.1:53".parse().unwrap()]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn field_12_a_name_servers_scope_may_be_an_interfaces_name() {
        assert_eq!(server("fe80::1%lo", 53), Some("[fe80::1%1]:53".parse().unwrap()));
        assert_eq!(server("fe80::1%nosuch", 53), None);
    }

    #[test]
    fn field_12_a_name_with_a_dot_is_asked_for_as_it_is_before_any_search() {
        let config = read("search a.example b.example\noptions ndots:5");
        assert_eq!(config.candidates("x.y"), ["x.y", "x.y.a.example", "x.y.b.example"]);
        assert_eq!(config.candidates("x"), ["x.a.example", "x.b.example", "x"]);
        assert_eq!(config.candidates("x.y."), ["x.y"]);
        assert_eq!(config.candidates("x."), ["x"]);
        assert_eq!(read("search a.example\noptions ndots:0").candidates("x"), ["x", "x.a.example"]);
        assert_eq!(read("").candidates("x.y"), ["x.y"]);
    }
}

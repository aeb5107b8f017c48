//! Hosts that need no proxy: what stands in `NO_PROXY`, and what is near.

use std::net::IpAddr;

/// A word of the list: which hosts, and perhaps at which port only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Direct {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    /// A host and all below it.
    Domain(String),
    /// With stars, each of which stands for anything.
    Pattern(String),
    /// The first so many bits of an address.
    Net(IpAddr, u32),
}

/// The words of a list. Nobody agrees on what parts them, so commas and blanks both do; a network may have blanks about its slash.
pub(super) fn list(text: &str) -> Vec<Direct> {
    let joined = text.replace(',', " , ").split_whitespace().fold(String::new(), |text, word| {
        let apart = !(text.ends_with('/') || word.starts_with('/'));
        text + if apart { " " } else { "" } + word
    });
    joined.split([',', ' ']).filter(|word| !word.is_empty()).map(Direct::parse).collect()
}

impl Direct {
    fn parse(word: &str) -> Self {
        match Hosts::address(word) {
            Some(hosts) => Direct { hosts, port: None },
            None => match word.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
                Some((host, Ok(port))) => Direct { hosts: Hosts::parse(host), port: Some(port) },
                _ => Direct { hosts: Hosts::parse(word), port: None },
            },
        }
    }

    /// `host` is in lower case, without brackets and without a dot at its end.
    pub(super) fn holds(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|only| only == port) && self.hosts.hold(host)
    }
}

impl Hosts {
    fn parse(word: &str) -> Self {
        if let Some(hosts) = Hosts::address(word) {
            return hosts;
        }
        let word = word.to_ascii_lowercase();
        let below = word.strip_prefix("*.").unwrap_or(&word).trim_start_matches('.');
        if word == "*" {
            Hosts::All
        } else if below.contains('*') {
            Hosts::Pattern(word)
        } else if word.ends_with('.') && numeric(&word) {
            // How some write 10.9.*
            Hosts::Pattern(word + "*")
        } else {
            Hosts::Domain(below.trim_end_matches('.').to_owned())
        }
    }

    /// An address or a network.
    fn address(word: &str) -> Option<Self> {
        let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let (address, bits) = match word.split_once('/') {
            Some((address, bits)) => (bare(address)?, Some(bits.trim_end_matches(']'))),
            None => (bare(word)?, None),
        };
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(all), |bits| bits.parse().ok().filter(|bits| *bits <= all))?;
        Some(Hosts::Net(address, bits))
    }

    fn hold(&self, host: &str) -> bool {
        match self {
            Hosts::All => true,
            Hosts::Domain(domain) => {
                let below = host.strip_suffix(domain.as_str());
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            // The numbers of an address are no part of a name.
            Hosts::Pattern(pattern) => matches(pattern, host) && (numeric(host) || !numeric(pattern)),
            Hosts::Net(net, bits) => address(host).is_some_and(|address| shares(*net, address, *bits)),
        }
    }
}

/// Made of numbers, dots and stars.
fn numeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b".*".contains(&b))
}

/// Whether `text` is what `pattern` says, a star standing for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    // The leftmost place of each part leaves the most for those after it.
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

/// Whether a host is this machine, or on its link.
pub(super) fn is_near(host: &str) -> bool {
    let near = [("127.0.0.0", 8), ("169.254.0.0", 16), ("::1", 128), ("fe80::", 10), ("fd00:ec2::", 32)];
    let address = address(host);
    let within = |(net, bits): (&str, u32)| Some(shares(net.parse().ok()?, address?, bits));
    host == "localhost"
        || host.ends_with(".localhost")
        || near.into_iter().any(|net| within(net) == Some(true))
}

/// An IPv4 address in an IPv6 one's clothes is an IPv4 address.
fn address(host: &str) -> Option<IpAddr> {
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether two addresses of one family have their first `bits` in common.
fn shares(a: IpAddr, b: IpAddr, bits: u32) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

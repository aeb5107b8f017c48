//! A resolver of our own, for where the C library's won't do: musl's gives up both families of addresses for one that fails,
//! glibc's waits for one that is silent. See `docs/adr/0010-own-resolver.md`.
//!
//! It is a stub: it asks the name servers of `/etc/resolv.conf`, after `/etc/hosts`, and reads both anew for each name.

mod ask;
mod config;
mod hosts;
mod message;
#[cfg(test)]
mod tests;

use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use config::Config;

use crate::aws::small_file;

/// `resolv.conf` is a few lines.
const CONFIG_MAX: u64 = 64 << 10;
/// The least time that a name gets, however many come after it.
const LEAST: Duration = Duration::from_millis(500);

/// Where it looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dns<'a> {
    hosts: &'a Path,
    config: &'a Path,
    port: u16,
}

impl Dns<'static> {
    pub(super) fn of_the_machine() -> Self {
        Dns { hosts: Path::new("/etc/hosts"), config: Path::new("/etc/resolv.conf"), port: 53 }
    }
}

impl Dns<'_> {
    /// Tells the addresses of a host, each family's as soon as it is known. It ends within the time given.
    pub(super) fn look_up(&self, host: &str, within: Duration, tell: &dyn Fn(Vec<IpAddr>)) {
        let until = Instant::now() + within;
        let known = small_file::open(self.hosts).map(|file| hosts::find(BufReader::new(file), host));
        if let Some(known) = known.ok().filter(|known| !known.is_empty()) {
            return tell(known);
        }
        if is_localhost(host) {
            return tell(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let config = Config::read(&self.read_config(), self.port);
        let mut names = config.candidates(host).into_iter();
        while let Some(name) = names.next() {
            let left = until.saturating_duration_since(Instant::now());
            // One of which nobody says anything keeps half of the time for those after it.
            let share = if names.len() == 0 { left } else { (left / 2).max(LEAST).min(left) };
            if left.is_zero() || ask::ask(&config, &name, Instant::now() + share, tell) {
                return;
            }
        }
    }

    fn read_config(&self) -> String {
        let mut bytes = Vec::new();
        // Without it there may be a name server on this machine, as everywhere.
        let _ = small_file::open(self.config).and_then(|file| file.take(CONFIG_MAX).read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// RFC 6761: never anything else.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// For the fuzzer: the answer that is read from a message, to a question that is not its own.
#[cfg(any(test, feature = "testing"))]
pub(crate) mod fuzzed {
    use std::net::IpAddr;

    use super::message::{self, Family};

    /// The question for a name's addresses.
    pub(crate) fn question(id: u16, name: &str, v6: bool, edns: bool) -> Option<Vec<u8>> {
        message::question(id, name, if v6 { Family::V6 } else { Family::V4 }, edns)
    }

    /// Response code and addresses, if it is an answer to the question.
    pub(crate) fn read(question: &[u8], answer: &[u8]) -> Option<(u8, Vec<IpAddr>)> {
        message::read(question, answer).map(|answer| (answer.code, answer.addresses))
    }

    /// What the files say.
    pub(crate) fn files(text: &[u8], host: &str) -> (usize, Vec<String>, Vec<IpAddr>) {
        let config = super::Config::read(&String::from_utf8_lossy(text), 53);
        (config.servers.len(), config.candidates(host), super::hosts::find(text, host))
    }
}

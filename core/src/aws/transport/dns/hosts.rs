//! What `/etc/hosts` says.

use std::io::BufRead;
use std::net::IpAddr;

/// Some files list all the hosts that somebody wants to block; none has more than this.
const FILE_MAX: u64 = 64 << 20;
/// The most addresses that are taken for a name.
const ADDRESSES_MAX: usize = 16;

/// The addresses of a host in the file, in its order. A host that is there is not asked for anywhere else.
pub(super) fn find(file: impl BufRead, host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    let mut found = Vec::new();
    for line in file.take(FILE_MAX).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        let is_host = |word: &str| word.trim_end_matches('.').eq_ignore_ascii_case(host);
        if words.any(is_host) && !found.contains(&address) && found.len() < ADDRESSES_MAX {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_12_a_host_of_the_file_has_all_addresses_that_stand_there() {
        let file = b"127.0.0.1\tlocalhost\n10.0.0.1 Broker.example broker # broker2\r\n\
            fe80::1%lo0 broker\n\xff\xfe broker\n10.0.0.1 broker\n::2   x\tBROKER.\n10.0.0.9 other.broker"
            .as_slice();
        let v4 = IpAddr::from([10, 0, 0, 1]);
        let v6 = IpAddr::from([0, 0, 0, 0, 0, 0, 0, 2u16]);
        assert_eq!(find(file, "broker"), [v4, v6]);
        assert_eq!(find(file, "broker.example."), [v4]);
        assert!(find(file, "broker2").is_empty() && find(file, "roker").is_empty());
        assert!(find(&b""[..], "broker").is_empty());
    }
}

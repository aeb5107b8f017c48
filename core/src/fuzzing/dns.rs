//! Answers of name servers, and the files that say how names are asked for.

use super::PLACE;
use crate::aws::dns_messages::{files, question, read};

/// A host, a line end, and what a server answers to the question for it. `$SECRET` stands for what an answer repeats of its question:
/// id, a header that says that all is well with one record, and the question itself; without it the bytes are the whole answer.
/// The same bytes are also taken for `resolv.conf` and `hosts`.
pub fn dns(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (host, rest) = data.split_at(end);
    let (host, rest) = (String::from_utf8_lossy(host), rest.get(1..).unwrap_or_default());
    for (v6, edns) in [(false, false), (false, true), (true, false), (true, true)] {
        if let Some(question) = question(0x1234, &host, v6, edns) {
            answered(&question, &whole(&question, rest, edns), v6);
        }
    }
    let (servers, names, addresses) = files(data, &host);
    assert!((1..=3).contains(&servers), "{servers} name servers");
    assert!((1..=17).contains(&names.len()), "{} names to ask for", names.len());
    let bare = host.strip_suffix('.').unwrap_or(&host);
    assert!(names.iter().all(|name| name.starts_with(bare)), "{names:?}");
    assert!(addresses.len() <= 16, "{} addresses", addresses.len());
}

fn whole(question: &[u8], rest: &[u8], edns: bool) -> Vec<u8> {
    let Some(rest) = rest.strip_prefix(PLACE.as_bytes()) else { return rest.to_vec() };
    let mut answer = question.to_vec();
    answer.truncate(question.len() - if edns { 11 } else { 0 });
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend(rest);
    answer
}

fn answered(question: &[u8], answer: &[u8], v6: bool) {
    let Some((code, addresses)) = read(question, answer) else { return };
    assert!(addresses.len() <= 16, "{} addresses", addresses.len());
    assert!(addresses.iter().all(|address| address.is_ipv6() == v6), "of the other family: {addresses:?}");
    assert!(code == 0 || addresses.is_empty(), "an error with addresses");
    // What comes from elsewhere does not know the id.
    let mut other = answer.to_vec();
    other[0] ^= 1;
    assert_eq!(read(question, &other), None, "an answer to another question");
}

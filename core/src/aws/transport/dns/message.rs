//! Questions and answers as they go over the wire (RFC 1035, RFC 6891), just as far as a look-up of addresses needs them.

use std::net::IpAddr;

/// The most addresses that are taken from an answer.
const ADDRESSES_MAX: usize = 16;
/// The longest chain of aliases that is followed.
const ALIASES_MAX: usize = 16;
/// What an answer over UDP may have: as much as passes everywhere in one piece.
const PAYLOAD: u16 = 1232;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const CNAME: u16 = 5;
const OPT: u16 = 41;

pub(super) const NO_ERROR: u8 = 0;
pub(super) const FORMAT_ERROR: u8 = 1;
pub(super) const SERVER_FAILURE: u8 = 2;
pub(super) const NO_SUCH_NAME: u8 = 3;
pub(super) const NOT_IMPLEMENTED: u8 = 4;

/// What is asked for: addresses of IPv4 or of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    fn record(self) -> u16 {
        match self {
            Family::V4 => 1,
            Family::V6 => 28,
        }
    }
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u8,
    /// It did not fit.
    pub(super) truncated: bool,
    pub(super) addresses: Vec<IpAddr>,
}

/// A question for the addresses of a name without a dot at its end; `None` if no name looks like this.
pub(super) fn question(id: u16, name: &str, family: Family, edns: bool) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 17);
    message.extend(id.to_be_bytes());
    // Recursion is wished for.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        message.push(length);
        message.extend(label.bytes());
    }
    message.push(0);
    if message.len() > HEADER + 255 {
        return None;
    }
    message.extend(family.record().to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    if edns {
        message.push(0);
        message.extend(OPT.to_be_bytes());
        message.extend(PAYLOAD.to_be_bytes());
        message.extend([0; 6]);
    }
    Some(message)
}

/// Reads an answer; `None` if it is none to this question.
pub(super) fn read(question: &[u8], answer: &[u8]) -> Option<Answer> {
    let (asked, after) = name(question, HEADER)?;
    let family = question.get(after..after + 2)?;
    let header = answer.get(..HEADER)?;
    // The same id; an answer; to a plain query.
    if header[..2] != question[..2] || header[2] & 0xf8 != 0x80 {
        return None;
    }
    let (code, truncated) = (header[3] & 0x0f, header[2] & 2 != 0);
    let nothing = |code| Answer { code, truncated, addresses: Vec::new() };
    let body = after + 4;
    if code != NO_ERROR && (answer.len() == HEADER || header[4..6] == [0, 0]) {
        // Some say no more than that they can't, or won't.
        return Some(nothing(code));
    }
    if header[4..6] != [0, 1] || !question.get(HEADER..body)?.eq_ignore_ascii_case(answer.get(HEADER..body)?)
    {
        return None;
    }
    let mut records = Records { answer, at: body, left: u16::from_be_bytes([header[6], header[7]]) };
    let (mut aliases, mut found) = (Vec::new(), Vec::new());
    for record in &mut records {
        if record.kind == CNAME.to_be_bytes() {
            aliases.push(record);
        } else if record.kind == family {
            found.push(record);
        }
    }
    if records.left > 0 && !truncated {
        return Some(nothing(SERVER_FAILURE));
    }
    let mut said = nothing(code);
    if code == NO_ERROR {
        said.addresses = follow(answer, asked, &aliases, &found);
    }
    Some(said)
}

/// The addresses at the end of the chain of aliases.
fn follow(answer: &[u8], mut asked: Vec<u8>, aliases: &[Record<'_>], found: &[Record<'_>]) -> Vec<IpAddr> {
    for _ in 0..=ALIASES_MAX {
        let own = found.iter().filter(|record| record.owner == asked).filter_map(Record::address);
        let mut addresses: Vec<IpAddr> = own.take(ADDRESSES_MAX).collect();
        if !addresses.is_empty() {
            let mut seen = Vec::new();
            addresses.retain(|address| {
                !seen.contains(address) && {
                    seen.push(*address);
                    true
                }
            });
            return addresses;
        }
        let alias = aliases.iter().find(|record| record.owner == asked);
        match alias.and_then(|record| name(answer, record.data_at)) {
            Some((target, _)) => asked = target,
            None => break,
        }
    }
    Vec::new()
}

struct Record<'a> {
    owner: Vec<u8>,
    kind: &'a [u8],
    data_at: usize,
    data: &'a [u8],
}

impl Record<'_> {
    fn address(&self) -> Option<IpAddr> {
        match self.data.len() {
            4 => <[u8; 4]>::try_from(self.data).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(self.data).ok().map(IpAddr::from),
            _ => None,
        }
    }
}

/// The records of an answer, up to the first that is broken.
struct Records<'a> {
    answer: &'a [u8],
    at: usize,
    left: u16,
}

impl<'a> Iterator for &mut Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        while self.left > 0 {
            let (owner, at) = name(self.answer, self.at)?;
            let fixed = self.answer.get(at..at + 10)?;
            let data_at = at + 10;
            let end = data_at + usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            let data = self.answer.get(data_at..end)?;
            (self.at, self.left) = (end, self.left - 1);
            if fixed[2..4] == CLASS_IN.to_be_bytes() {
                return Some(Record { owner, kind: &fixed[..2], data_at, data });
            }
        }
        None
    }
}

/// The name at a place, its labels each after its length and in lower case; and where the bytes after it are.
fn name(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut after) = (Vec::new(), None);
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return Some((name, after.unwrap_or(at + 1))),
            1..64 => {
                let label = message.get(at..=at + usize::from(length))?;
                if name.len() + label.len() > 255 {
                    return None;
                }
                // The length is below the letters.
                name.extend(label.iter().map(u8::to_ascii_lowercase));
                at += label.len();
            }
            192.. => {
                let to = usize::from(u16::from_be_bytes([length & 63, *message.get(at + 1)?]));
                after = after.or(Some(at + 2));
                // Only ever backwards, so that it ends.
                if to >= at {
                    return None;
                }
                at = to;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to a question: header bits, then records after the question.
    fn answer(question: &[u8], bits: [u8; 2], count: u8, records: &[u8]) -> Vec<u8> {
        let mut answer = question[..2].to_vec();
        answer.extend(bits);
        answer.extend([0, 1, 0, count, 0, 0, 0, 0]);
        answer.extend(&question[HEADER..]);
        answer.extend(records);
        answer
    }

    fn asked() -> Vec<u8> {
        question(7, "A.example", Family::V4, false).unwrap()
    }

    const ADDRESS: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 1];

    #[test]
    fn field_12_an_answer_counts_for_its_own_question_alone() {
        let question = asked();
        let good = answer(&question, [0x81, 0x80], 1, ADDRESS);
        let said = read(&question, &good).unwrap();
        assert_eq!(
            (said.code, said.truncated, said.addresses),
            (NO_ERROR, false, vec![IpAddr::from([10, 0, 0, 1])])
        );
        for at in [0, 1, 2, 5, 14, good.len() - 17] {
            let mut other = good.clone();
            other[at] ^= 0x80;
            assert_eq!(read(&question, &other), None, "byte {at}");
        }
        let mut loud = good;
        loud[15..22].make_ascii_uppercase();
        assert!(read(&question, &loud).is_some(), "letters may change their case");
    }

    #[test]
    fn field_12_a_chain_of_aliases_is_followed_in_any_order_and_no_loop_is() {
        let question = asked();
        let cname = |owner: &[u8], target: &[u8]| {
            let mut record = owner.to_vec();
            record.extend([0, 5, 0, 1, 0, 0, 0, 0, 0, u8::try_from(target.len()).unwrap()]);
            record.extend(target);
            record
        };
        let (b, c) = (b"\x01b\0".as_slice(), b"\x01C\0".as_slice());
        let mut last = b"\x01c\0".to_vec();
        last.extend(&ADDRESS[2..]);
        let records = [last, cname(b, c), cname(&[0xc0, 12], b)].concat();
        let said = read(&question, &answer(&question, [0x81, 0x80], 3, &records)).unwrap();
        assert_eq!(said.addresses, vec![IpAddr::from([10, 0, 0, 1])]);
        let loops = [cname(b, &[0xc0, 12]), cname(&[0xc0, 12], b)].concat();
        assert!(read(&question, &answer(&question, [0x81, 0x80], 2, &loops)).unwrap().addresses.is_empty());
        // An address of another name is none of ours.
        let mut foreign = b"\x01z\0".to_vec();
        foreign.extend(&ADDRESS[2..]);
        assert!(read(&question, &answer(&question, [0x81, 0x80], 1, &foreign)).unwrap().addresses.is_empty());
    }

    #[test]
    fn field_12_a_broken_answer_is_a_failure_and_half_of_a_truncated_one_is_told() {
        let question = asked();
        let broken = answer(&question, [0x81, 0x80], 2, ADDRESS);
        assert_eq!(read(&question, &broken).unwrap().code, SERVER_FAILURE);
        let truncated = answer(&question, [0x83, 0x80], 2, ADDRESS);
        let said = read(&question, &truncated).unwrap();
        assert!(said.truncated && said.addresses.len() == 1);
        assert_eq!(read(&question, &[0, 7, 0x81, 0x85, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap().code, 5);
    }

    #[test]
    fn field_12_no_name_is_asked_for_that_none_can_have() {
        let long = format!("{}.example", "x".repeat(64));
        let longest = ["x".repeat(63).as_str(); 4].join(".");
        for wrong in ["", ".", "a..b", ".a", "a.", &long, &longest] {
            assert_eq!(question(1, wrong, Family::V6, true), None, "{wrong}");
        }
        assert!(question(1, "_under.score-1", Family::V6, true).is_some());
    }

    proptest::proptest! {
        #[test]
        fn field_12_whatever_bytes_come_they_are_read_within_bounds(
            host in "[a-zA-Z.]{0,12}",
            known in proptest::bool::ANY,
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
        ) {
            let start = if known { "$SECRET" } else { "" };
            crate::fuzzing::dns(&[format!("{host}\n{start}").as_bytes(), &bytes].concat());
        }
    }
}

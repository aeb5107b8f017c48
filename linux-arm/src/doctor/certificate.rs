//! What a certificate says of itself: enough of X.509 for a person, and no judgement. Whether to trust it was decided by TLS.
//!
//! Every read is checked against the bytes that are there; what is not understood is `None`.

use std::path::Path;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// A certificate's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Who vouches for it: the common name, else the organization.
    pub(crate) issuer: Option<String>,
    /// Whose it is.
    pub(crate) subject: Option<String>,
    pub(crate) begins: SystemTime,
    pub(crate) ends: SystemTime,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
/// A name from outside is cut here.
const NAME_MAX: usize = 80;

/// The first certificate of a PEM file.
pub(crate) fn of_file(file: &Path) -> Option<Certificate> {
    read(&CertificateDer::pem_file_iter(file).ok()?.next()?.ok()?)
}

/// Source: RFC 5280, 4.1.
pub(crate) fn read(der: &[u8]) -> Option<Certificate> {
    let mut certificate = Der(Der(der).expect(SEQUENCE)?);
    let mut body = Der(certificate.expect(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    let (_serial, _algorithm) = (body.next()?, body.next()?);
    let issuer = name(body.expect(SEQUENCE)?);
    let mut validity = Der(body.expect(SEQUENCE)?);
    let (begins, ends) = (date(validity.next()?)?, date(validity.next()?)?);
    let subject = name(body.expect(SEQUENCE)?);
    Some(Certificate { issuer, subject, begins, ends })
}

/// Tags, lengths and values, one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(*first),
            0x81..=0x83 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, value))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }
}

fn name(der: &[u8]) -> Option<String> {
    let find = |wanted: &[u8]| {
        let mut parts = Der(der);
        while let Some(part) = parts.expect(SET) {
            let mut pair = Der(Der(part).expect(SEQUENCE)?);
            let ((_, what), (_, value)) = (pair.next()?, pair.next()?);
            if what == wanted {
                return Some(String::from_utf8_lossy(value).chars().take(NAME_MAX).collect());
            }
        }
        None
    };
    find(COMMON_NAME).or_else(|| find(ORGANIZATION))
}

fn date((tag, value): (u8, &[u8])) -> Option<SystemTime> {
    let digits = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    // Two digits of the year until 2049, four from then on.
    let digits = match (tag, digits.get(..2)?.parse::<u8>().ok()?) {
        (0x17, ..50) => format!("20{digits}"),
        (0x17, _) => format!("19{digits}"),
        (0x18, _) => digits.to_owned(),
        _ => return None,
    };
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let [year, month, day, hour, minute, second] =
        [0..4, 4..6, 6..8, 8..10, 10..12, 12..14].map(|range| digits.get(range).unwrap_or_default());
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

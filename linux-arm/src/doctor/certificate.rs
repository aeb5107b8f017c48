//! What a certificate says of itself: enough of X.509 for a person, and no judgement. Whether to trust it was decided by TLS.
//!
//! Every read is checked against the bytes that are there; what is not understood is `None`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

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
/// Many times what a certificate with its chain and key takes.
const LARGEST: u64 = 1 << 20;

/// The first certificate of a PEM file, as leniently as TLS reads it: what stands around it and how its lines end does not matter.
pub(crate) fn of_file(file: &Path) -> Option<Certificate> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (body, _) = text.split_once("CERTIFICATE-----")?.1.split_once("-----END")?;
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    read(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
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
    // Two digits of the year until 2049, four from then on.
    let (year, rest) = value.split_at_checked(if tag == 0x17 { 2 } else { 4 })?;
    let (rest, zone) = rest.split_at_checked(10)?;
    if zone != b"Z" || !matches!(tag, 0x17 | 0x18) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |n: u64, digit| Some(10 * n + u64::from(char::from(*digit).to_digit(10)?)))
    };
    let year = match (tag, number(year)?) {
        (0x17, year @ ..50) => 2000 + year,
        (0x17, year) => 1900 + year,
        (_, year) => year,
    };
    let mut two = rest.chunks(2).map(number);
    let (month, day) = (two.next()??, two.next()??);
    let (hour, minute, second) = (two.next()??, two.next()??, two.next()??);
    if !(1..=12).contains(&month) || day == 0 || year < 1970 {
        return None;
    }
    // Years that begin in March have their odd day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = (days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn signed(until: (i32, u8, u8)) -> Vec<u8> {
        let mut ca = CertificateParams::new([]).unwrap();
        ca.distinguished_name.push(DnType::OrganizationName, "Überwachung GmbH");
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "an organization");
        params.distinguished_name.push(DnType::CommonName, "pi");
        params.not_before = date_time_ymd(1999, 12, 31);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.signed_by(&KeyPair::generate().unwrap(), &ca).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_tells_whose_it_is_by_whom_and_until_when() {
        // Both forms of a date.
        for (until, shown) in
            [((2049, 12, 31), "2049-12-31T00:00:00Z"), ((2050, 1, 1), "2050-01-01T00:00:00Z")]
        {
            let read = read(&signed(until)).unwrap();
            let date = |time| humantime::format_rfc3339_seconds(time).to_string();
            assert_eq!(date(read.begins), "1999-12-31T00:00:00Z");
            assert_eq!(date(read.ends), shown);
            assert_eq!(read.subject.as_deref(), Some("pi"));
            assert!(read.issuer.is_some());
        }
    }

    #[test]
    fn field_14_the_end_of_a_certificate_is_told_however_its_file_was_written() {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        let (pem, read) = (certificate.pem(), read(certificate.der()));
        let variants = [
            pem.clone(),
            format!("\u{feff}{pem}"),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\r"),
            pem.replace('\n', " "),
            pem.replace('\n', "\n    "),
            pem.replace(" CERTIFICATE", " X509 CERTIFICATE"),
            format!("# of the kitchen\n{}{pem}{pem}", key.serialize_pem()),
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        for variant in variants {
            fs::write(file.path(), &variant).unwrap();
            assert_eq!(of_file(file.path()), read, "{variant:?}");
        }
        for wrong in
            ["", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"]
        {
            fs::write(file.path(), wrong).unwrap();
            assert_eq!(of_file(file.path()), None);
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = signed((2030, 1, 1));
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        for at in 0..whole.len().min(400) {
            for byte in [0x00, 0x30, 0x7f, 0x80, 0x83, 0x84, 0xff, whole[at] ^ 1] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let _ = read(&damaged);
            }
        }
        assert_eq!(read(b""), None);
        assert_eq!(read(b"-----BEGIN CERTIFICATE-----"), None);
    }
}

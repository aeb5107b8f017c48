//! Files of certificates and keys as people have them: from editors, other tools, and joined by hand.
//!
//! Nothing in such a file is left out in silence. What can be understood in one way only is understood: a byte order mark, any line
//! ends, text between, two certificates with no line end between them. All else is an error that says which certificate it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, Error, RootCertStore};
use zeroize::Zeroizing;

use super::tls_words::flaw;

/// Many times what the CAs of a browser take.
const LARGEST: u64 = 4 << 20;
const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// A file's bytes. They may hold a key.
pub(super) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let about = fs::metadata(path)?;
    let no_file = || io::Error::other("it is no file of certificates or keys");
    // A pipe would be waited for, a device has no end.
    if !about.is_file() || about.len() > LARGEST {
        return Err(no_file());
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(no_file()) } else { Ok(bytes) }
}

/// All certificates of a file, each once. The error completes "can't be used: ".
pub(super) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    match file {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err("it is UTF-16: save it as plain text".to_owned()),
        [0x30, 0x80..=0xff, ..] => {
            return Err(
                "it is DER, and PEM is wanted: openssl x509 -inform der -in IT -out IT.pem".to_owned()
            );
        }
        _ => {}
    }
    let text = String::from_utf8_lossy(file);
    if text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').is_empty() {
        return Err("it is empty".to_owned());
    }
    let (mut found, mut keys, mut begun) = (Vec::new(), false, Vec::new());
    let mut number = 0;
    for section in sections(&text) {
        begun.push(section.at + DASHES.len());
        keys |= section.is_key();
        if !section.label.ends_with("CERTIFICATE") {
            continue;
        }
        number += 1;
        let wrong =
            |what: &str| format!("its certificate number {number} (line {}) {what}", line(&text, section.at));
        if section.label == "TRUSTED CERTIFICATE" {
            // What it says of trust may well be that there is none.
            return Err(wrong(
                "is a TRUSTED CERTIFICATE of OpenSSL, with settings that are not understood here: openssl x509 -in IT -out IT.pem makes it a plain one",
            ));
        }
        let body = section.body.ok_or_else(|| wrong("has no end"))?;
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let certificate =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong("is not base64"))?;
        // Whether it is one is found out where it is used; here, so that its number can be told.
        RootCertStore::empty().add(certificate.clone()).map_err(|e| match e {
            Error::InvalidCertificate(e @ CertificateError::BadEncoding) => {
                wrong(&format!("is not valid: {}", flaw(&e)))
            }
            Error::InvalidCertificate(e) => wrong(&format!("can't be used: {}", flaw(&e))),
            _ => wrong("can't be used"),
        })?;
        if !found.contains(&certificate) {
            found.push(certificate);
        }
    }
    let stray = text.match_indices("-BEGIN CERTIFICATE").map(|(at, _)| at + 1).find(|at| !begun.contains(at));
    match (stray, found.is_empty(), keys) {
        (Some(at), ..) => Err(format!(
            "its line {} looks like the beginning of a certificate, and is none",
            line(&text, at)
        )),
        (None, true, true) => Err("it holds no certificate, but a private key".to_owned()),
        (None, true, false) => Err("it holds no certificate".to_owned()),
        _ => Ok(found),
    }
}

/// The first private key of a file. The error completes "can't be used: ".
pub(super) fn private_key(file: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let text = String::from_utf8_lossy(file);
    let Some(section) = sections(&text).find(Section::is_key) else {
        return Err("it holds no private key".to_owned());
    };
    let body = section.body.ok_or("its private key has no end")?;
    if section.label.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
        return Err(
            "it holds a private key that a passphrase protects: openssl pkey -in IT -out IT.open".to_owned()
        );
    }
    let label = section.label;
    let pem = Zeroizing::new(format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"));
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "its private key is not valid PEM".to_owned())
}

/// What stands between a beginning and its end.
struct Section<'a> {
    label: &'a str,
    /// `None`: there is no end.
    body: Option<&'a str>,
    at: usize,
}

impl Section<'_> {
    fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

fn sections(text: &str) -> impl Iterator<Item = Section<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + text[from..].find(BEGIN)?;
            let rest = &text[at + BEGIN.len()..];
            from = at + BEGIN.len();
            let Some(label) =
                rest.split(['\n', '\r']).next().and_then(|line| Some(line.split_once(DASHES)?.0))
            else {
                continue;
            };
            let rest = &rest[label.len() + DASHES.len()..];
            let end = format!("-----END {label}{DASHES}");
            let body = rest.find(&end).map(|end| &rest[..end]).filter(|body| !body.contains(BEGIN));
            from += label.len() + DASHES.len() + body.map_or(0, |body| body.len() + end.len());
            return Some(Section { label, body, at });
        }
    })
}

/// The number of the line on which a place lies.
fn line(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|b| *b == b'\n').count() + 1
}

//! What TLS says is wrong, in words. rustls' own are names of its code.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

/// What is wrong with the certificate of `place`.
pub(super) fn certificate(error: &CertificateError, place: &str) -> String {
    let dated = |edge: &str, at: &UnixTime, now: &UnixTime| {
        let (at, now) = (date(*at), date(*now));
        format!("the certificate of {place} {edge} on {at}, and this device believes that it is {now}")
    };
    match error {
        CertificateError::UnknownIssuer => format!(
            "the certificate of {place} comes from an unknown CA; set AWS_CA_BUNDLE if that CA is yours or your proxy's"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate of {place} is for another host")
        }
        CertificateError::ExpiredContext { time, not_after } => dated("ended", not_after, time),
        CertificateError::NotValidYetContext { time, not_before } => dated("begins", not_before, time),
        CertificateError::Expired | CertificateError::NotValidYet => {
            format!("the certificate of {place} is not valid at this device's date")
        }
        other => format!("the certificate of {place} can't be trusted: {}", flaw(other)),
    }
}

/// What is wrong with a certificate, wherever it comes from.
pub(super) fn flaw(error: &CertificateError) -> String {
    use CertificateError as E;
    #[allow(deprecated, reason = "it may still come")]
    let words = match error {
        E::BadEncoding => "it is damaged, or no X.509 certificate",
        E::Revoked => "it is revoked",
        E::UnknownRevocationStatus => "nobody tells whether it is revoked",
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            "the list of revoked certificates is out of date"
        }
        E::BadSignature => "its signature is wrong",
        E::UnsupportedSignatureAlgorithm
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is not known here (RSA, ECDSA on P-256 and P-384, and Ed25519 are)"
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not made for servers",
        // webpki's, by its name: it is no part of rustls' interface.
        E::Other(inner) if named(&inner.0) == "CaUsedAsEndEntity" => {
            "it is a CA's own, and a server's must be signed by one"
        }
        E::Other(inner) => return spaced(&named(&inner.0)),
        other => return spaced(&named(other)),
    };
    words.to_owned()
}

/// Why there is no TLS with `place`, or no longer.
pub(super) fn handshake(error: &Error, place: &str) -> String {
    match error {
        Error::InvalidCertificate(e) => certificate(e, place),
        Error::PeerIncompatible(_) => format!("{place} does not offer TLS 1.2 or 1.3 as it is spoken here"),
        Error::AlertReceived(alert) => alerted(*alert, place),
        Error::InvalidMessage(_) => format!("{place} does not speak TLS"),
        Error::PeerMisbehaved(e) => format!("{place} breaks the rules of TLS: {}", spaced(&named(e))),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            format!("{place} breaks the rules of TLS: a message out of turn")
        }
        Error::DecryptError => {
            format!("what {place} sends can't be decrypted: something on the way changes it")
        }
        Error::NoCertificatesPresented => format!("{place} shows no certificate"),
        // Its text is for those who read rustls' code.
        Error::General(_) => format!("TLS with {place} failed"),
        Error::Other(e) => format!("TLS with {place} failed: {}", spaced(&named(&e.0))),
        other => format!("TLS with {place} failed: {}", spaced(&named(other))),
    }
}

fn alerted(alert: AlertDescription, place: &str) -> String {
    use AlertDescription as A;
    match alert {
        A::ProtocolVersion | A::HandshakeFailure | A::InsufficientSecurity => {
            format!("{place} does not offer TLS 1.2 or 1.3 as it is spoken here")
        }
        A::CertificateRequired | A::NoCertificate => {
            format!("{place} asks for a certificate of this device")
        }
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied => {
            format!("{place} does not accept the certificate of this device: {}", spaced(&named(&alert)))
        }
        A::UnrecognisedName => format!("{place} does not know itself by that name"),
        A::Unknown(number) => format!("{place} ended TLS (alert {number})"),
        other => format!("{place} ended TLS: {}", spaced(&named(&other))),
    }
}

/// In the form that HTTP has for dates.
fn date(time: UnixTime) -> String {
    // The format ends with the year 9999.
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(time.as_secs().min(253_402_300_799));
    httpdate::fmt_http_date(time)
}

/// What Rust calls a value, without what it holds.
fn named(value: &dyn std::fmt::Debug) -> String {
    format!("{value:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// `TooManyKeyUpdateRequests` as people write it; what is in capitals stays so.
fn spaced(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
    let mut words = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let inside = at > 0 && upper(at - 1);
        let capitals = inside || upper(at + 1);
        if at > 0 && upper(at) && (!inside || (at + 1 < letters.len() && !upper(at + 1))) {
            words.push(' ');
        }
        let begins = upper(at) && at + 1 < letters.len() && !upper(at + 1);
        words.push(if upper(at) && capitals && !begins { *letter } else { letter.to_ascii_lowercase() });
    }
    words
}

#[cfg(test)]
#[path = "tls_words_tests.rs"]
mod tests;

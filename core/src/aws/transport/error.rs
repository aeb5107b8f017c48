//! What went wrong, in one line for an operator. No line holds anything of a header or a body.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use ureq::{Error, Timeout};

use super::TransportError;
use super::resolve::Unresolved;

/// No connection came about, so nothing of the request was sent.
#[derive(Debug)]
pub(super) struct NotConnected {
    reason: String,
    certificate_dates: bool,
}

impl std::error::Error for NotConnected {}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<String> for NotConnected {
    fn from(reason: String) -> Self {
        NotConnected { reason, certificate_dates: false }
    }
}

impl From<NotConnected> for TransportError {
    fn from(e: NotConnected) -> Self {
        TransportError { reason: e.reason, sent: false, certificate_dates: e.certificate_dates }
    }
}

impl NotConnected {
    pub(super) fn bad_url() -> Self {
        "the endpoint is not a valid http:// or https:// URL".to_owned().into()
    }

    pub(super) fn shut_down() -> Self {
        "the transport is shut down".to_owned().into()
    }

    pub(super) fn unresolved(why: Unresolved, host: &str, within: Duration) -> Self {
        match why {
            Unresolved::NotFound => format!("could not resolve {host}"),
            Unresolved::TimedOut => format!("could not resolve {host} within {}", seconds(within)),
            Unresolved::Busy => {
                format!("could not resolve {host}: look-ups of other names hang; check the DNS servers")
            }
            Unresolved::Closed => return Self::shut_down(),
        }
        .into()
    }

    pub(super) fn unreachable(error: Error, place: &impl fmt::Display, within: Duration) -> Self {
        match error {
            Error::Timeout(_) => format!("could not connect to {place} within {}", seconds(within)),
            Error::Io(e) => match e.kind() {
                io::ErrorKind::ConnectionRefused => format!("{place} refused the connection"),
                io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                    format!("no route to {place}")
                }
                io::ErrorKind::NotConnected => return Self::shut_down(),
                _ => format!("could not connect to {place}: {e}"),
            },
            _ => format!("could not connect to {place}"),
        }
        .into()
    }

    pub(super) fn no_tunnel(error: Error, proxy: &str, place: &impl fmt::Display, within: Duration) -> Self {
        match error {
            // The proxy itself was not reached, and it is said why.
            Error::Other(e) if e.is::<NotConnected>() => format!("on the way to {place}: the proxy: {e}"),
            Error::ConnectProxyFailed(said) if said.contains("407") => {
                format!("the proxy {proxy} wants a user and a password, or others than those it got (407)")
            }
            Error::ConnectProxyFailed(said) => {
                // The proxy's status, in ureq's words.
                let status = said.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 3);
                match status {
                    Some(status) => {
                        format!("the proxy {proxy} does not let us through to {place} ({status})")
                    }
                    None => format!("the proxy {proxy} did not answer in HTTP/1.1"),
                }
            }
            Error::Timeout(_) => format!("the proxy {proxy} did not answer within {}", seconds(within)),
            _ => format!("the proxy {proxy} did not answer in HTTP/1.1"),
        }
        .into()
    }

    pub(super) fn insecure(error: Error, place: &impl fmt::Display, within: Duration) -> Self {
        let io = match error {
            Error::Timeout(_) => {
                return format!("no TLS handshake with {place} within {}", seconds(within)).into();
            }
            other => other.into_io(),
        };
        match tls_error(&io) {
            Some(rustls::Error::InvalidCertificate(e)) => {
                NotConnected { certificate_dates: about_dates(e), reason: certificate(e, place) }
            }
            Some(e) => handshake(e, place).into(),
            None if ended(&io) => format!("{place} closed the connection during the TLS handshake").into(),
            None => format!("the TLS handshake with {place} failed: {io}").into(),
        }
    }
}

/// How long the phases of a request may take, for the words about a phase that took longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) read: Duration,
    pub(super) header: usize,
    pub(super) body: usize,
}

/// Puts a failed request in words.
pub(super) fn explain(error: Error, place: &str, limits: Limits) -> TransportError {
    let sent = |reason| TransportError { reason, sent: true, certificate_dates: false };
    match error {
        Error::Other(e) => match e.downcast::<NotConnected>() {
            Ok(e) => (*e).into(),
            Err(_) => sent(format!("the request to {place} failed")),
        },
        Error::BadUri(_) | Error::Http(_) => NotConnected::bad_url().into(),
        Error::Timeout(Timeout::SendRequest | Timeout::SendBody | Timeout::PerWrite) => {
            sent(format!("{place} stopped taking the request"))
        }
        Error::Timeout(Timeout::RecvBody) => sent(format!("the answer of {place} did not end in time")),
        Error::Timeout(_) => sent(format!("no answer from {place} within {}", seconds(limits.read))),
        Error::BodyExceedsLimit(_) => {
            sent(format!("the answer of {place} is larger than {} bytes", limits.body))
        }
        Error::LargeResponseHeader(..) => {
            sent(format!("the header of {place}'s answer is larger than {} bytes", limits.header))
        }
        // The protocol error itself may quote a header.
        Error::Protocol(_) => sent(format!("{place} did not answer in HTTP/1.1")),
        Error::Io(e) if ended(&e) => {
            sent(format!("{place} closed the connection before its whole answer had come"))
        }
        Error::Io(e) => match tls_error(&e) {
            Some(e) => sent(handshake(e, &place)),
            None => sent(format!("the connection to {place} broke: {}", e.kind())),
        },
        _ => sent(format!("the request to {place} failed")),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn ended(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn about_dates(error: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(error, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}

fn certificate(error: &CertificateError, place: &impl fmt::Display) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            format!(
                "the certificate of {place} comes from an unknown CA; set AWS_CA_BUNDLE if that CA is yours or your proxy's"
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate of {place} is for another host")
        }
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the certificate of {place} ended on {}, and this device believes that it is {}",
            date(*not_after),
            date(*time)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the certificate of {place} begins on {}, and this device believes that it is {}",
            date(*not_before),
            date(*time)
        ),
        CertificateError::Expired | CertificateError::NotValidYet => {
            format!("the certificate of {place} is not valid at this device's date")
        }
        other => format!("the certificate of {place} is not valid: {other}"),
    }
}

fn handshake(error: &rustls::Error, place: &impl fmt::Display) -> String {
    match error {
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
        ) => {
            format!("{place} does not offer TLS 1.2 or 1.3 as it is spoken here")
        }
        rustls::Error::AlertReceived(alert) => format!("{place} ended TLS: {alert:?}"),
        rustls::Error::InvalidMessage(_) => format!("{place} does not speak TLS"),
        other => format!("TLS with {place} failed: {other}"),
    }
}

fn date(time: UnixTime) -> String {
    // The format ends with the year 9999.
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(time.as_secs().min(253_402_300_799));
    httpdate::fmt_http_date(time)
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

//! What went wrong, in one line for an operator. No line holds anything of a header or a body.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use ureq::{Error, Timeout};

use super::resolve::Unresolved;
use super::{TransportError, tls_words};

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
        TransportError { certificate_dates: e.certificate_dates, ..TransportError::new(e.reason, false) }
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
            Some(e) => NotConnected {
                certificate_dates: matches!(e, rustls::Error::InvalidCertificate(e) if about_dates(e)),
                reason: tls_words::handshake(e, &place.to_string()),
            },
            None if ended(&io) => format!("{place} closed the connection during the TLS handshake").into(),
            None => format!("the TLS handshake with {place} failed: {io}").into(),
        }
    }
}

/// How long the phases of a request may take, for the words about a phase that took longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For each step of an answer.
    pub(super) read: Duration,
    /// Until an answer begins.
    pub(super) answer: Duration,
    pub(super) header: usize,
    pub(super) body: usize,
}

impl Limits {
    /// Of a request and an answer without bodies.
    pub(super) fn of_head(read: Duration, header: usize) -> Self {
        Limits { read, answer: read, header, body: 0 }
    }
}

/// Puts a failed request in words.
pub(super) fn explain(error: Error, place: &str, limits: Limits) -> TransportError {
    let sent = |reason: String| TransportError::new(reason, true);
    match error {
        Error::Other(e) => match e.downcast::<NotConnected>() {
            Ok(e) => (*e).into(),
            Err(_) => sent(format!("the request to {place} failed")),
        },
        Error::BadUri(_) | Error::Http(_) => NotConnected::bad_url().into(),
        Error::Timeout(Timeout::SendRequest | Timeout::SendBody | Timeout::PerWrite) => {
            sent(format!("{place} stopped taking the request"))
        }
        Error::Timeout(Timeout::RecvResponse) => {
            sent(format!("no answer from {place} within {}", seconds(limits.answer)))
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
            Some(e) => sent(tls_words::handshake(e, place)),
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

fn seconds(time: Duration) -> String {
    format!("{} s", (time.as_secs_f64() * 100.0).round() / 100.0)
}

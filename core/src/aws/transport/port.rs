//! A request, its answer, and who sends and brings them.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::plants::planted;

/// A signed request, ready to be sent.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// All headers but `Host`, `Content-Length` and `Connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body. It may hold secrets.
    pub body: Vec<u8>,
    /// The longest wait for the answer once the request has arrived; a large body gets more time on its way.
    pub read_timeout: Duration,
    /// A larger answer is an error.
    pub max_response: usize,
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, complete.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub(in crate::aws) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// The server's date, unless a cache sent it.
    pub(in crate::aws) fn server_date(&self) -> Option<SystemTime> {
        if self.header("age").is_some() && !planted("date-of-a-cache") {
            return None;
        }
        httpdate::parse_http_date(self.header("date")?).ok()
    }
}

/// Shows no content: it may be secret.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

/// No complete answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct TransportError {
    /// What happened, in words fit for a log.
    pub reason: String,
    /// Whether the request may have reached the server: its bytes were written, at least in part.
    pub sent: bool,
    /// The certificate was refused for its dates alone: the device's clock may be wrong.
    pub certificate_dates: bool,
    /// What came of the answer: its head, and its body as far as that was read. Of a body that was too large, the last bytes follow
    /// upon the first.
    pub part: Option<Box<Response>>,
}

impl TransportError {
    /// A failure that has nothing to do with the dates of certificates.
    pub fn new(reason: impl Into<String>, sent: bool) -> Self {
        TransportError { reason: reason.into(), sent, certificate_dates: false, part: None }
    }
}

/// Sends requests, blocking. Every request ends within its deadlines.
pub trait Transport: Send + Sync {
    /// Sends one request and reads the whole answer.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;

    /// A first look at the server's date when certificates are refused for their dates: an unsigned request over a connection
    /// whose chain and host are checked but not its dates. Whoever holds an old key may have answered. `None` where no such thing is
    /// possible.
    fn probe_date(&self, url: &str) -> Option<SystemTime>;

    /// The server's date again, by an unsigned request over a new connection whose certificates are checked in full, but at the date
    /// `at`: what proves a date that [`probe_date`](Self::probe_date) gave. `None` where it does not hold, or no such thing is possible.
    fn prove_date(&self, url: &str, at: SystemTime) -> Option<SystemTime> {
        let _ = (url, at);
        None
    }

    /// Closes pooled connections, after a sleep for instance.
    fn close_idle(&self);

    /// Ends the requests in flight with an error, and refuses new ones.
    fn shutdown(&self);
}

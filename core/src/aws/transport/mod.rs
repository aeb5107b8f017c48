//! One HTTP request, one answer. The seam below which tests and simulators put their own network.

mod connect;
mod error;
mod examine;
mod https;
mod network;
mod proxy;
mod resolve;
mod tls;

use std::time::Duration;

pub use examine::{Examination, Stage};
pub use https::{HttpsTransport, HttpsTransportBuilder};
pub use network::Network;
pub use proxy::Proxies;
pub(in crate::aws) use resolve::Names;
pub use tls::TransportConfigError;

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
    /// The longest wait for the answer once the request is written.
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
}

impl TransportError {
    /// A failure that has nothing to do with the dates of certificates.
    pub fn new(reason: impl Into<String>, sent: bool) -> Self {
        TransportError { reason: reason.into(), sent, certificate_dates: false }
    }
}

/// Sends requests, blocking. Every request ends within its deadlines.
pub trait Transport: Send + Sync {
    /// Sends one request and reads the whole answer.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;

    /// A first look at the server's date when certificates are refused for their dates: an unsigned request over a connection
    /// whose chain and host are checked but not its dates. `None` where no such thing is possible.
    fn probe_date(&self, url: &str) -> Option<std::time::SystemTime>;

    /// Closes pooled connections, after a sleep for instance.
    fn close_idle(&self);

    /// Ends the requests in flight with an error, and refuses new ones.
    fn shutdown(&self);
}

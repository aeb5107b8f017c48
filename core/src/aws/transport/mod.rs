//! One HTTP request, one answer. The seam below which tests and simulators put their own network.
//!
//! | file | what it knows |
//! |---|---|
//! | `port` | the seam: [`Transport`], [`Request`], [`Response`], [`TransportError`] |
//! | `https`, `https_builder` | the transport for real, and what it is told |
//! | `network` | what all transports of a process share: CAs, proxies, clock |
//! | `exchange`, `paced`, `ends` | a request and its answer; the time for a body; what is kept of one that is too large |
//! | `connect`, `resolve`, `dns/`, `tcp`, `socket`, `secured` | names, addresses, connections |
//! | `proxy`, `direct` | proxies, and who needs none |
//! | `tls`, `tls_words`, `verifying`, `pem` | certificates and CAs, and what is said of them |
//! | `dates` | what a server's date is worth where certificates are refused for their dates |
//! | `error`, `probe` | what went wrong, in words; how far the way leads, for a person who asks |

mod connect;
mod dates;
mod direct;
mod dns;
mod ends;
mod error;
mod exchange;
mod https;
mod https_builder;
mod network;
mod paced;
mod pem;
mod port;
mod probe;
mod proxy;
mod resolve;
mod secured;
mod socket;
mod tcp;
mod tls;
mod tls_words;
mod verifying;

pub(in crate::aws) use dates::set_right;
#[cfg(any(test, feature = "testing"))]
pub(crate) use dns::fuzzed as dns_messages;
pub use https::HttpsTransport;
pub use https_builder::HttpsTransportBuilder;
pub use network::{Network, NetworkConfig};
pub use port::{Request, Response, Transport, TransportError};
pub use probe::{Probe, Stage};
pub use proxy::Proxies;
pub(in crate::aws) use resolve::Names;
pub use tls::TransportConfigError;

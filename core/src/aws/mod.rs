//! Speaks: the activity API of AWS Step Functions, signed, over TLS.

mod arn;
mod client;
mod transport;

pub use arn::{ActivityArn, ArnError};
pub use client::{ActivityClient, ActivityClientBuilder, CallError, PolledTask};
pub use transport::{
    HttpsTransport, HttpsTransportBuilder, Request, Response, Transport, TransportConfigError, TransportError,
};

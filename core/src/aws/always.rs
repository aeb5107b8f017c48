//! A service that answers the same to each call, for tests of what calls make of an answer.

use std::sync::Arc;
use std::time::SystemTime;

use super::{ActivityClient, Credentials, Request, Response, StaticCredentials, Transport, TransportError};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};

pub(super) const ID: (&str, &str) = ("x-amzn-requestid", "0b4c-1");
pub(super) const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

struct Always(Result<Response, TransportError>);

impl Transport for Always {
    fn send(&self, _: &Request) -> Result<Response, TransportError> {
        self.0.clone()
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

pub(super) fn client(answer: Result<Response, TransportError>) -> ActivityClient {
    let device = ManualClock::new(SystemTime::UNIX_EPOCH + RELEASE_DATE);
    ActivityClient::builder("eu-west-1")
        .credentials(Arc::new(StaticCredentials::new(Credentials::new("KEY", "SECRET", None, None))))
        .transport(Arc::new(Always(answer)))
        .clock(Arc::new(ServerClock::new(Arc::new(device))))
        .build()
        .unwrap()
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status, headers, body: body.into() }
}

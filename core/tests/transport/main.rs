//! The HTTPS transport over real sockets and real TLS, on loopback.
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it is made of")]

mod ca_files;
mod certificates;
mod clocks;
mod deadlines;
mod exchanges;
mod names;
mod peer;
mod probes;
mod proxies;
mod rewinds;

use std::time::Duration;

use activity_worker::aws::{HttpsTransport, Request};

/// Longer than anything a test waits for on purpose.
const AMPLE: Duration = Duration::from_secs(5);
/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(200);

fn post(url: &str) -> Request {
    Request {
        method: "POST",
        url: url.to_owned(),
        headers: vec![("x-amz-target", "AWSStepFunctions.Test".to_owned())],
        body: b"{}".to_vec(),
        read_timeout: AMPLE,
        max_response: 1000,
    }
}

fn transport() -> HttpsTransport {
    HttpsTransport::builder().connect_timeout(AMPLE).build().unwrap()
}

fn trusting(ca: &peer::Ca) -> HttpsTransport {
    HttpsTransport::builder().ca_file(ca.file().path().to_owned()).connect_timeout(AMPLE).build().unwrap()
}

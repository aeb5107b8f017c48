//! One request and its answer, with a deadline on everything.
//!
//! | phase | ends with an error |
//! |---|---|
//! | name look-up, TCP and TLS together | after the connect timeout |
//! | writing | when nothing moves for the connect timeout, and in all after that and the body's passage |
//! | waiting for the answer's header | after [`Request::read_timeout`] and the body's passage |
//! | reading the body | when nothing comes for the time above, and when less has come than the slowest link brings after the read timeout |
//!
//! The slowest link brings 512 bytes a second, which is slower than any that gets heartbeats through; a body's passage is the time that
//! what is over 4 KiB of it takes there. It is there so that nothing has no end: what ends a request is that nothing moves. The wait
//! for an answer has a passage too, since a body that is written has not arrived: the kernel takes some hundred kilobytes at once, a
//! proxy takes more.

use std::io::Read;
use std::time::Duration;

use ureq::http;
use ureq::{Agent, AsSendBody, Error};

use super::ends::add_end;
use super::error::Limits;
use super::paced::Paced;
use super::{Request, Response};

/// The slowest link that a body is expected to pass, in bytes a second.
const SLOWEST: usize = 512;
/// No wait is longer, whatever the caller says.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);
/// So much of a body has no passage of its own: the usual timeouts are long enough for it.
const SMALL: usize = 4 * 1024;

/// Sends the request, and reads the answer. Of one that broke off, `part` is what came.
pub(super) fn exchange(
    agent: &Agent,
    request: &Request,
    write_timeout: Duration,
    limits: Limits,
    part: &mut Option<Box<Response>>,
) -> Result<Response, Error> {
    let mut head = http::Request::builder().method(request.method).uri(&request.url);
    for (name, value) in &request.headers {
        head = head.header(*name, value);
    }
    // A GET has no body; a POST or a PUT has one even if it is empty.
    let answer = if request.method == "GET" {
        run(agent, head.body(())?, 0, write_timeout, limits)?
    } else {
        run(agent, head.body(request.body.as_slice())?, request.body.len(), write_timeout, limits)?
    };

    let (head, body) = answer.into_parts();
    let mut whole = Vec::new();
    let room = u64::try_from(limits.body).unwrap_or(u64::MAX);
    let mut body = Paced::new(body.into_reader(), limits.read, SLOWEST);
    let mut read = body.by_ref().take(room.saturating_add(1)).read_to_end(&mut whole).map_err(Error::from);
    if whole.len() > limits.body {
        add_end(&mut body, room, &mut whole);
        read = Err(Error::BodyExceedsLimit(room));
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let response = Response { status: head.status.as_u16(), headers, body: whole };
    match read {
        Ok(_) => Ok(response),
        Err(e) => {
            *part = Some(Box::new(response));
            Err(e)
        }
    }
}

fn run<B: AsSendBody>(
    agent: &Agent,
    request: http::Request<B>,
    size: usize,
    write_timeout: Duration,
    limits: Limits,
) -> Result<http::Response<ureq::Body>, Error> {
    let request = agent
        .configure_request(request)
        .timeout_send_request(Some(write_timeout))
        .timeout_send_body(Some(write_timeout + passage(size)))
        .timeout_recv_response(Some(limits.answer))
        .timeout_recv_body(Some(limits.read + passage(limits.body)))
        // It counts for the first byte of the header too.
        .timeout_per_read(Some(limits.answer))
        .build();
    agent.run(request)
}

/// The time that so many bytes take on the slowest link, beyond that of a small body.
pub(super) fn passage(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes.saturating_sub(SMALL) as f64 / SLOWEST as f64).min(LONGEST)
}

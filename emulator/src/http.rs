//! HTTP/1.1 over a blocking stream: reads whole requests, bounded, and writes whole answers, or parts of one.

use std::io::{self, Read, Write};
use std::time::SystemTime;

/// The largest head of a request, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// The largest body: a definition of 1 MiB in which every character is escaped, and room to spare.
const BODY_MAX: usize = 4 * 1024 * 1024;
const HEADERS_MAX: usize = 64;

/// A request, complete.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the client wants the connection to stay open.
    pub(crate) keep_alive: bool,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum NoRequest {
    /// The client closed the connection, or was silent too long, or the connection broke.
    Gone,
    /// What came is no request that can be answered; this status says why.
    Refused(u16),
}

/// Reads requests from a connection, one after the other.
pub(crate) struct Requests<S> {
    stream: S,
    /// What was read and belongs to no request yet.
    buffer: Vec<u8>,
}

impl<S: Read + Write> Requests<S> {
    pub(crate) fn new(stream: S) -> Self {
        Requests { stream, buffer: Vec::new() }
    }

    pub(crate) fn next(&mut self) -> Result<Request, NoRequest> {
        loop {
            if let Some(head) = parse_head(&self.buffer)? {
                return self.complete(head);
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(NoRequest::Refused(431));
            }
            self.fill()?;
        }
    }

    fn complete(&mut self, head: Head) -> Result<Request, NoRequest> {
        let Head { mut request, length, body_length } = head;
        let end = length + body_length;
        if self.buffer.len() < end
            && request.header("expect").is_some_and(|e| e.eq_ignore_ascii_case("100-continue"))
        {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| NoRequest::Gone)?;
        }
        while self.buffer.len() < end {
            self.fill()?;
        }
        let rest = self.buffer.split_off(end);
        request.body = self.buffer.split_off(length);
        self.buffer = rest;
        Ok(request)
    }

    fn fill(&mut self) -> Result<(), NoRequest> {
        let mut chunk = [0; 8 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(NoRequest::Gone),
                Ok(read) => {
                    self.buffer.extend_from_slice(&chunk[..read]);
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(NoRequest::Gone),
            }
        }
    }
}

struct Head {
    request: Request,
    /// Bytes of the head.
    length: usize,
    body_length: usize,
}

/// Parses the head of a request, if it is there completely.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, NoRequest> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(NoRequest::Refused(400)),
    };
    let mut request = Request {
        method: parsed.method.unwrap_or("").to_owned(),
        path: parsed.path.unwrap_or("").to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        keep_alive: parsed.version == Some(1),
    };
    for header in parsed.headers {
        let value = std::str::from_utf8(header.value).map_err(|_| NoRequest::Refused(400))?;
        request.headers.push((header.name.to_ascii_lowercase(), value.to_owned()));
    }
    if request.header("connection").is_some_and(|c| c.eq_ignore_ascii_case("close")) {
        request.keep_alive = false;
    }
    // No AWS SDK sends this API chunked bodies.
    if request.header("transfer-encoding").is_some() {
        return Err(NoRequest::Refused(501));
    }
    let body_length = match request.header("content-length") {
        None => 0,
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().map_err(|_| NoRequest::Refused(413))?
        }
        Some(_) => return Err(NoRequest::Refused(400)),
    };
    if body_length > BODY_MAX {
        return Err(NoRequest::Refused(413));
    }
    Ok(Some(Head { request, length, body_length }))
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// What the `Date` header says.
    pub(crate) date: SystemTime,
    /// Without one, it is somebody else's answer.
    pub(crate) request_id: Option<String>,
    /// How much of the body is really sent, while `Content-Length` promises all of it.
    pub(crate) truncate: Option<usize>,
}

impl Answer {
    /// Writes the answer in one go.
    pub(crate) fn write(&self, mut stream: impl Write, keep_alive: bool) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {} {}\r\n{}Content-Type: {}\r\nContent-Length: {}\r\nDate: {}\r\n{}\r\n",
            self.status,
            reason(self.status),
            self.request_id.as_ref().map(|id| format!("x-amzn-RequestId: {id}\r\n")).unwrap_or_default(),
            self.content_type,
            self.body.len(),
            httpdate::fmt_http_date(self.date),
            if keep_alive { "" } else { "Connection: close\r\n" },
        );
        let mut bytes = head.into_bytes();
        let sent = self.truncate.unwrap_or(self.body.len()).min(self.body.len());
        bytes.extend_from_slice(&self.body[..sent]);
        stream.write_all(&bytes)?;
        stream.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn requests(bytes: &[u8]) -> Requests<Cursor<Vec<u8>>> {
        Requests::new(Cursor::new(bytes.to_vec()))
    }

    #[test]
    fn requests_on_one_connection_are_read_one_after_the_other() {
        let mut requests =
            requests(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET /x HTTP/1.0\r\n\r\n");
        let first = requests.next().unwrap();
        assert_eq!(
            (first.method.as_str(), first.body.as_slice(), first.keep_alive),
            ("POST", b"ab".as_slice(), true)
        );
        assert_eq!(first.header("host"), Some("h"));
        let second = requests.next().unwrap();
        assert_eq!((second.path.as_str(), second.keep_alive), ("/x", false));
        assert!(matches!(requests.next(), Err(NoRequest::Gone)));
    }

    #[test]
    fn bodies_and_heads_are_bounded() {
        let refused = |bytes: &[u8]| match requests(bytes).next() {
            Err(NoRequest::Refused(status)) => status,
            _ => 0,
        };
        assert_eq!(refused(b"POST / HTTP/1.1\r\nContent-Length: 4194305\r\n\r\n"), 413);
        assert_eq!(refused(b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 413);
        assert_eq!(refused(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
        assert_eq!(refused(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 501);
        let long = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(HEAD_MAX + 9_000));
        assert_eq!(refused(long.as_bytes()), 431);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_request_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = requests(&bytes).next();
        }
    }
}

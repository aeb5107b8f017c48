//! As much of HTTP/1.1 as the service speaks, and how many bytes of a request are needed.

use std::io::{self, Read};
use std::time::SystemTime;

/// A request.
pub(super) struct Request {
    pub(super) operation: String,
    pub(super) body: Vec<u8>,
    /// The bytes that HTTP/1.1 and the API need for it: its line, the headers that the service must have, its body.
    pub(super) needed: usize,
}

/// What the service can't do without. A session token, which the bench's credentials have not, would be one more.
const NEEDED: [&str; 6] =
    ["host", "content-length", "content-type", "x-amz-target", "x-amz-date", "authorization"];
/// An answer's request id: one is like the other.
const REQUEST_ID: &str = "5a2f8c1e-0b7d-4f3a-9c64-d18e27b05f93";

/// The next request on a connection.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Request> {
    let (mut bytes, mut block) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        more(stream, &mut block, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let mut lines = head.split("\r\n");
    let mut needed = lines.next().unwrap_or_default().len() + 2 + 2;
    let (mut length, mut operation) = (0, String::new());
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "x-amz-target" => operation = value.rsplit('.').next().unwrap_or_default().to_owned(),
            _ => {}
        }
        if NEEDED.contains(&name.as_str()) {
            needed += line.len() + 2;
        }
    }
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        more(stream, &mut block, &mut body)?;
    }
    Ok(Request { operation, needed: needed + body.len(), body })
}

fn more(stream: &mut impl Read, block: &mut [u8], bytes: &mut Vec<u8>) -> io::Result<()> {
    match stream.read(block)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.extend_from_slice(block.get(..read).unwrap_or_default());
            Ok(())
        }
    }
}

/// An answer as the service writes it.
pub(super) fn answer(status: u16, body: &str) -> Vec<u8> {
    let reason = if status == 200 { "OK" } else { "Service Unavailable" };
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!(
        "HTTP/1.1 {status} {reason}\r\nx-amzn-RequestId: {REQUEST_ID}\r\nDate: {date}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_needs_is_counted_without_the_rest() {
        let lean = "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: AWSStepFunctions.GetActivityTask\r\nContent-Length: 2\r\n\r\n{}";
        let request = read(&mut lean.as_bytes()).unwrap();
        assert_eq!((request.operation.as_str(), request.needed), ("GetActivityTask", lean.len()));
        let fat = lean.replace("Host", "Accept: */*\r\nUser-Agent: x\r\nHost");
        assert_eq!(read(&mut fat.as_bytes()).unwrap().needed, lean.len());
    }
}

//! Requests as the service reads them, and its answers.

use std::time::{Duration, SystemTime};

use activity_worker::aws::{Request, Response};
use serde_json::Value;

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// `GetActivityTask`.
    Poll(usize),
    /// `SendTaskHeartbeat`.
    Beat(String),
    /// `SendTaskSuccess`, with its output.
    Success(String, String),
    /// `SendTaskFailure`, with the error's name.
    Failure(String, String),
}

impl Call {
    /// Calls of one kind share a quota.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Call::Poll(_) => 0,
            Call::Success(..) => 1,
            Call::Failure(..) => 2,
            Call::Beat(_) => 3,
        }
    }

    /// The token, if it is about a task.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Call::Poll(_) => None,
            Call::Beat(token) | Call::Success(token, _) | Call::Failure(token, _) => Some(token),
        }
    }

    /// Whether it reports an outcome.
    pub(crate) fn is_report(&self) -> bool {
        matches!(self, Call::Success(..) | Call::Failure(..))
    }
}

/// Reads a request.
pub(crate) fn read(request: &Request) -> Call {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    match header(request, "x-amz-target").rsplit('.').next() {
        Some("SendTaskHeartbeat") => Call::Beat(text("taskToken")),
        Some("SendTaskSuccess") => Call::Success(text("taskToken"), text("output")),
        Some("SendTaskFailure") => Call::Failure(text("taskToken"), text("error")),
        _ => {
            let arn = text("activityArn");
            Call::Poll(arn.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or_default())
        }
    }
}

/// Whether a text is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// The time in the signature.
pub(crate) fn signed_at(request: &Request) -> Option<SystemTime> {
    let text = header(request, "x-amz-date");
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    // Days since 1970, counting years from March: leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + part(9, 11)? * 3600 + part(11, 13)? * 60 + part(13, 15)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// When the session's credentials were issued and when they end, in the world's time.
pub(crate) fn session(request: &Request) -> Option<(Duration, Duration)> {
    let (issued, ends) = header(request, "x-amz-security-token").split_once('-')?;
    Some((Duration::from_millis(issued.parse().ok()?), Duration::from_millis(ends.parse().ok()?)))
}

/// A session token that says when it was issued and when it ends.
pub(crate) fn session_token(issued: Duration, ends: Duration) -> String {
    format!("{}-{}", issued.as_millis(), ends.as_millis())
}

/// An answer of the service.
pub(crate) fn ok(body: &[u8], date: Option<SystemTime>) -> Response {
    let mut headers = vec![
        ("x-amzn-requestid".to_owned(), "5c1b1c1e-0000-4000-8000-000000000000".to_owned()),
        ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
    ];
    headers.extend(date.map(|date| ("date".to_owned(), httpdate::fmt_http_date(date))));
    Response { status: 200, headers, body: body.to_vec() }
}

/// A task is handed out.
pub(crate) fn task(token: &str, input: &str, date: SystemTime) -> Response {
    // The token first: what is cut behind it is a task all the same.
    let (token, input) = (Value::from(token), Value::from(input));
    ok(format!("{{\"taskToken\":{token},\"input\":{input}}}").as_bytes(), Some(date))
}

/// The service says no.
pub(crate) fn error(code: &str, date: SystemTime) -> Response {
    let mut response = ok(format!("{{\"__type\":\"{code}\",\"message\":\"no\"}}").as_bytes(), Some(date));
    response.headers.push(("x-amzn-errortype".to_owned(), code.to_owned()));
    response.status = match code {
        "InternalFailure" => 500,
        _ => 400,
    };
    response
}

/// A load balancer says no.
pub(crate) fn unavailable(date: SystemTime) -> Response {
    let headers = vec![("date".to_owned(), httpdate::fmt_http_date(date))];
    Response { status: 503, headers, body: b"<html>503 Service Unavailable</html>".to_vec() }
}

/// A login page, or a proxy's.
pub(crate) fn portal(status: u16, date: Option<SystemTime>) -> Response {
    let headers = date.map(|date| ("date".to_owned(), httpdate::fmt_http_date(date)));
    Response { status, headers: headers.into_iter().collect(), body: b"<html>Please log in</html>".to_vec() }
}

/// Somebody in the service's place, without its marks.
pub(crate) fn stranger(which: u8, date: Option<SystemTime>) -> Response {
    let (status, body) = match which % 4 {
        0 => (200, "{}"),
        1 => (400, r#"{"__type":"TaskTimedOut","message":"no"}"#),
        2 => (400, r#"{"__type":"InvalidToken","message":"no"}"#),
        _ => (400, r#"{"__type":"AccessDeniedException","message":"no"}"#),
    };
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(date.map(|date| ("date".to_owned(), httpdate::fmt_http_date(date))));
    Response { status, headers, body: body.as_bytes().to_vec() }
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_time_is_read_as_it_was_written() {
        for seconds in [0, 951_782_399, 951_868_800, 1_793_858_828, 4_107_542_400_u64] {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let text: String = httpdate::fmt_http_date(date);
            let parts: Vec<&str> = text.split([' ', ':']).collect();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let month = months.iter().position(|m| *m == parts[2]).unwrap() + 1;
            let stamp = format!("{}{month:02}{}T{}{}{}Z", parts[3], parts[1], parts[4], parts[5], parts[6]);
            let request = Request {
                method: "POST",
                url: String::new(),
                headers: vec![("x-amz-date", stamp)],
                body: Vec::new(),
                read_timeout: Duration::ZERO,
                max_response: 0,
            };
            assert_eq!(signed_at(&request), Some(date), "{text}");
        }
    }
}

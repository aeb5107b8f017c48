//! Answers to calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::{PLACE, SECRET, assert_fit_for_a_log};
use crate::aws::inflate::plain;
use crate::aws::{
    ActivityArn, ActivityClient, CallError, Credentials, Request, Response, StaticCredentials, Transport,
    TransportError,
};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};
use crate::{ErrorClass, Failure, INPUT_MAX, TaskToken, WorkerName};

const ARN: &str = "arn:aws:states:eu-west-1:123456789012:activity:print-label";

/// One answer to each call: a line with the status, header lines, an empty line, the body. `$SECRET` is the task's token. Behind the
/// status may stand how many seconds pass with each request.
pub fn responses(data: &[u8]) {
    let device = ManualClock::new(SystemTime::UNIX_EPOCH + RELEASE_DATE);
    let transport = Arc::new(Always::read(data, &device));
    let response = &plain(transport.response.clone(), 1 << 23);
    let status = response.status;
    let object = serde_json::from_slice::<Map<String, Value>>(&response.body).ok();
    let client = ActivityClient::builder("eu-west-1")
        .credentials(Arc::new(StaticCredentials::new(Credentials::new(
            "KEY",
            SECRET,
            Some(SECRET.into()),
            None,
        ))))
        .transport(transport.clone())
        .clock(Arc::new(ServerClock::new(Arc::new(device))))
        .build()
        .expect("all is given");
    let (arn, name) = (ActivityArn::parse(ARN).expect("an ARN"), WorkerName::new("pi").expect("a name"));
    let token = TaskToken::new(SECRET).expect("a token");

    // Said a second time, in another way than the table does.
    let named = |name: &'static str| {
        response.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    };
    let is_json = |kind: &str| {
        let kind = kind.to_ascii_lowercase();
        let media = kind.split(';').next().unwrap_or_default().trim();
        media == "application/json" || media.starts_with("application/x-amz-json-")
    };
    let marked = named("x-amzn-requestid").any(|id| !id.is_empty())
        && named("content-type").any(|_| true)
        && named("content-type").all(is_json);
    let is_error = |object: &Map<String, Value>| {
        ["__type", "message", "Message", "code"].iter().any(|name| object.contains_key(*name))
    };
    let settles = |taken: Result<crate::Receipt, CallError>| match taken {
        Ok(_) => {
            assert!(marked && status == 200, "taken on the word of a stranger");
            assert_eq!(named("x-amzn-errortype").count(), 0, "an error is taken for a success");
            assert!(!object.as_ref().is_some_and(is_error), "an error is taken for a success");
            assert!(without_bom(&response.body).trim_ascii_start().starts_with(b"{"));
        }
        Err(error) => check(&error, response, marked),
    };
    settles(client.send_task_success(&token, "{}"));
    settles(client.send_task_failure(&token, &Failure::new("E", "c")));
    settles(client.send_task_heartbeat(&token));
    match client.get_activity_task(&arn, &name) {
        Ok(Some(task)) => {
            assert!(marked && (200..300).contains(&status), "a task of a stranger");
            if let Some(object) = &object {
                let told = object.get("taskToken").and_then(Value::as_str);
                assert_eq!(Some(task.token.expose()), told, "a token that nobody gave");
                let told = object.get("input").and_then(Value::as_str).unwrap_or("{}");
                assert!(task.input == told || task.unusable.is_some(), "an input that nobody gave");
            }
            assert!(task.input.len() <= INPUT_MAX);
            if let Some(why) = &task.unusable {
                assert!(task.input.is_empty());
                assert_fit_for_a_log(why);
            }
            assert!(!format!("{task:?}").contains(task.token.expose()) || task.token.expose().len() < 16);
        }
        Ok(None) => assert!(marked && status == 200, "nothing to do, though the service did not say so"),
        Err(error) => {
            let told = object.as_ref().and_then(|o| o.get("taskToken")?.as_str());
            let is_task = told.is_some_and(|t| !t.is_empty() && t.len() <= 512);
            let silent = !(200..300).contains(&status) || !marked || named("x-amzn-errortype").count() > 0;
            let silent = silent || response.headers.iter().any(|(n, _)| n.starts_with("x-amzn-error"));
            assert!(!is_task || silent || !error.task_lost, "a task is lost whose token can be read");
            check(&error, response, marked);
        }
    }
    match client.describe_activity(&arn) {
        Ok(_) => assert!(marked && status == 200),
        Err(error) => check(&error, response, marked),
    }
    assert!(transport.sent.load(Ordering::Relaxed) <= 5 * 2, "an answer makes a call go on and on");
}

fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

fn check(error: &CallError, response: &Response, marked: bool) {
    assert_fit_for_a_log(&error.to_string());
    assert_fit_for_a_log(&format!("{:?}", error.code));
    let holds = |text: &str| {
        let headers = response.headers.iter().map(|(_, value)| value.as_bytes());
        headers.chain([response.body.as_slice()]).any(|bytes| {
            String::from_utf8_lossy(bytes).contains(text) || bytes.windows(2).any(|pair| pair == br"\u")
        })
    };
    assert!(
        error.class != ErrorClass::Settled || (marked && response.status == 400 && holds("TaskTimedOut")),
        "settled by nobody"
    );
    assert!(error.class != ErrorClass::BadOutput || holds("InvalidOutput"), "an output refused by nobody");
    let harmless = matches!(error.class, ErrorClass::Network | ErrorClass::Server | ErrorClass::Throttled);
    assert!(
        marked || (harmless && error.code.is_none() && error.retry_after.is_none()),
        "a stranger is heeded"
    );
    let clear_no = (400..500).contains(&response.status) && error.code.is_some();
    let refused = error.message.ends_with(OUTDATED);
    assert!(
        error.maybe_taken || clear_no || refused,
        "a report is called not taken without the service's word"
    );
    assert!(error.retry_after.is_none_or(|pause| pause <= Duration::from_secs(300)));
}

/// Why a certificate is refused.
const OUTDATED: &str = "outdated";

/// The same answer to every request, while time goes on.
pub(super) struct Always {
    pub(super) response: Response,
    device: ManualClock,
    step: Duration,
    sent: AtomicUsize,
}

impl Always {
    pub(super) fn read(data: &[u8], device: &ManualClock) -> Self {
        let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let step = String::from_utf8_lossy(line).split_whitespace().nth(1).and_then(|s| s.parse().ok());
        // Beyond that the test's own clock would overflow.
        let step = Duration::from_secs(step.unwrap_or(0).min(1 << 58));
        Always { response: read(data), device: device.clone(), step, sent: AtomicUsize::new(0) }
    }

    /// The date in the answer.
    fn date(&self) -> Option<SystemTime> {
        let (_, date) = self.response.headers.iter().find(|(name, _)| name == "date")?;
        httpdate::parse_http_date(date).ok()
    }
}

impl Transport for Always {
    fn send(&self, _: &Request) -> Result<Response, TransportError> {
        let sent = self.sent.fetch_add(1, Ordering::Relaxed);
        self.device.advance(self.step);
        // Now and then certificates seem outdated, and the date is asked for.
        if self.step.as_secs() % 2 == 1 && sent % 3 == 1 {
            return Err(TransportError { certificate_dates: true, ..TransportError::new(OUTDATED, false) });
        }
        Ok(self.response.clone())
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        self.date()
    }

    fn prove_date(&self, _: &str, _: SystemTime) -> Option<SystemTime> {
        self.date()
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

fn read(data: &[u8]) -> Response {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = data.split_at(end.unwrap_or(data.len()));
    let head = String::from_utf8_lossy(head).replace(PLACE, SECRET);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(200);
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    let body = body.get(2..).unwrap_or_default();
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.replace(PLACE, SECRET).into_bytes(),
        Err(_) => body.to_vec(),
    };
    Response { status, headers: lines.filter_map(header).collect(), body }
}

//! Answers to calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::{PLACE, SECRET, assert_fit_for_a_log};
use crate::aws::{
    ActivityArn, ActivityClient, CallError, Credentials, Request, Response, StaticCredentials, Transport,
    TransportError,
};
use crate::clock::{ManualClock, RELEASE_DATE, ServerClock};
use crate::{Class, Failure, TaskToken, WorkerName};

const ARN: &str = "arn:aws:states:eu-west-1:123456789012:activity:print-label";

/// One answer to each call: a line with the status, header lines, an empty line, the body. `$SECRET` is the task's token.
pub fn responses(data: &[u8]) {
    let transport = Arc::new(Always::read(data));
    let response = &transport.response;
    let status = response.status;
    let object = serde_json::from_slice::<Map<String, Value>>(&response.body).ok();
    let device = ManualClock::new(SystemTime::UNIX_EPOCH + RELEASE_DATE);
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

    // An answer is the service's only if it is an object without an error in it; what it holds beyond that needs a request id.
    let plain = object.as_ref().filter(|o| status == 200 && !o.contains_key("__type"));
    let settles = |taken: Result<crate::Receipt, CallError>| match taken {
        Ok(_) => {
            let body = plain.expect("taken, though the service did not say so");
            let signed = transport.response.headers.iter().any(|(name, _)| name.contains("request"));
            assert!(body.is_empty() || signed, "taken on the word of a stranger");
        }
        Err(error) => check(&error, &transport.response),
    };
    settles(client.send_task_success(&token, "{}"));
    settles(client.send_task_failure(&token, &Failure::new("E", "c")));
    settles(client.send_task_heartbeat(&token));
    match client.get_activity_task(&arn, &name) {
        Ok(Some(task)) => {
            let told = plain.and_then(|body| body.get("taskToken")?.as_str());
            assert_eq!(Some(task.token.expose()), told, "a token that nobody gave");
            assert!(!format!("{task:?}").contains(task.token.expose()) || task.token.expose().len() < 16);
        }
        Ok(None) => assert!(plain.is_some(), "nothing to do, though the service did not say so"),
        Err(error) => check(&error, &transport.response),
    }
    match client.describe_activity(&arn) {
        Ok(_) => assert!(plain.is_some_and(|body| body.contains_key("name"))),
        Err(error) => check(&error, &transport.response),
    }
    assert!(transport.sent.load(Ordering::Relaxed) <= 5 * 2, "an answer makes a call go on and on");
}

fn check(error: &CallError, response: &Response) {
    assert_fit_for_a_log(&error.to_string());
    assert_fit_for_a_log(&format!("{:?}", error.code));
    let holds = |text: &str| {
        let headers = response.headers.iter().map(|(_, value)| value.as_bytes());
        headers.chain([response.body.as_slice()]).any(|bytes| {
            String::from_utf8_lossy(bytes).contains(text) || bytes.windows(2).any(|pair| pair == br"\u")
        })
    };
    assert!(
        error.class != Class::Settled || (response.status != 200 && holds("TaskTimedOut")),
        "settled by nobody"
    );
    assert!(error.class != Class::BadOutput || holds("InvalidOutput"), "an output refused by nobody");
    let clear_no = (400..500).contains(&response.status) && error.code.is_some();
    assert!(error.maybe_taken || clear_no, "a report is called not taken without the service's word");
    assert!(error.retry_after.is_none_or(|pause| pause <= Duration::from_secs(3600)));
}

/// The same answer to every request.
pub(super) struct Always {
    pub(super) response: Response,
    sent: AtomicUsize,
}

impl Always {
    pub(super) fn read(data: &[u8]) -> Self {
        Always { response: read(data), sent: AtomicUsize::new(0) }
    }
}

impl Transport for Always {
    fn send(&self, _: &Request) -> Result<Response, TransportError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(self.response.clone())
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        None
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

fn read(data: &[u8]) -> Response {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = data.split_at(end.unwrap_or(data.len()));
    let head = String::from_utf8_lossy(head).replace(PLACE, SECRET);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(200);
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

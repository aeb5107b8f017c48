//! The client over a transport that answers from a script.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::aws::{CredentialsError, StaticCredentials, TransportError};
use crate::clock::{ManualClock, RELEASE_DATE};

pub(super) type Answer = Result<Response, TransportError>;

#[derive(Default)]
pub(super) struct Script {
    answers: Mutex<VecDeque<Answer>>,
    pub(super) hints: Mutex<VecDeque<SystemTime>>,
    pub(super) proofs: Mutex<VecDeque<SystemTime>>,
    sent: Mutex<Vec<Request>>,
    pub(super) probed: Mutex<Vec<String>>,
}

impl Transport for Script {
    fn send(&self, request: &Request) -> Answer {
        self.sent.lock().unwrap().push(request.clone());
        self.answers.lock().unwrap().pop_front().expect("one more request than the script has answers")
    }

    fn probe_date(&self, url: &str) -> Option<SystemTime> {
        self.probed.lock().unwrap().push(url.to_owned());
        self.hints.lock().unwrap().pop_front()
    }

    fn prove_date(&self, url: &str, at: SystemTime) -> Option<SystemTime> {
        self.probed.lock().unwrap().push(format!("{url} at {}", httpdate::fmt_http_date(at)));
        self.proofs.lock().unwrap().pop_front()
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {}
}

/// Gives the next key each time one is refused, the last one for ever.
#[derive(Default)]
pub(super) struct Keys {
    ids: Mutex<VecDeque<&'static str>>,
    pub(super) refused: Mutex<Vec<String>>,
}

impl CredentialsProvider for Keys {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        match self.ids.lock().unwrap().front() {
            Some(id) => Ok(Credentials::new(*id, SECRET, Some("sEsSiOn".into()), None)),
            None => Err(CredentialsError::Unavailable("the keys are gone".into())),
        }
    }

    fn name(&self) -> &str {
        "the keys"
    }

    fn invalidate(&self, refused: &Credentials) {
        self.refused.lock().unwrap().push(refused.access_key_id.clone());
        let mut ids = self.ids.lock().unwrap();
        if ids.len() > 1 {
            ids.pop_front();
        }
    }
}

const SECRET: &str = "sEcReT-key";
const TOKEN: &str = "sEcReT-token";
const OUTPUT: &str = "\"sEcReT-output\"";

pub(super) struct Bench {
    pub(super) device: ManualClock,
    pub(super) script: Arc<Script>,
    pub(super) keys: Arc<Keys>,
    pub(super) client: ActivityClient,
}

/// The service's time in all tests.
pub(super) fn server_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + RELEASE_DATE + Duration::from_secs(1_000_000)
}

pub(super) fn bench(answers: impl IntoIterator<Item = Answer>) -> Bench {
    bench_at(server_time(), &["KEY1"], answers)
}

pub(super) fn bench_at(
    wall: SystemTime,
    keys: &[&'static str],
    answers: impl IntoIterator<Item = Answer>,
) -> Bench {
    let device = ManualClock::new(wall);
    let script = Arc::new(Script { answers: Mutex::new(answers.into_iter().collect()), ..Script::default() });
    let keys = Arc::new(Keys { ids: Mutex::new(keys.iter().copied().collect()), ..Keys::default() });
    let client = ActivityClient::builder("eu-west-1")
        .credentials(keys.clone())
        .transport(script.clone())
        .clock(Arc::new(ServerClock::new(Arc::new(device.clone()))))
        .build()
        .unwrap();
    Bench { device, script, keys, client }
}

impl Bench {
    pub(super) fn success(&self) -> Result<Receipt, CallError> {
        self.client.report(&token(), &Outcome::from(crate::Output::parse(OUTPUT)))
    }

    fn poll(&self) -> Result<Option<PolledTask>, CallError> {
        self.client.get_activity_task(&arn(), &WorkerName::new("pi").unwrap())
    }

    /// A header of the n-th request.
    pub(super) fn header(&self, n: usize, name: &str) -> String {
        let sent = self.script.sent.lock().unwrap();
        sent[n].headers.iter().find(|(header, _)| *header == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    pub(super) fn requests(&self) -> usize {
        self.script.sent.lock().unwrap().len()
    }
}

fn token() -> TaskToken {
    TaskToken::new(TOKEN).unwrap()
}

fn arn() -> ActivityArn {
    ActivityArn::parse("arn:aws:states:eu-west-1:123456789012:activity:a").unwrap()
}

/// With the service's marks and its date.
pub(super) fn answer(status: u16, body: &str) -> Answer {
    answer_with(status, body, &[("date", &httpdate::fmt_http_date(server_time()))])
}

/// With the service's marks.
pub(super) fn answer_with(status: u16, body: &str, headers: &[(&str, &str)]) -> Answer {
    let marks = [("x-amzn-requestid", "id-1"), ("content-type", "application/x-amz-json-1.0")];
    let headers = headers.iter().chain(&marks).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Ok(Response { status, headers, body: body.as_bytes().to_vec() })
}

pub(super) fn refusal(code: &str) -> Answer {
    answer(400, &format!(r#"{{"__type":"com.amazonaws.states#{code}","message":"no"}}"#))
}

pub(super) fn broken(sent: bool, certificate_dates: bool) -> Answer {
    Err(TransportError { certificate_dates, ..TransportError::new("connection reset", sent) })
}

#[test]
fn the_five_calls_ask_and_understand() {
    let bench = bench([
        answer(200, r#"{"taskToken":"sEcReT-token","input":"[1]"}"#),
        answer(200, "{}"),
        answer(200, "{}"),
        answer(200, "{}"),
        answer(200, r#"{"activityArn":"x","name":"a","creationDate":12.0}"#),
    ]);
    let task = bench.poll().unwrap().unwrap();
    assert_eq!((task.token, task.input.as_str()), (token(), "[1]"));
    assert_eq!(bench.success().unwrap().request_id.as_deref(), Some("id-1"));
    bench.client.report(&token(), &Outcome::failure("E", "C")).unwrap();
    bench.client.send_task_heartbeat(&token()).unwrap();
    assert_eq!(bench.client.describe_activity(&arn()).unwrap().name, "a");

    let targets =
        ["GetActivityTask", "SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat", "DescribeActivity"];
    for (n, target) in targets.iter().enumerate() {
        assert_eq!(bench.header(n, "x-amz-target"), format!("AWSStepFunctions.{target}"));
        assert_eq!(bench.header(n, "content-type"), "application/x-amz-json-1.0");
        assert_eq!(bench.header(n, "x-amz-security-token"), "sEsSiOn");
        assert!(
            bench
                .header(n, "authorization")
                .contains("Credential=KEY1/20261112/eu-west-1/states/aws4_request")
        );
    }
    let sent = bench.script.sent.lock().unwrap();
    assert!(sent.iter().all(|r| r.method == "POST" && r.url == "https://states.eu-west-1.amazonaws.com/"));
}

#[test]
fn p9_a_poll_waits_for_65_s_and_other_calls_for_10_s() {
    let bench = bench([answer(200, "{}"), answer(200, "{}")]);
    assert!(bench.poll().unwrap().is_none());
    bench.client.send_task_heartbeat(&token()).unwrap();
    let sent = bench.script.sent.lock().unwrap();
    assert_eq!(sent[0].read_timeout, Duration::from_secs(65));
    assert_eq!(sent[1].read_timeout, Duration::from_secs(10));
    assert!(sent[0].max_response > 6 * crate::INPUT_MAX && sent[1].max_response == RESPONSE_MAX);
}

#[test]
fn p1_what_is_no_answer_of_the_service_is_never_taken_for_delivered() {
    for body in ["", "<html>Log in</html>", "[]", "{\"x\":", "null"] {
        let error = bench([answer(200, body)]).success().unwrap_err();
        assert_eq!((error.class, error.maybe_taken), (ErrorClass::Network, true), "{body}");
    }
    let portal = Response { status: 200, headers: Vec::new(), body: b"{\"login\":\"required\"}".to_vec() };
    let portal = bench([Ok(portal)]).success().unwrap_err();
    assert_eq!((portal.class, portal.maybe_taken), (ErrorClass::Network, true));
    let empty_poll = bench([answer(200, "")]).poll().unwrap_err();
    assert_eq!(empty_poll.class, ErrorClass::Network);
    for status in [204, 302, 400, 403, 407] {
        let error = bench([answer(status, "<html>")]).success().unwrap_err();
        assert_eq!((error.class, error.maybe_taken), (ErrorClass::Network, true), "{status}");
    }
}

#[test]
fn maybe_taken_is_true_unless_the_service_said_a_clear_no() {
    for (answer, class, maybe_taken) in [
        (broken(false, false), ErrorClass::Network, false),
        (broken(true, false), ErrorClass::Network, true),
        (refusal("TaskTimedOut"), ErrorClass::Settled, false),
        (refusal("ThrottlingException"), ErrorClass::Throttled, false),
        (answer(500, r#"{"__type":"InternalFailure"}"#), ErrorClass::Server, true),
        (answer(503, "<html>"), ErrorClass::Server, true),
        (answer(429, "slow down"), ErrorClass::Throttled, true),
    ] {
        let error = bench([answer]).success().unwrap_err();
        assert_eq!((error.class, error.maybe_taken), (class, maybe_taken), "{error}");
    }
}

#[test]
fn an_error_tells_the_operation_the_code_the_message_and_the_request() {
    let error = bench([refusal("AccessDeniedException")]).success().unwrap_err();
    assert_eq!(error.to_string(), "SendTaskSuccess: AccessDeniedException: no (HTTP 400, request id-1)");
    assert_eq!(
        (error.code.as_deref(), error.request_id.as_deref()),
        (Some("AccessDeniedException"), Some("id-1"))
    );
    let pause = [("x-amz-retry-after", "1500"), ("x-amzn-errortype", "ThrottlingException:")];
    let error = bench([answer_with(400, "", &pause)]).success().unwrap_err();
    assert_eq!(error.to_string(), "SendTaskSuccess: ThrottlingException (HTTP 400, request id-1)");
    assert_eq!(error.retry_after, Some(Duration::from_millis(1500)));
}

#[test]
fn p7_no_error_shows_a_token_an_output_or_a_key() {
    let echo = format!(r#"{{"__type":"ValidationException","message":"{TOKEN} {SECRET} sEcReT-output"}}"#);
    let shown: Vec<_> = [answer(400, &echo), answer(200, &echo), answer(403, TOKEN), broken(true, false)]
        .into_iter()
        .map(|answer| {
            let bench = bench([answer]);
            let error = bench.success().unwrap_err();
            format!("{error} {error:?} {:?}", bench.client)
        })
        .collect();
    assert!(!shown.concat().contains("sEcReT"), "{shown:?}");
    let task = bench([answer(200, r#"{"taskToken":"sEcReT-token","input":"sEcReT"}"#)]).poll().unwrap();
    assert!(!format!("{task:?}").contains("sEcReT"));
}

#[test]
fn refused_credentials_are_exchanged_once() {
    let expired = || refusal("ExpiredTokenException");
    let bench = bench_at(server_time(), &["KEY1", "KEY2"], [expired(), answer(200, "{}")]);
    bench.success().unwrap();
    assert!(bench.header(1, "authorization").contains("Credential=KEY2/"));

    let bench = bench_at(server_time(), &["KEY1", "KEY2", "KEY3"], [expired(), expired()]);
    let error = bench.success().unwrap_err();
    assert_eq!((error.class, error.maybe_taken), (ErrorClass::Credentials, false));
    assert_eq!(*bench.keys.refused.lock().unwrap(), ["KEY1"]);
}

#[test]
fn refused_credentials_that_no_one_can_exchange_are_not_sent_again() {
    let bench = bench_at(server_time(), &["KEY1"], [refusal("ExpiredTokenException")]);
    assert_eq!(bench.success().unwrap_err().class, ErrorClass::Credentials);
    assert_eq!(bench.requests(), 1);
}

#[test]
fn without_credentials_nothing_is_sent() {
    let bench = bench_at(server_time(), &[], []);
    let error = bench.success().unwrap_err();
    assert_eq!((error.class, error.maybe_taken), (ErrorClass::Credentials, false));
    assert_eq!(error.to_string(), "SendTaskSuccess: the keys are gone");
}

#[test]
fn a_wrong_clock_and_expired_credentials_heal_in_one_call() {
    let answers = [refusal("RequestTimeTooSkewed"), refusal("ExpiredTokenException"), answer(200, "{}")];
    let bench = bench_at(SystemTime::UNIX_EPOCH, &["KEY1", "KEY2"], answers);
    bench.success().unwrap();
    assert_eq!(bench.requests(), 3);
}

#[test]
fn a_builder_says_what_is_missing() {
    let builder = || ActivityClient::builder("eu-west-1");
    let keys = || Arc::new(StaticCredentials::new(Credentials::new("A", "S", None, None)));
    assert_eq!(builder().build().unwrap_err(), ClientError::NoCredentials);
    assert_eq!(builder().credentials(keys()).build().unwrap_err(), ClientError::NoTransport);
    let region = ActivityClient::builder("EU").credentials(keys()).build().unwrap_err();
    assert_eq!(region.to_string(), "\"EU\" is not a region: expected a name like eu-west-1");
}

#[test]
fn an_origin_has_the_own_endpoint_and_only_that() {
    let with = |endpoint: Option<&str>| {
        let mut builder = ActivityClient::builder("eu-west-1")
            .credentials(Arc::new(StaticCredentials::new(Credentials::new("A", "S", None, None))))
            .transport(Arc::new(Script::default()));
        if let Some(url) = endpoint {
            builder = builder.endpoint(Endpoint::own(url).unwrap());
        }
        builder.build().unwrap().origin(&arn()).as_str().to_owned()
    };
    assert_eq!(with(None), "aws/eu-west-1/123456789012");
    assert_eq!(with(Some("http://LOCALHOST:80/")), "aws/eu-west-1/123456789012/http://localhost");
}

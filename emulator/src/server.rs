//! Threads and connections around the service: one thread accepts, one keeps time, one serves each connection.

use std::io::Read;
use std::net::{IpAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::calls::{Call, Calls};
use crate::error::ApiError;
use crate::faults::{Fault, Faults, Kind};
use crate::gate::{Connection, Gate};
use crate::http::{Answer, NoRequest, Request, Requests};
use crate::options::{Credential, Options};
use crate::service::{Moment, Service, Settings, hex, hmac_sha256, token_id};
use crate::{admin, api, sigv4};

/// A connection's thread parses JSON and waits; it needs no more.
const STACK: usize = 256 * 1024;
const JSON: &str = "application/x-amz-json-1.0";

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) gate: Arc<Gate>,
    check_signatures: bool,
    start: Instant,
    offset: AtomicI64,
    service: Mutex<Service>,
    /// Something changed in the service.
    changed: Condvar,
    faults: Mutex<Faults>,
    calls: Mutex<Calls>,
    called: Condvar,
    credentials: Mutex<Vec<Credential>>,
}

impl Shared {
    pub(crate) fn new(options: Options, gate: Gate) -> Self {
        let Options { long_poll, check_signatures, credentials, region, account, max_data, .. } = options;
        let settings = Settings { region: region.clone(), account: account.clone(), long_poll, max_data };
        Shared {
            region,
            account,
            gate: Arc::new(gate),
            check_signatures,
            start: Instant::now(),
            offset: AtomicI64::new(0),
            service: Mutex::new(Service::new(settings)),
            changed: Condvar::new(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            called: Condvar::new(),
            credentials: Mutex::new(credentials),
        }
    }

    /// The service's time.
    pub(crate) fn now(&self) -> Moment {
        Moment {
            at: self.start.elapsed(),
            date: shift(SystemTime::now(), self.offset.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn set_clock_offset(&self, seconds: i64) {
        self.offset.store(seconds, Ordering::Relaxed);
    }

    /// The service, to look at.
    pub(crate) fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the service. What is due by now happens first, so that nothing that comes late comes in time.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Service, Moment) -> T) -> T {
        let mut service = self.service();
        let now = self.now();
        service.tick(now);
        let result = change(&mut service, now);
        self.changed.notify_all();
        result
    }

    /// Waits until `find` finds something in the service, `time` has passed, or the service ends.
    pub(crate) fn wait<T>(&self, time: Duration, mut find: impl FnMut(&Service) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + time;
        let mut service = self.service();
        loop {
            let found = find(&service);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() || self.gate.is_closing() {
                return found;
            }
            service = self.changed.wait_timeout(service, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the calls satisfy `enough`, or `time` has passed. Returns whether they do.
    pub(crate) fn wait_calls(&self, time: Duration, mut enough: impl FnMut(&Calls) -> bool) -> bool {
        let calls = self.called.wait_timeout_while(self.calls(), time, |calls| !enough(calls));
        !calls.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    pub(crate) fn set_credentials(&self, credentials: Vec<Credential>) {
        *self.credentials.lock().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    /// Ends the service: polls get no answer any more, the threads go.
    pub(crate) fn close(&self) {
        let mut service = self.service();
        self.gate.close();
        service.close();
        self.changed.notify_all();
    }

    fn count(&self, call: Call) {
        self.calls().push(call);
        self.called.notify_all();
    }
}

/// The thread that keeps time: sleeps until something is due, or something changed.
pub(crate) fn keep_time(shared: &Shared) {
    let mut service = shared.service();
    while !shared.gate.is_closing() {
        let now = shared.now();
        if service.tick(now) {
            shared.changed.notify_all();
        }
        let left = service.next_due().map(|due| due.saturating_sub(now.at));
        service = match left {
            Some(left) => {
                shared.changed.wait_timeout(service, left).unwrap_or_else(PoisonError::into_inner).0
            }
            None => shared.changed.wait(service).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

/// The thread that accepts connections, each served by a thread of its own.
pub(crate) fn accept(shared: &Arc<Shared>) {
    while let Some(connection) = shared.gate.accept() {
        let shared = Arc::clone(shared);
        let thread = thread::Builder::new().name("emulator-conn".to_owned()).stack_size(STACK);
        if let Err(e) = thread.spawn(move || serve(&shared, &connection)) {
            log::warn!("a connection was closed: no thread could be started: {e}");
        }
    }
}

fn serve(shared: &Shared, connection: &Connection) {
    let stream: &TcpStream = &connection.stream;
    let mut requests = Requests::new(stream);
    loop {
        let flow = match requests.next() {
            Ok(request) if request.path.starts_with(admin::PATH) => {
                administer(shared, stream, connection.peer.ip(), &request)
            }
            Ok(request) => respond(shared, stream, &request),
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Refused(status)) => {
                let error = ApiError::front(
                    status,
                    "MalformedHttpRequestException",
                    "This is no request that can be read",
                );
                write(stream, &answer(shared, Err(&error)), false)
            }
        };
        if flow.is_break() {
            return;
        }
    }
}

fn administer(shared: &Shared, stream: &TcpStream, peer: IpAddr, request: &Request) -> ControlFlow<()> {
    let (status, body, down) = admin::call(shared, peer, request);
    let mut answer = answer(shared, Ok(&body));
    answer.status = status;
    answer.content_type = "application/json";
    let flow = write(stream, &answer, request.keep_alive && down.is_none());
    if let Some(time) = down {
        shared.gate.go_down(Some(time));
    }
    flow
}

/// What becomes of a request.
enum Reply {
    Answer(Answer),
    Close,
    Hang,
}

fn respond(shared: &Shared, stream: &TcpStream, request: &Request) -> ControlFlow<()> {
    let target = request.header("x-amz-target").and_then(|t| t.strip_prefix(api::TARGET)).unwrap_or("");
    let operation = if api::is_known(target) { target } else { "Unknown" };
    let fault = shared.faults().take(operation);
    let mut call = Call {
        operation: operation.to_owned(),
        at: shared.now().at,
        task: None,
        body_hash: hex(&Sha256::digest(&request.body)[..16]),
        status: None,
        code: None,
        took_effect: false,
        faulty: fault.is_some(),
    };
    let reply = process(shared, request, target, fault.as_ref(), &mut call);
    if let Reply::Answer(answer) = &reply {
        call.status = Some(answer.status);
    }
    shared.count(call);
    match reply {
        Reply::Answer(answer) => write(stream, &answer, request.keep_alive && answer.truncate.is_none()),
        Reply::Close => ControlFlow::Break(()),
        Reply::Hang => {
            hang(stream);
            ControlFlow::Break(())
        }
    }
}

fn process(
    shared: &Shared,
    request: &Request,
    operation: &str,
    fault: Option<&Fault>,
    call: &mut Call,
) -> Reply {
    let before = fault.filter(|f| !f.is_after_effect());
    if let Some(reply) = before.and_then(|f| interfere(shared, f, call)) {
        return reply;
    }
    let result = carry_out(shared, request, operation);
    call.task = task_of(request, result.as_ref().ok());
    call.took_effect = result.is_ok();
    call.code = result.as_ref().err().map(|e| e.code().to_owned());
    let after = fault.filter(|f| f.is_after_effect());
    if let Some(reply) = after.and_then(|f| interfere(shared, f, call)) {
        return reply;
    }
    let mut answer = answer(shared, result.as_ref());
    match fault.map(Fault::kind) {
        Some(Kind::Truncated) => answer.truncate = Some(answer.body.len() / 2),
        Some(Kind::DateOffset { seconds }) => answer.date = shift(answer.date, *seconds),
        _ => {}
    }
    Reply::Answer(answer)
}

/// Lets a fault do what it does instead of an answer; `None` if there is to be one all the same.
fn interfere(shared: &Shared, fault: &Fault, call: &mut Call) -> Option<Reply> {
    let error = match fault.kind() {
        Kind::Close => return Some(Reply::Close),
        Kind::HalfOpen => return Some(Reply::Hang),
        Kind::Delay { milliseconds } => {
            shared.gate.pause(Duration::from_millis(*milliseconds));
            return None;
        }
        Kind::Truncated | Kind::DateOffset { .. } => return None,
        Kind::CaptivePortal => {
            let page =
                b"<!DOCTYPE html><html><body><h1>Welcome</h1><form>Accept our terms</form></body></html>";
            let mut answer = answer(shared, Ok(&Value::Null));
            answer.content_type = "text/html";
            answer.body = page.to_vec();
            return Some(Reply::Answer(answer));
        }
        Kind::Error { status, code, message } => ApiError::front(*status, code, message),
        Kind::Throttle => ApiError::front(400, "ThrottlingException", "Rate exceeded"),
        Kind::ExpiredToken => sigv4::expired_token(),
        Kind::AccessDenied => ApiError::denied(
            "User: arn:aws:iam::123456789012:user/emulator is not authorized to perform this action",
        ),
    };
    call.code = Some(error.code().to_owned());
    Some(Reply::Answer(answer(shared, Err(&error))))
}

fn carry_out(shared: &Shared, request: &Request, operation: &str) -> Result<Value, ApiError> {
    if shared.check_signatures {
        let known = shared.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sigv4::verify(request, &known, &shared.region, shared.now().date)?;
    }
    let is_json = request.header("content-type").is_some_and(|t| t.eq_ignore_ascii_case(JSON));
    if request.method != "POST" || request.path != "/" || !is_json {
        return Err(ApiError::front(
            404,
            "UnknownOperationException",
            format!("Send POST / with Content-Type: {JSON}"),
        ));
    }
    api::call(shared, operation, &request.body)
}

/// The task a call was about: its token stands in the answer of a poll, or in the request.
fn task_of(request: &Request, answer: Option<&Value>) -> Option<String> {
    let token = |body: &Value| body.get("taskToken")?.as_str().map(token_id);
    answer.and_then(token).or_else(|| token(&serde_json::from_slice(&request.body).ok()?))
}

fn answer(shared: &Shared, result: Result<&Value, &ApiError>) -> Answer {
    let (status, body) = match result {
        Ok(body) => (200, body.to_string()),
        Err(error) => (error.status(), error.body().to_string()),
    };
    let now = shared.now();
    Answer {
        status,
        content_type: JSON,
        body: body.into_bytes(),
        date: now.date,
        request_id: request_id(now),
        truncate: None,
    }
}

fn write(stream: &TcpStream, answer: &Answer, keep_alive: bool) -> ControlFlow<()> {
    match answer.write(stream, keep_alive) {
        Ok(()) if keep_alive => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

/// Answers nothing and reads on, until the client gives up or the connection is cut.
fn hang(mut stream: &TcpStream) {
    let _ = stream.set_read_timeout(None);
    let mut ignored = [0; 1_024];
    while matches!(stream.read(&mut ignored), Ok(1..)) {}
}

/// Unique enough to find a request in two logs, in the form of a UUID.
fn request_id(now: Moment) -> String {
    let h = hex(&hmac_sha256(b"request", &now.at.as_nanos().to_be_bytes())[..16]);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

fn shift(date: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 { date.checked_sub(by) } else { date.checked_add(by) };
    shifted.unwrap_or(date)
}

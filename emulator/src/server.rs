//! Threads and connections around the service: one thread accepts, one keeps time, one serves each connection.

use std::io::Read;
use std::net::{IpAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::calls::Call;
use crate::error::ApiError;
use crate::faults::{Fault, Kind};
use crate::http::{Answer, NoRequest, Request, Requests};
use crate::listener::Connection;
use crate::service::{hex, token_id};
use crate::shared::{JSON, Shared};
use crate::{admin, api, date, sigv4};

/// Threads walk through JSON that may be nested 300 levels deep; what they do not use costs address space alone.
pub(crate) const STACK: usize = 1024 * 1024;

/// The thread that keeps time: sleeps until something is due, or something changed.
pub(crate) fn keep_time(shared: &Shared) {
    let mut service = shared.service();
    while !shared.listener.is_closing() {
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
    while let Some(connection) = shared.listener.accept() {
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
                write(stream, &shared.answer(Err(&error)), false)
            }
        };
        if flow.is_break() {
            return;
        }
    }
}

fn administer(shared: &Shared, stream: &TcpStream, peer: IpAddr, request: &Request) -> ControlFlow<()> {
    let (status, body, down) = admin::call(shared, peer, request);
    let mut answer = shared.answer(Ok(&body));
    answer.status = status;
    answer.content_type = "application/json";
    let flow = write(stream, &answer, request.keep_alive && down.is_none());
    if let Some(time) = down {
        shared.listener.go_down(Some(time));
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
    let mut answer = shared.answer(result.as_ref());
    match fault.map(Fault::kind) {
        Some(Kind::Truncated) => answer.truncate = Some(answer.body.len() / 2),
        Some(Kind::DateOffset { seconds }) => answer.date = date::shift(answer.date, *seconds),
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
            shared.listener.pause(Duration::from_millis(*milliseconds));
            return None;
        }
        Kind::Truncated | Kind::DateOffset { .. } => return None,
        Kind::CaptivePortal => {
            let page =
                b"<!DOCTYPE html><html><body><h1>Welcome</h1><form>Accept our terms</form></body></html>";
            let mut answer = shared.answer(Ok(&Value::Null));
            answer.content_type = "text/html";
            answer.request_id = None;
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
    Some(Reply::Answer(shared.answer(Err(&error))))
}

fn carry_out(shared: &Shared, request: &Request, operation: &str) -> Result<Value, ApiError> {
    if shared.check_signatures {
        sigv4::verify(request, &shared.credentials(), &shared.region, shared.now().date)?;
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

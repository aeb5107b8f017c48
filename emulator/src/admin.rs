//! The admin calls: faults, the clock and the state, over plain HTTP from the same machine.
//!
//! - `GET /_emulator/state`
//! - `GET /_emulator/calls`, the last 10,000 calls, oldest first
//! - `GET /_emulator/pushes`, what `.waitForTaskToken` tasks have pushed, oldest first; `GET /_emulator/pushes/N` waits up to 10 s for
//!   the one of this number, from 0
//! - `POST /_emulator/faults` with a fault, or `{"fault": "refuse", "seconds": 5}`, which takes the whole port away for a while
//! - `DELETE /_emulator/faults`, `DELETE /_emulator/faults/ID`
//! - `POST /_emulator/call/OPERATION`: any call of the API, unsigned and not among the calls counted, while workers must sign
//! - `POST /_emulator/clock` with `{"offsetSeconds": -600}`
//! - `POST /_emulator/credentials` with `{"accessKeyId": "A", "secretAccessKey": "S"}`: from now on these alone may sign;
//!   `sessionToken` and `expiresInSeconds` make them temporary

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api;
use crate::calls::Call;
use crate::faults::{Fault, FaultId};
use crate::http::Request;
use crate::options::Credential;
use crate::service::Push;
use crate::shared::Shared;

/// All admin calls begin with this.
pub(crate) const PATH: &str = "/_emulator";

/// How long an admin call waits for a push.
const PUSH_WAIT: Duration = Duration::from_secs(10);

/// Status, body, and how long the port is to be down once this was answered.
type Answer = (u16, Value, Option<Duration>);

/// Answers an admin call.
pub(crate) fn call(shared: &Shared, peer: IpAddr, request: &Request) -> Answer {
    // A web page open on this machine could post here too; browsers then say where it is from.
    if !peer.is_loopback() || request.header("origin").is_some() {
        return refuse(403, "admin calls are taken from programs on this machine alone");
    }
    let path = request.path.strip_prefix(PATH).unwrap_or("");
    match (request.method.as_str(), path) {
        ("GET", "/state") => (200, state(shared), None),
        ("GET", "/calls") => (200, calls(shared), None),
        ("GET", "/pushes") => (200, shared.service().pushes().map(push).collect(), None),
        ("GET", path) if path.starts_with("/pushes/") => {
            wait_push(shared, path.trim_start_matches("/pushes/"))
        }
        ("POST", "/faults") => inject(shared, &request.body),
        ("DELETE", "/faults") => {
            shared.faults().clear_all();
            (200, json!({}), None)
        }
        ("DELETE", path) => match path.strip_prefix("/faults/").and_then(|id| id.parse().ok()) {
            Some(id) => {
                shared.faults().clear(FaultId(id));
                (200, json!({}), None)
            }
            None => refuse(404, "no such admin call"),
        },
        ("POST", path) if path.starts_with("/call/") => {
            match api::call(shared, path.trim_start_matches("/call/"), &request.body) {
                Ok(answer) => (200, answer, None),
                Err(error) => (error.status(), error.body(), None),
            }
        }
        ("POST", "/clock") => set_clock(shared, &request.body),
        ("POST", "/credentials") => set_credentials(shared, &request.body),
        _ => refuse(404, "no such admin call"),
    }
}

fn inject(shared: &Shared, body: &[u8]) -> Answer {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(e) => return refuse(400, &format!("the body is no JSON: {e}")),
    };
    if value["fault"] == "refuse" {
        return match value["seconds"].as_f64().map(Duration::try_from_secs_f64) {
            Some(Ok(time)) => (200, json!({}), Some(time)),
            _ => refuse(400, "refuse needs 'seconds': while the port is down no call can open it again"),
        };
    }
    match serde_json::from_value::<Fault>(value) {
        Ok(fault) => (200, json!({ "id": shared.faults().inject(fault) }), None),
        Err(e) => refuse(400, &format!("no such fault: {e}")),
    }
}

fn set_clock(shared: &Shared, body: &[u8]) -> Answer {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    match value.and_then(|v| v["offsetSeconds"].as_i64()) {
        Some(seconds) => {
            shared.set_clock_offset(seconds);
            (200, json!({}), None)
        }
        None => refuse(400, "send {\"offsetSeconds\": N}"),
    }
}

/// Who may sign; an end is counted from the service's date.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Signer {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expires_in_seconds: Option<u32>,
}

fn set_credentials(shared: &Shared, body: &[u8]) -> Answer {
    let signer: Signer = match serde_json::from_slice(body) {
        Ok(signer) => signer,
        // The error's text could quote a secret.
        Err(_) => {
            return refuse(
                400,
                "send {\"accessKeyId\": \"A\", \"secretAccessKey\": \"S\"}; see the admin calls",
            );
        }
    };
    let expires = signer.expires_in_seconds.map(|s| shared.now().date + Duration::from_secs(s.into()));
    shared.set_credentials(vec![Credential {
        access_key_id: signer.access_key_id,
        secret_access_key: signer.secret_access_key,
        session_token: signer.session_token,
        expires,
    }]);
    (200, json!({}), None)
}

fn wait_push(shared: &Shared, number: &str) -> Answer {
    let Ok(number) = number.parse() else { return refuse(404, "a push's number is a number") };
    match shared.wait(PUSH_WAIT, |service| service.push(number).map(push)) {
        Some(push) => (200, push, None),
        None => refuse(404, "no such push so far"),
    }
}

fn push(push: &Push) -> Value {
    json!({
        "number": push.number,
        "executionArn": push.execution_arn,
        "resource": push.resource,
        "payload": serde_json::from_str::<Value>(&push.payload).unwrap_or_default(),
        "token": push.token,
    })
}

fn calls(shared: &Shared) -> Value {
    let calls = shared.calls();
    let one = |call: &Call| {
        json!({
            "operation": call.operation,
            "atSeconds": call.at.as_secs_f64(),
            "task": call.task,
            "bodyHash": call.body_hash,
            "status": call.status,
            "code": call.code,
            "tookEffect": call.took_effect,
        })
    };
    Value::Array(calls.recent().map(one).collect())
}

fn state(shared: &Shared) -> Value {
    let faults: Vec<Value> =
        shared.faults().waiting().iter().map(|(id, fault)| json!({ "id": id, "fault": fault })).collect();
    let calls = shared.calls().counts().clone();
    let service = shared.service();
    let activities: Vec<Value> = service
        .activities()
        .map(|(arn, a)| json!({ "activityArn": arn, "queued": service.queued(a), "polls": a.polls.len() }))
        .collect();
    let mut executions: BTreeMap<&str, usize> = BTreeMap::new();
    for execution in service.executions(None) {
        *executions.entry(execution.status.as_str()).or_default() += 1;
    }
    json!({
        "region": shared.region,
        "account": shared.account,
        "activities": activities,
        "executions": executions,
        "faults": faults,
        "calls": calls,
    })
}

fn refuse(status: u16, reason: &str) -> Answer {
    (status, json!({ "message": reason }), None)
}

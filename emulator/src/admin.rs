//! The admin calls: faults, the clock and the state, over plain HTTP from the same machine.
//!
//! - `GET /_emulator/state`
//! - `POST /_emulator/faults` with a fault, or `{"fault": "refuse", "seconds": 5}`, which takes the whole port away for a while
//! - `DELETE /_emulator/faults`, `DELETE /_emulator/faults/ID`
//! - `POST /_emulator/clock` with `{"offsetSeconds": -600}`

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::{Fault, FaultId};
use crate::http::Request;
use crate::server::Shared;

/// All admin calls begin with this.
pub(crate) const PATH: &str = "/_emulator";

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
        ("POST", "/clock") => set_clock(shared, &request.body),
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

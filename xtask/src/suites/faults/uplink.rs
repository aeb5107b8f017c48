//! A link that is up, and slow: what it needs for one result is longer than any answer may take.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::checks::{require, wait_for};
use super::service::Service;
use super::stage::Stage;

/// Bytes a second, for all connections together.
const RATE: usize = 7_000;
/// Over half a minute of it.
const OUTPUT: usize = 240_000;
/// Less than the result takes on its way: its task lives by beats beside it.
const HEARTBEAT_SECONDS: u32 = 20;
const RELAY: &str = "127.0.0.1:8084";
const SERVICE: &str = "127.0.0.1:8083";
/// What a connection gets of the link before it is another one's turn.
const TURN: usize = 350;

pub(super) fn slow(stage: &Stage) -> Result<String, String> {
    let service = Service::start(stage, &["--long-poll", "5s"])?;
    let (activity, machine) = service.machine("slow", HEARTBEAT_SECONDS)?;
    let sent = relay()?;
    let setup = stage.worker("worker", &activity, &format!("http://{RELAY}"))?.work("sleep 1");
    let worker = setup.start()?;
    let input = json!({ "scan": "x".repeat(OUTPUT) });
    let execution = service.execute_with(&machine, &input)?;
    let begun = Instant::now();
    wait_for("the result", Duration::from_secs(180), || {
        Ok(service.execution(&execution)?.status != "RUNNING")
    })?;
    let (took, end) = (begun.elapsed(), service.execution(&execution)?);
    require(end.status == "SUCCEEDED" && end.output == input, || format!("{}: {}", end.status, end.error))?;
    let reports = service.count("SendTaskSuccess")?;
    require(reports == 1, || format!("{reports} reports were sent"))?;
    let sent = sent.load(Ordering::SeqCst);
    require(sent < OUTPUT * 2, || format!("{sent} bytes for {OUTPUT}"))?;
    let beats = service.count("SendTaskHeartbeat")?;
    worker.kill();
    Ok(format!(
        "a result of {OUTPUT} bytes at {RATE} a second, HeartbeatSeconds {HEARTBEAT_SECONDS}: home after {:.0} s, sent once, {beats} beats beside it, {sent} bytes in all",
        took.as_secs_f64()
    ))
}

/// Leads to the service, slowly on the way there; counts what went up.
fn relay() -> Result<Arc<AtomicUsize>, String> {
    let listener = TcpListener::bind(RELAY).map_err(|e| format!("no relay: {e}"))?;
    let (sent, link) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Instant::now())));
    let counted = Arc::clone(&sent);
    thread::spawn(move || {
        for device in listener.incoming().map_while(Result::ok) {
            let Ok(service) = TcpStream::connect(SERVICE) else { continue };
            let (Ok(from), Ok(to)) = (device.try_clone(), service.try_clone()) else { continue };
            let (sent, link) = (Arc::clone(&sent), Arc::clone(&link));
            thread::spawn(move || {
                pass(from, to, |n| {
                    sent.fetch_add(n, Ordering::SeqCst);
                    // The link is taken for as long as these bytes need, in the order in which they come.
                    let through = {
                        let mut taken = link.lock().unwrap_or_else(PoisonError::into_inner);
                        *taken =
                            (*taken).max(Instant::now()) + Duration::from_secs_f64(n as f64 / RATE as f64);
                        *taken
                    };
                    thread::sleep(through.saturating_duration_since(Instant::now()));
                });
            });
            thread::spawn(move || pass(service, device, |_| {}));
        }
    });
    Ok(counted)
}

fn pass(mut from: TcpStream, mut to: TcpStream, pace: impl Fn(usize)) {
    let mut bytes = [0; TURN];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        pace(n);
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

//! Shows that the service is not what is measured: clients that do nothing but ask, for as many calls a second as it gives.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::service::Service;
use super::subject::ACTIVITY;

const CLIENTS: usize = 32;
const TIME: Duration = Duration::from_secs(2);

/// How many tasks the service can hand out and take back in a second: two calls each.
pub(super) fn measure() -> Result<f64, String> {
    let service = Service::start(Duration::from_secs(1))?;
    let config = client(&service)?;
    service.give(ACTIVITY, 200_000);
    let (worked, end) = (AtomicU64::new(0), Instant::now() + TIME);
    thread::scope(|scope| {
        let one = || work(&service, Arc::clone(&config), end, &worked);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| Err("a panic".into())))
    })?;
    Ok(worked.load(Ordering::SeqCst) as f64 / TIME.as_secs_f64())
}

fn client(service: &Service) -> Result<Arc<ClientConfig>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("the load's client: {e}");
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(service.ca()).map_err(|e| failed(&e))?;
    roots.add(ca).map_err(|e| failed(&e))?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn work(
    service: &Service,
    config: Arc<ClientConfig>,
    end: Instant,
    worked: &AtomicU64,
) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("the load: {e}");
    let name = ServerName::try_from("localhost").map_err(|e| e.to_string())?;
    let tls = ClientConnection::new(config, name).map_err(|e| e.to_string())?;
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, service.port())).map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    let mut stream = StreamOwned::new(tls, socket);
    let poll = format!(r#"{{"activityArn":"{ACTIVITY}"}}"#);
    while Instant::now() < end {
        let answer = call(&mut stream, "GetActivityTask", &poll).map_err(failed)?;
        let token = answer.split(r#""taskToken":""#).nth(1).and_then(|rest| rest.split('"').next());
        let Some(token) = token else { continue };
        let report = format!(r#"{{"taskToken":"{token}","output":"{{}}"}}"#);
        call(&mut stream, "SendTaskSuccess", &report).map_err(failed)?;
        worked.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

fn call(stream: &mut (impl Read + Write), operation: &str, body: &str) -> std::io::Result<String> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    stream.flush()?;
    // The service writes an answer in one piece.
    let mut answer = vec![0; 8192];
    let read = stream.read(&mut answer)?;
    answer.truncate(read);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

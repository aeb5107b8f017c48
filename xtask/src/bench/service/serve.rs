//! One connection: a request after the other, and what the service says to each.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::http::{self, Request};
use super::shared::Shared;
use super::tasks;

/// What a record of TLS 1.3 adds: its head, the type within, the tag.
const RECORD: usize = 5 + 1 + 16;
/// The input of every task: a small one.
const INPUT: &str = r#"{"order":4711,"title":"a small task","pages":3}"#;
const TROUBLE: &str = r#"{"__type":"ServiceUnavailableException","message":"later"}"#;

/// Serves a client until it goes, or is cut off.
pub(super) fn serve(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let connection = ServerConnection::new(Arc::clone(&shared.identity)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, Counted { stream: client, shared: Arc::clone(shared) });
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    loop {
        let request = http::read(&mut stream)?;
        shared.travel();
        let Reply { status, body, handed } = reply(shared, &request);
        if shared.is_down.load(Ordering::SeqCst) {
            return Ok(());
        }
        let answer = http::answer(status, &body);
        let needed = request.needed + answer.len() + 2 * RECORD;
        shared.needed.fetch_add(needed as u64, Ordering::SeqCst);
        shared.travel();
        shared.count(&request.operation);
        if let Some(number) = handed {
            shared.tasks.handed(number);
        }
        stream.write_all(&answer)?;
        stream.flush()?;
    }
}

struct Reply {
    status: u16,
    body: String,
    /// The task that it hands out.
    handed: Option<usize>,
}

fn reply(shared: &Shared, request: &Request) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let done = |body: String| Reply { status: 200, body, handed: None };
    match request.operation.as_str() {
        "GetActivityTask" => match shared.tasks.take(text("activityArn"), shared.long_poll) {
            Some(number) => {
                let task = json!({ "taskToken": tasks::token(number), "input": INPUT });
                Reply { handed: Some(number), ..done(task.to_string()) }
            }
            None => done(r#"{"taskToken":null,"input":null}"#.to_owned()),
        },
        "SendTaskSuccess" | "SendTaskFailure" if shared.refuses.load(Ordering::SeqCst) => {
            Reply { status: 503, body: TROUBLE.to_owned(), handed: None }
        }
        "SendTaskSuccess" | "SendTaskFailure" => {
            if let Some(number) = tasks::number(text("taskToken")) {
                shared.tasks.reported(number);
            }
            done("{}".to_owned())
        }
        _ => done("{}".to_owned()),
    }
}

/// A socket that counts.
struct Counted {
    stream: TcpStream,
    shared: Arc<Shared>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.shared.bytes.fetch_add(read as u64, Ordering::SeqCst);
        Ok(read)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.shared.bytes.fetch_add(written as u64, Ordering::SeqCst);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

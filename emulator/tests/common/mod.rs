//! A raw HTTP client with a signer of its own, over plain sockets.
#![allow(dead_code)] // each test binary uses a part

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use activity_emulator::{Credential, Emulator};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The error's code without its namespace.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        json["__type"].as_str().unwrap_or("none").rsplit('#').next().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)))
            .map(|(_, v)| v)
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    host: String,
    region: String,
    pub(crate) credential: Credential,
}

impl Client {
    pub(crate) fn connect(emulator: &Emulator) -> Self {
        Self::try_connect(emulator).unwrap()
    }

    pub(crate) fn try_connect(emulator: &Emulator) -> io::Result<Self> {
        let stream = TcpStream::connect(emulator.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let (host, region) = (emulator.address().to_string(), emulator.region().to_owned());
        Ok(Client { stream, host, region, credential: Credential::test() })
    }

    pub(crate) fn call(&mut self, operation: &str, body: &Value) -> io::Result<Answer> {
        self.send(operation, body)?;
        self.receive()
    }

    pub(crate) fn send(&mut self, operation: &str, body: &Value) -> io::Result<()> {
        let body = body.to_string();
        let date = amz_date();
        let target = format!("AWSStepFunctions.{operation}");
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.0"),
            ("host", self.host.as_str()),
            ("x-amz-date", &date),
        ];
        headers.extend(self.credential.session_token.as_deref().map(|t| ("x-amz-security-token", t)));
        headers.push(("x-amz-target", &target));
        let authorization = self.sign(&headers, &body, &date);
        let mut text = "POST / HTTP/1.1\r\n".to_owned();
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!(
            "authorization: {authorization}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.stream.write_all(text.as_bytes())
    }

    pub(crate) fn admin(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let text =
            format!("{method} /_emulator{path} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(text.as_bytes()).unwrap();
        self.receive().unwrap()
    }

    /// Reads one whole answer; an error if the connection ends before.
    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let mut body = vec![0; answer.header("content-length").unwrap().parse().unwrap()];
        self.stream.read_exact(&mut body)?;
        answer.body = String::from_utf8(body).unwrap();
        Ok(answer)
    }

    fn sign(&self, headers: &[(&str, &str)], body: &str, date: &str) -> String {
        let names = headers.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", sha(body));
        let scope = format!("{}/{}/states/aws4_request", &date[..8], self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha(&canonical));
        let mut key = format!("AWS4{}", self.credential.secret_access_key).into_bytes();
        for part in scope.split('/') {
            key = hmac(&key, part);
        }
        let signature = hex(&hmac(&key, &to_sign));
        let id = &self.credential.access_key_id;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// Now as `YYYYMMDDTHHMMSSZ`, made from the `Date` format.
fn amz_date() -> String {
    let http = httpdate::fmt_http_date(SystemTime::now());
    let fields: Vec<&str> = http.split(' ').collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|m| *m == fields[2]).unwrap() + 1;
    format!("{}{month:02}{}T{}Z", fields[3], fields[1], fields[4].replace(':', ""))
}

fn sha(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

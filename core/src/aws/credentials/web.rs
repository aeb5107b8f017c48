//! What the sources that are asked over HTTP have in common.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::expiration;
use super::{Credentials, CredentialsError};
use crate::aws::inflate::plain;
use crate::aws::redact::redact;
use crate::aws::small_file;
use crate::aws::transport::set_right;
use crate::aws::{Request, Response, Transport, TransportError};
use crate::clock::ServerClock;

/// Credentials take some kilobytes, most of it the session token.
const ANSWER_MAX: usize = 64 * 1024;

/// One source, its transport and its name in errors.
#[derive(Clone)]
pub(super) struct Web {
    pub(super) name: String,
    pub(super) transport: Arc<dyn Transport>,
    /// The longest wait for an answer.
    pub(super) patience: Duration,
    /// At whose date the transport checks certificates.
    pub(super) clock: Arc<ServerClock>,
}

impl Web {
    pub(super) fn get(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Response, CredentialsError> {
        self.send("GET", url, headers, Vec::new())
    }

    pub(super) fn send(
        &self,
        method: &'static str,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Response, CredentialsError> {
        self.try_send(method, url, headers, body).map_err(|e| self.unavailable(&e.reason))
    }

    pub(super) fn try_send(
        &self,
        method: &'static str,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Response, TransportError> {
        let url = url.to_owned();
        let (read_timeout, max_response) = (self.patience, ANSWER_MAX);
        let request = Request { method, url, headers, body, read_timeout, max_response };
        let mut answer = self.transport.send(&request);
        // Without credentials nobody asks Step Functions, whose answers set a wrong clock right: so it is done here too.
        let outdated = answer.as_ref().is_err_and(|e| e.certificate_dates);
        if outdated && set_right(&self.clock, &*self.transport, &request.url) {
            answer = self.transport.send(&request);
        }
        answer.map(|answer| plain(answer, ANSWER_MAX))
    }

    /// Now it gave none, later it may.
    pub(super) fn unavailable(&self, reason: &str) -> CredentialsError {
        CredentialsError::Unavailable(format!("{}: {reason}", self.name))
    }

    /// Only a person can change that.
    pub(super) fn setup(&self, reason: &str) -> CredentialsError {
        CredentialsError::Setup(format!("{}: {reason}", self.name))
    }

    /// The answer's status and what it says, without what looks like a secret.
    pub(super) fn refused(&self, response: &Response, advice: &str) -> CredentialsError {
        let said = redact(String::from_utf8_lossy(&response.body).trim());
        let said = if said.is_empty() { String::new() } else { format!(", {said}") };
        let advice = if advice.is_empty() { String::new() } else { format!(": {advice}") };
        self.unavailable(&format!("HTTP {}{said}{advice}", response.status))
    }

    /// Reads the JSON of container and instance metadata: `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration`.
    pub(super) fn metadata(&self, response: &Response) -> Result<Credentials, CredentialsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            code: Option<String>,
            message: Option<String>,
            access_key_id: Option<String>,
            secret_access_key: Option<String>,
            token: Option<String>,
            expiration: Option<String>,
        }
        let answer: Answer = self.json(response)?;
        // A 200 may hold an error.
        if let Some(code) = answer.code.filter(|code| code != "Success") {
            let message = answer.message.map(|m| format!(": {}", redact(&m))).unwrap_or_default();
            return Err(self.unavailable(&format!("{}{message}", redact(&code))));
        }
        let (Some(id), Some(secret)) = (answer.access_key_id, answer.secret_access_key) else {
            return Err(self.unavailable("the answer holds no AccessKeyId or no SecretAccessKey"));
        };
        self.credentials(id, secret, answer.token, answer.expiration.as_deref())
    }

    /// Credentials whose end is a date in words.
    pub(super) fn credentials(
        &self,
        id: String,
        secret: String,
        token: Option<String>,
        end: Option<&str>,
    ) -> Result<Credentials, CredentialsError> {
        let end = match end {
            None => None,
            Some(text) => match expiration::parse(text) {
                Some(date) => Some(date),
                None => return Err(self.unavailable("the answer's Expiration is no date")),
            },
        };
        self.given(id, secret, token, end)
    }

    /// Credentials, unless a key is empty: nothing can be signed with that.
    pub(super) fn given(
        &self,
        id: String,
        secret: String,
        token: Option<String>,
        end: Option<SystemTime>,
    ) -> Result<Credentials, CredentialsError> {
        if id.is_empty() || secret.is_empty() {
            return Err(self.unavailable("the answer holds an empty key"));
        }
        Ok(Credentials::new(id, secret, token, end))
    }

    /// The error quotes nothing of the answer: it may hold half of some credentials.
    pub(super) fn json<T: for<'a> Deserialize<'a>>(
        &self,
        response: &Response,
    ) -> Result<T, CredentialsError> {
        serde_json::from_slice(&response.body).map_err(|e| {
            self.unavailable(&format!(
                "the answer is not the expected JSON: line {}, column {}",
                e.line(),
                e.column()
            ))
        })
    }
}

/// Reads a file with a token, which others write. It is no larger than an answer, and no error quotes it.
pub(super) fn read_token(file: &Path) -> io::Result<String> {
    let bytes = small_file::read(file, ANSWER_MAX as u64)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// Text as a part of a URL's query, or of a form.
pub(super) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::*;

    /// Status and body, or why there is none.
    pub(crate) type Answer = Result<(u16, &'static str), &'static str>;

    /// Answers in the order given, and remembers what was asked.
    #[derive(Default)]
    pub(crate) struct Script {
        answers: Mutex<VecDeque<Result<(u16, String), &'static str>>>,
        asked: Mutex<Vec<Request>>,
        headers: Vec<(String, String)>,
    }

    impl Script {
        pub(crate) fn new(answers: &[Answer]) -> Arc<Self> {
            let answers = answers.iter().map(|a| a.map(|(status, body)| (status, body.to_owned())));
            Arc::new(Script { answers: Mutex::new(answers.collect()), ..Script::default() })
        }

        /// The same with the marks of a service of AWS.
        pub(crate) fn marked(answers: &[Answer]) -> Arc<Self> {
            let marks = [("x-amzn-requestid", "1"), ("content-type", "application/x-amz-json-1.1")];
            let headers = marks.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let answers = answers.iter().map(|a| a.map(|(status, body)| (status, body.to_owned()))).collect();
            Arc::new(Script { answers: Mutex::new(answers), headers, ..Script::default() })
        }

        pub(crate) fn asked(&self) -> Vec<Request> {
            self.asked.lock().unwrap().clone()
        }

        /// `GET http://host/path`, for each request.
        pub(crate) fn lines(&self) -> Vec<String> {
            self.asked().iter().map(|r| format!("{} {}", r.method, r.url)).collect()
        }
    }

    impl Transport for Script {
        fn send(&self, request: &Request) -> Result<Response, TransportError> {
            self.asked.lock().unwrap().push(request.clone());
            match self.answers.lock().unwrap().pop_front().expect("an answer for each request") {
                Ok((status, body)) => {
                    Ok(Response { status, headers: self.headers.clone(), body: body.into_bytes() })
                }
                Err(reason) => Err(TransportError::new(reason, false)),
            }
        }

        fn probe_date(&self, _: &str) -> Option<SystemTime> {
            None
        }

        fn close_idle(&self) {}

        fn shutdown(&self) {}
    }

    pub(crate) const GOOD: &str = r#"{"Code":"Success","AccessKeyId":"KEY","SecretAccessKey":"SECRET","Token":"TOKEN","Expiration":"2030-01-02T03:04:05Z"}"#;

    #[test]
    fn text_is_encoded_for_a_url() {
        assert_eq!(percent("arn:aws:iam::1:role/a b+é~"), "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b%2B%C3%A9~");
    }
}

//! HTTP/1.1 over TLS, for a device: few connections, small buffers, a deadline on everything.
//!
//! ureq carries the requests, with a connector of ours below it. What its own defaults would add (redirects, proxies from the
//! environment, `Accept`, `User-Agent`) is off. When a request ends that gets no further: see [`exchange`](super::exchange).
//!
//! A request is never sent twice. A pooled connection is looked at before it is used, which leaves one that the server closes in
//! the very same moment: that one counts as sent, and the caller tries again if it may.
//!
//! At the log level *trace* ureq's parts write every byte that they send, secrets too. A program that logs should let the records
//! of `ureq` and `ureq_proto` through at *debug* at most.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use ureq::http::{self, Uri, header};
use ureq::{Agent, Error};

use super::connect::{HttpsConnector, NoResolver, Place};
use super::error::{Limits, NotConnected, explain};
use super::exchange::{LONGEST, exchange, passage};
use super::probe::Notes;
use super::resolve::Names;
use super::secured;
use super::tls::Tls;
use super::{Probe, Proxies, Request, Response, Transport, TransportError};
use crate::Printable;

/// A little under the shortest time after which servers commonly close an idle connection, so that a request seldom meets one that is
/// just being closed.
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections that are kept: as many polls and calls as a worker usually has under way in a hurry, so that none is opened anew for
/// the next call. Once they are idle they go, by the age above.
const POOL: usize = 32;
/// The room for an answer's header, in bytes.
const HEADER_MAX: usize = 12 * 1024;
/// ureq's buffer for what comes, of which a connection has two. The header must fit into it. What goes has the size of a write.
const INPUT_BUFFER: usize = 16 * 1024;

/// The [`Transport`] over real sockets: `http` and `https`, TLS 1.2 and 1.3, connections kept alive between requests.
///
/// See [`HttpsTransport::builder`]. No request follows a redirect, asks for compression, or keeps cookies.
/// Shared by all threads that send.
pub struct HttpsTransport {
    tls: Tls,
    names: Arc<Names>,
    proxies: Arc<Proxies>,
    connect_timeout: Duration,
    keepalive: Option<Duration>,
    agents: Mutex<Agents>,
}

/// An agent is a pool of connections. Closing idle connections means to take a new one; requests still under way go on with the old
/// one, and it goes with the last of them.
struct Agents {
    /// `None` once the transport is shut down.
    current: Option<Arc<Agent>>,
    /// Retired, and agents of questions for the date.
    others: Vec<Weak<Agent>>,
}

impl HttpsTransport {
    /// Connects to nothing yet.
    pub(super) fn new(
        tls: Tls,
        names: Arc<Names>,
        proxies: Proxies,
        connect_timeout: Duration,
        keepalive: Option<Duration>,
    ) -> Self {
        let (proxies, agents) = (Arc::new(proxies), Agents { current: None, others: Vec::new() });
        let transport =
            HttpsTransport { tls, names, proxies, connect_timeout, keepalive, agents: Mutex::new(agents) };
        let agent = transport.new_agent(transport.tls.strict(), POOL);
        transport.lock().current = Some(agent);
        transport
    }

    fn agent(&self) -> Result<Arc<Agent>, TransportError> {
        self.lock().current.clone().ok_or_else(|| NotConnected::shut_down().into())
    }

    /// One connection and one unsigned request, and how far that got.
    pub(super) fn probe(&self, url: &str) -> Probe {
        let notes = Notes::taken();
        let limits = Limits::of_head(self.connect_timeout, HEADER_MAX);
        let connector = self.connector(self.tls.watched(notes.clone())).noting(notes.clone());
        let agent = new_agent(connector, self.connect_timeout, 0);
        let uri = url.parse::<Uri>().map_err(|_| Error::Other(Box::new(NotConnected::bad_url())));
        let answer = uri.and_then(|uri| self.head(&uri, &agent));
        let mut seen = Probe { proxy: self.proxies.on_the_way_to(url), ..notes.read() };
        match answer {
            Ok(answer) => seen.date = date(&answer),
            Err(e) => {
                let e = explain(e, &place(url), limits);
                seen.date = e.certificate_dates.then(|| self.probe_date(url)).flatten();
                seen.failed = Some((seen.stage(url.starts_with("https:")), e));
            }
        }
        seen
    }

    /// Whether the answer tells a date at which the certificates of the server itself are not good.
    fn is_impossible(&self, response: &Response, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let host = Place::of(&uri).filter(|_| uri.scheme_str() == Some("https"));
        host.zip(response.server_date()).is_some_and(|(host, date)| !self.tls.can_say(host.host(), date))
    }

    fn connector(&self, tls: Arc<ClientConfig>) -> HttpsConnector {
        HttpsConnector::new(tls, Arc::clone(&self.names), Arc::clone(&self.proxies), self.connect_timeout)
            .keepalive(self.keepalive)
    }

    fn new_agent(&self, tls: Arc<ClientConfig>, pool: usize) -> Arc<Agent> {
        new_agent(self.connector(tls), self.connect_timeout, pool)
    }

    /// The date of an answer to one request, over a connection of its own with `tls`.
    fn date_by(&self, url: &str, tls: Result<Arc<ClientConfig>, rustls::Error>) -> Option<SystemTime> {
        let uri: Uri = url.parse().ok().filter(|uri: &Uri| uri.scheme_str() == Some("https"))?;
        let limits = Limits::of_head(self.connect_timeout, HEADER_MAX);
        let answer = tls
            .map_err(|e| io::Error::other(e).into())
            .and_then(|tls| self.agent_for_one(tls))
            .and_then(|agent| self.head(&uri, &agent))
            .map_err(|e| log::debug!("no date to be had: {}", Printable(explain(e, &place(url), limits))))
            .ok()?;
        date(&answer)
    }

    fn agent_for_one(&self, tls: Arc<ClientConfig>) -> Result<Arc<Agent>, Error> {
        let mut agents = self.lock();
        if agents.current.is_none() {
            return Err(Error::Other(Box::new(NotConnected::shut_down())));
        }
        let agent = self.new_agent(tls, 0);
        agents.retire(&agent);
        Ok(agent)
    }

    fn head(&self, uri: &Uri, agent: &Agent) -> Result<http::Response<()>, Error> {
        // Host and port alone: nothing that a caller may have put into the rest of the URL.
        let place = Place::of(uri).ok_or_else(|| Error::Other(Box::new(NotConnected::bad_url())))?;
        let scheme = uri.scheme_str().unwrap_or("https");
        let request = http::Request::head(format!("{scheme}://{place}/"))
            .header(header::CONNECTION, "close")
            .body(())?;
        let request =
            agent.configure_request(request).timeout_recv_response(Some(self.connect_timeout)).build();
        Ok(agent.run(request)?.map(drop))
    }

    fn lock(&self) -> MutexGuard<'_, Agents> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for HttpsTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let agent = self.agent()?;
        let read = request.read_timeout.min(LONGEST);
        let answer = read + passage(request.body.len());
        let limits = Limits { read, answer, header: HEADER_MAX, body: request.max_response };
        let place = place(&request.url);
        let mut part = None;
        let mut response = exchange(&agent, request, self.connect_timeout, limits, &mut part)
            .map_err(|e| TransportError { part, ..explain(e, &place, limits) })?;
        if self.is_impossible(&response, &request.url) {
            log::debug!("{place} tells a date at which its own certificate does not hold");
            response.headers.retain(|(name, _)| name != "date");
        }
        Ok(response)
    }

    fn probe_date(&self, url: &str) -> Option<SystemTime> {
        self.date_by(url, self.tls.dateless())
    }

    fn prove_date(&self, url: &str, at: SystemTime) -> Option<SystemTime> {
        self.date_by(url, self.tls.strict_at(at))
    }

    fn close_idle(&self) {
        let mut agents = self.lock();
        let fresh = self.new_agent(self.tls.strict(), POOL);
        let Some(current) = agents.current.as_mut() else { return };
        let retired = std::mem::replace(current, fresh);
        agents.retire(&retired);
    }

    fn shutdown(&self) {
        let (current, others) = {
            let mut agents = self.lock();
            (agents.current.take(), std::mem::take(&mut agents.others))
        };
        self.names.close();
        for agent in current.into_iter().chain(others.iter().filter_map(Weak::upgrade)) {
            (*agent).clone().shutdown();
        }
    }
}

impl Agents {
    /// Remembers an agent for [`Transport::shutdown`], for as long as a request uses it.
    fn retire(&mut self, agent: &Arc<Agent>) {
        self.others.retain(|other| other.strong_count() > 0);
        self.others.push(Arc::downgrade(agent));
    }
}

impl fmt::Debug for HttpsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsTransport")
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

fn new_agent(connector: HttpsConnector, connect_timeout: Duration, pool: usize) -> Arc<Agent> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .timeout_per_write(Some(connect_timeout))
        .max_response_header_size(HEADER_MAX)
        .input_buffer_size(INPUT_BUFFER)
        .output_buffer_size(secured::WRITE)
        .max_idle_age(IDLE)
        .max_idle_connections(pool)
        .max_idle_connections_per_host(pool)
        .build();
    Arc::new(Agent::with_parts(config, connector, NoResolver))
}

/// When the answer was made, unless a cache sent it.
fn date(answer: &http::Response<()>) -> Option<SystemTime> {
    let headers = answer.headers();
    if headers.contains_key(header::AGE) {
        return None;
    }
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()
}

/// Where a URL leads, in words.
fn place(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    uri.as_ref().and_then(Place::of).map_or_else(|| "the endpoint".to_owned(), |place| place.to_string())
}

//! HTTP/1.1 over TLS, for a device: few connections, small buffers, a deadline on everything.
//!
//! ureq carries the requests, with a connector of ours below it. What its own defaults would add (redirects, proxies from the
//! environment, `Accept`, `User-Agent`) is off.
//!
//! | phase | ends with an error |
//! |---|---|
//! | name look-up, TCP and TLS together | after the connect timeout |
//! | writing | when nothing moves for the connect timeout, and in all after that and a second for each 8 KiB |
//! | waiting for the answer's header | after [`Request::read_timeout`] |
//! | reading the body | when nothing comes for the read timeout, and in all after that and a second for each 8 KiB |
//!
//! A request is never sent twice. A pooled connection is looked at before it is used, which leaves one that the server closes in
//! the very same moment: that one counts as sent, and the caller tries again if it may.
//!
//! At the log level *trace* ureq's parts write every byte that they send, secrets too. A program that logs should let the records
//! of `ureq` and `ureq_proto` through at *debug* at most.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use rustls::ClientConfig;
use ureq::http::{self, Uri, header};
use ureq::{Agent, AsSendBody, Error};

use super::connect::{HttpsConnector, NoResolver, Place};
use super::error::{Limits, NotConnected, explain};
use super::examine::Notes;
use super::resolve::Names;
use super::tls::{Tls, TransportConfigError};
use super::{Examination, Proxies, Request, Response, Transport, TransportError};
use crate::clock::ServerClock;

/// A little under the shortest time after which servers commonly close an idle connection, so that a request seldom meets one that is
/// just being closed.
const IDLE: Duration = Duration::from_secs(50);
/// Idle connections that are kept: a poll for each of a few activities, the calls, a source of credentials.
const POOL: usize = 8;
/// The room for an answer's header, in bytes.
const HEADER_MAX: usize = 12 * 1024;
/// ureq's buffers, of which a connection has two pairs. The header must fit into the first; the second is the size of a write.
const INPUT_BUFFER: usize = 16 * 1024;
const OUTPUT_BUFFER: usize = 8 * 1024;
/// The slowest link that a body is expected to pass, in bytes a second.
const SLOWEST: usize = 8 * 1024;
/// No wait is longer, whatever the caller says.
const LONGEST: Duration = Duration::from_secs(3600);

/// The [`Transport`] over real sockets: `http` and `https`, TLS 1.2 and 1.3, connections kept alive between requests.
///
/// See [`HttpsTransport::builder`]. No request follows a redirect, asks for compression, or keeps cookies.
/// Shared by all threads that send.
pub struct HttpsTransport {
    tls: Tls,
    names: Arc<Names>,
    proxies: Arc<Proxies>,
    connect_timeout: Duration,
    agents: Mutex<Agents>,
}

/// Describes an [`HttpsTransport`].
pub struct HttpsTransportBuilder {
    clock: Option<Arc<ServerClock>>,
    ca_file: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    proxies: Proxies,
    connect_timeout: Duration,
    names: Arc<Names>,
}

/// An agent is a pool of connections. Closing idle connections means to take a new one; requests still under way go on with the old
/// one, and it goes with the last of them.
struct Agents {
    /// `None` once the transport is shut down.
    current: Option<Arc<Agent>>,
    /// Retired, and agents of probes.
    others: Vec<Weak<Agent>>,
}

impl HttpsTransport {
    /// Starts to describe a transport.
    pub fn builder() -> HttpsTransportBuilder {
        HttpsTransportBuilder {
            clock: None,
            ca_file: None,
            client_certificate: None,
            proxies: Proxies::default(),
            connect_timeout: Duration::from_secs(10),
            names: Names::system(),
        }
    }

    fn agent(&self) -> Result<Arc<Agent>, TransportError> {
        self.lock().current.clone().ok_or_else(|| NotConnected::shut_down().into())
    }

    /// One connection and one unsigned request, and how far that got.
    pub(super) fn examine(&self, url: &str) -> Examination {
        let notes = Notes::taken();
        let limits = Limits { read: self.connect_timeout, header: HEADER_MAX, body: 0 };
        let connector = self.connector(self.tls.watched(notes.clone())).noting(notes.clone());
        let agent = new_agent(connector, self.connect_timeout, 0);
        let uri = url.parse::<Uri>().map_err(|_| Error::Other(Box::new(NotConnected::bad_url())));
        let answer = uri.and_then(|uri| self.head(&uri, &agent));
        let mut seen = Examination { proxy: self.proxies.on_the_way_to(url), ..notes.read() };
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

    fn connector(&self, tls: Arc<ClientConfig>) -> HttpsConnector {
        HttpsConnector::new(tls, Arc::clone(&self.names), Arc::clone(&self.proxies), self.connect_timeout)
    }

    fn new_agent(&self, tls: Arc<ClientConfig>, pool: usize) -> Arc<Agent> {
        new_agent(self.connector(tls), self.connect_timeout, pool)
    }

    /// An agent for one request whose certificates are not checked for their dates.
    fn dateless(&self) -> Result<Arc<Agent>, Error> {
        let tls = self.tls.dateless().map_err(io::Error::other)?;
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

impl HttpsTransportBuilder {
    /// The clock that tells at which date certificates are checked. Default: the device's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<ServerClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A PEM file of CA certificates to be trusted besides the built-in ones: what `AWS_CA_BUNDLE` names. It is read once, by
    /// [`HttpsTransportBuilder::build`].
    #[must_use]
    pub fn ca_file(mut self, path: PathBuf) -> Self {
        self.ca_file = Some(path);
        self
    }

    /// PEM files of a certificate (with its chain) and of its key (PKCS#8, PKCS#1 or SEC1), shown to servers that ask for one. Read
    /// once, by [`HttpsTransportBuilder::build`].
    #[must_use]
    pub fn client_certificate(mut self, certificate: PathBuf, key: PathBuf) -> Self {
        self.client_certificate = Some((certificate, key));
        self
    }

    /// The proxies on the way. Default: none; the environment is not looked at.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The longest time for name look-up, TCP connection and TLS handshake together. Default 10 s, at most an hour.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// Shares the look-ups of names with other transports of the same owner: one that hangs then holds one thread for all of them.
    /// The shutdown of one ends the look-ups of all.
    #[must_use]
    pub(in crate::aws) fn names(mut self, names: Arc<Names>) -> Self {
        self.names = names;
        self
    }

    /// Looks names up in the place of the system's resolver. It may block for as long as it likes.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn lookup(
        mut self,
        lookup: impl Fn(&str) -> io::Result<Vec<std::net::IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.names = Names::new(Box::new(lookup));
        self
    }

    /// Reads the CA file. Connects to nothing yet.
    pub fn build(self) -> Result<HttpsTransport, TransportConfigError> {
        let clock = self.clock.unwrap_or_else(ServerClock::system);
        let transport = HttpsTransport {
            tls: Tls::new(clock, self.ca_file.as_deref(), self.client_certificate.as_ref())?,
            names: self.names,
            proxies: Arc::new(self.proxies),
            connect_timeout: self.connect_timeout,
            agents: Mutex::new(Agents { current: None, others: Vec::new() }),
        };
        let agent = transport.new_agent(transport.tls.strict(), POOL);
        transport.lock().current = Some(agent);
        Ok(transport)
    }
}

impl Transport for HttpsTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let agent = self.agent()?;
        let limits = Limits {
            read: request.read_timeout.min(LONGEST),
            header: HEADER_MAX,
            body: request.max_response,
        };
        let place = place(&request.url);
        exchange(&agent, request, self.connect_timeout, limits).map_err(|e| explain(e, &place, limits))
    }

    fn probe_date(&self, url: &str) -> Option<SystemTime> {
        let uri: Uri = url.parse().ok().filter(|uri: &Uri| uri.scheme_str() == Some("https"))?;
        let limits = Limits { read: self.connect_timeout, header: HEADER_MAX, body: 0 };
        let answer = self
            .dateless()
            .and_then(|agent| self.head(&uri, &agent))
            .map_err(|e| log::debug!("no date to be had: {}", explain(e, &place(url), limits)))
            .ok()?;
        date(&answer)
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

impl fmt::Debug for HttpsTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsTransportBuilder")
            .field("ca_file", &self.ca_file)
            .field(
                "client_certificate",
                &self.client_certificate.as_ref().map(|(certificate, _)| certificate),
            )
            .field("proxies", &self.proxies)
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
        .output_buffer_size(OUTPUT_BUFFER)
        .max_idle_age(IDLE)
        .max_idle_connections(pool)
        .max_idle_connections_per_host(pool)
        .build();
    Arc::new(Agent::with_parts(config, connector, NoResolver))
}

fn exchange(
    agent: &Agent,
    request: &Request,
    write_timeout: Duration,
    limits: Limits,
) -> Result<Response, Error> {
    let mut head = http::Request::builder().method(request.method).uri(&request.url);
    for (name, value) in &request.headers {
        head = head.header(*name, value);
    }
    // A GET has no body; a POST or a PUT has one even if it is empty.
    let answer = if request.method == "GET" {
        run(agent, head.body(())?, 0, write_timeout, limits)?
    } else {
        run(agent, head.body(request.body.as_slice())?, request.body.len(), write_timeout, limits)?
    };

    let (head, body) = answer.into_parts();
    let mut whole = Vec::new();
    let room = u64::try_from(limits.body).unwrap_or(u64::MAX);
    body.into_reader().take(room.saturating_add(1)).read_to_end(&mut whole)?;
    if whole.len() > limits.body {
        return Err(Error::BodyExceedsLimit(room));
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Ok(Response { status: head.status.as_u16(), headers, body: whole })
}

fn run<B: AsSendBody>(
    agent: &Agent,
    request: http::Request<B>,
    size: usize,
    write_timeout: Duration,
    limits: Limits,
) -> Result<http::Response<ureq::Body>, Error> {
    let request = agent
        .configure_request(request)
        .timeout_send_request(Some(write_timeout))
        .timeout_send_body(Some(write_timeout + passage(size)))
        .timeout_recv_response(Some(limits.read))
        .timeout_recv_body(Some(limits.read + passage(limits.body)))
        .timeout_per_read(Some(limits.read))
        .build();
    agent.run(request)
}

/// When the answer was made, unless a cache sent it.
fn date(answer: &http::Response<()>) -> Option<SystemTime> {
    let headers = answer.headers();
    if headers.contains_key(header::AGE) {
        return None;
    }
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()
}

/// The time that so many bytes take on the slowest link.
fn passage(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / SLOWEST as f64).min(LONGEST)
}

/// Where a URL leads, in words.
fn place(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    uri.as_ref().and_then(Place::of).map_or_else(|| "the endpoint".to_owned(), |place| place.to_string())
}

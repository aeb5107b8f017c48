//! The network between the devices and the service: the transport below the real client, with every way in which a call can fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Request, Response, Transport, TransportError};
use activity_worker::clock::ServerClock;

use crate::clock::DeviceClock;
use crate::service::{Report, SKEW, Service};
use crate::weather::{WEATHERS, Weather};
use crate::wire::{self, Call};

/// From its slowest pace to a full one takes a device so long, once nothing is throttled any more.
const RECOVERY: Duration = Duration::from_secs(80);

/// One request as the judge sees it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// When.
    pub(crate) at: Duration,
    /// What it asked.
    pub(crate) call: Call,
    /// What the service made of it: an error's name, or that it took it; `None`: it has not seen it.
    pub(crate) verdict: Option<Result<(), &'static str>>,
    /// When the device heard the service's date.
    pub(crate) contact: Option<Duration>,
    /// What it met.
    pub(crate) weather: Option<Weather>,
    /// How far off the signature's time was.
    pub(crate) skew: Duration,
}

/// A device's link.
#[derive(Default)]
pub(crate) struct Link {
    /// An outage or the like, and its end.
    pub(crate) spell: Option<(Weather, Duration)>,
    /// How likely a call meets bad weather outside of spells.
    pub(crate) storm: f64,
    /// What the next calls meet.
    pub(crate) next: VecDeque<Weather>,
    /// Until when no credentials are to be had.
    pub(crate) no_credentials_until: Duration,
    /// The worker has shut its transport.
    pub(crate) shut: bool,
    /// The answer to the poll that is carried out, and when it arrives.
    pub(crate) answer: Option<(Duration, Result<Response, TransportError>)>,
    /// The poll that was just sent is held by the service.
    pub(crate) held: Option<(u64, Option<Weather>)>,
    /// Until when a call that failed, or was slow, had consequences.
    pub(crate) trouble_at: Duration,
    /// Polls under way were dropped.
    pub(crate) dropped: bool,
}

/// Everything outside of the devices.
pub(crate) struct Outside {
    /// Step Functions.
    pub(crate) service: Service,
    /// The devices' links.
    pub(crate) links: Vec<Link>,
    /// Requests since the judge last looked.
    pub(crate) sent: Vec<Sent>,
    /// Reports that are still on their way, though their sender gave them up.
    pub(crate) late: Vec<(Duration, usize, Call)>,
    /// What went wrong so far, by kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Luck.
    pub(crate) rng: fastrand::Rng,
    next_poll: u64,
}

impl Outside {
    /// A calm world.
    pub(crate) fn new(service: Service, devices: usize, seed: u64) -> Self {
        Outside {
            service,
            links: (0..devices).map(|_| Link::default()).collect(),
            sent: Vec::new(),
            late: Vec::new(),
            faults: BTreeMap::new(),
            rng: fastrand::Rng::with_seed(seed),
            next_poll: 0,
        }
    }

    /// Counts a fault.
    pub(crate) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// The number of a new poll.
    pub(crate) fn new_poll(&mut self) -> u64 {
        self.next_poll += 1;
        self.next_poll
    }

    /// A call of this device fails, or is slow; its consequences last until then.
    fn trouble(&mut self, device: usize, until: Duration) {
        let trouble_at = &mut self.links[device].trouble_at;
        *trouble_at = until.max(*trouble_at);
    }

    /// What a call of this device meets now.
    fn weather(&mut self, device: usize, now: Duration) -> Option<Weather> {
        let link = &mut self.links[device];
        link.spell = link.spell.filter(|(_, until)| *until > now);
        let (storm, spell) = (link.storm, link.spell);
        let weather = link.next.pop_front().or(spell.map(|(weather, _)| weather));
        let weather = weather.or_else(|| {
            (storm > 0.0 && self.rng.f64() < storm).then(|| WEATHERS[self.rng.usize(..WEATHERS.len())].0)
        })?;
        self.trouble(device, now);
        self.fault(WEATHERS.iter().find(|(w, _)| *w == weather).map_or("weather", |(_, name)| name));
        Some(weather)
    }

    /// A random time, in seconds.
    pub(crate) fn some(&mut self, from: f64, to: f64) -> Duration {
        Duration::from_secs_f64(from + (to - from) * self.rng.f64())
    }

    /// The service takes the call, or says no.
    pub(crate) fn process(&mut self, call: &Call, device: usize, now: Duration) -> Result<(), &'static str> {
        match call {
            Call::Poll(_) => Ok(()),
            Call::Beat(token) => self.service.beat(token, now).map(drop),
            Call::Success(token, output) => {
                if !wire::is_json(output) {
                    return Err("InvalidOutput");
                }
                self.service.report(token, Report::Success(output.clone()), device, now).map(drop)
            }
            Call::Failure(token, error) => {
                self.service.report(token, Report::Failure(error.clone()), device, now).map(drop)
            }
        }
    }
}

/// The transport of one device's client.
#[derive(Clone)]
pub(crate) struct Radio {
    /// The device.
    pub(crate) device: usize,
    /// The world.
    pub(crate) outside: Arc<Mutex<Outside>>,
    /// Its clock, which goes on while a call is carried out.
    pub(crate) clock: DeviceClock,
    /// What certificates are checked with.
    pub(crate) server_clock: Arc<ServerClock>,
}

impl Radio {
    /// Whether the source of credentials does not answer now.
    pub(crate) fn sources_down(&self, now: Duration) -> bool {
        let mut out = self.lock();
        let down = out.links[self.device].no_credentials_until > now;
        if down {
            out.trouble(self.device, now);
            out.fault("no credentials");
        }
        down
    }

    fn lock(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a request to the service and the answer back.
    fn carry(&self, out: &mut Outside, request: &Request) -> Result<Response, TransportError> {
        let now = self.clock.view();
        let call = wire::read(request);
        let mut sent = Sent {
            at: now,
            call: call.clone(),
            verdict: None,
            contact: None,
            weather: None,
            skew: Duration::ZERO,
        };
        let weather = out.weather(self.device, now);
        sent.weather = weather;
        let answer = self.through(out, request, &call, weather, &mut sent);
        out.sent.push(sent);
        answer
    }

    fn through(
        &self,
        out: &mut Outside,
        request: &Request,
        call: &Call,
        weather: Option<Weather>,
        sent: &mut Sent,
    ) -> Result<Response, TransportError> {
        let took = out.some(0.01, 0.4);
        let lost = |by: Duration, reason: &str, written| {
            self.clock.pass(by);
            Err(TransportError::new(reason, written))
        };
        match weather {
            Some(Weather::Refused) => return lost(took, "refused", false),
            Some(Weather::Unresolved) => return lost(out.some(0.1, 9.0), "not resolved", false),
            Some(Weather::NoConnection) => return lost(Duration::from_secs(10), "no connection", false),
            _ => {}
        }
        if let Err(error) = self.check_certificate(out) {
            self.clock.pass(took);
            return Err(error);
        }
        match weather {
            Some(Weather::HalfOpen) => return lost(request.read_timeout, "half open", true),
            Some(Weather::Portal) => {
                self.clock.pass(took);
                return Ok(wire::portal(200, out.rng.bool().then(|| Service::date(sent.at / 2))));
            }
            Some(Weather::Proxy) => {
                self.clock.pass(took);
                return Ok(wire::portal(407, None));
            }
            Some(Weather::NoAnswer | Weather::Reset) => {
                return self.unanswered(out, request, call, weather, sent);
            }
            _ => {}
        }
        let verdict = self.judge(out, request, call, weather, sent);
        if let Err(code) = verdict
            && code != "TaskTimedOut"
        {
            // After throttling the pace recovers step by step.
            let aftermath = if code == "ThrottlingException" { RECOVERY } else { Duration::ZERO };
            out.trouble(self.device, self.clock.view() + aftermath);
        }
        sent.verdict = Some(verdict);
        match weather {
            Some(Weather::Slow) => self.clock.pass(out.some(1.0, 9.0)),
            _ => self.clock.pass(took),
        }
        let mut response = match verdict {
            Ok(()) if matches!(call, Call::Poll(_)) && weather != Some(Weather::Unavailable) => {
                // The answer comes when the service has a task, or after a minute.
                let poll = out.new_poll();
                out.links[self.device].held = Some((poll, weather));
                return Ok(wire::ok(b"{}", None));
            }
            Ok(()) => wire::ok(b"{}", Some(Service::date(self.clock.view()))),
            Err(code) => wire::error(code, Service::date(self.clock.view())),
        };
        if weather == Some(Weather::Unavailable) {
            return Ok(wire::unavailable(Service::date(self.clock.view())));
        }
        if !out.spoil(&mut response, weather, self.clock.view()) {
            sent.contact = Some(self.clock.view());
        }
        // An error's name stands in a header too, so a spoilt body does not hide it.
        if verdict.is_err() && weather != Some(Weather::Cached) {
            sent.contact = Some(self.clock.view());
        }
        Ok(response)
    }

    /// Whether the service lets the call through, and what it makes of it.
    fn judge(
        &self,
        out: &mut Outside,
        request: &Request,
        call: &Call,
        weather: Option<Weather>,
        sent: &mut Sent,
    ) -> Result<(), &'static str> {
        let now = self.clock.view();
        sent.skew =
            wire::signed_at(request).map_or(Duration::MAX, |signed| distance(signed, Service::date(now)));
        if sent.skew > SKEW {
            out.fault("signature with a wrong time");
            // Where a cache hides the service's date, the worker can't tell it from a signature that is not allowed.
            out.service.denied_at = Some(now);
            return Err("InvalidSignatureException");
        }
        if let Some((issued, ends)) = wire::session(request)
            && (issued < out.service.revoked_before || ends <= now)
        {
            out.fault("credentials expired");
            return Err("ExpiredTokenException");
        }
        if now < out.service.denied_until {
            out.fault("access denied");
            out.service.denied_at = Some(now);
            return Err("AccessDeniedException");
        }
        if weather == Some(Weather::Throttled) || !out.service.allows(call.kind(), now) {
            return Err("ThrottlingException");
        }
        if weather == Some(Weather::Unavailable) && out.rng.bool() {
            return Err("InternalFailure");
        }
        out.process(call, self.device, now)
    }

    /// The request is written, and no answer comes. It may have arrived, it may arrive later, it may be lost.
    fn unanswered(
        &self,
        out: &mut Outside,
        request: &Request,
        call: &Call,
        weather: Option<Weather>,
        sent: &mut Sent,
    ) -> Result<Response, TransportError> {
        match (out.rng.u8(..3), call) {
            (0, _) => {}
            (_, Call::Poll(activity)) => {
                // Nobody hears its answer, but a task may be handed to it.
                let (poll, now) = (out.new_poll(), self.clock.view());
                out.service.hold(*activity, poll, now);
                out.fault("dropped poll held");
            }
            (1, _) => sent.verdict = Some(self.judge(out, request, call, None, sent)),
            _ => {
                let at = self.clock.view() + out.some(0.5, 120.0);
                out.late.push((at, self.device, call.clone()));
            }
        }
        self.clock.pass(match weather {
            Some(Weather::Reset) => out.some(0.01, 2.0),
            _ => request.read_timeout,
        });
        Err(TransportError::new("no answer", true))
    }

    /// Certificates are good for a year around the service's date.
    fn check_certificate(&self, out: &mut Outside) -> Result<(), TransportError> {
        if distance(self.server_clock.now(), Service::date(self.clock.view()))
            < Duration::from_secs(180 * 86_400)
        {
            return Ok(());
        }
        out.trouble(self.device, self.clock.view());
        out.fault("certificate dates");
        let mut error = TransportError::new("the certificate is not valid now", false);
        error.certificate_dates = true;
        Err(error)
    }
}

impl Transport for Radio {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut out = self.lock();
        if out.links[self.device].shut {
            return Err(TransportError::new("shut down", false));
        }
        if let Some((at, answer)) = out.links[self.device].answer.take() {
            self.clock.look(at);
            return answer;
        }
        self.carry(&mut out, request)
    }

    fn probe_date(&self, _: &str) -> Option<SystemTime> {
        let mut out = self.lock();
        let now = self.clock.view();
        self.clock.pass(Duration::from_millis(200));
        match out.weather(self.device, now) {
            None | Some(Weather::Slow | Weather::Throttled) => Some(Service::date(now)),
            Some(Weather::Portal) => {
                Some(Service::date(now) - Duration::from_secs(900_000) + out.some(0.0, 90_000_000.0))
            }
            Some(_) => None,
        }
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {
        let link = &mut self.lock().links[self.device];
        (link.shut, link.dropped) = (true, true);
    }
}

/// How far two dates are apart.
pub(crate) fn distance(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|e| e.duration())
}

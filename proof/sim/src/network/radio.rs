//! The transport below a device's real client: it carries each call to the service and back, or meets a fault on the way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Request, Response, Transport, TransportError};
use activity_worker::clock::ServerClock;

use super::faults::{self, Fault};
use super::{CERTIFICATES, Outside, Sent, distance};
use crate::clock::DeviceClock;
use crate::service::{SKEW, Service};
use crate::wire::{self, Call};

/// From its slowest pace to a full one takes a device so long, once nothing is throttled any more.
const RECOVERY: Duration = Duration::from_secs(80);

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
            fault: None,
            skew: Duration::ZERO,
            lied: false,
        };
        let fault = out.meets(self.device, now);
        sent.fault = fault;
        let answer = self.through(out, request, &call, fault, &mut sent);
        out.sent.push(sent);
        answer
    }

    fn through(
        &self,
        out: &mut Outside,
        request: &Request,
        call: &Call,
        fault: Option<Fault>,
        sent: &mut Sent,
    ) -> Result<Response, TransportError> {
        let took = out.some(0.01, 0.4);
        let lost = |by: Duration, reason: &str, written| {
            self.clock.pass(by);
            Err(TransportError::new(reason, written))
        };
        match fault {
            Some(Fault::Refused) => return lost(took, "refused", false),
            Some(Fault::Unresolved) => return lost(out.some(0.1, 9.0), "not resolved", false),
            Some(Fault::NoConnection) => return lost(Duration::from_secs(10), "no connection", false),
            _ => {}
        }
        if let Err(error) = self.check_certificate(out) {
            self.clock.pass(took);
            return Err(error);
        }
        match fault {
            Some(Fault::HalfOpen) => return lost(request.read_timeout, "half open", true),
            Some(Fault::Portal) => {
                self.clock.pass(took);
                return Ok(wire::portal(200, out.rng.bool().then(|| Service::date(sent.at / 2))));
            }
            Some(Fault::Proxy) => {
                self.clock.pass(took);
                return Ok(wire::portal(407, None));
            }
            Some(Fault::Stranger) => {
                self.clock.pass(took);
                let date = out.rng.bool().then(|| Service::date(sent.at / 2));
                return Ok(wire::stranger(out.rng.u8(..), date));
            }
            Some(Fault::NoAnswer | Fault::Reset) => {
                return self.unanswered(out, request, call, fault, sent);
            }
            _ => {}
        }
        let up = out.way_up(self.device, request.body.len(), sent.at);
        self.clock.pass(up);
        let verdict = self.judge(out, request, call, fault, sent);
        if let Err(code) = verdict
            && code != "TaskTimedOut"
        {
            // After throttling the pace recovers step by step.
            let aftermath = if code == "ThrottlingException" { RECOVERY } else { Duration::ZERO };
            out.trouble(self.device, self.clock.view() + aftermath);
        }
        sent.verdict = Some(verdict);
        match fault {
            Some(Fault::Slow) => self.clock.pass(out.some(1.0, 9.0)),
            _ => self.clock.pass(took),
        }
        let mut response = match verdict {
            Ok(()) if matches!(call, Call::Poll(_)) && fault != Some(Fault::Unavailable) => {
                // The answer comes when the service has a task, or after a minute.
                let poll = out.new_poll();
                out.links[self.device].held = Some((poll, fault));
                return Ok(wire::ok(b"{}", None));
            }
            Ok(()) => wire::ok(b"{}", Some(Service::date(self.clock.view()))),
            Err(code) => wire::error(code, Service::date(self.clock.view())),
        };
        if fault == Some(Fault::Unavailable) {
            return Ok(wire::unavailable(Service::date(self.clock.view())));
        }
        if !faults::spoil(&mut response, fault, self.clock.view(), &mut out.rng) {
            sent.contact = Some(self.clock.view());
        }
        // An error's name stands in a header too, so a spoilt body does not hide it.
        if verdict.is_err() && fault != Some(Fault::Cached) {
            sent.contact = Some(self.clock.view());
        }
        if out.lie(self.device, &mut response, self.clock.view()) {
            (sent.contact, sent.lied) = (None, true);
        }
        // A call is carried out when it begins: its date would be learnt minutes before it is there.
        if up > Duration::from_secs(5) {
            response.headers.retain(|(name, _)| name != "date");
            sent.contact = None;
        }
        Ok(response)
    }

    /// Whether the service lets the call through, and what it makes of it.
    fn judge(
        &self,
        out: &mut Outside,
        request: &Request,
        call: &Call,
        fault: Option<Fault>,
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
        if fault == Some(Fault::Throttled) || !out.service.allows(call.kind(), now) {
            return Err("ThrottlingException");
        }
        if fault == Some(Fault::Unavailable) && out.rng.bool() {
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
        fault: Option<Fault>,
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
        self.clock.pass(match fault {
            Some(Fault::Reset) => out.some(0.01, 2.0),
            _ => request.read_timeout,
        });
        Err(TransportError::new("no answer", true))
    }

    /// Certificates are good for a year around the service's date.
    fn check_certificate(&self, out: &mut Outside) -> Result<(), TransportError> {
        if distance(self.server_clock.certificate_date(), Service::date(self.clock.view())) < CERTIFICATES {
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
        match out.meets(self.device, now) {
            None | Some(Fault::Slow | Fault::Throttled) => Some(Service::date(now)),
            Some(Fault::Portal) => {
                Some(Service::date(now) - Duration::from_secs(900_000) + out.some(0.0, 90_000_000.0))
            }
            Some(_) => None,
        }
    }

    fn prove_date(&self, _: &str, at: SystemTime) -> Option<SystemTime> {
        let mut out = self.lock();
        let now = self.clock.view();
        self.clock.pass(Duration::from_millis(200));
        // Nobody else has the service's certificate.
        let honest = matches!(
            out.meets(self.device, now),
            None | Some(Fault::Slow | Fault::Throttled | Fault::Unavailable)
        );
        let proven = Service::date(now);
        (honest && distance(at, proven) < CERTIFICATES).then_some(proven)
    }

    fn close_idle(&self) {}

    fn shutdown(&self) {
        let link = &mut self.lock().links[self.device];
        (link.shut, link.dropped) = (true, true);
    }
}

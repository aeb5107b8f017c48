//! The network between the devices and the service, and the service behind it.

pub(crate) mod faults;
mod radio;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Response, TransportError};

use self::faults::{FAULTS, Fault};
pub(crate) use self::radio::Radio;
use crate::service::{Report, Service};
use crate::wire::{self, Call};

/// For so long before and after the service's date its certificates are good.
const CERTIFICATES: Duration = Duration::from_secs(180 * 86_400);

/// One request as the judge sees it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// When it went out, from the world's beginning.
    pub(crate) at: Duration,
    /// What it asked.
    pub(crate) call: Call,
    /// What the service made of it: an error's name, or that it took it; `None`: it has not seen it.
    pub(crate) verdict: Option<Result<(), &'static str>>,
    /// When the device heard the service's date.
    pub(crate) contact: Option<Duration>,
    /// What it met.
    pub(crate) fault: Option<Fault>,
    /// How far off the signature's time was.
    pub(crate) skew: Duration,
    /// Its answer had a date that lies.
    pub(crate) lied: bool,
}

/// A device's link.
#[derive(Default)]
pub(crate) struct Link {
    /// An outage or the like, and its end.
    pub(crate) spell: Option<(Fault, Duration)>,
    /// How likely a call meets a fault outside of spells.
    pub(crate) storm: f64,
    /// What the next calls meet.
    pub(crate) next: VecDeque<Fault>,
    /// Until when no credentials are to be had.
    pub(crate) no_credentials_until: Duration,
    /// The worker has shut its transport.
    pub(crate) shut: bool,
    /// The answer to the poll that is carried out, and when it arrives.
    pub(crate) answer: Option<(Duration, Result<Response, TransportError>)>,
    /// The poll that was just sent is held by the service.
    pub(crate) held: Option<(u64, Option<Fault>)>,
    /// Until when a call that failed, or was slow, had consequences.
    pub(crate) trouble_at: Duration,
    /// Polls under way were dropped.
    pub(crate) dropped: bool,
    /// So many bytes a second go up, until then.
    pub(crate) slow_up: Option<(f64, Duration)>,
    /// The date of the next answer.
    pub(crate) lie: Option<SystemTime>,
    /// When an answer lied of which the judge has not heard.
    pub(crate) lied: Option<Duration>,
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
    pub(crate) fn trouble(&mut self, device: usize, until: Duration) {
        let trouble_at = &mut self.links[device].trouble_at;
        *trouble_at = until.max(*trouble_at);
    }

    /// What a call of this device meets now.
    pub(crate) fn meets(&mut self, device: usize, now: Duration) -> Option<Fault> {
        let link = &mut self.links[device];
        link.spell = link.spell.filter(|(_, until)| *until > now);
        let (storm, spell) = (link.storm, link.spell);
        let fault = link.next.pop_front().or(spell.map(|(fault, _)| fault));
        let fault = fault.or_else(|| {
            (storm > 0.0 && self.rng.f64() < storm).then(|| FAULTS[self.rng.usize(..FAULTS.len())].0)
        })?;
        self.trouble(device, now);
        self.fault(FAULTS.iter().find(|(known, _)| *known == fault).map_or("fault", |(_, name)| name));
        Some(fault)
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

    /// How long a body takes on its way up.
    pub(crate) fn way_up(&mut self, device: usize, bytes: usize, now: Duration) -> Duration {
        let link = &mut self.links[device];
        link.slow_up = link.slow_up.filter(|(_, until)| *until > now);
        let Some((rate, _)) = link.slow_up else { return Duration::ZERO };
        self.fault("slow way up");
        Duration::from_secs_f64(bytes as f64 / rate)
    }

    /// Puts a lie into the answer, if one is due. The judge hears of it: until the next honest date nothing can be asked of the clock.
    pub(crate) fn lie(&mut self, device: usize, answer: &mut Response, now: Duration) -> bool {
        let link = &mut self.links[device];
        let has_date = answer.headers.iter().any(|(name, _)| name == "date");
        let Some(lie) = link.lie.take_if(|_| has_date) else { return false };
        link.lied = Some(now);
        answer.headers.retain(|(name, _)| name != "date");
        // A transport takes no date at which the certificate of the one who tells it is not good.
        if distance(lie, Service::date(now)) < CERTIFICATES {
            answer.headers.push(("date".into(), httpdate::fmt_http_date(lie)));
        }
        // What it makes of certificates and credentials is put right by the next honest answer, which may take its time.
        let until = now + Duration::from_secs(120);
        self.trouble(device, until);
        self.fault("a date that lies");
        true
    }
}

/// How far two dates are apart.
fn distance(a: SystemTime, b: SystemTime) -> Duration {
    a.duration_since(b).unwrap_or_else(|e| e.duration())
}

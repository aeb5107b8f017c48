//! From the name to TLS: one connection is made, by the code that the worker's own connections are made by.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Probe, Route, Stage};

use super::certificate::{self, Certificate};
use super::report::{Report, Step, Verdict};
use crate::logger::stamp;

/// Signatures hold for 5 minutes; what is nearer than this is no one's worry.
const CLOCK_OK: u64 = 60;
const DAY: u64 = 86_400;
/// A certificate that ends earlier than this is told.
const SOON: Duration = Duration::from_secs(14 * DAY);

const STAGES: [(Stage, Step); 4] = [
    (Stage::Name, Step::Dns),
    (Stage::Connection, Step::Tcp),
    (Stage::Tunnel, Step::Proxy),
    (Stage::Tls, Step::Tls),
];

/// Whether requests can get through.
pub(super) fn look(route: &Route, report: &mut Report) -> bool {
    let url = route.endpoint().url();
    let seen = match probe(route, &url) {
        Ok(seen) => seen,
        Err(why) => {
            report.say(Step::Config, Verdict::NoStart, &why, "");
            report.not_done(
                &[Step::Dns, Step::Tcp, Step::Proxy, Step::Tls, Step::Clock],
                "TLS can't be set up",
            );
            return false;
        }
    };
    let failed = seen.failed.as_ref().map(|(stage, e)| (*stage, e.reason.clone()));
    let host = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let mut left = STAGES.iter().copied();
    let mut reached = true;
    while let Some((stage, step)) = left.next() {
        match &failed {
            Some((at, reason)) if *at == stage => {
                let advice = advice(stage, host, route, &seen);
                report.say(step, Verdict::Problem, reason, &advice);
                let left: Vec<_> = left.by_ref().map(|(_, step)| step).collect();
                report.not_done(&left, "a step before failed");
                reached = false;
            }
            _ => passed(step, &seen, &url, report),
        }
    }
    clock(&seen, host, report);
    if let (true, Some(date)) = (reached, seen.date) {
        // A worker hears it with its first call. Here it counts sooner: for whether the credentials have ended.
        let clock = &route.network().clock;
        match url.starts_with("https:") {
            true => clock.learn(date, clock.clock().monotonic()),
            false => clock.learn_unproven(date, clock.clock().monotonic()),
        }
    }
    // That a HEAD has no answer need not mean that a call has none.
    reached
}

/// As a worker does, it sets the clock right if certificates seem outdated.
fn probe(route: &Route, url: &str) -> Result<Probe, String> {
    let network = route.network();
    let once = || network.probe(url, Route::CONNECT_TIMEOUT).map_err(|e| e.to_string());
    let first = once()?;
    let outdated = first.failed.as_ref().is_some_and(|(_, e)| e.certificate_dates);
    if !outdated || !network.set_clock_right(url, Route::CONNECT_TIMEOUT).map_err(|e| e.to_string())? {
        return Ok(first);
    }
    let mut second = once()?;
    second.date = second.date.or(first.date);
    Ok(second)
}

fn passed(step: Step, seen: &Probe, url: &str, report: &mut Report) {
    let whose = if seen.proxy.is_some() { "the proxy " } else { "" };
    let since = |from: Option<Duration>, to: Option<Duration>| {
        let took = to.unwrap_or_default().saturating_sub(from.unwrap_or_default());
        format!("{} ms", took.as_millis().max(1))
    };
    let said = match (step, &seen.proxy) {
        (Step::Dns, _) => {
            let shown: Vec<_> = seen.addresses.iter().take(3).map(IpAddr::to_string).collect();
            let more = if seen.addresses.len() > shown.len() { ", ..." } else { "" };
            format!("{whose}{}{more} in {}", shown.join(", "), since(None, seen.resolved))
        }
        (Step::Tcp, _) => format!("{whose}connected in {}", since(seen.resolved, seen.connected)),
        (Step::Proxy, Some(proxy)) => {
            format!("{proxy} leads through, in {}", since(seen.connected, seen.tunnelled))
        }
        (Step::Proxy, None) => "none: the way is direct".to_owned(),
        _ => {
            let (verdict, said, advice) = tls(seen, url);
            return report.say(step, verdict, &said, advice);
        }
    };
    report.ok(step, &said);
}

fn tls(seen: &Probe, url: &str) -> (Verdict, String, &'static str) {
    if url.starts_with("http:") {
        let none = "none: the endpoint's URL begins with http://".to_owned();
        return match seen.addresses.iter().all(IpAddr::is_loopback) {
            true => (Verdict::Ok, none, ""),
            false => (Verdict::Warning, none, "inputs and outputs can be read on the way: use https://"),
        };
    }
    let version = seen.tls_version.unwrap_or("TLS");
    let Some(shown) = seen.certificates.first().and_then(|der| certificate::read(der)) else {
        return (Verdict::Ok, version.to_owned(), "");
    };
    let now = seen.date.unwrap_or_else(SystemTime::now);
    let said = format!("{version}, certificate {}", words(&shown));
    match shown.ends.duration_since(now).is_ok_and(|left| left < SOON) {
        true => (Verdict::Warning, said, "it has to be renewed, by whoever runs the server"),
        false => (Verdict::Ok, said, ""),
    }
}

/// `by CA, until 2027-01-02`.
pub(super) fn words(certificate: &Certificate) -> String {
    let by = certificate.issuer.as_ref().map_or(String::new(), |issuer| format!("by {issuer:?}, "));
    format!("{by}until {}", day(certificate.ends))
}

/// `2027-01-02`.
pub(super) fn day(date: SystemTime) -> String {
    stamp(date).split('T').next().unwrap_or_default().to_owned()
}

fn clock(seen: &Probe, host: &str, report: &mut Report) {
    let Some(date) = seen.date else {
        return report.not_done(&[Step::Clock], "no answer told a date");
    };
    let (off, way) = match date.duration_since(SystemTime::now()) {
        Ok(behind) => (behind.as_secs(), "behind"),
        Err(ahead) => (ahead.duration().as_secs(), "ahead of"),
    };
    match off {
        0..=1 => report.ok(Step::Clock, &format!("right, by the date of {host}")),
        2..=CLOCK_OK => report.ok(Step::Clock, &format!("{off} s {way} that of {host}")),
        _ => {
            // Of days, the hours are no news.
            let shown = if off > 2 * DAY { off - off % DAY } else { off };
            let far = humantime::format_duration(Duration::from_secs(shown));
            let what = format!("this device's clock is {far} {way} that of {host}");
            let advice = "the worker corrects itself by the service's date; logs and handlers have the wrong one: set up NTP";
            report.say(Step::Clock, Verdict::Warning, &what, advice);
        }
    }
}

fn advice(stage: Stage, host: &str, route: &Route, seen: &Probe) -> String {
    let own = route.endpoint().own_url().is_some();
    match (stage, &seen.proxy) {
        (Stage::Name | Stage::Connection, Some(_)) => {
            "is the proxy's name right (network.proxy, else HTTPS_PROXY), and is it up?".to_owned()
        }
        (Stage::Name, None) if own => {
            "is the device online, and endpoint_url right? /etc/resolv.conf names the name servers".to_owned()
        }
        (Stage::Name, None) => {
            "is the device online? /etc/resolv.conf names the name servers; where only a proxy leads out, name it: network.proxy".to_owned()
        }
        (Stage::Connection, None) if own => "is the server up, and is endpoint_url its host and port?".to_owned(),
        (Stage::Connection, None) => {
            format!("a firewall must let TCP out to {host}, port 443; where only a proxy leads out, name it: network.proxy")
        }
        (Stage::Tunnel, _) => {
            format!("the proxy's rules must let {host} through; a password belongs into HTTPS_PROXY; network.no_proxy leads around it")
        }
        (Stage::Tls | Stage::Answer, _) => tls_advice(host, seen),
    }
}

fn tls_advice(host: &str, seen: &Probe) -> String {
    let shown = seen.certificates.first().and_then(|der| certificate::read(der));
    let reason = seen.failed.as_ref().map(|(_, e)| e.reason.as_str()).unwrap_or_default();
    let Some(shown) = shown else {
        return format!("does something else than {host} answer there, a login page or a plain HTTP server?");
    };
    let words = words(&shown);
    if reason.contains("comes from an unknown CA") {
        return format!(
            "it is {words}: if that CA is yours or your proxy's, name its file: ca_bundle; if not, somebody else answers, a login page perhaps"
        );
    }
    if reason.contains("another host") {
        let subject = shown.subject.map_or(String::new(), |subject| format!(" of {subject:?}"));
        return format!("it is the one{subject}, {words}: a login page, or a wrong endpoint_url?");
    }
    if seen.failed.as_ref().is_some_and(|(_, e)| e.certificate_dates) {
        return format!(
            "it is {words}: whoever runs {host} has to renew it; see clock for this device's date"
        );
    }
    format!("it is {words}")
}

//! Credentials: which source counts, and does it give any?

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{
    ChainFinding, ChainLink, Credentials, CredentialsError, CredentialsProvider, CredentialsSource, Route,
};

use super::certificate;
use super::deadline::within;
use super::network::day;
use super::report::{Report, Step, Verdict};
use crate::connect;

/// A `credential_process` may take a minute, and a role's source comes before the role.
const PATIENCE: Duration = Duration::from_secs(75);
/// A device certificate that ends earlier than this is told: to renew one may take a visit.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// The source, if it gave credentials.
pub(super) fn look(
    route: &Route,
    named: Option<&CredentialsSource>,
    report: &mut Report,
) -> Option<Arc<dyn CredentialsProvider>> {
    let now = route.network().clock.now();
    if let Some((certificate, _)) = &route.network().client_certificate {
        lifetime("client_certificate", certificate, now, report);
    }
    if let Some(CredentialsSource::Iot(config)) = named {
        lifetime("certificate", &config.certificate, now, report);
    }
    let chain = route.chain().unwrap_or_default();
    let unset = !chain.is_empty() && chain.iter().all(|at| matches!(at.found, ChainFinding::NotSetUp(_)));
    let mut source = None;
    let (verdict, said, advice) = match route.credentials() {
        // The places say the rest.
        Err(_) if unset => (
            Verdict::NoStart,
            "no credentials are set up".to_owned(),
            "set one up: [credentials] in the file, or what docs/credentials.md tells",
        ),
        Err(why) => {
            (Verdict::NoStart, connect::told(&why), "docs/credentials.md tells what each source needs")
        }
        Ok(found) => {
            let asked = Arc::clone(&found);
            let name = found.name().to_owned();
            source = Some(found);
            match within(PATIENCE, move || asked.credentials()) {
                None => {
                    let what = format!("{name} did not answer in {} s", PATIENCE.as_secs());
                    (Verdict::Problem, what, advice(None, named))
                }
                Some(Err(e)) => (Verdict::Problem, e.to_string(), advice(Some(&e), named)),
                Some(Ok(found)) => {
                    let now = route.network().clock.now();
                    let what = format!("{name}: {}", identity(&found, now));
                    match found.expires.is_some_and(|end| end <= now) {
                        true => (Verdict::Problem, what, "they have ended: the source must give newer ones"),
                        false => (Verdict::Ok, what, ""),
                    }
                }
            }
        }
    };
    let places: Vec<_> = chain.into_iter().map(place).collect();
    report.say_all(Step::Credentials, verdict, &said, advice, &places);
    source.filter(|_| verdict == Verdict::Ok)
}

/// Never more of a key than the end of its id.
fn identity(found: &Credentials, now: SystemTime) -> String {
    let end = found.key_end();
    let kind = if found.session_token.is_some() { "temporary" } else { "for good" };
    let until = match found.expires {
        None => String::new(),
        Some(end) => match end.duration_since(now) {
            Ok(left) => {
                let left = Duration::from_secs(left.as_secs() / 60 * 60);
                format!(", for {} more", humantime::format_duration(left))
            }
            Err(_) => format!(", until {}", day(end)),
        },
    };
    format!("key ...{end}, {kind}{until}")
}

fn place(ChainLink { place, found, .. }: ChainLink) -> String {
    let (how, what) = match found {
        ChainFinding::Counts(name) => ("counts", name),
        ChainFinding::Hidden(name) => ("set up as well, but one before it counts", name),
        ChainFinding::NotSetUp(why) => ("not set up", why),
        ChainFinding::Wrong(why) => ("set up wrongly", why),
        _ => ("not known here", String::new()),
    };
    format!("{place}: {how} ({what})")
}

fn lifetime(key: &str, file: &Path, now: SystemTime, report: &mut Report) {
    let Some(shown) = certificate::of_file(file) else { return };
    let (verdict, how) = match shown.ends.duration_since(now) {
        Err(_) => (Verdict::Problem, "ended on"),
        Ok(left) if left < SOON => (Verdict::Warning, "ends on"),
        Ok(_) => return,
    };
    let what = format!("{key} {} {how} {}", file.display(), day(shown.ends));
    report.say(Step::Credentials, verdict, &what, "renew it");
}

fn advice(error: Option<&CredentialsError>, named: Option<&CredentialsSource>) -> &'static str {
    match named {
        Some(CredentialsSource::Iot(_)) => {
            "aws iot describe-endpoint --endpoint-type iot:CredentialProvider tells credentials.endpoint; the device needs TCP out to its port 443"
        }
        Some(CredentialsSource::Container(_)) => {
            "is the container's agent up, and url or the variable that names it right?"
        }
        Some(CredentialsSource::Imds(_)) => {
            "is this an EC2 instance with an instance profile, and a hop limit that reaches this far?"
        }
        Some(CredentialsSource::WebIdentity(_)) => {
            "does whoever renews token_file run, and does the role trust it?"
        }
        Some(CredentialsSource::Process(_)) => "run the program by hand, as the worker's user",
        Some(CredentialsSource::Environment) | None => match error {
            Some(CredentialsError::Setup(_)) => "only a change of what it names helps",
            _ => "the worker asks again and again; results wait on disk meanwhile",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_ended_long_ago_are_told_with_their_day() {
        let told = |end| {
            identity(
                &Credentials::new("AKIDEXAMPLE", "s", None, Some(end)),
                SystemTime::UNIX_EPOCH + PATIENCE,
            )
        };
        assert!(told(SystemTime::UNIX_EPOCH).ends_with(", until 1970-01-01"));
        // The date of programs that set none: the year 1.
        let unset = SystemTime::UNIX_EPOCH - Duration::from_secs(62_135_596_800);
        assert!(told(unset).ends_with(", until 1970-01-01"));
    }
}

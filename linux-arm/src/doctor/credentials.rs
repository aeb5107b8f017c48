//! Credentials: which source counts, and does it give any?

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use activity_worker::aws::{Credentials, CredentialsError, CredentialsProvider, FoundThere, LookedAt};

use super::certificate;
use super::deadline::within;
use super::network::day;
use super::report::{Finding, Report, Step, Verdict};
use crate::config::Source;
use crate::connect::Route;
use crate::error::Error;

/// A `credential_process` may take a minute, and a role's source comes before the role.
const PATIENCE: Duration = Duration::from_secs(75);
/// A device certificate that ends earlier than this is told: to renew one may take a visit.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// The source, if it gave credentials.
pub(super) fn look(
    route: &Route,
    named: Option<&Source>,
    report: &mut Report,
) -> Result<Option<Arc<dyn CredentialsProvider>>, Error> {
    let places = route.chain().unwrap_or_default().into_iter().map(place).collect();
    if let Some((certificate, _)) = &route.network.client_certificate {
        lifetime("client_certificate", certificate, report)?;
    }
    if let Some(Source::Iot(config)) = named {
        lifetime("certificate", &config.certificate, report)?;
    }
    let source = match route.credentials() {
        Ok(source) => source,
        Err(why) => {
            let finding = Finding::new(Step::Credentials, Verdict::NoStart, why).details(places);
            let advice = match named {
                Some(_) => "docs/credentials.md tells what each source needs",
                None => "set one up: [credentials] in the file, or what docs/credentials.md tells",
            };
            report.add(finding.advice(advice))?;
            return Ok(None);
        }
    };
    let asked = Arc::clone(&source);
    let answer = within(PATIENCE, move || asked.credentials());
    let problem = |what: String| Finding::new(Step::Credentials, Verdict::Problem, what);
    let finding = match answer {
        None => problem(format!("{} did not answer in {} s", source.name(), PATIENCE.as_secs())),
        Some(Err(e)) => problem(e.to_string()).advice(advice(&e, named)),
        Some(Ok(found)) => {
            let now = route.network.clock.now();
            let ended = found.expires.is_some_and(|end| end <= now);
            let finding = Finding::new(
                Step::Credentials,
                if ended { Verdict::Problem } else { Verdict::Ok },
                format!("{}: {}", source.name(), identity(&found, now)),
            )
            .details(places);
            let finding = match ended {
                true => finding.advice("they have ended: the source must give newer ones"),
                false => finding,
            };
            report.add(finding)?;
            return Ok((!ended).then_some(source));
        }
    };
    report.add(finding.details(places))?;
    Ok(None)
}

/// Never more of a key than the end of its id.
fn identity(found: &Credentials, now: SystemTime) -> String {
    let id = &found.access_key_id;
    let start = id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    let end = if start == 0 { "" } else { &id[start..] };
    let kind = if found.session_token.is_some() { "temporary" } else { "for good" };
    let until = match found.expires {
        None => String::new(),
        Some(end) => match end.duration_since(now) {
            Ok(left) => {
                let left = Duration::from_secs(left.as_secs() / 60 * 60);
                format!(", for {} more", humantime::format_duration(left))
            }
            Err(_) => format!(", until {}", humantime::format_rfc3339_seconds(end)),
        },
    };
    format!("key ...{end}, {kind}{until}")
}

fn place(LookedAt { place, found, .. }: LookedAt) -> String {
    match found {
        FoundThere::Counts(name) => format!("{place}: counts ({name})"),
        FoundThere::Hidden(name) => {
            format!("{place}: set up as well, and hidden by the one that counts ({name})")
        }
        FoundThere::NotSetUp(why) => format!("{place}: not set up ({why})"),
        FoundThere::Wrong(why) => format!("{place}: set up wrongly ({why})"),
        _ => place.to_owned(),
    }
}

fn lifetime(key: &str, file: &Path, report: &mut Report) -> Result<(), Error> {
    let Some(shown) = certificate::of_file(file) else { return Ok(()) };
    let left = shown.ends.duration_since(SystemTime::now());
    let (verdict, how) = match left {
        Err(_) => (Verdict::Problem, "ended on"),
        Ok(left) if left < SOON => (Verdict::Warning, "ends on"),
        Ok(_) => return Ok(()),
    };
    let what = format!("{key} {} {how} {}", file.display(), day(shown.ends));
    report.add(Finding::new(Step::Credentials, verdict, what).advice("renew it; it is read anew each time"))
}

fn advice(error: &CredentialsError, named: Option<&Source>) -> String {
    let text = match named {
        Some(Source::Iot(_)) => {
            "aws iot describe-endpoint --endpoint-type iot:CredentialProvider tells credentials.endpoint; the device needs TCP out to its port 443"
        }
        Some(Source::Container { .. }) => {
            "is the container's agent up, and url or the variable that names it right?"
        }
        Some(Source::Imds { .. }) => {
            "is this an EC2 instance with an instance profile, and a hop limit that reaches this far?"
        }
        Some(Source::WebIdentity { .. }) => "does whoever renews token_file run, and does the role trust it?",
        Some(Source::Process { .. }) => "run the program by hand, as the worker's user",
        Some(Source::Environment) | None => match error {
            CredentialsError::Setup(_) => "only a change of what it names helps",
            _ => "the worker asks again and again; results wait on disk meanwhile",
        },
    };
    text.to_owned()
}

//! Does the service take the signature, and does it know the activities? `DescribeActivity` tells both, and takes no task.

use std::sync::Arc;

use activity_worker::Class;
use activity_worker::aws::{ActivityArn, CallError, CredentialsProvider};

use super::One;
use super::report::{Finding, Report, Step, Verdict};
use crate::connect::Route;
use crate::error::Error;

pub(super) fn look(
    route: &Route,
    activities: &[One],
    reached: bool,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    report: &mut Report,
) -> Result<(), Error> {
    let steps = [Step::Signature, Step::Describe];
    let Some(credentials) = credentials else {
        return report.not_done(&steps, "there are no credentials to sign with");
    };
    if !reached {
        return report.not_done(&steps, "the service can't be reached");
    }
    let source = credentials.name().to_owned();
    let client = match route.client(credentials) {
        Ok(client) => client,
        Err(why) => return report.add(Finding::new(Step::Signature, Verdict::NoStart, why)),
    };
    let mut signed = false;
    for One { arn, .. } in activities {
        let answer = client.describe_activity(arn).map(drop);
        if let Some(finding) = signature(&answer, &source) {
            report.add(finding)?;
            return report.not_done(&[Step::Describe], "no answer of the service's to a signed request");
        }
        if !signed {
            report.ok(Step::Signature, "accepted")?;
            signed = true;
        }
        report.add(describe(arn, &answer))?;
    }
    Ok(())
}

/// What is wrong before the activity itself is looked at.
fn signature(answer: &Result<(), CallError>, source: &str) -> Option<Finding> {
    let e = answer.as_ref().err()?;
    let problem =
        |advice: String| Some(Finding::new(Step::Signature, Verdict::Problem, e.to_string()).advice(advice));
    let code = e.code.as_deref().unwrap_or_default();
    match e.class {
        Class::Credentials if code.starts_with("Expired") => {
            problem(format!("{source} gives credentials that have ended: it must give newer ones"))
        }
        Class::Credentials => problem(format!(
            "the service does not know the key that {source} gives: deleted, switched off, or of another partition"
        )),
        Class::Clock => problem("the clock is off, and the service's date did not help: set up NTP".into()),
        Class::Denied if is_of_signature(code) => {
            problem(format!("the secret access key that {source} gives is not the one of its key id"))
        }
        Class::Network => problem(
            "something between here and the service answers in its place: a login page, or a proxy".into(),
        ),
        Class::Server | Class::Throttled => Some(
            Finding::new(Step::Signature, Verdict::Warning, e.to_string())
                .advice("trouble at the service: the worker tries again by itself"),
        ),
        _ => None,
    }
}

fn is_of_signature(code: &str) -> bool {
    ["InvalidSignature", "SignatureDoesNotMatch", "IncompleteSignature", "AuthFailure", "RequestExpired"]
        .iter()
        .any(|known| code.starts_with(known))
}

fn describe(arn: &ActivityArn, answer: &Result<(), CallError>) -> Finding {
    let name = arn.name();
    let finding = |verdict, what: String| Finding::new(Step::Describe, verdict, what);
    match answer {
        Ok(()) => finding(Verdict::Ok, format!("{name} exists")),
        Err(e) if e.class == Class::NoActivity => {
            let advice = format!(
                "is the ARN right, {}? In {}: aws stepfunctions create-activity --name {name}",
                arn.as_str(),
                arn.region()
            );
            finding(Verdict::Problem, e.to_string()).advice(advice)
        }
        Err(e) if e.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied")) => {
            finding(Verdict::Warning, e.to_string()).advice(
                "a worker does not need DescribeActivity: if the rest is right, it can work (iam-policy --describe grants it; --poll tries the poll itself)",
            )
        }
        Err(e) => finding(Verdict::Problem, e.to_string()).advice("an administrator of the account must act"),
    }
}

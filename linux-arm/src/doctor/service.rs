//! Does the service take the signature, and does it know the activities? `DescribeActivity` tells both, and takes no task.

use std::sync::Arc;

use activity_worker::ErrorClass;
use activity_worker::aws::{ActivityArn, CallError, CredentialsProvider, Route};

use super::examined::One;
use super::report::{Report, Step, Verdict};
use crate::connect;

pub(super) fn look(
    route: &Route,
    activities: &[One],
    reached: bool,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    report: &mut Report,
) {
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
        Err(why) => return report.say(Step::Signature, Verdict::NoStart, &connect::told(&why), ""),
    };
    let mut signed = false;
    for One { arn, .. } in activities {
        let failed = client.describe_activity(arn).err();
        if let Some((verdict, advice)) = failed.as_ref().and_then(|e| signature(e, &source)) {
            let said = failed.as_ref().map(CallError::to_string).unwrap_or_default();
            report.say(Step::Signature, verdict, &said, &advice);
            return report.not_done(&[Step::Describe], "no answer of the service's to a signed request");
        }
        if !signed {
            report.ok(Step::Signature, "accepted");
            signed = true;
        }
        describe(arn, failed.as_ref(), report);
    }
}

/// What is wrong before the activity itself is looked at, and what to do.
fn signature(e: &CallError, source: &str) -> Option<(Verdict, String)> {
    let code = e.code.as_deref().unwrap_or_default();
    let advice = match e.class {
        ErrorClass::Credentials if code.starts_with("Expired") => {
            format!("{source} gives credentials that have ended: it must give newer ones")
        }
        ErrorClass::Credentials => format!(
            "the service does not know the key that {source} gives: deleted, switched off, or of another partition"
        ),
        ErrorClass::Clock => "the clock is off, and the service's date did not help: set up NTP".to_owned(),
        ErrorClass::Denied if is_of_signature(code) => {
            format!("the secret access key that {source} gives is not the one of its key id")
        }
        // The library's word for an answer that is not the service's.
        ErrorClass::Network if e.message.contains("login page") => {
            "something between here and the service answers in its place: sign in there, or go around it".to_owned()
        }
        ErrorClass::Network if e.message.contains("asks for a certificate") => {
            "the server asks for a certificate: network.client_certificate and client_key".to_owned()
        }
        ErrorClass::Network => {
            "the connection stands, but what goes over it is lost: a firewall or a proxy on the way, or trouble at the service".to_owned()
        }
        ErrorClass::Server | ErrorClass::Throttled => {
            let advice = "trouble at the service: the worker tries again by itself";
            return Some((Verdict::Warning, advice.to_owned()));
        }
        _ => return None,
    };
    Some((Verdict::Problem, advice))
}

fn is_of_signature(code: &str) -> bool {
    ["InvalidSignature", "SignatureDoesNotMatch", "IncompleteSignature", "AuthFailure", "RequestExpired"]
        .iter()
        .any(|known| code.starts_with(known))
}

fn describe(arn: &ActivityArn, failed: Option<&CallError>, report: &mut Report) {
    let Some(e) = failed else {
        return report.ok(Step::Describe, &format!("{} exists", arn.name()));
    };
    let (verdict, advice) = if e.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied")) {
        let advice = "a worker does not need DescribeActivity, it may work all the same: iam-policy --describe grants it, --poll tries the poll itself";
        (Verdict::Warning, advice.to_owned())
    } else if e.class == ErrorClass::NoActivity {
        let (name, region) = (arn.name(), arn.region());
        let advice = format!(
            "is the ARN right, {}? In {region}: aws stepfunctions create-activity --name {name}",
            arn.as_str()
        );
        (Verdict::Problem, advice)
    } else {
        (Verdict::Problem, "an administrator of the account must act".to_owned())
    };
    report.say(Step::Describe, verdict, &e.to_string(), &advice);
}

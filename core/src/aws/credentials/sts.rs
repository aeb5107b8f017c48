//! Credentials of a role, by AWS STS: with other credentials (AssumeRole), or with a token of a web identity.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::web::{Web, percent, read_token};
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::aws::client::SKEW_MAX;
use crate::aws::endpoint::{Service, service_url};
use crate::aws::redact::redact;
use crate::aws::sign::{CredentialScope, sign};
use crate::aws::{Response, Transport};
use crate::clock::{ServerClock, apart};
use crate::partition::partition_of;

const PATIENCE: Duration = Duration::from_secs(10);
const VERSION: &str = "2011-06-15";

/// Where STS is asked, and for which role.
#[derive(Debug, Clone)]
pub struct StsRole {
    /// The region of the endpoint, and of the signature.
    pub region: String,
    /// Another endpoint than the region's.
    pub endpoint_url: Option<String>,
    /// The role's ARN.
    pub role_arn: String,
    /// What the session is called in CloudTrail. Default: `activity-worker`.
    pub session_name: Option<String>,
    /// Asked for by roles of other accounts.
    pub external_id: Option<String>,
    /// How long the credentials are to be good for: 900 to 43,200 s, as far as the role allows. Default: an hour.
    pub duration: Option<Duration>,
}

/// A web identity, and the role that it takes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentityConfig {
    /// The file with the token, as Kubernetes and others put it there. It is read each time.
    pub token_file: PathBuf,
    /// The role's ARN.
    pub role_arn: String,
    /// What the session is called in CloudTrail. Default: `activity-worker`.
    pub session_name: Option<String>,
    /// Where STS is asked. Default: where AWS' settings say, else the region's endpoint.
    pub endpoint_url: Option<String>,
}

impl WebIdentityConfig {
    /// What `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and `AWS_ROLE_SESSION_NAME` say. `None` if no token file is named.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, CredentialsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let Some(file) = var("AWS_WEB_IDENTITY_TOKEN_FILE") else { return Ok(None) };
        let role_arn = var("AWS_ROLE_ARN").ok_or_else(|| {
            let text = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not: set both or neither";
            CredentialsError::Setup(text.to_owned())
        })?;
        let session_name = var("AWS_ROLE_SESSION_NAME");
        Ok(Some(WebIdentityConfig { token_file: file.into(), role_arn, session_name, endpoint_url: None }))
    }
}

/// Takes on a role with the credentials of another source.
pub struct AssumeRoleCredentials {
    sts: Sts,
    source: Arc<dyn CredentialsProvider>,
}

/// Takes on a role with the token in a file, as Kubernetes and others put it there. The file is read each time.
pub struct WebIdentityCredentials {
    sts: Sts,
    token_file: PathBuf,
}

struct Sts {
    web: Web,
    url: String,
    role: StsRole,
}

impl AssumeRoleCredentials {
    /// A source for `role`. `source` had better be a [`CachedCredentials`](super::CachedCredentials).
    pub fn new(
        role: StsRole,
        source: Arc<dyn CredentialsProvider>,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Self {
        AssumeRoleCredentials { sts: Sts::new(role, transport, clock), source }
    }
}

impl WebIdentityCredentials {
    /// A source for `role`. `clock`: the one at whose date `transport` checks certificates.
    pub fn new(
        role: StsRole,
        token_file: PathBuf,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Self {
        WebIdentityCredentials { sts: Sts::new(role, transport, clock), token_file }
    }
}

impl Sts {
    fn new(role: StsRole, transport: Arc<dyn Transport>, clock: Arc<ServerClock>) -> Self {
        // A region that can't be leads nowhere, and the transport says so.
        let usual = || service_url(Service::Sts, &role.region, false, false).unwrap_or_default();
        let mut url = role.endpoint_url.clone().unwrap_or_else(usual);
        if !url.ends_with('/') {
            url.push('/');
        }
        let web = Web { name: format!("the role {}", role.role_arn), transport, patience: PATIENCE, clock };
        Sts { web, url, role }
    }

    /// The body of a request. None is made for a role that this STS can't know.
    fn form(&self, action: &str, more: &[(&str, &str)]) -> Result<Vec<u8>, CredentialsError> {
        let (here, region) = (partition_of(&self.role.region), &self.role.region);
        let partition =
            self.role.role_arn.strip_prefix("arn:").and_then(|rest| Some(rest.split_once(':')?.0));
        if let Some(partition) = partition.filter(|p| *p != here && self.role.endpoint_url.is_none()) {
            return Err(self.web.setup(&format!(
                "it is of the partition {partition}, and STS is asked in {region}, a region of {here}"
            )));
        }
        let session = self.role.session_name.as_deref().unwrap_or("activity-worker");
        let duration = self.role.duration.map(|d| d.as_secs().to_string());
        let given = [
            ("Action", Some(action)),
            ("Version", Some(VERSION)),
            ("RoleArn", Some(self.role.role_arn.as_str())),
            ("RoleSessionName", Some(session)),
            ("DurationSeconds", duration.as_deref()),
        ];
        let given =
            given.iter().filter_map(|(name, value)| Some((*name, (*value)?))).chain(more.iter().copied());
        let pairs: Vec<_> = given.map(|(name, value)| format!("{name}={}", percent(value))).collect();
        Ok(pairs.join("&").into_bytes())
    }

    /// The date of an answer that is STS' own, and no credentials.
    fn date_of_refusal(&self, response: &Response) -> Option<SystemTime> {
        let is_refusal =
            response.status != 200 && element(&String::from_utf8_lossy(&response.body), "Code").is_some();
        if is_refusal { response.server_date() } else { None }
    }

    fn understand(&self, response: &Response) -> Result<Credentials, CredentialsError> {
        let xml = String::from_utf8_lossy(&response.body);
        if response.status != 200 {
            let (code, message) = (element(&xml, "Code"), element(&xml, "Message"));
            let Some(code) = code else { return Err(self.web.refused(response, "")) };
            let said = format!("{}: {}", redact(&code), redact(&message.unwrap_or_default()));
            return Err(match code.as_str() {
                // The token of a web identity is renewed by others.
                "AccessDenied" | "ValidationError" | "MalformedPolicyDocument" => self.web.setup(&said),
                _ => self.web.unavailable(&said),
            });
        }
        let get = |name| element(&xml, name).filter(|text| !text.is_empty());
        match (get("AccessKeyId"), get("SecretAccessKey"), get("SessionToken"), get("Expiration")) {
            (Some(id), Some(secret), Some(token), Some(end)) => {
                self.web.credentials(id, secret, Some(token), Some(&end))
            }
            _ => Err(self.web.unavailable("the answer holds no credentials")),
        }
    }
}

/// The text of the first element of this name. STS' answers are flat where it counts, and have no attributes there.
fn element(xml: &str, name: &str) -> Option<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = xml.find(&open)? + open.len();
    let text = &xml[start..start + xml[start..].find(&close)?];
    let plain =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#xd;", "\r"), ("&amp;", "&")];
    Some(plain.iter().fold(text.trim().to_owned(), |text, (coded, plain)| text.replace(coded, plain)))
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

impl AssumeRoleCredentials {
    fn ask(&self, source: &Credentials, time: SystemTime) -> Result<Response, CredentialsError> {
        let Sts { web, url, role } = &self.sts;
        let more: Vec<_> = role.external_id.iter().map(|id| ("ExternalId", id.as_str())).collect();
        let body = self.sts.form("AssumeRole", &more)?;
        let mut headers = vec![(FORM.0, FORM.1.to_owned())];
        let scope = CredentialScope { region: &role.region, service: "sts" };
        let signature = sign(source, &scope, time, url, &headers, &body)
            .map_err(|_| web.setup("the source credentials hold a line break or the like"))?;
        headers.extend(signature);
        web.send("POST", url, headers, body)
    }
}

impl CredentialsProvider for AssumeRoleCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let clock = &self.sts.web.clock;
        let source = self.source.credentials()?;
        let signed_at = clock.now();
        let mut answer = self.ask(&source, signed_at)?;
        // STS refuses signatures of another hour, and says which hour it is.
        if let Some(date) = self.sts.date_of_refusal(&answer)
            && apart(date, signed_at) > SKEW_MAX
        {
            let received = clock.clock().monotonic();
            match self.sts.url.starts_with("https:") {
                true => clock.learn(date, received),
                false => clock.learn_unproven(date, received),
            }
            let time = clock.now();
            if apart(time, signed_at) > SKEW_MAX {
                answer = self.ask(&source, time)?;
            }
        }
        let answer = self.sts.understand(&answer);
        if answer.is_err() {
            self.source.invalidate(&source);
        }
        answer
    }

    fn name(&self) -> &str {
        &self.sts.web.name
    }

    fn changed(&self) {
        self.source.changed();
    }
}

impl CredentialsProvider for WebIdentityCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let Sts { web, url, .. } = &self.sts;
        let token = read_token(&self.token_file).map_err(|e| {
            web.unavailable(&format!("can't read the token file {}: {e}", self.token_file.display()))
        })?;
        let body = self.sts.form("AssumeRoleWithWebIdentity", &[("WebIdentityToken", token.trim())])?;
        self.sts.understand(&web.send("POST", url, vec![(FORM.0, FORM.1.to_owned())], body)?)
    }

    fn name(&self) -> &str {
        &self.sts.web.name
    }
}

#[cfg(test)]
mod tests {
    use super::super::web::tests::Script;
    use super::*;
    use crate::aws::StaticCredentials;

    const GIVEN: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser><Arn>x</Arn></AssumedRoleUser><Credentials>\n<AccessKeyId>KEY</AccessKeyId><SecretAccessKey>S/+=</SecretAccessKey><SessionToken>T</SessionToken><Expiration>2030-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    fn role() -> StsRole {
        StsRole {
            region: "eu-west-1".into(),
            endpoint_url: None,
            role_arn: "arn:aws:iam::123456789012:role/worker".into(),
            session_name: None,
            external_id: Some("a&b".into()),
            duration: Some(Duration::from_secs(900)),
        }
    }

    fn assume(script: &Arc<Script>) -> AssumeRoleCredentials {
        let source =
            StaticCredentials::new(Credentials::new("SOURCE", "SECRET", Some("SESSION".into()), None));
        AssumeRoleCredentials::new(role(), Arc::new(source), Arc::clone(script) as _, ServerClock::system())
    }

    #[test]
    fn a_role_is_taken_on_with_a_signed_form() {
        let script = Script::new(&[Ok((200, GIVEN))]);
        let found = assume(&script).credentials().unwrap();
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("KEY", "S/+="));
        let asked = &script.asked()[0];
        assert_eq!(asked.url, "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(
            String::from_utf8_lossy(&asked.body),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fworker&RoleSessionName=activity-worker&DurationSeconds=900&ExternalId=a%26b"
        );
        let header = |name| asked.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()).unwrap();
        assert!(header("authorization").contains("Credential=SOURCE/"));
        assert!(header("authorization").contains("/eu-west-1/sts/aws4_request"));
        assert_eq!(header("x-amz-security-token"), "SESSION");
    }

    #[test]
    fn field_14_a_role_of_another_partition_is_not_asked_for() {
        let ask = |role_arn: &str, region: &str, url: Option<&str>| {
            let script = Script::new(&[Ok((200, "")), Ok((200, ""))]);
            let (role_arn, endpoint_url) = (role_arn.to_owned(), url.map(str::to_owned));
            let role = StsRole { region: region.to_owned(), role_arn, endpoint_url, ..role() };
            let source = Arc::new(StaticCredentials::new(Credentials::new("SOURCE", "SECRET", None, None)));
            let (clock, sent) = (ServerClock::system(), || Arc::clone(&script) as _);
            let assume = AssumeRoleCredentials::new(role.clone(), source, sent(), Arc::clone(&clock));
            let token = tempfile::NamedTempFile::new().unwrap();
            let web = WebIdentityCredentials::new(role, token.path().into(), sent(), clock);
            let told = assume.credentials().unwrap_err().to_string();
            assert_eq!(web.credentials().unwrap_err().to_string(), told);
            (told, script.asked().len())
        };
        let (told, asked) = ask("arn:aws-cn:iam::123456789012:role/worker", "eu-west-1", None);
        assert!(
            told.contains("it is of the partition aws-cn, and STS is asked in eu-west-1, a region of aws"),
            "{told}"
        );
        assert_eq!(asked, 0);
        let (told, asked) = ask("arn:aws:iam::123456789012:role/worker", "us-gov-west-1", None);
        assert!(told.contains("it is of the partition aws, and STS is asked in us-gov-west-1"), "{told}");
        assert_eq!(asked, 0);
        for (arn, region, url) in [
            ("arn:aws-cn:iam::123456789012:role/worker", "cn-north-1", None),
            ("arn:aws-cn:iam::123456789012:role/worker", "eu-west-1", Some("http://127.0.0.1:1")),
            ("arn:r", "eu-west-1", None),
        ] {
            assert_eq!(ask(arn, region, url).1, 2);
        }
    }

    #[test]
    fn a_web_identity_needs_no_signature_and_its_token_is_read_each_time() {
        let script = Script::new(&[Ok((200, GIVEN)), Ok((200, GIVEN))]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let env = |name: &str| match name {
            "AWS_WEB_IDENTITY_TOKEN_FILE" => Some(path.clone()),
            "AWS_ROLE_ARN" => Some("arn:r".to_owned()),
            "AWS_ROLE_SESSION_NAME" => Some("pod".to_owned()),
            _ => None,
        };
        let WebIdentityConfig { token_file, role_arn, session_name, endpoint_url } =
            WebIdentityConfig::from_env(&env).unwrap().unwrap();
        let role =
            StsRole { role_arn, session_name, endpoint_url, external_id: None, duration: None, ..role() };
        let source =
            WebIdentityCredentials::new(role, token_file, Arc::clone(&script) as _, ServerClock::system());
        for token in ["one\n", "two"] {
            std::fs::write(file.path(), token).unwrap();
            source.credentials().unwrap();
        }
        let bodies: Vec<_> =
            script.asked().iter().map(|r| String::from_utf8(r.body.clone()).unwrap()).collect();
        assert!(
            bodies[0].ends_with("RoleArn=arn%3Ar&RoleSessionName=pod&WebIdentityToken=one"),
            "{}",
            bodies[0]
        );
        assert!(bodies[1].ends_with("WebIdentityToken=two"));
        assert!(!script.asked()[0].headers.iter().any(|(name, _)| *name == "authorization"));
        let half = |name: &str| (name == "AWS_WEB_IDENTITY_TOKEN_FILE").then(|| "/x".to_owned());
        assert!(WebIdentityConfig::from_env(&half).is_err());
        assert_eq!(WebIdentityConfig::from_env(&|_| None), Ok(None));
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_sts() {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole &amp; more</Message></Error></ErrorResponse>";
        let error = assume(&Script::new(&[Ok((403, refusal))])).credentials().unwrap_err();
        let said = "the role arn:aws:iam::123456789012:role/worker: AccessDenied: User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole & more";
        assert_eq!(error, CredentialsError::Setup(said.into()));
        for (answer, said) in [
            (Ok((502, "Bad Gateway")), "HTTP 502, Bad Gateway"),
            (Ok((200, "<html></html>")), "holds no credentials"),
            (
                Ok((400, "<Error><Code>ExpiredTokenException</Code><Message>old</Message></Error>")),
                "ExpiredTokenException: old",
            ),
            (Err("could not resolve"), "could not resolve"),
        ] {
            let error = assume(&Script::new(&[answer])).credentials().unwrap_err();
            assert!(matches!(error, CredentialsError::Unavailable(_)), "{error:?}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}

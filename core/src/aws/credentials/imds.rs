//! Credentials of an EC2 instance's role, by the instance metadata service, version 2.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::web::Web;
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::Printable;
use crate::aws::{Response, Transport};
use crate::clock::ServerClock;

/// It is one hop away, or there is none.
const PATIENCE: Duration = Duration::from_secs(1);
const TOKEN_LIFE: &str = "21600";
const ROLES: &str = "latest/meta-data/iam/security-credentials/";
/// Credentials that have ended are used on for so long while there are no newer ones: the service decides. Source: AWS SDKs and Tools
/// Reference Guide, static stability.
const STABLE: Duration = Duration::from_secs(15 * 60);

/// Where the metadata service is. What is not said here, AWS' variables say: [`or_env`](Self::or_env).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImdsConfig {
    /// Another endpoint than the usual ones.
    pub endpoint: Option<String>,
    /// Which of the usual endpoints, where no other is named. Default: that of IPv4.
    pub mode: Option<ImdsMode>,
}

/// The metadata service's address by its family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImdsMode {
    /// 169.254.169.254.
    #[default]
    Ipv4,
    /// fd00:ec2::254.
    Ipv6,
}

/// Asks the instance metadata service for a session token, the role's name, and its credentials. Version 1 is not spoken.
pub struct ImdsCredentials {
    web: Web,
    endpoint: String,
    clock: Arc<ServerClock>,
    /// What it gave last: used on if it falls silent.
    last: Mutex<Option<Credentials>>,
}

impl ImdsMode {
    /// `IPv4` or `IPv6`, in any case of letters. The error follows upon a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "ipv4" => Ok(ImdsMode::Ipv4),
            "ipv6" => Ok(ImdsMode::Ipv6),
            _ => Err(format!("is IPv4 or IPv6, not {text:?}")),
        }
    }
}

impl ImdsConfig {
    /// Completes it with what `AWS_EC2_METADATA_SERVICE_ENDPOINT` and `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` say. An error names the
    /// variable.
    pub fn or_env(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let name = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
        let wrong = |why| CredentialsError::Setup(format!("{name} {why}"));
        let mode = match self.mode {
            Some(mode) => Some(mode),
            None => var(name).map(|text| ImdsMode::parse(&text).map_err(wrong)).transpose()?,
        };
        let endpoint = self.endpoint.or_else(|| var("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
        Ok(ImdsConfig { endpoint, mode })
    }
}

/// Whether `AWS_EC2_METADATA_DISABLED` turns it off.
pub(super) fn is_disabled(env: &dyn Fn(&str) -> Option<String>) -> bool {
    env("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.trim().eq_ignore_ascii_case("true"))
}

impl ImdsCredentials {
    /// A source that asks where `config` says. `transport` should give up a connection within a second.
    pub fn new(config: ImdsConfig, transport: Arc<dyn Transport>, clock: Arc<ServerClock>) -> Self {
        let usual = match config.mode.unwrap_or_default() {
            ImdsMode::Ipv4 => "http://169.254.169.254/",
            ImdsMode::Ipv6 => "http://[fd00:ec2::254]/",
        };
        let mut endpoint = config.endpoint.unwrap_or_else(|| usual.to_owned());
        if !endpoint.ends_with('/') {
            endpoint.push('/');
        }
        let web = Web {
            name: "the instance metadata service".to_owned(),
            transport,
            patience: PATIENCE,
            clock: Arc::clone(&clock),
        };
        ImdsCredentials { web, endpoint, clock, last: Mutex::default() }
    }

    fn token(&self) -> Result<String, CredentialsError> {
        let headers = vec![("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE.to_owned())];
        let url = format!("{}latest/api/token", self.endpoint);
        let response = self.web.try_send("PUT", &url, headers, Vec::new()).map_err(|e| {
            // The answer may go so many hops, and a container is one more.
            let advice =
                if e.sent { "; in a container: is the instance's metadata hop limit 2?" } else { "" };
            self.web.unavailable(&format!("{}{advice}", e.reason))
        })?;
        match response.status {
            200 => {}
            403 => return Err(self.web.refused(&response, "it is turned off for this instance")),
            _ => return Err(self.web.refused(&response, "")),
        }
        let token = String::from_utf8(response.body).ok().filter(|t| t.bytes().all(|b| b.is_ascii_graphic()));
        token.filter(|t| !t.is_empty()).ok_or_else(|| self.web.unavailable("its token is none"))
    }

    fn ask(&self, path: &str, token: &str) -> Result<Response, CredentialsError> {
        let headers = vec![("x-aws-ec2-metadata-token", token.to_owned())];
        self.web.get(&format!("{}{ROLES}{path}", self.endpoint), headers)
    }
}

impl ImdsCredentials {
    fn fetch(&self) -> Result<Credentials, CredentialsError> {
        for _ in 0..2 {
            if let Some(found) = self.try_fetch()? {
                return Ok(found);
            }
        }
        Err(self.web.unavailable("it refuses its own session tokens"))
    }

    /// `None`: the session token is not good any more.
    fn try_fetch(&self) -> Result<Option<Credentials>, CredentialsError> {
        let token = self.token()?;
        let roles = self.ask("", &token)?;
        let role = match roles.status {
            200 => String::from_utf8_lossy(&roles.body).lines().next().unwrap_or_default().trim().to_owned(),
            401 => return Ok(None),
            404 => return Err(self.web.unavailable("the instance has no role")),
            _ => return Err(self.web.refused(&roles, "")),
        };
        if role.is_empty() || !role.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b)) {
            return Err(self.web.unavailable("the role's name is none"));
        }
        let response = self.ask(&role, &token)?;
        match response.status {
            200 => self.web.metadata(&response).map(Some),
            401 => Ok(None),
            _ => Err(self.web.refused(&response, "")),
        }
    }

    fn has_ended(&self, credentials: &Credentials) -> bool {
        credentials.expires.zip(self.clock.learnt()).is_some_and(|(end, now)| end <= now)
    }
}

impl CredentialsProvider for ImdsCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = match (self.fetch(), &*last) {
            (Ok(found), _) => found,
            (Err(silent), Some(old)) if self.has_ended(old) => {
                log::warn!("{}", Printable(&silent));
                old.clone()
            }
            (Err(silent), _) => return Err(silent),
        };
        *last = Some(found.clone());
        if self.has_ended(&found) {
            log::warn!(
                "{} gives no newer credentials than those that have ended: they are used on",
                self.web.name
            );
            found.expires = Some(self.clock.now() + STABLE);
        }
        Ok(found)
    }

    fn name(&self) -> &str {
        &self.web.name
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::web::tests::{Answer, GOOD, Script};
    use super::*;
    use crate::aws::credentials::expiration;
    use crate::clock::ManualClock;

    fn source(vars: &[(&str, &str)], script: &Arc<Script>) -> Result<ImdsCredentials, CredentialsError> {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let clock = Arc::new(ServerClock::new(Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH))));
        let config = ImdsConfig::default().or_env(&env)?;
        Ok(ImdsCredentials::new(config, Arc::clone(script) as Arc<dyn Transport>, clock))
    }

    #[test]
    fn the_role_is_asked_for_with_a_session_token() {
        let script = Script::new(&[Ok((200, "TOKEN==")), Ok((200, "my-role\n")), Ok((200, GOOD))]);
        let found = source(&[], &script).unwrap().credentials().unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.expires),
            ("KEY", expiration::parse("2030-01-02T03:04:05Z"))
        );
        assert_eq!(
            script.lines(),
            [
                "PUT http://169.254.169.254/latest/api/token",
                "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/",
                "GET http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role",
            ]
        );
        assert_eq!(script.asked()[0].headers, [("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned())]);
        assert_eq!(script.asked()[2].headers, [("x-aws-ec2-metadata-token", "TOKEN==".to_owned())]);
    }

    #[test]
    fn the_variables_name_another_endpoint_or_turn_it_off() {
        let script = Script::new(&[Err("no"), Err("no")]);
        let disabled = |value: Option<&str>| is_disabled(&|_| value.map(str::to_owned));
        assert!(disabled(Some(" True")) && !disabled(Some("yes")) && !disabled(None));
        let mode = ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6");
        let own = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338");
        for vars in [&[mode][..], &[mode, own]] {
            source(vars, &script).unwrap().credentials().unwrap_err();
        }
        assert_eq!(
            script.lines(),
            ["PUT http://[fd00:ec2::254]/latest/api/token", "PUT http://127.0.0.1:1338/latest/api/token"]
        );
        let error = source(&[(mode.0, "v5")], &script).err().unwrap().to_string();
        assert_eq!(error, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is IPv4 or IPv6, not \"v5\"");
        // What is said counts first, and the variable is not looked at.
        let said = ImdsConfig { endpoint: None, mode: Some(ImdsMode::Ipv4) };
        assert_eq!(said.clone().or_env(&|name| (name == mode.0).then(|| "v5".to_owned())), Ok(said));
    }

    #[test]
    fn credentials_that_have_ended_are_used_on() {
        let script = Script::new(&[Ok((200, "T")), Ok((200, "r")), Ok((200, GOOD))]);
        let source = source(&[], &script).unwrap();
        let now = expiration::parse("2031-01-01T00:00:00Z").unwrap();
        source.clock.learn(now, source.clock.clock().monotonic());
        assert_eq!(source.credentials().unwrap().expires, Some(now + STABLE));
    }

    #[test]
    fn credentials_that_have_ended_are_used_on_while_the_service_is_silent() {
        let script =
            Script::new(&[Ok((200, "T")), Ok((200, "r")), Ok((200, GOOD)), Err("silent"), Err("silent")]);
        let source = source(&[], &script).unwrap();
        let end = source.credentials().unwrap().expires.unwrap();
        let learn = |now| source.clock.learn(now, source.clock.clock().monotonic());
        learn(end - Duration::from_secs(60));
        source.credentials().unwrap_err();
        learn(end + Duration::from_secs(60));
        assert!(source.credentials().unwrap().expires.unwrap() > end);
    }

    #[test]
    fn what_is_in_the_way_is_said() {
        let cases: [(&[Answer], &str); 7] = [
            (&[Err("no route to 169.254.169.254")], "no route"),
            (&[Ok((403, ""))], "turned off for this instance"),
            (&[Ok((200, "a\nb"))], "its token is none"),
            (&[Ok((200, "T")), Ok((404, ""))], "the instance has no role"),
            (&[Ok((200, "T")), Ok((200, "a/../b"))], "the role's name is none"),
            (&[Ok((200, "T")), Ok((200, "r")), Ok((500, "oops"))], "HTTP 500, oops"),
            (
                &[
                    Ok((200, "T")),
                    Ok((200, "r")),
                    Ok((
                        200,
                        r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}"#,
                    )),
                ],
                "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role",
            ),
        ];
        for (answers, said) in cases {
            let error = source(&[], &Script::new(answers)).unwrap().credentials().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

//! Credentials of a container: ECS, EKS Pod Identity, and Greengrass' token exchange.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::web::{Web, read_token};
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::aws::Transport;
use crate::clock::ServerClock;

const NAME: &str = "the container's credentials endpoint";
/// Where a relative URI leads. Source: Amazon ECS Developer Guide, task IAM role.
const HOST: &str = "http://169.254.170.2";
/// The agent is on this machine or on its link. It may not be up yet when a device boots: the cache around this source asks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a container asks for its credentials, and by what it is known there. What is not said here, AWS' variables say:
/// [`or_env`](Self::or_env).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerConfig {
    /// The whole URL. Plain `http` leads to this machine and to the platforms' own addresses alone: 169.254.170.2 (ECS),
    /// 169.254.170.23 and fd00:ec2::23 (EKS).
    pub url: Option<String>,
    /// What is shown there.
    pub token: Option<ContainerToken>,
}

/// What a container shows to the endpoint, as `Authorization`. `Debug` shows no token.
#[derive(Clone, PartialEq, Eq)]
pub enum ContainerToken {
    /// This text.
    Fixed(String),
    /// What the file holds, read anew each time: others renew it.
    File(PathBuf),
}

/// Asks a container's endpoint, each time.
pub struct ContainerCredentials {
    web: Web,
    url: String,
    token: Option<ContainerToken>,
}

impl ContainerConfig {
    /// Completes it with what `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI` say, and
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` or `AWS_CONTAINER_AUTHORIZATION_TOKEN`. An error names the variable.
    pub fn or_env(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let file =
            || var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|file| ContainerToken::File(file.into()));
        let fixed = || var("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(ContainerToken::Fixed);
        let token = self.token.or_else(file).or_else(fixed);
        let relative = || var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let url = match self.url.or_else(|| Some(format!("{HOST}/{}", relative()?.trim_start_matches('/')))) {
            Some(url) => Some(url),
            None => {
                let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
                var(name).map(|url| may_be_asked(&url, name).map(|()| url)).transpose()?
            }
        };
        Ok(ContainerConfig { url, token })
    }

    /// Whether the URL, if it is said, may be asked.
    pub fn check(&self) -> Result<(), CredentialsError> {
        self.url.as_ref().map_or(Ok(()), |url| may_be_asked(url, NAME))
    }
}

impl ContainerCredentials {
    /// A source that asks where `config` says. An error if it says no URL, or one that must not be asked. `transport` should give up a
    /// connection within a second; `clock` is the one at whose date it checks certificates.
    pub fn new(
        config: ContainerConfig,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Result<Self, CredentialsError> {
        config.check()?;
        let Some(url) = config.url else {
            let what = "there is neither url nor AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI";
            return Err(CredentialsError::Setup(format!("{NAME}: {what}")));
        };
        let web = Web { name: NAME.to_owned(), transport, patience: PATIENCE, clock };
        Ok(ContainerCredentials { web, url, token: config.token })
    }

    fn token(&self) -> Result<Option<String>, CredentialsError> {
        let token = match &self.token {
            None => return Ok(None),
            Some(ContainerToken::Fixed(token)) => token.clone(),
            Some(ContainerToken::File(file)) => {
                let read = read_token(file).map_err(|e| {
                    self.web.unavailable(&format!("can't read the token file {}: {e}", file.display()))
                })?;
                // Editors end a file with a line break; within the token there is none.
                read.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if token.contains(['\r', '\n']) {
            return Err(self.web.setup("the authorization token holds a line break"));
        }
        Ok(Some(token))
    }
}

impl CredentialsProvider for ContainerCredentials {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut headers = vec![("accept", "application/json".to_owned())];
        headers.extend(self.token()?.map(|token| ("authorization", token)));
        let response = self.web.get(&self.url, headers)?;
        match response.status {
            200 => self.web.metadata(&response),
            401 | 403 => {
                Err(self.web.refused(&response, "does the authorization token belong to this container?"))
            }
            _ => Err(self.web.refused(&response, "")),
        }
    }

    fn name(&self) -> &str {
        &self.web.name
    }
}

impl fmt::Debug for ContainerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContainerToken::Fixed(_) => f.write_str("Fixed(...)"),
            ContainerToken::File(file) => write!(f, "File({})", file.display()),
        }
    }
}

/// `place`: who says the URL.
fn may_be_asked(url: &str, place: &str) -> Result<(), CredentialsError> {
    match is_known(url) {
        true => Ok(()),
        false => Err(CredentialsError::Setup(format!(
            "{place}: plain http is for localhost, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] alone; use https"
        ))),
    }
}

fn is_known(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return url.starts_with("https://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an @ is a user, and looks like a host.
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(address) => {
            let platforms = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
            address.is_loopback() || platforms.iter().any(|p| p.parse() == Ok(address))
        }
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::super::web::tests::{GOOD, Script};
    use super::*;

    fn source(vars: &[(&str, &str)], script: &Arc<Script>) -> Result<ContainerCredentials, CredentialsError> {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let config = ContainerConfig::default().or_env(&env)?;
        ContainerCredentials::new(config, Arc::clone(script) as Arc<dyn Transport>, ServerClock::system())
    }

    #[test]
    fn a_relative_uri_leads_to_the_ecs_agent() {
        let script = Script::new(&[Ok((200, GOOD))]);
        let source = source(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")], &script).unwrap();
        let found = source.credentials().unwrap();
        assert_eq!((found.access_key_id.as_str(), found.session_token.as_deref()), ("KEY", Some("TOKEN")));
        assert!(found.expires.is_some());
        assert_eq!(script.lines(), ["GET http://169.254.170.2/v2/x"]);
        assert!(!script.asked()[0].headers.iter().any(|(name, _)| *name == "authorization"));
    }

    #[test]
    fn a_full_uri_is_asked_with_the_token_that_the_file_holds_now() {
        let script = Script::new(&[Ok((200, GOOD)), Ok((200, GOOD))]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let vars = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:8080/2016/creds"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one"),
        ];
        let source = source(&vars, &script).unwrap();
        for token in ["one\n", "two"] {
            std::fs::write(file.path(), token).unwrap();
            source.credentials().unwrap();
        }
        let tokens: Vec<_> = script.asked().iter().map(|r| r.headers[1].1.clone()).collect();
        assert_eq!(tokens, ["one", "two"]);
        std::fs::write(file.path(), "a\r\nx-evil: b").unwrap();
        assert!(matches!(source.credentials(), Err(CredentialsError::Setup(_))));
    }

    #[test]
    fn what_is_said_counts_before_the_variables_and_no_token_is_shown() {
        let env = |name: &str| Some(format!("/{name}/sEcReT"));
        let said = |url: Option<&str>, token| {
            ContainerConfig { url: url.map(str::to_owned), token }.or_env(&env).unwrap()
        };
        let from_env = said(None, None);
        assert!(from_env.url.unwrap().starts_with("http://169.254.170.2/AWS_CONTAINER_CREDENTIALS_RELATIVE"));
        let file = ContainerToken::File("/AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE/sEcReT".into());
        assert_eq!(from_env.token, Some(file.clone()));
        let fixed = ContainerToken::Fixed("sEcReT".into());
        let own = said(Some("http://localhost/"), Some(fixed.clone()));
        assert_eq!(own, ContainerConfig { url: Some("http://localhost/".into()), token: Some(fixed) });
        assert!(!format!("{own:?}").contains("sEcReT"));
        assert_eq!(said(Some("http://localhost/"), None).token, Some(file));
    }

    #[test]
    fn plain_http_leads_to_known_hosts_alone() {
        let script = Script::new(&[]);
        let full = |url| source(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)], &script);
        for url in [
            "http://localhost/x",
            "http://127.0.0.1:1234/x",
            "http://[::1]/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://anywhere.example/x",
        ] {
            assert!(full(url).is_ok(), "{url}");
        }
        for url in [
            "http://example.com/x",
            "http://169.254.169.254/",
            "http://localhost.example/x",
            "http://localhost:80@example.com/x",
            "http://127.0.0.1@example.com/x",
            "ftp://localhost/",
            "x",
        ] {
            let error = full(url).err().unwrap().to_string();
            assert!(error.starts_with("AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http"), "{url}: {error}");
            let config = ContainerConfig { url: Some(url.to_owned()), token: None };
            assert!(config.check().is_err(), "{url}");
        }
        let error = source(&[], &script).err().unwrap().to_string();
        assert!(error.contains("there is neither url nor AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), "{error}");
    }

    #[test]
    fn what_is_no_credentials_is_said_without_secrets() {
        let cases = [
            (Err("169.254.170.2 refused the connection"), "refused the connection"),
            (Ok((403, "denied")), "HTTP 403, denied: does the authorization token belong"),
            (Ok((500, "")), "HTTP 500"),
            (Ok((200, "<html>")), "not the expected JSON: line 1, column 1"),
            (Ok((200, r#"{"AccessKeyId":"KEY"}"#)), "no SecretAccessKey"),
            (Ok((200, r#"{"Code":"Throttled","Message":"slow"}"#)), "Throttled: slow"),
            (
                Ok((200, r#"{"AccessKeyId":"K","SecretAccessKey":"S","Expiration":"soon"}"#)),
                "Expiration is no date",
            ),
        ];
        for (answer, said) in cases {
            let script = Script::new(&[answer]);
            let source = source(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")], &script).unwrap();
            let error = source.credentials().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

//! Credentials of a container: ECS, EKS Pod Identity, and Greengrass' token exchange.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::web::{Web, read_token};
use super::{Credentials, CredentialsError, CredentialsProvider};
use crate::aws::Transport;
use crate::clock::ServerClock;

/// Where a relative URI leads. Source: Amazon ECS Developer Guide, task IAM role.
const HOST: &str = "http://169.254.170.2";
/// The agent is on this machine or on its link. It may not be up yet when a device boots: the cache around this source asks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The endpoint that `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI` name, asked with the token of
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` (read anew each time) or `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
///
/// Plain `http` leads to this machine and to the platforms' own addresses alone: 169.254.170.2 (ECS), 169.254.170.23 and
/// fd00:ec2::23 (EKS).
pub struct ContainerCredentials {
    web: Web,
    url: String,
    token: Token,
}

enum Token {
    None,
    Fixed(String),
    File(PathBuf),
}

impl ContainerCredentials {
    /// Reads the variables. `None` if no URI is set; an error if it leads somewhere else.
    pub fn from(
        env: &dyn Fn(&str) -> Option<String>,
        transport: Arc<dyn Transport>,
        clock: Arc<ServerClock>,
    ) -> Result<Option<Self>, CredentialsError> {
        let var = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let url = match (
            var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            var("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ) {
            (Some(path), _) => format!("{HOST}/{}", path.trim_start_matches('/')),
            (None, Some(url)) if may_be_asked(&url) => url,
            (None, Some(_)) => {
                let text = "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain http is for localhost, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23] alone; use https";
                return Err(CredentialsError::Setup(text.to_owned()));
            }
            (None, None) => return Ok(None),
        };
        let token =
            match (var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), var("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
                (Some(file), _) => Token::File(file.into()),
                (None, Some(token)) => Token::Fixed(token),
                (None, None) => Token::None,
            };
        let name = "the container's credentials endpoint".to_owned();
        Ok(Some(ContainerCredentials { web: Web { name, transport, patience: PATIENCE, clock }, url, token }))
    }

    fn token(&self) -> Result<Option<String>, CredentialsError> {
        let token = match &self.token {
            Token::None => return Ok(None),
            Token::Fixed(token) => token.clone(),
            Token::File(file) => {
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

fn may_be_asked(url: &str) -> bool {
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

    fn source(
        vars: &[(&str, &str)],
        script: &Arc<Script>,
    ) -> Result<Option<ContainerCredentials>, CredentialsError> {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let clock = ServerClock::system();
        ContainerCredentials::from(&env, Arc::clone(script) as Arc<dyn Transport>, clock)
    }

    #[test]
    fn a_relative_uri_leads_to_the_ecs_agent() {
        let script = Script::new(&[Ok((200, GOOD))]);
        let source =
            source(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")], &script).unwrap().unwrap();
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
        let source = source(&vars, &script).unwrap().unwrap();
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
            assert!(full(url).unwrap().is_some(), "{url}");
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
            assert!(full(url).is_err(), "{url}");
        }
        assert!(source(&[], &script).unwrap().is_none());
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
            let source =
                source(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")], &script).unwrap().unwrap();
            let error = source.credentials().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
